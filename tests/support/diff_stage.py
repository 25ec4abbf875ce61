"""A service whose zone example.com can be compared: what each address gives is said in lines of a zone file."""

import zlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from checks.model import Observation, Outcome, Query, TransferResult, Zone, ZoneContent
from checks.model.content import BUCKETS
from checks.model.zone_table import ZoneTable
from monitor.service.diffs import ServiceDiffs
from tests.support.observations import SOA, pulled
from tests.support.waiting_stage import ZONE
from tests.support.web_status import HIDDEN, SERIAL, Stage, stage, troubled

USUAL = ("www.example.com. 300 IN A 192.0.2.80", "mail.example.com. 300 IN A 192.0.2.25")
Given = TransferResult | Outcome | tuple[int, Sequence[str]]
"""What a server gives: a serial and its records, or what comes in place of a zone."""


@dataclass
class Transferring:
    """A prober for whole transfers. ``given`` is by server, or by the text of an address; USUAL is what all others
    have.
    """

    given: Mapping[str, Given] = field(default_factory=dict)
    asked: list[Query] = field(default_factory=list)

    async def __call__(self, queries: Iterable[Query]) -> AsyncIterator[Sequence[Observation]]:
        for query in queries:
            self.asked.append(query)
            yield [self._answer(query)]

    def _answer(self, query: Query) -> Observation:
        found = self.given.get(str(query.address), self.given.get(query.server, (SERIAL, USUAL)))
        if isinstance(found, TransferResult):
            return pulled(query, found, rcode=found.value.upper())
        if isinstance(found, Outcome):
            return pulled(query, TransferResult.RESET, outcome=found)
        serial, lines = found
        parts: dict[int, list[str]] = {}
        for line in lines:
            parts.setdefault(zlib.crc32(line.encode()) % BUCKETS, []).append(line)
        buckets = tuple("\n".join(sorted(parts.get(number, ()))).encode() for number in range(BUCKETS))
        kept = tuple(line for number in query.content or () for line in parts.get(number, ()))
        content = ZoneContent(len(lines), buckets, (b"",) * BUCKETS, kept)
        return pulled(query, TransferResult.ALLOWED, soa=replace(SOA, serial=serial), content=content)


def watched(zone: Zone, probe: object) -> ServiceDiffs:
    return ServiceDiffs(lambda: ZoneTable.of((zone,)), probe)  # type: ignore[arg-type]


async def diff_stage(
    given: Mapping[str, Given] | None = None, *, token: bool = False, public: bool = False, zone: Zone = ZONE
) -> Stage:
    found = await stage(troubled(), token=token, public=public)
    return replace(found, diffs=watched(zone, Transferring(given or {})))


__all__ = ["HIDDEN", "SERIAL", "USUAL", "ZONE", "Given", "Transferring", "diff_stage", "watched"]
