"""What does watching cost? One command, one table; every figure beside a limit measured in the same run.

uv run python -m bench                  # 10 000 zones on two servers
uv run python -m bench --zones 1000
"""

import argparse
import asyncio
import contextlib
import json
import os
import platform
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import structlog

from bench.servers import names, nsd_pair
from checks.model import Address, Query
from monitor.app import Service
from monitor.clock import now
from monitor.config.load import parse
from monitor.config.model import Probe
from monitor.probe.dns import DnsProber

Row = tuple[str, str, str]

UNPACED = Probe(timeout=2.0, attempts=3, max_qps_per_server=1e9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--zones", type=int, default=10_000)
    options = parser.parse_args()
    zones = names(options.zones)
    drifted = frozenset(zones[:: max(1, len(zones) // 100)])
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {0})
    with nsd_pair(zones, drifted) as addresses:
        rows = [dnsperf(zones, addresses[0])]
        rows += asyncio.run(everything(zones, drifted, addresses))
    show(rows, len(zones))


def show(rows: list[Row], zones: int) -> None:
    print(f"\n{zones} zones on 2 servers ({2 * zones} addresses), {platform.python_implementation()} "
          f"{platform.python_version()}, {cpu()}, {now():%Y-%m-%d}\n")  # fmt: skip
    print("| what | measured | against |\n|---|---|---|")
    for row in rows:
        print("| {} | {} | {} |".format(*row))


def cpu() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


BASE = {"dnsperf": 0.0}


def dnsperf(zones: list[str], address: tuple[str, int]) -> Row:
    """The limit: a C program that does nothing but ask."""
    program = shutil.which("dnsperf")
    if program is None:
        return ("dnsperf, CPU per query (the limit)", "not installed (Debian package: dnsperf)", "")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("".join(f"{zone} SOA\n" for zone in zones))
        file.flush()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        line = [program, "-s", address[0], "-p", str(address[1]), "-d", file.name, "-l", "3", "-q", "150", "-c", "1"]
        done = subprocess.run([*line, "-T", "1"], capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = re.search(r"Queries completed:\s+(\d+)", done.stdout)
    queries = int(found[1]) if found else 1
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    BASE["dnsperf"] = spent / queries * 1e6
    return ("dnsperf, CPU per query (the limit)", f"{BASE['dnsperf']:.1f} µs", "1x")


def times(micro: float) -> str:
    return f"{micro / BASE['dnsperf']:.0f}x dnsperf" if BASE["dnsperf"] else ""


async def everything(zones: list[str], drifted: frozenset[str], addresses: list[tuple[str, int]]) -> list[Row]:
    rows = [await prober_alone(zones, addresses)]
    rows += await whole_road(zones, drifted, addresses)
    rows.append(await first_verdict(zones[:10], addresses))
    return rows


async def prober_alone(zones: list[str], addresses: list[tuple[str, int]]) -> Row:
    prober = DnsProber(UNPACED, {}, now)
    queries = [
        Query(zone, f"ns{i}", Address(*address), zone, "SOA", identify=True)
        for zone in zones
        for i, address in enumerate(addresses, 1)
    ]
    start, cpu_start = time.perf_counter(), time.process_time()
    got = 0
    async for batch in prober(queries):
        got += sum(o.serial is not None for o in batch)
    wall, spent = time.perf_counter() - start, time.process_time() - cpu_start
    await prober.close()
    micro = spent / len(queries) * 1e6
    return (
        "prober alone, CPU per address",
        f"{micro:.0f} µs; {len(queries)} in {wall:.1f} s, {len(queries) - got} lost",
        times(micro),
    )


@contextlib.asynccontextmanager
async def service(zones: list[str], addresses: list[tuple[str, int]], cadence: str) -> AsyncIterator[Service]:
    with tempfile.TemporaryDirectory(prefix="soawatch-bench-") as name:
        config = parse(configuration(zones, addresses, cadence, 1_000_000), Path(name) / "bench.toml", {})
        running = Service(config, lambda: config)
        await running.start()
        try:
            yield running
        finally:
            await running.stop()


def configuration(zones: list[str], addresses: list[tuple[str, int]], cadence: str, qps: int) -> str:
    head = CONFIG.format(cadence=cadence, qps=qps, one="{}:{}".format(*addresses[0]), two="{}:{}".format(*addresses[1]))
    return head + "".join(f'[[zones]]\nname = "{zone}"\nservers = ["ns1", "ns2"]\nprimary = "ns1"\n' for zone in zones)


CONFIG = """
[service]
listen = "127.0.0.1:0"
[cadence]
soa-serial = "{cadence}"
reachable = "off"
soa-fields = "off"
ns-set = "off"
records = "off"
transfer = "off"
[probe]
max_qps_per_server = {qps}
[servers.ns1]
addresses = ["{one}"]
[servers.ns2]
addresses = ["{two}"]
"""


async def whole_road(zones: list[str], drifted: frozenset[str], addresses: list[tuple[str, int]]) -> list[Row]:
    """Asked, remembered, judged, committed: the first sweep, in which all is new, and a second, in which nothing is."""
    rows: list[Row] = []
    start, cpu_start = time.perf_counter(), time.process_time()
    async with service(zones, addresses, "1h") as running:
        loading = time.perf_counter() - start
        latency = asyncio.create_task(scraping(running))
        await swept(running)
        first, first_cpu = time.perf_counter() - start - loading, time.process_time() - cpu_start
        latency.cancel()
        page, metrics = await latency
        rows.append(("start: configuration, store, page", f"{loading:.1f} s", ""))
        micro = first_cpu / (2 * len(zones)) * 1e6
        rows.append(
            (
                "first sweep, asked to committed, all new",
                f"{first:.1f} s wall, {micro:.0f} µs CPU per address",
                times(micro),
            )
        )
        start, cpu_start = time.perf_counter(), time.process_time()
        running._asking._swept.clear()  # noqa: SLF001 - at full pace, as the first one, and not in an hour
        await running._tick("soa-serial")  # noqa: SLF001
        wall, spent = time.perf_counter() - start, time.process_time() - cpu_start
        micro = spent / (2 * len(zones)) * 1e6
        rows.append(
            (
                "second sweep, asked to committed, nothing new",
                f"{wall:.1f} s wall, {micro:.0f} µs CPU per address",
                times(micro),
            )
        )
        behind = {
            name
            for name in running.status.zones
            for a in running.status.zones[name].addresses
            if a.state == "propagating"
        }
        rows.append(("drift found", f"{len(behind & drifted)} of {len(drifted)}, {len(behind - drifted)} false", ""))
        rows.append(("page while sweeping, median", f"{page * 1000:.0f} ms", "goal 200 ms"))
        rows.append(("/metrics while sweeping, median", f"{metrics * 1000:.0f} ms", "goal 200 ms"))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        rows.append(("resident memory, peak", f"{peak:.0f} MB", "goal 300 MB"))
        await asyncio.sleep(2)
        start, cpu_start = time.perf_counter(), time.process_time()
        await asyncio.sleep(10)
        idle = (time.process_time() - cpu_start) / (time.perf_counter() - start) * 100
        rows.append(("CPU between sweeps", f"{idle:.2f} %", "goal 1 %"))
        size = running.config.service.database.stat().st_size / 1e6
        rows.append(("database after two sweeps", f"{size:.1f} MB", ""))
    return rows


async def swept(running: Service) -> None:
    """Waits for the first sweep to end."""
    while (sweep := running.status.sweeps.get("soa-serial")) is None or sweep.finished is None:
        await asyncio.sleep(0.02)


async def scraping(running: Service) -> tuple[float, float]:
    """Medians of how long the page and /metrics take, asked by turns until it is over."""
    page: list[float] = []
    metrics: list[float] = []
    try:
        async with httpx.AsyncClient(base_url="http://{}:{}".format(*running.address), timeout=30) as client:
            while True:
                for path, taken in (("/", page), ("/metrics", metrics)):
                    start = time.perf_counter()
                    (await client.get(path)).raise_for_status()
                    taken.append(time.perf_counter() - start)
                await asyncio.sleep(0.2)
    except asyncio.CancelledError:
        return statistics.median(page or [0.0]), statistics.median(metrics or [0.0])


async def first_verdict(zones: list[str], addresses: list[tuple[str, int]]) -> Row:
    """As an operator sees it: a process is started, and every zone has been judged."""
    with tempfile.TemporaryDirectory(prefix="soawatch-bench-") as name:
        path = Path(name) / "bench.toml"
        path.write_text(configuration(zones, addresses, "1h", 200))
        start = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "monitor", "run", "-c", str(path), stderr=asyncio.subprocess.PIPE
        )
        try:
            assert process.stderr is not None
            page = ""
            while not page:
                page = json.loads(await process.stderr.readline()).get("page", "")
            async with httpx.AsyncClient(base_url=page) as client:
                while not all(zone["health"] == "good" for zone in (await client.get("api/v1/zones")).json()):
                    await asyncio.sleep(0.01)
            taken = time.perf_counter() - start
        finally:
            process.terminate()
            await process.communicate()
    return ("process started to all of 10 zones judged", f"{taken:.2f} s", "goal 2 s")


if __name__ == "__main__":
    main()
