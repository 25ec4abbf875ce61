"""A wait over a real connection: it outlasts the time-outs of requests, and ends with its client."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace

from checks.model import Observation, Query
from checks.model.zone_table import ZoneTable
from monitor.service.waits import ServiceWaits
from tests.support.waiting_stage import ZONE, Answering, events_of, waiting_stage
from tests.support.web_server import served
from tests.support.web_status import SERIAL

PATH = "/api/v1/zones/example.com/wait"


class Held:
    """Has no answer before ``go``; ``left`` is how many gave up waiting for one."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.asked = asyncio.Event()
        self.left = asyncio.Event()

    async def __call__(self, queries: Iterable[Query]) -> AsyncIterator[Sequence[Observation]]:
        self.asked.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.left.set()
            raise
        async for batch in Answering(SERIAL)(queries):
            yield batch


async def test_a_client_that_goes_away_ends_the_asking() -> None:
    held = Held()
    stage = replace(await waiting_stage(served=SERIAL), waits=ServiceWaits(lambda: ZoneTable.of((ZONE,)), held))
    async with served(stage) as (_, http), asyncio.timeout(20):
        async with http.stream("POST", PATH, json={"serial": SERIAL}) as answer:
            assert answer.status_code == 200
            await held.asked.wait()
        await held.left.wait()
        held.go.set()
        assert (await http.get("/healthz")).status_code in (200, 503)


async def test_a_wait_is_no_request_that_is_too_slow() -> None:
    """A connection is closed that says nothing for so long; one whose answer is under way says nothing, either."""
    held = Held()
    stage = replace(await waiting_stage(served=SERIAL), waits=ServiceWaits(lambda: ZoneTable.of((ZONE,)), held))
    limit = 0.05
    async with served(stage, request_timeout=limit) as (_, http), asyncio.timeout(20):
        loop = asyncio.get_running_loop()
        loop.call_later(10 * limit, held.go.set)
        answer = await http.post(PATH, json={"serial": SERIAL})
    assert events_of(answer.text)[-1]["event"] == "done"
