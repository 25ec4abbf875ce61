"""Questions over TCP, put by this very process, and which of the answers are good."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from checks.common.response_faults import fault
from checks.model import Observation, Outcome, Query
from monitor.probe.client.tcp_pipelines import TcpPipelines


def is_good(seen: Observation) -> bool:
    """Whether reachable has nothing to say of this answer to the SOA question, which was asked with EDNS."""
    return seen.outcome is Outcome.ANSWERED and not seen.without_edns and fault(seen, primary=False) is None


class LocalTcp:
    """The part of a BulkProber that asks over TCP. The pipelines are the caller's, who closes them."""

    def __init__(self, pipelines: TcpPipelines) -> None:
        self._pipelines = pipelines

    async def ask(self, batches: Sequence[Sequence[Query]]) -> AsyncIterator[Sequence[tuple[int, bytes]]]:
        asking = {self._pipelines.ask(queries): index for index, queries in enumerate(batches)}
        ended: asyncio.Queue[asyncio.Task[list[Observation]]] = asyncio.Queue()
        for task in asking:
            task.add_done_callback(ended.put_nowait)
        try:
            while asking:
                some = [await ended.get(), *(ended.get_nowait() for _ in range(ended.qsize()))]
                heard: list[tuple[int, bytes]] = []
                for task in some:
                    index = asking.pop(task)
                    good = {one.query for one in ([] if task.cancelled() else task.result()) if is_good(one)}
                    heard.append((index, bytes(query in good for query in batches[index])))
                yield heard
        finally:
            for task in asking:
                task.cancel()
