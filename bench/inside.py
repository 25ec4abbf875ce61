"""What cannot be measured from without: parts of soawatch alone, and how late its event loop is.

The only file of the benchmark that knows the inside of the program. Each command is a process of its own.

python -m bench.inside engine NAMES SWEEPS ADDRESS:PORT…     # one line of JSON
python -m bench.inside prober NAMES SWEEPS ADDRESS:PORT…     # the same by dnspython
python -m bench.inside run CONFIGURATION LATENESS             # soawatch run, and how late its loop is in a file
python -m bench.inside content ZONE ADDRESS:PORT              # a zone read for its digest: one line of JSON
"""

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import structlog

from checks.model import Address, Observation, Outcome, Query, Transport
from monitor.cli.configuration import read_config
from monitor.cli.logging import set_up
from monitor.clock import now
from monitor.probe.bulk.address_metrics import AddressMetrics
from monitor.probe.bulk.engine import QueryBatch
from monitor.probe.client.client import DnsClient
from monitor.probe.message.bulk_names import wire_names
from monitor.probe.prober import ServiceProber
from monitor.probe.settings import Probe
from monitor.service.runner import serve

UNPACED = Probe(max_qps_per_server=1e9)

BEAT = 0.01
"""Seconds between two looks at how late the loop is."""


def main(arguments: Sequence[str]) -> None:
    command, *rest = arguments
    if command == "run":
        sys.exit(asyncio.run(watched(Path(rest[0]), Path(rest[1]))))
    if command == "content":
        host, _, port = rest[1].rpartition(":")
        print(json.dumps(asyncio.run(content(rest[0], Address(host, int(port))))))
        return
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    zones = Path(rest[0]).read_text().split()
    addresses = [Address(host, int(port)) for host, _, port in (text.rpartition(":") for text in rest[2:])]
    measure = {"engine": engine, "prober": prober}[command]
    print(json.dumps(asyncio.run(measure(zones, addresses, int(rest[1])))))


# --- the service, with an eye on its loop ---


async def watched(config: Path, lateness: Path) -> int:
    first = read_config(config)
    set_up(first.service.log_format, "info")
    with lateness.open("w") as file:
        watching = asyncio.create_task(watch(file))
        try:
            return await serve(first, lambda: read_config(config, raw=True))
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching


async def watch(file: TextIO) -> None:
    """A line for each beat: when it was due, by the monotonic clock, and how many seconds late it came."""
    while True:
        lines = []
        for _ in range(20):
            due = time.monotonic() + BEAT
            await asyncio.sleep(BEAT)
            lines.append(f"{due:.4f} {time.monotonic() - due:.6f}\n")
        file.write("".join(lines))
        file.flush()


# --- those who ask, alone ---


class Serials:
    """Which zones serve more than one, and how many queries had no answer."""

    def __init__(self) -> None:
        self.known: dict[str, int | None] = {}
        self.drifted: set[str] = set()
        self.lost = 0

    def note(self, seen: Iterable[Observation]) -> None:
        for observation in seen:
            self.lost += observation.outcome is not Outcome.ANSWERED
            zone = observation.query.zone
            if self.known.setdefault(zone, observation.serial) != observation.serial:
                self.drifted.add(zone)


class Sweeps:
    """CPU and wall of each time that all were asked."""

    def __init__(self, addresses: int) -> None:
        self.addresses = addresses
        self.micros: list[float] = []
        self.rates: list[float] = []
        self.lost = 0

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.micros.append((time.process_time() - cpu) / self.addresses * 1e6)
        self.rates.append(self.addresses / (time.perf_counter() - wall))

    def told(self, serials: Serials) -> dict[str, Any]:
        return {
            "micros": self.micros, "rates": self.rates, "lost": self.lost + serials.lost,
            "of": self.addresses * len(self.micros), "drifted": sorted(serials.drifted), "peak": resident("VmHWM"),
        }  # fmt: skip


async def engine(zones: Sequence[str], addresses: Sequence[Address], sweeps: int) -> dict[str, Any]:
    """The first sweep reads every answer; the others tell that they are the same."""
    count, places = len(zones), len(addresses)
    prober = ServiceProber(UNPACED, {}, now)
    prober.engine.use(AddressMetrics.of(count * places))
    names = wire_names(zones)
    batches = [
        QueryBatch(f"ns{place + 1}", address, names, range(place, count * places, places))
        for place, address in enumerate(addresses)
    ]
    measured, serials = Sweeps(count * places), Serials()
    for sweep in range(1 + sweeps):
        unchanged = changed = 0
        with measured.one():
            async for update in prober.engine.ask(batches):
                unchanged += len(update.unchanged)
                changed += len(update.changed)
                serials.note(observation for _, observation in update.changed)
        measured.lost += count * places - unchanged - changed
        if not sweep:
            prober.engine.enable_fast_path(range(count * places), [0] * (count * places))
    await prober.close()
    return measured.told(serials)


async def prober(zones: Sequence[str], addresses: Sequence[Address], sweeps: int) -> dict[str, Any]:
    """dnspython asks and reads, every time."""
    prober = DnsClient(UNPACED, {}, now)
    queries = [
        Query(zone, f"ns{place}", address, zone, "SOA", identify=True)
        for zone in zones
        for place, address in enumerate(addresses, 1)
    ]
    measured, serials = Sweeps(len(queries)), Serials()
    for _ in range(sweeps):
        with measured.one():
            async for batch in prober(queries):
                serials.note(batch)
    await prober.close()
    return measured.told(serials)


# --- a whole zone ---


async def content(zone: str, address: Address) -> dict[str, Any]:
    """With the settings as they are by default. Memory is what it takes above the same process before it asks."""
    prober = DnsClient(Probe(), {}, now)
    async for _ in prober([Query(zone, "ns1", address, zone, "SOA")]):
        pass
    before, late = resident("VmRSS"), []

    async def beat() -> None:
        while True:
            due = time.monotonic() + BEAT
            await asyncio.sleep(BEAT)
            late.append(time.monotonic() - due)

    beating = asyncio.create_task(beat())
    wall, cpu = time.perf_counter(), time.process_time()
    query = Query(zone, "ns1", address, zone, "AXFR", Transport.TCP, whole=True, content=())
    (seen,) = [one async for batch in prober([query]) for one in batch]
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    beating.cancel()
    await prober.close()
    return {
        "wall": wall, "cpu": cpu, "memory": resident("VmHWM") - before, "records": seen.records,
        "result": str(seen.transfer), "late": sorted(late)[int(len(late) * 0.99)] if late else 0.0,
    }  # fmt: skip


def resident(key: str) -> float:
    """Megabytes: of VmRSS now, of VmHWM at most."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith(key)) / 1024


if __name__ == "__main__":
    main(sys.argv[1:])
