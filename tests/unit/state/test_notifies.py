"""The latest NOTIFY of each zone, in bounded memory."""

from datetime import UTC, datetime, timedelta

from monitor.state.notifies import Notifies, Notify

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)


def notify(minutes: int, server: str = "ns1") -> Notify:
    return Notify(NOW + timedelta(minutes=minutes), server, "192.0.2.1")


def test_the_latest_is_kept() -> None:
    notifies = Notifies()
    assert notifies.latest("a.") is None
    for minutes in range(3):
        notifies.note("a.", notify(minutes))
    assert notifies.latest("a.") == notify(2)
    assert len(notifies) == 1


def test_the_zone_that_was_not_announced_for_longest_is_forgotten() -> None:
    notifies = Notifies(most=2)
    for zone in ("a.", "b.", "a.", "c."):
        notifies.note(zone, notify(0))
    assert [notifies.latest(zone) is not None for zone in ("a.", "b.", "c.")] == [True, False, True]


def test_zones_that_are_watched_no_more_are_forgotten() -> None:
    notifies = Notifies()
    notifies.note("a.", notify(0))
    notifies.note("b.", notify(0))
    notifies.drop(["a.", "never."])
    assert notifies.latest("a.") is None
    assert notifies.latest("b.") is not None
