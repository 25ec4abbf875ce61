"""Asks zones over TCP, several questions down one connection, and tells which of them are good there."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from checks.base import Check
from checks.common.response_faults import fault
from checks.model import Address, Observation, Outcome, Query, Transport, Zone
from monitor.probe.client.tcp_pipelines import TcpPipelines


@dataclass(frozen=True, slots=True)
class TcpResult:
    """Zones of which all is known: ``good`` at each address, or not, or not known to be (``doubtful``)."""

    good: list[str]
    doubtful: list[str]


def is_good(seen: Observation) -> bool:
    """Whether reachable has nothing to say of this answer to the SOA question, which was asked with EDNS."""
    return seen.outcome is Outcome.ANSWERED and not seen.without_edns and fault(seen, primary=False) is None


class TcpProber:
    """Puts the questions that a check puts to each address over TCP whatever comes, and judges as reachable does."""

    def __init__(self, pipelines: TcpPipelines) -> None:
        """They are the caller's, who closes them."""
        self._pipelines = pipelines

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
        asking = {self._pipelines.ask(queries): queries for queries in by_address.values()}
        ended: asyncio.Queue[asyncio.Task[list[Observation]]] = asyncio.Queue()
        for task in asking:
            task.add_done_callback(ended.put_nowait)
        try:
            while asking:
                some = [await ended.get(), *(ended.get_nowait() for _ in range(ended.qsize()))]
                result = TcpResult([], [])
                for task in some:
                    _note(asking.pop(task), [] if task.cancelled() else task.result(), left, result)
                if result.good or result.doubtful:
                    yield result
        finally:
            for task in asking:
                task.cancel()


def _note(queries: Iterable[Query], seen: Iterable[Observation], left: dict[str, int], result: TcpResult) -> None:
    """After one address: ``left`` has the addresses that each zone waits for, and not those that are known already."""
    good = {one.query.zone for one in seen if is_good(one)}
    for query in queries:
        if query.zone not in left:
            continue
        left[query.zone] -= 1
        if query.zone not in good:
            result.doubtful.append(query.zone)
        elif not left[query.zone]:
            result.good.append(query.zone)
        else:
            continue
        del left[query.zone]
