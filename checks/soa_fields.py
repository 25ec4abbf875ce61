"""The check soa-fields: servers on the same version give the same SOA."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from checks.base import StandingQuestion
from checks.common.text import enumerated, server_at, truncate
from checks.model import Finding, Inconclusive, Observation, Query, Soa, Zone, ZonePoll
from checks.model.finding_type import FindingType, Severity
from checks.zone_state.model import ZoneState

DIFFER = FindingType(
    "soa-fields-differ", Severity.WARNING, "Equal serials, but other SOA fields differ", of_content=True, transient=True
)
FINDINGS = (DIFFER,)

_FIELDS = ("mname", "rname", "refresh", "retry", "expire", "minimum")


@dataclass(frozen=True, slots=True)
class SoaFields:
    """Objective: equal serials mean equal SOA records (RFC 1035 section 3.3.13), within a group; TTL apart.

    Steps: 1. Ask every address for the SOA. 2. Put addresses of one group and one serial together. 3. Compare
    MNAME, RNAME (without regard to case) and the timers with the primary's, or failing it with what most say. An
    address alone on its serial is unsure.

    =================  =============================================================
    soa-fields-differ  same serial, other MNAME, RNAME, refresh, retry, expire or minimum
    =================  =============================================================
    """

    name: ClassVar[str] = "soa-fields"
    finding_types: ClassVar[tuple[FindingType, ...]] = FINDINGS
    cadence: ClassVar[timedelta] = timedelta(minutes=5)
    version_bound: ClassVar[bool] = True

    def applies(self, zone: Zone) -> bool:
        return sum(len(server.addresses) for server in zone.servers) > 1

    def standing_questions(self, zone: Zone) -> tuple[StandingQuestion, ...]:
        return (StandingQuestion(zone.name, "SOA"),)

    def queries(self, zone: Zone, seen: tuple[Observation, ...]) -> Iterable[Query]:
        if seen:
            return ()
        return [Query(zone.name, server.name, address, zone.name, "SOA") for server, address in zone.server_addresses()]

    def evaluate(self, zone: Zone, poll: ZonePoll, zone_state: ZoneState) -> Iterator[Finding | Inconclusive]:
        groups = {server.name: server.group for server in zone.servers}
        alike: dict[tuple[str, int], list[Observation]] = {}
        for seen in poll.seen:
            if seen.serial is None:
                yield Inconclusive(seen.server, seen.address, reason="serves no version now")
            else:
                alike.setdefault((groups.get(seen.server, ""), seen.serial), []).append(seen)
        for (_, serial), peers in alike.items():
            if len(peers) == 1:
                yield Inconclusive(
                    peers[0].server, peers[0].address, reason=f"nobody else is on {serial} to compare with"
                )
                continue
            usual = _usual(zone, peers)
            for seen in peers:
                if seen.soa is not None and (other := _differences(seen.soa, usual)):
                    differs = enumerated(other, most=6)
                    text = f"{server_at(seen.server, seen.address)} has serial {serial} like others, but {differs}"
                    yield Finding(DIFFER.code, text, seen.server, seen.address)


def _values(soa: Soa) -> tuple[str | int, ...]:
    return (soa.mname.lower(), soa.rname.lower(), soa.refresh, soa.retry, soa.expire, soa.minimum)


def _usual(zone: Zone, peers: list[Observation]) -> tuple[str | int, ...]:
    given = [_values(seen.soa) for seen in peers if seen.soa is not None]
    primary = (_values(seen.soa) for seen in peers if zone.leads(seen.server) and seen.soa is not None)
    return next(primary, Counter(given).most_common(1)[0][0])


def _differences(soa: Soa, usual: tuple[str | int, ...]) -> list[str]:
    return [
        f"{field} {truncate(str(mine))} instead of {truncate(str(theirs))}"
        for field, mine, theirs in zip(_FIELDS, _values(soa), usual, strict=True)
        if mine != theirs
    ]
