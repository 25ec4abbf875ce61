"""Has DnsClient ask again the queries whose responses are suspect."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from checks.model import Observation, Query
from monitor.probe.bulk.observations import with_stray
from monitor.probe.bulk.receiver import SuspectResponse
from monitor.probe.client.result_stream import Suspicion

AskAgain = Callable[[Sequence[Query], Suspicion], AsyncIterator[Sequence[Observation]]]
"""Asks queries whose responses over UDP were suspect."""


class Rechecker:
    """Asks again, and puts the observation where that of the first response would have gone."""

    def __init__(self, ask_again: AskAgain, on_result: Callable[[], None]) -> None:
        """``on_result`` is called whenever there are new results."""
        self._ask_again = ask_again
        self._heard = on_result
        self._tasks: set[asyncio.Task[None]] = set()

    def ask(self, suspects: list[SuspectResponse]) -> None:
        for why in Suspicion:
            some = [suspect for suspect in suspects if suspect.suspicion is why]
            if some:
                task = asyncio.get_running_loop().create_task(self._ask(some, why))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """To be called once DnsClient is closed: all of its observations are there soon."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _ask(self, suspects: list[SuspectResponse], why: Suspicion) -> None:
        whose = {id(suspect.query): suspect for suspect in suspects}
        async for batch in self._ask_again([suspect.query for suspect in suspects], why):
            for seen in batch:
                suspect = whose[id(seen.query)]
                suspect.pending.result.add_changed(suspect.slot, with_stray(seen, suspect.stray, suspect.why))
            self._heard()
