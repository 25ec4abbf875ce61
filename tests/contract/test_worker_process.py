"""A worker that cannot be kept alive: whatever it was asked ends, and accuses nobody."""

import asyncio
import sys
from array import array

from checks.model import Address, Observation, Outcome, Query, Transport
from monitor.clock import now
from monitor.polling.bulk import ChunkResult, RrsetChunk, ZoneChunk
from monitor.polling.workers.pending import PendingChunk, PendingRrsetPoll, PendingRrsets, PendingTcp
from monitor.polling.workers.process import MAX_RESTARTS, WorkerMetrics, WorkerProcess
from monitor.probe.bulk.address_metrics import AddressMetrics
from monitor.probe.message.soa_forms import SharedForms
from monitor.probe.settings import Probe
from monitor.probe.stats import ProbeStats
from monitor.state.columns import Endpoint

ADDRESS = Address("192.0.2.1")
LAYOUT = (Endpoint("ns1", ADDRESS, True),)
ZONES = ZoneChunk(array("I", [0, 1]), ["a.example.", "b.example."], array("I", [0, 0]), array("I", [0, 1]))
QUERY = Query("a.example.", "ns1", ADDRESS, "a.example.", "NS", identify=True)


async def test_what_is_asked_of_a_worker_that_cannot_be_kept_alive_is_unasked() -> None:
    metrics = WorkerMetrics(ProbeStats())
    worker = WorkerProcess(Probe(), now, metrics, SharedForms(), (sys.executable, "-c", "raise SystemExit(1)"))
    zones: asyncio.Queue[ChunkResult | None] = asyncio.Queue()
    polled: asyncio.Queue[list[Observation] | None] = asyncio.Queue()
    tcp: asyncio.Queue[list[tuple[int, bytes]] | None] = asyncio.Queue()
    try:
        worker.use((LAYOUT,), 4, None)
        worker.ask(PendingChunk(ZONES, (LAYOUT,), AddressMetrics.of(4), worker.forms, zones.put_nowait))
        rrsets = PendingRrsets(RrsetChunk(ZONES, {0: [("", "NS")]}))
        worker.ask(rrsets)
        worker.ask(PendingRrsetPoll([(QUERY, 2)], polled.put_nowait))  # type: ignore[arg-type]
        over_tcp = Query("a.example.", "ns1", ADDRESS, "a.example.", "SOA", Transport.TCP)
        worker.ask(PendingTcp({5: [over_tcp, over_tcp]}, tcp.put_nowait))  # type: ignore[arg-type]
        assert worker.pending == 2 + 2 + 1 + 2
        async with asyncio.timeout(30):
            result, seen = await zones.get(), await polled.get()
            assert await rrsets.unchanged == array("I")
            assert await tcp.get() == [(5, b"\0\0")]
            assert [await queue.get() for queue in (zones, polled, tcp)] == [None, None, None]
        assert result is not None
        assert seen is not None
        assert sorted(number for number, _ in result.changed) == [0, 1]
        assert {one.outcome for _, every in result.changed for one in every} == {Outcome.UNASKED}
        assert [(one.query, one.outcome) for one in seen] == [(QUERY, Outcome.UNASKED)]
        assert worker.pending == 0
        assert metrics.restarts._value.get() >= MAX_RESTARTS
    finally:
        await worker.close()
