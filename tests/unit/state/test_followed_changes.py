"""When a zone is looked at again while a new version is on its way."""

from datetime import timedelta

import pytest

from monitor.state import followed_changes
from monitor.state.followed_changes import FollowedChanges
from tests.support.observations import MINUTE, NOON

S = timedelta(seconds=1)


def looks(cadence: timedelta, changes_every: timedelta | None = None) -> list[float]:
    """The looks, in seconds from the first, at a zone whose secondary never comes along."""
    followed, at, found = FollowedChanges(), NOON, [0.0]
    while at - NOON < 2 * cadence:
        age = (at - NOON) % changes_every if changes_every is not None else at - NOON
        when = followed.next_look("example.com.", at - age, at, cadence)
        if when is None:
            break
        at = when
        found.append((at - NOON).total_seconds())
    return found


def test_the_pauses_double_for_half_a_cadence() -> None:
    assert looks(MINUTE) == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert looks(2 * S) == [0, 0.5, 1.5]
    assert looks(60 * MINUTE)[-1] == 2047.5


def test_a_zone_that_changes_all_the_time_has_no_more_looks_within_a_cadence() -> None:
    assert looks(MINUTE, changes_every=S) == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]


def test_the_next_change_is_followed_closely_again() -> None:
    followed = FollowedChanges()
    assert followed.next_look("a.", NOON, NOON, MINUTE) == NOON + 0.5 * S
    assert followed.next_look("a.", None, NOON + 0.5 * S, MINUTE) is None
    assert followed.next_look("a.", NOON + 30 * S, NOON + 30 * S, MINUTE) == NOON + 31 * S, "goes on doubling"
    assert followed.next_look("a.", NOON + MINUTE, NOON + MINUTE, MINUTE) == NOON + MINUTE + 0.5 * S


def test_a_clock_that_is_set_back_begins_anew() -> None:
    followed = FollowedChanges()
    assert followed.next_look("a.", NOON, NOON, MINUTE) == NOON + 0.5 * S
    back = NOON - 60 * MINUTE
    assert followed.next_look("a.", back, back, MINUTE) == back + 0.5 * S


def test_looks_without_end_within_a_cadence_as_notifies_bring_them_make_no_pause_without_end() -> None:
    followed = FollowedChanges()
    for number in range(200):
        at = NOON + number * S / 10
        followed.next_look("a.", at, at, 60 * MINUTE)
    assert followed.next_look("a.", at, at, 60 * MINUTE) is None


def test_what_has_been_on_its_way_for_long_is_left_to_the_sweeps() -> None:
    followed = FollowedChanges()
    assert followed.next_look("a.", NOON, NOON + MINUTE, MINUTE) is None
    assert "a." not in followed


def test_so_many_zones_are_followed_and_those_that_are_done_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(followed_changes, "MAX_ZONES", 2)
    followed = FollowedChanges()
    assert followed.next_look("a.", NOON, NOON, MINUTE)
    assert followed.next_look("b.", NOON, NOON, MINUTE)
    assert followed.next_look("c.", NOON, NOON, MINUTE) is None
    assert followed.next_look("a.", None, NOON + S, MINUTE) is None
    assert followed.next_look("c.", NOON, NOON + S, MINUTE)
    assert followed.next_look("d.", NOON, NOON + S, MINUTE) is None
    later = NOON + 2 * MINUTE
    assert followed.next_look("d.", later, later, MINUTE), "nobody has looked at the others since"
