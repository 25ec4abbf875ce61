"""The check removed-member: a zone that was taken out of its catalog is served by nobody any more."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from checks.common.each_address import EachAddress
from checks.common.response_faults import NOT_SERVED, fault
from checks.common.text import server_at
from checks.model import Address, Finding, Inconclusive, Observation, Outcome, Query, Server, Transport, Zone
from checks.model.finding_type import FindingType, Severity

REMOVED = FindingType(
    "member-removed", Severity.WARNING, "A server still serves a zone that was removed from its catalog"
)


@dataclass(frozen=True, slots=True)
class RemovedMember(EachAddress):
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

    def places(self, zone: Zone) -> Iterator[tuple[Server, Address]]:
        return zone.server_addresses() if zone.removed else iter(())

    def asked(self, zone: Zone, server: Server, address: Address) -> Sequence[Query]:
        return [Query(zone.name, server.name, address, zone.name, "SOA", Transport.UDP)]

    def judge(
        self, zone: Zone, server: Server, address: Address, seen: Sequence[Observation | None], now: datetime
    ) -> Finding | Inconclusive | None:
        (answer,) = seen
        if answer is None or answer.outcome is not Outcome.ANSWERED:
            why = "was not asked" if answer is None else f"gives no answer to go by: {answer.outcome}"
            return Inconclusive(server.name, address, reason=why)
        found = fault(answer, primary=False)
        if found is None and answer.soa is not None:
            text = (
                f"{server_at(server.name, address)} serves the zone with serial {answer.soa.serial}, "
                f"and it is no member of catalog {zone.catalog} any more"
            )
            return Finding(REMOVED.code, text, server.name, address)
        if found is not None and found.code != NOT_SERVED.code:
            return Inconclusive(server.name, address, reason=found.text)
        return None
