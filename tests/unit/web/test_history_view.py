"""The history of a zone shows who served which version when."""

from datetime import timedelta

import pytest

from monitor.state.ports import AddressHistoryRow
from monitor.web.history_view import SPANS, fitting_span, history_chart
from tests.support.web_status import NOW, ago


def run(
    server: str, serial: int | None, since: float, until: float | None, state: str = "answered"
) -> AddressHistoryRow:
    """A run, in hours before now."""
    return AddressHistoryRow(
        "z.", server, "192.0.2.1", serial, state, ago(hours=since), None if until is None else ago(hours=until)
    )


DAY = SPANS["24h"]

# who served what, in hours before now → lane: (from, width in percent, colour, label)
STORIES = [
    ("one version all day", [run("a", 1, 30, None)], {"a": [(0, 100, "v0", "1")]}),
    ("a change", [run("a", 1, 30, 12), run("a", 2, 12, None)], {"a": [(0, 50, "v1", "1"), (50, 50, "v0", "2")]}),
    (
        "a staircase: the same colour on every lane",
        [run("a", 1, 30, 12), run("a", 2, 12, None), run("b", 1, 30, 6), run("b", 2, 6, None)],
        {"a": [(0, 50, "v1", "1"), (50, 50, "v0", "2")], "b": [(0, 75, "v1", "1"), (75, 25, "v0", "2")]},
    ),
    (
        "silence is a gap, and the serial of before is not served in it",
        [run("a", 1, 30, 12), run("a", 1, 12, 6, "timeout"), run("a", 1, 6, None)],
        {"a": [(0, 50, "v0", "1"), (50, 25, "gap", "timeout"), (75, 25, "v0", "1")]},
    ),
    ("what is over is left out", [run("a", 1, 50, 30), run("a", 2, 30, None)], {"a": [(0, 100, "v0", "2")]}),
    ("a run of a second is still seen", [run("a", 1, 12, 11.9999), ], {"a": [(50, 0.2, "v0", "1")]}),
    ("nothing is known", [], {}),
    ("seen for the first time an hour ago", [run("a", 7, 1, None)], {"a": [(95.833, 4.167, "v0", "7")]}),
]  # fmt: skip


@pytest.mark.parametrize(("story", "runs", "wanted"), STORIES, ids=[row[0] for row in STORIES])
def test_lanes(
    story: str, runs: list[AddressHistoryRow], wanted: dict[str, list[tuple[float, float, str, str]]]
) -> None:
    chart = history_chart("z.", runs, NOW, DAY, references={max((r.serial or 0 for r in runs), default=0)})
    lanes = {lane.server: [(s.x, round(s.width, 3), s.shade, s.label) for s in lane.segments] for lane in chart.lanes}
    assert lanes == wanted


def test_a_version_is_marked_where_it_was_first_seen_anywhere() -> None:
    runs = [run("a", 1, 30, 12), run("a", 2, 12, None), run("b", 1, 30, 6), run("b", 2, 6, None)]
    assert [(tick.x, tick.label) for tick in history_chart("z.", runs, NOW, DAY).new_versions] == [(50, "2")]


@pytest.mark.parametrize("span", SPANS)
def test_the_axis_has_a_few_poll_times(span: str) -> None:
    ticks = history_chart("z.", [run("a", 1, 1000, None)], NOW, SPANS[span]).ticks
    assert 2 <= len(ticks) <= 7
    assert all(0 < tick.x < 100 for tick in ticks)
    assert ticks[0].label[-2:] in ("00", "10", "15", "20", "30", "40", "45", "50") or not ticks[0].label[0].isalpha()


def test_a_zone_that_changes_all_the_time_is_cut_and_says_so() -> None:
    runs = [run("a", n, 20 - n / 100, 20 - (n + 1) / 100) for n in range(1000)]
    chart = history_chart("z.", runs, NOW, DAY)
    assert sum(len(lane.segments) for lane in chart.lanes) == 400
    assert len(chart.rows) == 400
    assert chart.left_out == 600
    assert chart.rows[0].serial == 999
    assert all(segment.x + segment.width <= 100.2 for segment in chart.lanes[0].segments)


def test_the_span_suits_what_is_known() -> None:
    assert fitting_span([run("a", 1, 0.1, None)], NOW) == "10m"
    assert fitting_span([run("a", 1, 0.3, None)], NOW) == "1h"
    assert fitting_span([run("a", 1, 3, None)], NOW) == "24h"
    assert fitting_span([], NOW) == "10m"


def test_what_is_served_when_the_watch_begins_is_not_born_then() -> None:
    assert history_chart("z.", [run("a", 1, 2, None), run("b", 1, 2, None)], NOW, DAY).new_versions == ()


def test_it_is_told_in_words_too() -> None:
    chart = history_chart("z.", [run("a", 1, 30, 12), run("a", 1, 12, None, "timeout")], NOW, timedelta(hours=24))
    assert chart.title == "Versions of z. over the last 1 d"
    assert chart.description.startswith("One lane for each of 1 address; 1 version in all; 1 time without an answer.")


def test_colours_say_who_serves_the_reference() -> None:
    runs = [run("a", 1, 30, None), run("b", 1, 30, 3), run("b", 2, 3, None)]
    shades = [s.shade for lane in history_chart("z.", runs, NOW, DAY, references=[2]).lanes for s in lane.segments]
    assert shades == ["v1", "v1", "v0"]
    behind_a_hidden_one = history_chart("z.", runs[:1], NOW, DAY, references=[2]).lanes[0].segments[0]
    assert behind_a_hidden_one.shade == "v1"
