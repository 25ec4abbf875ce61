"""Measures the whole service, from query to commit: first when all is new, then while nothing changes."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.process import ALL
from bench.servers import Pair
from bench.service import Service, Spell, median, service, spell, taken, until
from bench.table import Asked, middle, written

FULL = "1500ms"
"""A cadence so short that there is nothing to spread a sweep over: all sweeps are at full pace."""

FIRST, QUIET, DRIFTING = "soawatch: first sweep, all new", "soawatch: nothing new", "soawatch: 1 % is behind"


@dataclass(slots=True)
class Walk:
    """What was seen of one service from its start to its end."""

    asked: list[Asked] = field(default_factory=list)
    page: float = 0.0
    """Seconds from the start of the process until it listens."""
    first: float = 0.0
    """… to the first verdict."""
    all: float = 0.0
    """… to the last."""
    sweeps: list[float] = field(default_factory=list)
    kernel: float = 0.0
    """The part of quiet sweeps' CPU that is spent in the kernel."""
    late_first: float = 0.0
    late: float = 0.0
    visits: dict[str, list[float]] = field(default_factory=dict)
    noticed: float = 0.0
    """Seconds from the new version to all that are behind being told."""
    database: float = 0.0


@dataclass(frozen=True, slots=True)
class Care:
    """How long each spell is watched, in seconds, and how often each page is asked for."""

    seconds: float = 12.0
    visits: int = 15


def walk(pair: Pair, directory: Path, care: Care) -> Walk:
    """The servers agree at first, and do not in the end."""
    pair.agree()
    done = Walk()
    with service(pair.zones, pair.addresses, directory, FULL) as one:
        asked = Asker(pair, one)
        begun = begin(one, len(pair.zones), done)
        quiet = spell(one, queries=3 * asked.addresses, seconds=care.seconds)
        done.asked = [asked.first(done, begun), asked.said(QUIET, quiet)]
        visited = visit(one, done, care.visits)
        done.kernel = quiet.kernel
        done.late = max(quiet.late, visited.late)
        done.sweeps += [*quiet.durations, *visited.durations]
        pair.move()
        moved = time.monotonic()
        found = noticed(one, len(pair.moving))
        done.noticed = time.monotonic() - moved
        drifting = spell(one, queries=3 * asked.addresses, seconds=care.seconds)
        false = len(found - pair.drifted)
        told = f"{len(found & pair.drifted)} of {len(pair.drifted)}, {false} false"
        done.asked.append(asked.said(DRIFTING, drifting, told))
        done.database = sum(path.stat().st_size for path in directory.glob("soawatch.db*")) / 1e6
    return done


@dataclass(slots=True)
class Asker:
    pair: Pair
    one: Service

    @property
    def addresses(self) -> int:
        return 2 * len(self.pair.zones)

    def first(self, done: Walk, begun: tuple[float, float]) -> Asked:
        """CPU since the page was there, wall of the sweep."""
        reading = self.one.reading()
        cpu, wall = begun
        addresses = self.addresses
        lost = reading.queries - reading.answered
        return Asked(FIRST, cpu / addresses * 1e6, addresses / wall, self.one.program.peak(), lost, of=addresses)

    def said(self, what: str, spell_: Spell, found: str = "") -> Asked:
        rate = self.addresses / median(spell_.durations) if spell_.durations else 0.0
        return Asked(what, spell_.micro, rate, self.one.program.peak(), spell_.lost, found, spell_.queries)


def begin(one: Service, zones: int, done: Walk) -> tuple[float, float]:
    """Waits until all zones have a verdict. CPU and seconds of that since the page was there."""
    done.page = time.monotonic() - one.begun
    cpu = one.program.cpu()
    for since in until(900.0, one):
        if zones - one.zones("unknown"):
            done.first = since
            break
    for since in until(900.0, one):
        if one.ready() and not one.zones("unknown"):
            done.all = since
            break
    now = time.monotonic()
    done.late_first = Spell(one.reading(), one.reading(), (), one.lateness(one.begun + done.page, now)).late
    return one.program.cpu() - cpu, done.all - done.page


def visit(one: Service, done: Walk, times: int) -> Spell:
    """How long pages take while the sweeps go on."""
    first = last = one.reading()
    durations = []
    for path in ("/", "/metrics", "/api/v1/zones", "/healthz"):
        # More than a second apart: what is kept for a second is not what is measured.
        done.visits[path] = taken(one, path, times, 1.1 if path == "/metrics" else 0.2)
        before, last = last, one.reading()
        if last.swept != before.swept:
            durations.append(last.duration)
    return Spell(first, last, tuple(durations), one.lateness(first.at, last.at))


def noticed(one: Service, zones: int, patience: float = 120.0) -> set[str]:
    """The zones that are told to be behind, as soon as there are so many, or when it takes too long."""
    try:
        for _ in until(patience, one, 0.2):
            if one.zones("bad") >= zones:
                break
    except TimeoutError:
        pass  # fewer than there are: that is what the table shows
    return one.names("bad")


def described(walks: Sequence[Walk], zones: int) -> str:
    """What is not per address."""
    rows = [
        ("process started to page there", middle([walk.page for walk in walks]), ""),
        ("process started to first verdict", middle([walk.first for walk in walks]), "10 s at 100 000 zones"),
        ("process started to all verdicts", middle([walk.all for walk in walks]), ""),
        ("one quiet sweep, asked to committed", middle([sweep for walk in walks for sweep in walk.sweeps]), ""),
        ("nothing new: CPU spent in the kernel", middle([walk.kernel * 100 for walk in walks], 0, " %"), ""),
        ("new version to all that lag being told (1 % of the zones)", middle([walk.noticed for walk in walks]), ""),
        ("event loop late, p99, first sweep", ms([walk.late_first for walk in walks]), "50 ms"),
        ("event loop late, p99, quiet sweeps with visitors", ms([walk.late for walk in walks]), "50 ms"),
    ]
    for path in walks[0].visits:
        took = [seconds * 1000 for walk in walks for seconds in walk.visits[path]]
        rows.append((f"`{path}` during sweeps, median", ms(took), "200 ms"))
    rows.append(("database at the end", f"{max(walk.database for walk in walks):.1f} MB", ""))
    return f"{zones:,} zones, {2 * zones:,} addresses, on {len(ALL)} cores:\n\n" + written(
        ("what", "measured", "goal"), rows
    )


def ms(values: Sequence[float]) -> str:
    return middle(values, 0, " ms")
