"""Measures the worst day: every zone changes each minute, all are late at once, nobody answers, all are well again.

uv run python -m bench.worst                 # 20 000 zones of two NSD servers, all checks, without a cap that binds
uv run python -m bench.worst --zones 2000 --seconds 30
"""

import argparse
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from bench.process import end_well
from bench.servers import Pair, names, nsd_pair
from bench.service import Reading, Service, Spell, median, service, until
from bench.table import machine, say, written

CONFIG = """
[service]
listen = "127.0.0.1:0"
log_format = "json"
[probe]
max_qps_per_server = 100000
{probe}
[servers.ns1]
addresses = ["{one}"]
[servers.ns2]
addresses = ["{two}"]
[[lists]]
file = "zones.txt"
servers = ["ns1", "ns2"]
primary = "ns1"
max_lag = "1m"
"""

VISITED = ("/metrics", "/", "/api/v1/zones", "/incidents")

PAUSE = 1.1
"""Seconds between two visits of a page: what is kept for a second is not what is measured."""

PATIENCE = 600.0

VERSIONS = 3
"""So many new versions each zone has in a storm of serials …"""

CADENCE = 60.0
"""… so many seconds apart, in which soa-serial sees each of them."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.worst", description=__doc__.partition("\n")[0])
    parser.add_argument("--zones", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=70.0, help="how long each spell is watched (70)")
    options = parser.parse_args()
    end_well()
    zones = names(options.zones)
    print(machine(), flush=True)
    print(f"\n## {len(zones):,} zones, all of them, on two servers; all checks at their default cadence\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="soawatch-bench-") as name, nsd_pair(zones, frozenset(zones)) as pair:
        print(measured(pair, Path(name) / "service", options.seconds))


def measured(pair: Pair, directory: Path, seconds: float) -> str:
    """A row for each spell of the day."""
    count, one_server = len(pair.zones), pair.servers[1]
    with service(pair.zones, pair.addresses, directory, config=CONFIG) as one:
        day = Day(one)
        with day.spell("all serials for the first time"):
            one_ready(one)
        with day.spell("the other checks begin"):
            time.sleep(seconds)  # to be watched so long
        with day.spell(f"every zone has a new version, {VERSIONS} times, a cadence apart"):
            for _ in range(VERSIONS):
                pair.move()
                pair.agree()
                time.sleep(CADENCE)
        with day.spell("all zones of one server are late", lambda: one.zones("bad") >= count):
            pair.move()
        with day.spell("… and stay so"):
            time.sleep(seconds)  # to be watched so long
        with day.spell("… and are well again", lambda: one.zones("good") >= count):
            pair.agree()
        with day.spell("one server is silent", lambda: one.zones("bad") >= count):
            one_server.process.signal_all(signal.SIGSTOP)
        with day.spell("both are silent"):
            pair.servers[0].process.signal_all(signal.SIGSTOP)
            time.sleep(seconds)  # to be watched so long
        with day.spell("both answer again", lambda: one.zones("good") >= count):
            for server in pair.servers:
                server.process.signal_all(signal.SIGCONT)
        return written(HEAD, day.rows)


def one_ready(one: Service) -> None:
    for _ in until(PATIENCE, one):
        if one.ready():
            return


HEAD = (
    "what happens", "until all show it", "CPU of a core", "loop late p99", "worst", "`/metrics`, worst", "`/`, worst",
    "`/incidents`, worst", "sweeps missed",
)  # fmt: skip


@dataclass(slots=True)
class Day:
    """Spells one after the other, each with visitors who ask for one page after the other all the time."""

    one: Service
    rows: list[Sequence[str]] = field(default_factory=list)

    @contextmanager
    def spell(self, what: str, shown: Callable[[], bool] | None = None) -> Iterator[None]:
        """From what happens in the block until the zones have ``shown`` it, and all that is measured meanwhile."""
        say(what)
        first, missed = self.one.reading(), self.one.value("soawatch_sweeps_missed_total")
        with Visitor(str(self.one.web.base_url)) as visitor:
            yield
            took = self._until(shown) if shown is not None else ""
        last = self.one.reading()
        missed = self.one.value("soawatch_sweeps_missed_total") - missed
        self.rows.append(self._row(what, took, first, last, visitor, int(missed)))

    def _until(self, shown: Callable[[], bool]) -> str:
        """How long it takes from now; one that takes too long is a figure, too."""
        begun = time.monotonic()
        try:
            next(None for _ in until(PATIENCE, self.one, 0.5) if shown())
        except TimeoutError:
            return f"not within {PATIENCE:.0f} s"
        return f"{time.monotonic() - begun:.0f} s"

    def _row(
        self, what: str, took: str, first: Reading, last: Reading, visitor: "Visitor", missed: int
    ) -> Sequence[str]:
        seen = Spell(first, last, (), self.one.lateness(first.at, last.at))
        worst = seen.lateness[-1] * 1000 if seen.lateness else 0.0
        pages = [
            f"{median(seconds) * 1000:.0f} ms, {max(seconds) * 1000:.0f} ms" if (seconds := visitor.took[path]) else ""
            for path in ("/metrics", "/", "/incidents")
        ]
        share = f"{seen.cpu / seen.seconds * 100:.0f} %"
        return (what, took, share, f"{seen.late:.0f} ms", f"{worst:.0f} ms", *pages, f"{missed}")


class Visitor:
    """Asks for pages, one after the other, and notes how many seconds each takes."""

    def __init__(self, base_url: str) -> None:
        self.took: dict[str, list[float]] = {path: [] for path in VISITED}
        self._base_url, self._over = base_url, threading.Event()
        self._thread = threading.Thread(target=self._visit, daemon=True)

    def __enter__(self) -> "Visitor":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _visit(self) -> None:
        with httpx.Client(base_url=self._base_url, timeout=60) as client:
            while not self._over.wait(PAUSE / len(VISITED)):
                for path in VISITED:
                    begun = time.monotonic()
                    client.get(path).raise_for_status()
                    self.took[path].append(time.monotonic() - begun)
                    if self._over.wait(PAUSE / len(VISITED)):
                        return


if __name__ == "__main__":
    main()
