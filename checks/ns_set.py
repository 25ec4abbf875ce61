"""Do all servers name the same nameservers for the zone?"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from checks.compare import Difference, ask, copies, differences
from checks.history import Ledger
from checks.model import Finding, Observation, Query, Round, Undecided, Unsure, WantedRecord, Zone


@dataclass(frozen=True, slots=True)
class NsSet:
    """Objective: the NS RRset at the apex is the same at every address (RFC 1034 section 4.2.2), TTL apart.

    Steps: those of the check *records*, for the one RRset: SOA, NS, SOA again; addresses that are off their
    group's reference within max_lag are unsure, since a change may be propagating; groups are compared too.

    ==============  ==============================================
    ns-set-differs  an address has another NS RRset than its peers
    ==============  ==============================================
    """

    name: ClassVar[str] = "ns-set"
    codes: ClassVar[tuple[str, ...]] = ("ns-set-differs",)
    cadence: ClassVar[timedelta] = timedelta(minutes=5)

    def applies(self, zone: Zone) -> bool:
        return sum(len(server.addresses) for server in zone.servers) > 1

    def ask(self, zone: Zone, seen: tuple[Observation, ...]) -> Iterable[Query]:
        return ask(zone, (_apex(zone),), seen)

    def judge(self, zone: Zone, round: Round, ledger: Ledger) -> Iterator[Finding | Unsure]:
        wanted = _apex(zone)
        every = copies(zone, (wanted,), round)
        if sum(wanted in copy.contents for copy in every) < 2:
            raise Undecided("fewer than two addresses answer, so there is nothing to compare")
        for one in differences(zone, ledger, every, wanted, round.at):
            if isinstance(one, Difference):
                yield Finding("ns-set-differs", one.text, one.copy.server.name, one.copy.address)
            else:
                yield Unsure(one.server, one.address, why=one.why)


def _apex(zone: Zone) -> WantedRecord:
    return WantedRecord(zone.name, "NS", ttl=False)
