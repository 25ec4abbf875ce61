"""The check removed-member: a zone that was taken out of its catalog is served by nobody any more."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from checks.base import StandingQuestion
from checks.common.response_faults import NOT_SERVED, fault
from checks.common.text import server_at
from checks.model import Finding, Inconclusive, Observation, Outcome, Query, Transport, Zone, ZonePoll
from checks.model.finding_type import FindingType, Severity
from checks.zone_state.model import ZoneState

REMOVED = FindingType(
    "member-removed", Severity.WARNING, "A server still serves a zone that was removed from its catalog"
)


@dataclass(frozen=True, slots=True)
class RemovedMember:
    """Objective: no server goes on with a zone that is no member of its catalog any more (RFC 9432 section 5.3).

    Steps: 1. Ask every address that served it as a member for the SOA, over UDP. 2. An answer with authority is the
    zone, still served; one that says that it is not served is what was wanted. Of all else, silence too, nothing
    follows. No other check asks such a zone.

    ================  =====================================================================================
    member-removed    the zone is served with authority, though its catalog has it no more
    ================  =====================================================================================
    """

    name: ClassVar[str] = "removed-member"
    finding_types: ClassVar[tuple[FindingType, ...]] = (REMOVED,)
    cadence: ClassVar[timedelta] = timedelta(minutes=5)
    version_bound: ClassVar[bool] = False

    def applies(self, zone: Zone) -> bool:
        return zone.removed and any(server.addresses for server in zone.servers)

    def standing_questions(self, zone: Zone) -> tuple[StandingQuestion, ...]:
        return ()

    def queries(self, zone: Zone, seen: tuple[Observation, ...]) -> Iterable[Query]:
        if seen:
            return ()
        return [
            Query(zone.name, server.name, address, zone.name, "SOA", Transport.UDP)
            for server, address in zone.server_addresses()
        ]

    def evaluate(self, zone: Zone, poll: ZonePoll, zone_state: ZoneState) -> Iterator[Finding | Inconclusive]:
        seen = {(one.query.server, one.query.address): one for one in poll.seen}
        for server, address in zone.server_addresses():
            answer = seen.get((server.name, address))
            if answer is None or answer.outcome is not Outcome.ANSWERED:
                why = "was not asked" if answer is None else f"gives no answer to go by: {answer.outcome}"
                yield Inconclusive(server.name, address, reason=why)
                continue
            found = fault(answer, primary=False)
            if found is None and answer.soa is not None:
                text = (
                    f"{server_at(server.name, address)} serves the zone with serial {answer.soa.serial}, "
                    f"and it is no member of catalog {zone.catalog} any more"
                )
                yield Finding(REMOVED.code, text, server.name, address)
            elif found is not None and found.code != NOT_SERVED.code:
                yield Inconclusive(server.name, address, reason=found.text)
