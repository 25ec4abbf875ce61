"""Measures a store of very many zones: filled, restored, changed, left in peace, and tidied up.

uv run python -m bench.storing                   # 500 000 zones on two servers
uv run python -m bench.storing --zones 20000
"""

import argparse
import asyncio
import contextlib
import gc
import resource
import sqlite3
import tempfile
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from checks.model import Address, Observation, Outcome, Query, Server, Shape, Soa, Transport, Zone, ZonePoll
from checks.zone_state.model import SERIAL_CHECK, ZoneState
from checks.zone_state.update import changes, update_zone_state
from monitor.state.ports import Commit, Sweep
from monitor.store.sqlite import SqliteStore

Row = tuple[str, str, str]

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SERVERS = (Server("ns1", (Address("192.0.2.1"),)), Server("ns2", (Address("192.0.2.2"),)))
BATCH = 5_000
"""Zones of one commit."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--zones", type=int, default=500_000)
    options = parser.parse_args()
    print("| what | measured | against |\n|---|---|---|")
    for row in rows(options.zones):
        print("| {} | {} | {} |".format(*row))


def rows(zones: int = 500_000) -> list[Row]:
    """What was measured: what, how much, and what that is to be held against."""
    with tempfile.TemporaryDirectory() as directory:
        return asyncio.run(_measure(Path(directory) / "bench.db", zones))


async def _measure(path: Path, count: int) -> list[Row]:
    found: list[Row] = []
    store = await SqliteStore.open(path, lambda: START)
    found += await _filled(store, path, count)
    found += await _quiet_day(store, path, count)
    await store.close()
    store = await SqliteStore.open(path, lambda: START)
    found += await _restored(store, count)
    found += await _changed(store, path, count)
    found += await _tidied(store, count)
    await store.close()
    return found


async def _filled(store: SqliteStore, path: Path, count: int) -> list[Row]:
    """Each zone is new: the first sweep."""
    spent = wall = longest = 0.0
    for commit in _first_looks(count):
        began, cpu = time.perf_counter(), time.process_time()
        await store.commit(commit)
        took = time.perf_counter() - began
        spent, wall, longest = spent + time.process_time() - cpu, wall + took, max(longest, took)
    return [
        ("first sweep committed, CPU per zone", f"{spent / count * 1e6:.1f} µs", "12 µs"),
        (f"first sweep committed, {count} zones", f"{wall:.2f} s, longest commit {longest * 1e3:.0f} ms", ""),
        ("database after the first sweep, per address", f"{_size(path) / count / 2:.0f} octets", ""),
    ]


async def _quiet_day(store: SqliteStore, path: Path, count: int) -> list[Row]:
    """Nothing changes: a row a minute."""
    before, cpu = _size(path), time.process_time()
    for minute in range(1440):
        at = START + minute * MINUTE
        await store.sweep(Sweep(SERIAL_CHECK, at, at + MINUTE / 2, count, 2 * count, 2 * count))
    spent = time.process_time() - cpu
    return [
        (
            f"a quiet day of {2 * count} addresses at 60 s",
            f"{(_size(path) - before) / 1e6:.2f} MB, {spent / 1440 * 1e6:.0f} µs CPU a sweep",
            "a few MB",
        )
    ]


async def _restored(store: SqliteStore, count: int) -> list[Row]:
    gc.collect()
    began, cpu, before = time.perf_counter(), time.process_time(), _resident()
    remembered = await store.restore()
    wall, spent, grown = time.perf_counter() - began, time.process_time() - cpu, _resident() - before
    assert len(remembered.zone_states) == count
    del remembered
    gc.collect()
    tracemalloc.start()
    remembered = await store.restore()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    name = _name(count // 2)
    began = time.perf_counter()
    assert remembered.zone_states[name].zone == name
    one = time.perf_counter() - began
    return [
        (f"restored, {count} zones", f"{wall:.2f} s, {spent:.2f} s CPU", "3 s"),
        (
            "what restored zone states take",
            f"{held / 1e6:.0f} MB, {held / count:.0f} octets per zone (resident {grown / 1e6:.0f} MB)",
            f"{180 * count / 1e6:.0f} MB",
        ),
        ("a restored zone state looked at", f"{one * 1e6:.0f} µs", ""),
    ]


async def _changed(store: SqliteStore, path: Path, count: int) -> list[Row]:
    """One zone in a hundred has another serial everywhere."""
    numbers = range(0, count, 100)
    known = (await store.restore()).zone_states
    commit = _commit(numbers, 2, known=[known[_name(number)] for number in numbers], at=START + timedelta(days=2))
    before, began, cpu = _size(path), time.perf_counter(), time.process_time()
    await store.commit(commit)
    wall, spent, size = time.perf_counter() - began, time.process_time() - cpu, _size(path) - before
    return [
        (
            f"1 % changed, committed: {len(commit.zone_states)} zones, {len(commit.state_changes)} state changes",
            f"{wall:.3f} s, {spent:.3f} s CPU",
            "well under 1 s",
        ),
        ("database per change of an address", f"{size / len(commit.state_changes):.0f} octets", ""),
    ]


async def _tidied(store: SqliteStore, count: int) -> list[Row]:
    """Retention takes the closed history and the sweeps; then a fifth of the zones is dropped."""
    gone, longest = 0, 0.0
    began = time.perf_counter()
    while True:
        step = time.perf_counter()
        went = await store.prune(START + timedelta(days=3), 1000)
        longest = max(longest, time.perf_counter() - step)
        gone += went
        if not went:
            break
    took = time.perf_counter() - began
    dropped = tuple(_name(number) for number in range(0, count, 5))
    began, cpu = time.perf_counter(), time.process_time()
    await store.commit(Commit(dropped_zones=dropped))
    wall, spent = time.perf_counter() - began, time.process_time() - cpu
    return [
        (f"retention, {gone} rows", f"{took:.2f} s, longest step {longest * 1e3:.0f} ms", "50 ms a step"),
        (f"{len(dropped)} zones dropped", f"{wall:.2f} s, {spent / len(dropped) * 1e6:.1f} µs CPU per zone", ""),
    ]


def _first_looks(count: int) -> Iterator[Commit]:
    for first in range(0, count, BATCH):
        yield _commit(range(first, min(first + BATCH, count)), 1, known=None, at=START)


def _commit(numbers: Sequence[int], serial: int, *, known: list[ZoneState] | None, at: datetime) -> Commit:
    zone_states, state_changes, arrivals = [], [], []
    for place, number in enumerate(numbers):
        zone = Zone(_name(number), SERVERS, "ns1")
        before = known[place] if known is not None else ZoneState(zone.name)
        after = update_zone_state(before, zone, _round(zone, serial, at + timedelta(microseconds=number)))
        began, arrived = changes(before, after)
        zone_states.append(after)
        state_changes += began
        arrivals += arrived
    return Commit(zone_states=tuple(zone_states), state_changes=tuple(state_changes), propagations=tuple(arrivals))


def _round(zone: Zone, serial: int, at: datetime) -> ZonePoll:
    soa = Soa(serial, "ns1.example.net.", f"hostmaster.{zone.name}", 3600, 600, 604800, 300, 3600)
    seen = tuple(
        Observation(
            Query(zone.name, server.name, address, zone.name, "SOA", identify=True), Outcome.ANSWERED, at, 0.001,
            Transport.UDP, "NOERROR", authoritative=True, shape=Shape.RECORDS, soa=replace(soa),
        )
        for server, address in zone.server_addresses()
    )  # fmt: skip
    return ZonePoll(zone.name, SERIAL_CHECK, at + timedelta(milliseconds=2), MINUTE, seen)


def _name(number: int) -> str:
    return f"zone{number:06}.example."


def _size(path: Path) -> int:
    """Of all pages in use, wherever they are just now."""
    with contextlib.closing(sqlite3.connect(path)) as conn:
        (size,) = conn.execute(
            "select (page_count - freelist_count) * page_size "
            "from pragma_page_count, pragma_freelist_count, pragma_page_size"
        ).fetchone()
    return int(size)


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize()


if __name__ == "__main__":
    main()
