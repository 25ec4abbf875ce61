"""Has DnsClient ask again the queries whose responses are suspect."""

import asyncio
from collections.abc import Callable

from monitor.probe.bulk.observations import with_stray
from monitor.probe.bulk.receiver import SuspectResponse
from monitor.probe.client.client import DnsClient
from monitor.probe.client.result_stream import Suspicion


class Rechecker:
    """Asks again, and puts the observation where that of the first response would have gone."""

    def __init__(self, dns: DnsClient, on_result: Callable[[], None]) -> None:
        """``on_result`` is called whenever there are new results."""
        self._dns = dns
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
        async for batch in self._dns.ask([suspect.query for suspect in suspects], why):
            for seen in batch:
                suspect = whose[id(seen.query)]
                suspect.pending.result.changed.append((suspect.slot, with_stray(seen, suspect.stray, suspect.why)))
            self._heard()
