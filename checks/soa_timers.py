"""The check soa-timers: the timers of the SOA do not contradict each other, and are as a profile has them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from checks.base import StandingQuestion
from checks.common.soa_advice import TimerRange, TimerValues, ranges_of, unusual_ns_ttl
from checks.common.text import enumerated, server_at
from checks.model import Address, CheckInconclusive, Finding, Inconclusive, Observation, Query, Soa, Zone, ZonePoll
from checks.model.finding_type import FindingType, Severity
from checks.model.timers import TimerLimits
from checks.zone_state.model import ZoneState

CONFLICT = FindingType(
    "soa-timers-conflict", Severity.WARNING, "Timers of the SOA contradict each other", family="soa-timers"
)
UNUSUAL = FindingType(
    "soa-timer-unusual", Severity.INFO, "A timer of the SOA is not as the chosen profile has it", family="soa-timers"
)
FINDINGS = (CONFLICT, UNUSUAL)

NS_TTL = "ns_ttl"

ServedAt = list[tuple[str, Address]]


@dataclass(frozen=True, slots=True)
class SoaTimers(TimerLimits):
    """Objective: secondaries ask often enough, try again in time, and outlive an outage of their primary (RFC 1035
    section 3.3.13, RFC 1912 section 2.2); resolvers forget in time that a name did not exist (RFC 2308 section 5).

    Steps: 1. Take the SOA of every address, as soa-serial has it; ask for the NS RRset, too, where its TTL has a range.
    2. Judge each set of timers that is served once: by
    itself, and by the ranges of the profile, or of one's own; the zone's come before those of the check. 3. What is
    found is one finding for each timer of the zone; servers are named where not all have it. What no server serves
    now is not judged.

    ===================  ========================================================================================
    soa-timers-conflict  retry is no less than refresh, or expire is less than refresh and retry together or than the
                         zone's max_lag
    soa-timer-unusual    refresh, retry, expire, the time that negative answers are kept (the lesser of minimum and
                         TTL), or the TTL of the SOA or the NS records is outside its range
    ===================  ========================================================================================
    """

    name: ClassVar[str] = "soa-timers"
    finding_types: ClassVar[tuple[FindingType, ...]] = FINDINGS
    cadence: ClassVar[timedelta] = timedelta(hours=6)
    version_bound: ClassVar[bool] = True

    def applies(self, zone: Zone) -> bool:
        return any(server.addresses for server in zone.servers)

    def standing_questions(self, zone: Zone) -> tuple[StandingQuestion, ...]:
        return tuple(StandingQuestion(zone.name, rdtype) for rdtype in self._types(zone))

    def queries(self, zone: Zone, seen: tuple[Observation, ...]) -> Iterable[Query]:
        if seen:
            return ()
        return [
            Query(zone.name, server.name, address, zone.name, rdtype)
            for server, address in zone.server_addresses()
            for rdtype in self._types(zone)
        ]

    def evaluate(self, zone: Zone, poll: ZonePoll, zone_state: ZoneState) -> Iterator[Finding | Inconclusive]:
        served = _served(poll.seen)
        if not served:
            raise CheckInconclusive("no server serves a version now")
        ranges, leader = self._ranges(zone), _leader(zone)
        found: dict[tuple[FindingType, str], dict[str, ServedAt]] = {}
        for timers, places in served.items():
            for kind, said in ((CONFLICT, timers.conflicts(zone.max_lag)), (UNUSUAL, timers.outside(ranges))):
                for subject, text in said:
                    found.setdefault((kind, subject), {}).setdefault(text, []).extend(places)
        yield from _findings(found, sum(map(len, served.values())), leader)
        if NS_TTL in ranges:
            yield from _of_ns(poll.seen, ranges[NS_TTL], leader)

    def _ranges(self, zone: Zone) -> Mapping[str, TimerRange]:
        return ranges_of(self if zone.timers is None else zone.timers)

    def _types(self, zone: Zone) -> tuple[str, ...]:
        """What is asked for of each address."""
        return ("SOA", "NS") if NS_TTL in self._ranges(zone) else ("SOA",)


def _leader(zone: Zone) -> str | None:
    """Where it is to be mended."""
    server = zone.server(zone.primary) if zone.primary is not None else None
    return server.name if server is not None else None


def _of_ns(seen: Sequence[Observation], wanted: TimerRange, leader: str | None) -> Iterator[Finding | Inconclusive]:
    ttls: dict[int, ServedAt] = {}
    for one in seen:
        if one.query.qtype == "NS" and one.authoritative and one.answer is not None and one.answer.type == "NS":
            ttls.setdefault(one.answer.ttl, []).append((one.server, one.address))
    if not ttls and leader is not None:
        yield Inconclusive(leader, subject=NS_TTL, reason="no server gives NS records")
    found: dict[tuple[FindingType, str], dict[str, ServedAt]] = {}
    for ttl, places in ttls.items():
        for subject, text in unusual_ns_ttl(ttl, wanted):
            found.setdefault((UNUSUAL, subject), {})[text] = places
    yield from _findings(found, sum(map(len, ttls.values())), leader)


def _findings(
    found: Mapping[tuple[FindingType, str], Mapping[str, ServedAt]], everywhere: int, leader: str | None
) -> Iterator[Finding]:
    """One for each timer of the zone; ``everywhere`` is at how many places it was seen."""
    for (kind, subject), texts in found.items():
        yield Finding(kind.code, _text(texts, everywhere), leader, subject=subject)


def _served(seen: Sequence[Observation]) -> Mapping[TimerValues, ServedAt]:
    """The timers that are served now, and where."""
    found: dict[TimerValues, ServedAt] = {}
    for one in seen:
        if one.query.qtype == "SOA" and one.serial is not None and one.soa is not None:
            found.setdefault(_timers(one.soa), []).append((one.server, one.address))
    return found


def _timers(soa: Soa) -> TimerValues:
    return TimerValues(soa.refresh, soa.retry, soa.expire, soa.minimum, soa.ttl)


def _text(texts: Mapping[str, ServedAt], everywhere: int) -> str:
    """What is found of one timer: where, only if that is not everywhere the same."""
    if len(texts) == 1 and all(len(places) == everywhere for places in texts.values()):
        return next(iter(texts))
    return "; ".join(
        f"{text} (so at {enumerated((server_at(*place) for place in places), most=3)})"
        for text, places in texts.items()
    )
