"""The history of a zone as lanes, one for each address: plain numbers that a template draws."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from checks.common.text import format_duration
from monitor.state.ports import AddressHistoryRow
from monitor.web.formatting import clock, many

SPANS: dict[str, timedelta] = {
    "10m": timedelta(minutes=10),
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
SHADES = 6
"""How many colours there are."""
_TOP, _LANE, _BAR, _FOOT = 6, 52, 24, 30
_STEPS = tuple(timedelta(minutes=m) for m in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 7200, 14400))
_SLIVER = 0.2
"""A run is drawn at least this wide, in percent: a short one must not vanish."""
_MAX_SEGMENTS = 400


@dataclass(frozen=True, slots=True)
class Segment:
    """A run on its lane; ``x`` and ``width`` in percent. ``fits``: where its label has room: "", "wide" or "all"."""

    x: float
    width: float
    shade: str
    label: str
    title: str
    fits: str


@dataclass(frozen=True, slots=True)
class Lane:
    server: str
    address: str
    y: int
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class AxisTick:
    x: float
    label: str


@dataclass(frozen=True, slots=True)
class HistoryChart:
    """``ticks`` are times on the axis, ``new_versions`` the first sight of a version anywhere."""

    height: int
    foot: int
    lanes: tuple[Lane, ...]
    ticks: tuple[AxisTick, ...]
    new_versions: tuple[AxisTick, ...]
    title: str
    description: str
    rows: tuple[AddressHistoryRow, ...]
    left_out: int
    bar: int = _BAR


def history_chart(
    zone: str,
    runs: Sequence[AddressHistoryRow],
    now: datetime,
    length: timedelta,
    references: Collection[int | None] = (),
) -> HistoryChart:
    """The lanes of the last ``length``; runs that ended before it are left out, those that began before it are cut.

    ``references`` are the serials everybody should serve now: they alone have the first colour.
    """
    start = now - length
    within = [r for r in runs if (r.until or now) > start and r.since <= now]
    kept = sorted(within, key=lambda r: r.since)[-_MAX_SEGMENTS:]
    shades = _shades(kept, references)
    lanes = []
    for index, (server, address) in enumerate(dict.fromkeys((r.server, r.address) for r in _by_lane(kept))):
        own = [r for r in kept if (r.server, r.address) == (server, address)]
        segments = tuple(_segment(r, shades, start, now) for r in own)
        lanes.append(Lane(server, address, _TOP + index * _LANE, segments))
    bottom = _TOP + len(lanes) * _LANE
    return HistoryChart(
        height=bottom + _FOOT,
        foot=bottom,
        lanes=tuple(lanes),
        ticks=tuple(_ticks(start, now)),
        new_versions=tuple(_new_versions(kept, start, now)),
        title=f"Versions of {zone} over the last {format_duration(length)}",
        description=_describe(kept, len(lanes)),
        rows=tuple(sorted(within, key=lambda r: r.since, reverse=True)[:_MAX_SEGMENTS]),
        left_out=max(0, len(within) - _MAX_SEGMENTS),
    )


def fitting_span(runs: Iterable[AddressHistoryRow], now: datetime) -> str:
    """The span that suits what is known: some minutes, or an hour, while nothing is older; a day otherwise."""
    earliest = min((r.since for r in runs), default=now)
    return next((name for name in ("10m", "1h") if now - earliest < SPANS[name]), "24h")


def _by_lane(runs: Iterable[AddressHistoryRow]) -> list[AddressHistoryRow]:
    return sorted(runs, key=lambda r: (r.server, r.address))


def _shades(runs: Iterable[AddressHistoryRow], references: Collection[int | None]) -> dict[int, str]:
    """Each version has its colour on all lanes: the reference the first, the others the rest in turn."""
    first: dict[int, datetime] = {}
    for run in runs:
        if run.serial is not None and run.outcome == "answered":
            first.setdefault(run.serial, run.since)
    others = sorted(first.keys() - set(references), key=lambda serial: first[serial], reverse=True)
    return dict.fromkeys(first, "v0") | {serial: f"v{1 + index % (SHADES - 1)}" for index, serial in enumerate(others)}


def _segment(run: AddressHistoryRow, shades: dict[int, str], start: datetime, now: datetime) -> Segment:
    x = _percent(max(run.since, start), start, now)
    end = _percent(run.until or now, start, now)
    width = max(_SLIVER, end - x)
    answered = run.outcome == "answered" and run.serial is not None
    label = str(run.serial) if answered else run.outcome
    shade = shades[run.serial] if answered and run.serial is not None else "gap"
    until = "now" if run.until is None else clock(run.until, now)
    lasted = format_duration((run.until or now) - run.since)
    return Segment(
        x=min(x, 100 - _SLIVER),
        width=width,
        shade=shade,
        label=label,
        title=f"{run.server} {run.address}: {label}, {clock(run.since, now)} to {until} ({lasted})",
        fits="all" if width > 30 else "wide" if width > 10 else "",
    )


def _new_versions(runs: Iterable[AddressHistoryRow], start: datetime, now: datetime) -> list[AxisTick]:
    first: dict[int, datetime] = {}
    for run in runs:
        if run.serial is not None and run.outcome == "answered":
            first.setdefault(run.serial, run.since)
    begun = min(first.values(), default=start)  # what is served when the watch begins is not born then
    seen = [AxisTick(_percent(at, start, now), str(serial)) for serial, at in first.items() if at > max(start, begun)]
    return seen[-20:]


def _ticks(start: datetime, now: datetime) -> list[AxisTick]:
    """Round times, four to seven of them; dates where a day is shorter than the distance."""
    step = next((s for s in _STEPS if (now - start) / s <= 6), _STEPS[-1])
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    at = midnight + step * ((start - midnight) // step + 1)
    ticks = []
    while at < now:
        label = f"{at:%H:%M}" if step < timedelta(days=1) else f"{at.day} {at:%b}"
        x = _percent(at, start, now)
        if 4 <= x <= 93:
            ticks.append(AxisTick(x, label))
        at += step
    return ticks


def _percent(at: datetime, start: datetime, now: datetime) -> float:
    share = (at - start) / (now - start)
    return round(min(100.0, max(0.0, share * 100)), 3)


def _describe(runs: Sequence[AddressHistoryRow], lanes: int) -> str:
    versions = {r.serial for r in runs if r.outcome == "answered" and r.serial is not None}
    silent = sum(r.outcome != "answered" for r in runs)
    return (
        f"One lane for each of {many(lanes, 'address', 'addresses')}; {many(len(versions), 'version')} in all; "
        f"{many(silent, 'time')} without an answer. "
        "The table below has the same in words."
    )
