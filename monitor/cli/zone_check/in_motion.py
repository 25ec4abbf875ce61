"""What a change on its way may explain, as far as max_lag allows: it accuses nobody, but it is told."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from checks.common.rrset_compare import PROPAGATING
from checks.common.serial import behind
from checks.common.text import format_duration
from checks.model import Address, CheckResult, Finding, Zone
from checks.zone_state.address import SERVING
from checks.zone_state.model import AddressState, SerialGroup, ZoneState
from checks.zone_state.update import lag, space_of

CONTENT = frozenset({"record-differs", "content-differs", "ns-set-differs", "soa-fields-differ", "ttl-differs"})
"""What servers seem to differ in while one of them takes a new version."""

_DIFFERS: Mapping[str, str] = {"records": "record-differs", "ns-set": "ns-set-differs"}


def in_motion(
    zone: Zone, ledger: ZoneState, verdicts: Iterable[CheckResult], now: datetime, memory: str
) -> Iterator[Finding]:
    """Differences that are none yet: behind within max_lag, ahead at a first look, other records meanwhile.

    Without ``memory`` nobody knows since when a server is behind, only for how long that was seen: each of these
    may be a change that was published a moment ago.
    """
    said = tuple(verdicts)
    accused = {(f.server, f.address) for verdict in said for f in verdict.findings if f.code.startswith("serial-")}
    moving: set[tuple[str, Address]] = set()
    for standing in ledger.standings:
        place = (standing.server, standing.address)
        space = space_of(ledger, standing.group)
        if space is not None and standing.state == SERVING and place not in accused:
            for finding in _of(zone, ledger, space, standing, now, memory):
                moving.add(place)
                yield finding
    for verdict in said:
        for unsure in verdict.unsure:
            if (
                unsure.why == PROPAGATING
                and unsure.address is not None
                and (unsure.server, unsure.address) not in moving
            ):
                text = f"{unsure.server} ({unsure.address}) has something else for {unsure.subject} than others"
                code = _DIFFERS.get(verdict.check, "record-differs")
                yield Finding(code, f"{text}; {_allowed(zone)}", unsure.server, unsure.address, unsure.subject or "")


def _of(
    zone: Zone, ledger: ZoneState, space: SerialGroup, standing: AddressState, now: datetime, memory: str
) -> Iterator[Finding]:
    where = f"{standing.server} ({standing.address})"
    if standing.doubt is not None:
        text = f"{where} serves {standing.doubt.serial} where {space.reference} was expected; one more look would tell"
        yield Finding("serial-ahead", text, standing.server, standing.address)
    elif space.reference is not None and standing.serial is not None and behind(space.reference, standing.serial):
        late = lag(ledger, standing.server, standing.address, now)
        known = (
            f"{format_duration(late)} behind"
            if memory and late is not None
            else "for how long is not known without memory"
        )
        text = f"{where} serves {standing.serial} and others {space.reference}, {known}; {_allowed(zone)}"
        yield Finding("serial-late", text, standing.server, standing.address)


def _allowed(zone: Zone) -> str:
    return f"max_lag allows {format_duration(zone.max_lag)}"


def moved(
    one: tuple[Mapping[str, CheckResult], ZoneState], two: tuple[Mapping[str, CheckResult], ZoneState]
) -> tuple[Finding, ...]:
    """Contents that differ at the second of two looks, between which some address took another version."""
    before = {(s.server, s.address): s.serial for s in one[1].standings}
    if all(before.get((s.server, s.address), s.serial) == s.serial for s in two[1].standings):
        return ()
    return tuple(f for verdict in two[0].values() for f in verdict.findings if f.code in CONTENT)
