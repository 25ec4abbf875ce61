"""The sweeps of the checks as they are shown: which cadence is to be kept, which is, and why it is not."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from checks.common.text import enumerated, format_duration
from monitor.config.durations import rounded, written
from monitor.config.low_caps import LowCap, few
from monitor.state.level import Level
from monitor.state.sweep_status import SweepStatus
from monitor.web.formatting import many

MAX_NAMED = 3
"""Sweeps named in the notice on every page."""


@dataclass(frozen=True, slots=True)
class SweepRow:
    """A sweep group in a line. ``kept`` and ``took`` are empty where that is not known yet; ``size`` is what the last
    sweep asked.
    """

    sweep: SweepStatus
    level: Level
    word: str
    what: Sequence[str]
    every: str
    kept: str
    took: str
    size: str


def sweep_rows(sweeps: Iterable[SweepStatus], now: datetime) -> list[SweepRow]:
    """Those whose cadence is not kept first, then by check and cadence."""
    ordered = sorted(sweeps, key=lambda sweep: (not sweep.is_lagging(now), sweep.check, sweep.cadence))
    return [_row(sweep, now) for sweep in ordered]


def lagging_text(sweeps: Iterable[SweepStatus], now: datetime) -> str:
    """Which cadences are not kept, in a sentence or two for every page; empty where all are."""
    lagging = [row for row in sweep_rows(sweeps, now) if row.sweep.is_lagging(now)]
    if not lagging:
        return ""
    named = enumerated((f"{row.sweep.check} every {row.kept} instead of {row.every}" for row in lagging), MAX_NAMED)
    caps = [low for row in lagging for low in row.sweep.low_caps or ()]
    low = [max((one for one in caps if one.setting == setting), key=lambda one: one.needed)
           for setting in sorted({one.setting for one in caps})]  # fmt: skip
    hints = [f" {one.setting} = {one.cap:g} is too low: {one.sufficient:g} would do." for one in low]
    return f"{'A cadence is' if len(lagging) == 1 else 'Cadences are'} not kept: {named}.{''.join(hints)}"


def duration(sweep: SweepStatus) -> timedelta | None:
    """Of the last complete sweep."""
    return sweep.finished - sweep.started if sweep.finished and sweep.started else None


def _row(sweep: SweepStatus, now: datetime) -> SweepRow:
    kept, took = sweep.kept(now), duration(sweep)
    level, word = _state(sweep, now)
    return SweepRow(
        sweep=sweep,
        level=level,
        word=word,
        what=_what(sweep, now) if level is not Level.GOOD else (),
        every=written(sweep.cadence),
        kept="" if kept is None else written(kept if kept == sweep.cadence else rounded(kept)),
        took="" if took is None else format_duration(took),
        size=many(sweep.zones, "zone")
        + ("" if sweep.queries is None else f", {many(sweep.queries, 'query', 'queries')}"),
    )


def _state(sweep: SweepStatus, now: datetime) -> tuple[Level, str]:
    if sweep.begun is None:
        return Level.UNKNOWN, "Not begun"
    if sweep.is_lagging(now):
        return Level.WARNING, "Not kept"
    if sweep.finished is None:
        return Level.UNKNOWN, "First look"
    return (Level.INFO, "Late") if sweep.is_late(now) else (Level.GOOD, "Kept")


def _what(sweep: SweepStatus, now: datetime) -> list[str]:
    """What is said of one that is not as it should be. A cause is named only where the estimate says that it is one."""
    if sweep.begun is None:
        return ["Its first sweep has not begun yet."]
    said = []
    if sweep.under_way and (sweep.finished is None or now - sweep.begun > sweep.cadence):
        said.append(f"A sweep has been under way for {format_duration(now - sweep.begun)}.")
    if not sweep.is_late(now) or sweep.low_caps is None:
        return said
    if not sweep.low_caps and sweep.finished is not None:
        said.append("By the estimate no cap is too low for it while all is well.")
    return said + [_shortage(low, sweep.cadence) for low in sweep.low_caps]


def _shortage(low: LowCap, cadence: timedelta) -> str:
    return (
        f"At {low.server or 'all servers together'} the cadences need {few(low.needed)} queries/s, and {low.setting} "
        f"is {low.words}: what is due in {written(cadence)} takes about {written(rounded(low.time(cadence)))}. "
        f"A cap of {low.sufficient:g} would do."
    )
