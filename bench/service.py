"""A real service: started, asked how it is, and ended, by its command line, its pages and its signals."""

import contextlib
import functools
import json
import re
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import httpx

from bench.process import Running, as_installed, core, running
from checks.registry import CHECKS

OTHERS_OFF = "".join(f'{name} = "off"\n' for name in CHECKS if name != "soa-serial")

CONFIG = f"""
[service]
listen = "127.0.0.1:0"
log_format = "json"
[cadence]
soa-serial = "{{cadence}}"
{OTHERS_OFF}[probe]
timeout = "500ms"
max_qps_per_server = 10000000
{{probe}}
[servers.ns1]
addresses = ["{{one}}"]
[servers.ns2]
addresses = ["{{two}}"]
[[lists]]
file = "zones.txt"
servers = ["ns1", "ns2"]
primary = "ns1"
max_lag = "1s"
"""

SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)


@dataclass(slots=True)
class Service:
    """A service under measure."""

    program: Running
    directory: Path
    begun: float
    addresses: Sequence[tuple[str, int]]
    workers: int
    config: str = CONFIG
    web: httpx.Client = field(init=False)

    def wait_for_page(self, patience: float = 600.0) -> None:
        for _ in until(patience, self):
            for line in self.program.err.read_text().splitlines():
                with contextlib.suppress(ValueError):
                    if page := json.loads(line).get("page"):
                        self.web = httpx.Client(base_url=page, timeout=60)
                        return

    def configure(self, cadence: str) -> None:
        """It must be told of it, by SIGHUP."""
        one, two = (f"{host}:{port}" for host, port in self.addresses)
        probe = f"workers = {self.workers}" if self.workers > 1 else ""
        text = self.config.format(cadence=cadence, one=one, two=two, probe=probe)
        (self.directory / "bench.toml").write_text(text)

    def reload(self, cadence: str) -> None:
        """Returns when the new cadence is in force."""
        before = self.value("soawatch_config_last_reload_success_timestamp_seconds")
        self.configure(cadence)
        self.program.signal(signal.SIGHUP)
        for _ in until(120.0, self):
            if self.value("soawatch_config_last_reload_success_timestamp_seconds") > before:
                return

    def zones(self, health: str) -> int:
        answer = self.web.get("/api/v1/zones", params={"health": health, "limit": 1}).raise_for_status()
        return int(answer.headers["X-Total-Count"])

    def names(self, health: str) -> set[str]:
        found: set[str] = set()
        for page in count():
            params: dict[str, str | int] = {"health": health, "limit": 1000, "offset": 1000 * page}
            part = self.web.get("/api/v1/zones", params=params).raise_for_status().json()
            found.update(zone["name"] for zone in part)
            if len(part) < 1000:
                return found
        return found

    def ready(self) -> bool:
        return self.web.get("/readyz").status_code == 200

    def metrics(self) -> "Metrics":
        return Metrics(self.web.get("/metrics").raise_for_status().text)

    def value(self, name: str, **labels: str) -> float:
        return self.metrics().total(name, **labels)

    def lateness(self, begun: float, ended: float) -> list[float]:
        """Of the event loop, in that time: seconds, sorted; none where it is not watched."""
        path = self.directory / "lateness"
        lines = (line.split() for line in path.read_text().splitlines()) if path.exists() else ()
        return sorted(float(late) for due, late in lines if begun <= float(due) <= ended)

    def reading(self) -> "Reading":
        metrics = self.metrics()
        return Reading(
            time.monotonic(), self.program.cpu_each(), self.program.kernel(),
            int(metrics.total("soawatch_queries_total")),
            int(metrics.total("soawatch_queries_total", outcome="answered")),
            metrics.total("soawatch_sweep_duration_seconds"),
            metrics.total("soawatch_last_sweep_timestamp_seconds"),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Metrics:
    text: str

    def total(self, name: str, **labels: str) -> float:
        """The sum of all samples of that name and those labels."""
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        return sum(
            float(value)
            for found, has, value in SAMPLE.findall(self.text)
            if found == name and all(label in has for label in wanted)
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """What a service says of itself and what it has taken, at a moment."""

    at: float
    cpu: dict[int, float]
    """Process → seconds."""
    kernel: float
    """How many of them in the kernel."""
    queries: int
    answered: int
    duration: float
    """Of the last sweep that has ended."""
    swept: float
    """When that was."""


@dataclass(frozen=True, slots=True)
class Spell:
    """From one reading to another."""

    first: Reading
    last: Reading
    durations: tuple[float, ...]
    """Of the sweeps that have ended meanwhile."""
    lateness: Sequence[float]
    """Of the event loop, sorted."""

    @property
    def queries(self) -> int:
        return self.last.queries - self.first.queries

    @property
    def lost(self) -> int:
        return self.queries - (self.last.answered - self.first.answered)

    @property
    def seconds(self) -> float:
        return self.last.at - self.first.at

    @property
    def cpu(self) -> float:
        return sum(self.last.cpu.values()) - sum(self.first.cpu.values())

    @property
    def cpu_each(self) -> dict[int, float]:
        return {pid: took - self.first.cpu.get(pid, 0.0) for pid, took in self.last.cpu.items()}

    @property
    def kernel(self) -> float:
        """The part of the CPU that was spent in the kernel."""
        return (self.last.kernel - self.first.kernel) / self.cpu if self.cpu else 0.0

    @property
    def micro(self) -> float:
        """CPU per address."""
        return self.cpu / max(1, self.queries) * 1e6

    @property
    def late(self) -> float:
        """The 99th percentile, in milliseconds."""
        return self.lateness[int(0.99 * len(self.lateness))] * 1000 if self.lateness else 0.0


@functools.cache
def compile_once() -> None:
    """What a service imports: its first start after an installation is not what is measured."""
    subprocess.run([sys.executable, "-c", "import bench.inside"], env=as_installed(), check=True)


@contextlib.contextmanager
def service(
    zones: Sequence[str],
    addresses: Sequence[tuple[str, int]],
    directory: Path,
    cadence: str = "",
    *,
    workers: int = 1,
    config: str = CONFIG,
    watched: bool = True,
) -> Iterator[Service]:
    """``soawatch run`` on core 0, with as many more cores as it has workers more; the page is there.

    ``config`` is formatted with ``one`` and ``two``, the addresses, and what else ``CONFIG`` has. ``watched``: how late
    its event loop is is noted a hundred times a second, which costs 1 to 2 % of a core.
    """
    compile_once()
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "zones.txt").write_text("".join(f"{zone}\n" for zone in zones))
    path = str(directory / "bench.toml")
    command = [sys.executable, "-m", "monitor", "run", "-c", path]
    if watched:
        command = [sys.executable, "-m", "bench.inside", "run", path, str(directory / "lateness")]
    one = Service(None, directory, time.monotonic(), addresses, workers, config)  # type: ignore[arg-type] # started below
    one.configure(cadence)
    cores = set().union(*(core(number) for number in range(workers)))
    with running(command, cores, directory) as one.program:
        try:
            one.wait_for_page()
            yield one
        finally:
            if hasattr(one, "web"):
                one.web.close()


def until(patience: float, one: Service, pause: float = 0.05) -> Iterator[float]:
    """Again and again, with a pause; seconds since its start. Raises TimeoutError, or RuntimeError when it ended."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if one.program.over:
            raise RuntimeError(f"the service ended: {one.program.err.read_text()[-1000:]}")
        yield time.monotonic() - one.begun
        time.sleep(pause)
    raise TimeoutError("the service did not come so far in time")


def spell(one: Service, *, queries: int, seconds: float, patience: float = 900.0) -> Spell:
    """Leaves it alone until at least so much time is over and so much asked."""
    first = last = one.reading()
    durations: list[float] = []
    for _ in until(patience, one, max(seconds, 1.0)):
        before, last = last, one.reading()
        if last.swept != before.swept:
            durations.append(last.duration)
        if last.at > first.at + seconds and last.queries - first.queries >= queries and durations:
            break
    return Spell(first, last, tuple(durations), one.lateness(first.at, last.at))


def taken(one: Service, path: str, times: int, pause: float) -> list[float]:
    """Seconds that a page takes, one after the other."""
    found = []
    for _ in range(times):
        begun = time.monotonic()
        one.web.get(path).raise_for_status()
        found.append(time.monotonic() - begun)
        time.sleep(pause)
    return found


def median(values: Sequence[float]) -> float:
    return statistics.median(values) if values else 0.0
