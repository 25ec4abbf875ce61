"""Has the other prober ask again what could not be told at a glance."""

import asyncio
from collections.abc import Callable

from monitor.probe.bulk.observations import settled
from monitor.probe.bulk.receiver import Doubt
from monitor.probe.client.client import DnsClient
from monitor.probe.client.result_stream import Doubted


class Rechecker:
    """Asks anew, and puts what is seen where the first answer would have gone."""

    def __init__(self, dns: DnsClient, heard: Callable[[], None]) -> None:
        """``heard`` is told whenever something was put there."""
        self._dns = dns
        self._heard = heard
        self._tasks: set[asyncio.Task[None]] = set()

    def ask(self, doubts: list[Doubt]) -> None:
        for why in Doubted:
            some = [doubt for doubt in doubts if doubt.doubted is why]
            if some:
                task = asyncio.get_running_loop().create_task(self._ask(some, why))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """To be called once the other prober is closed: all of its observations are there soon."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _ask(self, doubts: list[Doubt], why: Doubted) -> None:
        whose = {id(doubt.query): doubt for doubt in doubts}
        async for batch in self._dns.ask([doubt.query for doubt in doubts], why):
            for seen in batch:
                doubt = whose[id(seen.query)]
                doubt.load.tray.odd.append((doubt.ref, settled(seen, doubt.stray, doubt.why)))
            self._heard()
