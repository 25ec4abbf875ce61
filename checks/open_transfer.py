"""The check open-transfer: no address gives the zone away without a key, unless a rule says that it may."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from checks.base import StandingQuestion
from checks.common.open_transfers import FAILURE, OPEN, is_given, is_withheld, why_unasked
from checks.common.text import server_at
from checks.model import (
    Address,
    Finding,
    Inconclusive,
    Observation,
    Query,
    Server,
    Transport,
    Zone,
    ZonePoll,
)
from checks.model.finding_type import FindingType
from checks.zone_state.model import ZoneState


@dataclass(frozen=True, slots=True)
class OpenTransfer:
    """Objective: whoever gives the zone away without a key is meant to.

    Steps: 1. Ask for AXFR over TCP, without a key, each address that no rule without a key is for: rules are the
    business of ``transfer``. The first record that is not the zone's SOA is enough, and the connection is closed.
    2. What came before that end decides. A refusal, whatever it is for, gives nothing away, and no more is said of it;
    of who could not be asked, or did not come to an end, nothing is known. It is seen from the monitor's address alone:
    that others are refused is not known either.

    ================  =====================================================================================
    transfer-open     records other than the zone's SOA were given, and no rule says that they may be
    ================  =====================================================================================
    """

    name: ClassVar[str] = "open-transfer"
    finding_types: ClassVar[tuple[FindingType, ...]] = (OPEN,)
    cadence: ClassVar[timedelta] = timedelta(days=1)
    version_bound: ClassVar[bool] = False

    def applies(self, zone: Zone) -> bool:
        return any(True for _ in _without_rule(zone))

    def standing_questions(self, zone: Zone) -> tuple[StandingQuestion, ...]:
        return ()

    def queries(self, zone: Zone, seen: tuple[Observation, ...]) -> Iterable[Query]:
        if seen:
            return ()
        return [
            Query(zone.name, server.name, address, zone.name, "AXFR", Transport.TCP)
            for server, address in _without_rule(zone)
        ]

    def evaluate(self, zone: Zone, poll: ZonePoll, zone_state: ZoneState) -> Iterator[Finding | Inconclusive]:
        seen = {(one.server, one.address): one for one in poll.seen}
        for server, address in _without_rule(zone):
            found = _address(server, address, seen.get((server.name, address)))
            if found is not None:
                yield found


def _without_rule(zone: Zone) -> Iterator[tuple[Server, Address]]:
    """The addresses of which nobody has said whether they may give the zone away without a key."""
    named = {rule.server for rule in zone.transfers if rule.key is None and rule.plain}
    if "*" in named:
        return iter(())
    return ((server, address) for server, address in zone.server_addresses() if server.name not in named)


def _address(server: Server, address: Address, axfr: Observation | None) -> Finding | Inconclusive | None:
    if axfr is None or axfr.transfer is None:
        return Inconclusive(server.name, address, reason=why_unasked(axfr))
    if is_given(axfr):
        text = (
            f"{server_at(server.name, address)} gives the zone away without a key, as asked from this monitor's "
            "address, and no rule says that it may"
        )
        return Finding(OPEN.code, text, server.name, address)
    return None if is_withheld(axfr) else Inconclusive(server.name, address, reason=FAILURE[axfr.transfer])
