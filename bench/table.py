"""Writes down the measurements of several rounds."""

import contextlib
import os
import platform
import statistics
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Asked:
    """One measurement of one who asks. ``micro`` is CPU per address in microseconds, ``rate`` addresses a second."""

    what: str
    micro: float = 0.0
    rate: float = 0.0
    peak: float | None = None
    """Megabytes."""
    lost: int | None = None
    found: str = ""
    """Of the drift that is there."""
    of: int = 0
    """How many addresses were asked."""
    absent: str = ""
    """Why it was not measured."""


LIMIT, PEER = "dnsperf (the limit)", "blackbox_exporter"
HEAD = ("what", "CPU per address", "to dnsperf", "to blackbox", "addresses/s", "memory", "lost", "drift found")


def compared(rounds: Sequence[Sequence[Asked]]) -> str:
    """A row for each who asks: medians over the rounds, ratios taken inside each."""
    rows = []
    for what in dict.fromkeys(asked.what for one in rounds for asked in one):
        took = [asked for one in rounds for asked in one if asked.what == what]
        good = [asked for asked in took if not asked.absent]
        if not good:
            rows.append((what, took[0].absent, *[""] * 6))
            continue
        micros = [asked.micro for asked in good]
        rows.append(
            (
                what,
                f"{micro(statistics.median(micros))} µs" + _spread(micros),
                _ratio(rounds, what, LIMIT),
                _ratio(rounds, what, PEER),
                f"{statistics.median(asked.rate for asked in good):,.0f}" if good[0].rate else "",
                _most(asked.peak for asked in good),
                _lost(good),
                good[-1].found,
            )
        )
    return written(HEAD, rows)


def written(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def micro(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def middle(values: Sequence[float], digits: int = 2, unit: str = " s") -> str:
    """The median, and what was least and most."""
    if not values:
        return "not measured"
    spread = f" ({min(values):.{digits}f} to {max(values):.{digits}f})" if len(values) > 1 else ""
    return f"{statistics.median(values):.{digits}f}{unit}{spread}"


def machine() -> str:
    cores = len(os.sched_getaffinity(0))
    return (
        f"{_cpu()}, {cores} cores, {platform.system()} {platform.release()}, "
        f"{platform.python_implementation()} {platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}"
    )


def say(text: str) -> None:
    """To whoever waits; the table alone goes to stdout."""
    print(text, file=sys.stderr, flush=True)


def _cpu() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def _spread(values: Sequence[float]) -> str:
    return f" ({micro(min(values))} to {micro(max(values))})" if len(values) > 1 else ""


def _ratio(rounds: Sequence[Sequence[Asked]], what: str, other: str) -> str:
    ratios = []
    for one in rounds:
        known = {asked.what: asked.micro for asked in one if not asked.absent}
        if what in known and known.get(other):
            ratios.append(known[what] / known[other])
    if not ratios:
        return ""
    ratio = statistics.median(ratios)
    return f"1/{1 / ratio:.0f}" if 0 < ratio < 0.1 else f"{ratio:.2f}x" if ratio < 10 else f"{ratio:.0f}x"


def _most(peaks: Iterable[float | None]) -> str:
    known = [peak for peak in peaks if peak is not None]
    return f"{max(known):.0f} MB" if known else ""


def _lost(took: Sequence[Asked]) -> str:
    known = [asked for asked in took if asked.lost is not None]
    return f"{sum(asked.lost or 0 for asked in known)} of {sum(asked.of for asked in known):,}" if known else ""
