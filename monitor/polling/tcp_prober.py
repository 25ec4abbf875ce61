"""Asks zones over TCP, several questions down one connection, and tells which of them are good there."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from checks.base import Check
from checks.model import Address, Query, Transport, Zone
from monitor.polling.bulk import BulkProber


@dataclass(frozen=True, slots=True)
class TcpResult:
    """Zones of which all is known: ``good`` at each address, or not, or not known to be (``doubtful``)."""

    good: list[str]
    doubtful: list[str]


class TcpProber:
    """Puts the questions that a check puts to each address over TCP whatever comes, and judges as reachable does."""

    def __init__(self, bulk_prober: BulkProber) -> None:
        """It is the caller's, who closes it."""
        self._bulk_prober = bulk_prober

    async def ask(self, check: Check, zones: Iterable[Zone]) -> AsyncIterator[TcpResult]:
        """Each of the zones, all of which have addresses, is in one of the results: as soon as its last address was
        heard, or one given up. Addresses are asked at the same time.
        """
        by_address: dict[tuple[str, Address], list[Query]] = {}
        left: dict[str, int] = {}
        for zone in zones:
            left[zone.name] = 0
            for query in check.queries(zone, ()):
                if query.transport is Transport.TCP:
                    by_address.setdefault((query.server, query.address), []).append(query)
                    left[zone.name] += 1
        batches = list(by_address.values())
        async for heard in self._bulk_prober.ask_tcp(batches):
            result = TcpResult([], [])
            for index, good in heard:
                _note(batches[index], good, left, result)
            if result.good or result.doubtful:
                yield result


def _note(queries: Iterable[Query], good: bytes, left: dict[str, int], result: TcpResult) -> None:
    """After one address: ``left`` has the addresses that each zone waits for, and not those that are known already."""
    for query, is_good in zip(queries, good, strict=True):
        if query.zone not in left:
            continue
        left[query.zone] -= 1
        if not is_good:
            result.doubtful.append(query.zone)
        elif not left[query.zone]:
            result.good.append(query.zone)
        else:
            continue
        del left[query.zone]
