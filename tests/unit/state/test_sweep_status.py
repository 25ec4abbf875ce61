"""Which cadence is kept, told from when sweeps began; and when that is said to people."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.config.low_caps import LowCap
from monitor.state.sweep_status import SweepStatus, begun, not_begun

START = datetime(2026, 11, 20, 10, tzinfo=UTC)
LOW = (LowCap("probe.max_qps_per_server", "ns1", 10, 20),)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def swept(begins: Iterable[float], *, under_way: bool = True, low: tuple[LowCap, ...] | None = ()) -> SweepStatus:
    """A minute's cadence, whose sweeps were called for at these seconds; all but the last are complete."""
    sweep = replace(not_begun("soa-serial", timedelta(minutes=1)), low_caps=low)
    for number, at in enumerate(begins):
        if number:
            sweep = replace(sweep, finished=after(at - 1))
        sweep = begun(sweep, after(at))
    return replace(sweep, under_way=under_way, finished=sweep.finished if under_way else after(0))


@pytest.mark.parametrize(
    ("story", "sweep", "at", "kept", "late", "lagging"),
    [
        ("nothing has begun", not_begun("soa-serial", timedelta(minutes=1)), 500, None, False, False),
        ("each at its turn", swept([0, 60, 120]), 150, 60, False, False),
        ("a moment late is not late", swept([0, 60.8, 121]), 125, 60, False, False),
        ("it has ended, and waits for its turn", swept([0, 60], under_way=False), 119, 60, False, False),
        ("one turn was missed", swept([0, 60, 180]), 185, 120, True, False),
        ("two in a row came late", swept([0, 60, 180, 300]), 305, 120, True, True),
        ("late, in time again", swept([0, 60, 180, 300, 360]), 365, 60, False, False),
        ("every other one is late", swept([0, 120, 180, 300]), 305, 120, True, False),
        ("it takes longer, though not for long", swept([0, 60]), 145, 85, False, False),
        ("the next one will be late", swept([0, 60]), 151, 91, True, True),
        ("longer already than the time between the two before", swept([0, 60, 180]), 400, 220, True, True),
        ("shorter yet than that", swept([0, 60, 360]), 370, 300, True, False),
        ("the first look takes its time", swept([0]), 200, 200, True, False),
        ("the first look, and the caps are not known yet", swept([0], low=None), 200, 200, True, False),
        ("the first look under a cap that is too low", swept([0], low=LOW), 200, 200, True, True),
        ("the first look, not yet late", swept([0], low=LOW), 80, 80, False, False),
        ("a clock that was set back", swept([0, 60, 30]), 40, 60, False, False),
        ("nothing has begun for long, nothing is under way", swept([0, 60], under_way=False), 300, 240, True, False),
    ],
)
def test_the_cadence_that_is_kept(
    story: str, sweep: SweepStatus, at: float, kept: float | None, late: bool, lagging: bool
) -> None:
    now = after(at)
    found = sweep.kept(now)
    assert (found and found.total_seconds(), sweep.is_late(now), sweep.is_lagging(now)) == (kept, late, lagging)


def test_the_first_sweep_begins_when_it_is_called_for_and_a_complete_one_keeps_its_times() -> None:
    first = begun(not_begun("records", timedelta(minutes=5)), START)
    assert (first.started, first.finished, first.under_way) == (START, None, True)
    ended = replace(first, started=after(3), finished=after(20), under_way=False)
    second = begun(ended, after(300))
    assert (second.started, second.finished, second.begun) == (after(3), after(20), after(300))
