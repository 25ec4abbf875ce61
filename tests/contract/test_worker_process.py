"""Workers that die, hang or fail: whatever they were asked ends, accuses nobody, and is told in the service's log."""

import asyncio
import json
import os
import signal
import sys
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from checks.model import Address, Observation, Outcome, Query, Transport
from monitor.clock import now
from monitor.polling.bulk import ChunkResult, RrsetChunk, ZoneChunk
from monitor.polling.workers import log_relay
from monitor.polling.workers.pending import PendingChunk, PendingRrsetPoll, PendingRrsets, PendingTcp
from monitor.polling.workers.process import MAX_RESTARTS, WorkerMetrics, WorkerProcess
from monitor.probe.bulk.address_metrics import AddressMetrics
from monitor.probe.message.soa_forms import SharedForms
from monitor.probe.settings import Probe
from monitor.probe.stats import ProbeStats
from monitor.state.columns import Endpoint, RrsetQuestion
from tests.support.nameserver import Asked, Nameserver, good
from tests.support.running import until

ADDRESS = Address("192.0.2.1")
LAYOUT = (Endpoint("ns1", ADDRESS, True),)
ZONES = ZoneChunk(array("I", [0, 1]), ["a.example.", "b.example."], array("I", [0, 0]), array("I", [0, 1]))
QUERY = Query("a.example.", "ns1", ADDRESS, "a.example.", "NS", identify=True)


NONSENSE = "import struct, sys; sys.stdout.buffer.write(struct.pack('<Q', 3) + b'abc')"
"""A message as long as it says, and no pickle."""


@pytest.mark.parametrize("program", ["raise SystemExit(1)", NONSENSE])
async def test_what_is_asked_of_a_worker_that_cannot_be_kept_alive_is_unasked(program: str) -> None:
    metrics = WorkerMetrics(ProbeStats())
    worker = WorkerProcess(Probe(), now, metrics, SharedForms(), (sys.executable, "-c", program))
    zones: asyncio.Queue[ChunkResult | None] = asyncio.Queue()
    polled: asyncio.Queue[list[Observation] | None] = asyncio.Queue()
    tcp: asyncio.Queue[list[tuple[int, bytes]] | None] = asyncio.Queue()
    try:
        worker.use((LAYOUT,), 4, None)
        worker.ask(PendingChunk(ZONES, (LAYOUT,), AddressMetrics.of(4), worker.forms, zones.put_nowait))
        rrsets = PendingRrsets(RrsetChunk(ZONES, {0: [RrsetQuestion("", "NS")]}))
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


@asynccontextmanager
async def asking(max_silence: float = 60.0) -> AsyncIterator[tuple[WorkerProcess, WorkerMetrics]]:
    metrics = WorkerMetrics(ProbeStats())
    worker = WorkerProcess(Probe(), now, metrics, SharedForms(), max_silence=max_silence)
    try:
        await until(lambda: worker.pid is not None)
        yield worker, metrics
    finally:
        await worker.close()


async def asked(worker: WorkerProcess, at: Nameserver) -> ChunkResult:
    """What comes of a zone that is asked there."""
    layout = (Endpoint("ns1", at.address, True),)
    address_metrics = AddressMetrics.of(1)
    worker.use((layout,), 1, None)
    results: asyncio.Queue[ChunkResult | None] = asyncio.Queue()
    zone = ZoneChunk(array("I", [0]), ["a.example."], array("I", [0]), array("I", [0]))
    worker.ask(PendingChunk(zone, (layout,), address_metrics, worker.forms, results.put_nowait))
    async with asyncio.timeout(60):
        result = await results.get()
        assert await results.get() is None
    assert result is not None
    return result


def serve(query: Asked) -> list[bytes]:
    return [good(query, 7)]


async def test_a_worker_that_was_suspended_is_killed_and_another_asks_what_it_owes() -> None:
    async with Nameserver(serve) as at, asking(max_silence=5.0) as (worker, metrics):
        await asked(worker, at)
        suspended = worker.pid
        assert suspended is not None
        os.kill(suspended, signal.SIGSTOP)
        with capture_logs() as told:
            result = await asked(worker, at)
        assert result.answered == 1
        assert worker.pid != suspended
        assert metrics.restarts._value.get() == 1
        assert [one["worker"] for one in told if one["event"] == "worker hangs"] == [suspended]
        assert [one["status"] for one in told if one["event"] == "worker died"] == [-signal.SIGKILL]


async def test_a_worker_goes_on_when_all_processes_are_told_to_end_until_the_service_has() -> None:
    """As systemd does it: what is under way is still heard."""
    async with Nameserver(serve) as at, asking() as (worker, metrics):
        await asked(worker, at)
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGTERM)
        assert (await asked(worker, at)).answered == 1
        assert metrics.restarts._value.get() == 0


async def test_a_fault_of_a_worker_costs_what_was_asked_by_that_and_no_more_and_is_told_with_its_traceback() -> None:
    query = Query("a.example.", "ns1", ADDRESS, "a..example.", "NS", identify=True)
    seen: asyncio.Queue[list[Observation] | None] = asyncio.Queue()
    with capture_logs() as told:
        async with Nameserver(serve) as at, asking() as (worker, metrics):
            await asked(worker, at)
            worker.ask(PendingRrsetPoll([(query, 0)], seen.put_nowait))  # type: ignore[arg-type]
            async with asyncio.timeout(60):
                assert [one.outcome for one in await seen.get() or ()] == [Outcome.UNASKED]
                assert await seen.get() is None
            assert (await asked(worker, at)).answered == 1
            pid = worker.pid
        assert metrics.restarts._value.get() == 0
    (fault,) = [one for one in told if one["event"] == "a worker failed"]
    assert (fault["log_level"], fault["worker"]) == ("error", pid)
    assert "Traceback" in fault["exception"]


async def test_whatever_a_worker_writes_to_its_standard_error_is_told() -> None:
    source = asyncio.StreamReader(limit=10_000)
    warning = {"logger": "asyncio", "level": 30, "event": "slow"}
    source.feed_data(json.dumps(warning).encode() + b"\n")
    source.feed_data(b"Fatal Python error: \xff\x1b[31m\n[]\n" + b"x" * 20_000 + b"\nlast")
    source.feed_eof()
    with capture_logs() as told:
        await log_relay.tell(source, 17)
    assert [(one["log_level"], one["event"], one.get("text")) for one in told] == [
        ("warning", "slow", None),
        ("error", "a worker wrote", "Fatal Python error: \\xff\x1b[31m"),
        ("error", "a worker wrote", "[]"),
        ("error", "a worker wrote a line without an end", None),
        ("error", "a worker wrote", "last"),
    ]
    assert {one["worker"] for one in told} == {17}
