"""That alerts came and went is remembered: for how long, and of how many."""

from dataclasses import replace
from datetime import timedelta

from alerting.flapping import FLAPPING_WINDOW
from alerting.model import Alert, Flaps, Phase
from monitor.state.monitor_state import MonitorState
from monitor.state.past_alerts import PastAlerts
from tests.support.alerts import alert, minute


def over(zone: str, at: float) -> Alert:
    flaps = Flaps(minute(0), 1, 60, minute(at))
    return replace(alert(zone, "serial-late", "ns2"), phase=Phase.OK, since=minute(at), flaps=flaps)


def test_only_what_is_over_and_may_come_again_is_kept() -> None:
    past, one = PastAlerts(), over("a.example.", 1)
    past.put(one)
    assert dict(past) == {one.key: one}
    assert len(past) == 1
    past.put(replace(one, phase=Phase.PENDING))
    assert not past
    past.put(replace(one, flaps=None))
    assert not past


def test_it_is_kept_for_as_long_as_it_may_come_again() -> None:
    past, one = PastAlerts(), over("a.example.", 1)
    past.put(one)
    past.put(over("b.example.", 2))
    past.put(replace(over("c.example.", 2), since=one.since + FLAPPING_WINDOW + timedelta(seconds=1)))
    assert [key.zone for key in past] == ["b.example.", "c.example."]


def test_of_too_many_the_oldest_are_forgotten(monkeypatch) -> None:
    monkeypatch.setattr("monitor.state.past_alerts.MAX_PAST_ALERTS", 2)
    past = PastAlerts()
    for name in ("a.example.", "b.example.", "c.example."):
        past.put(over(name, 1))
    assert [key.zone for key in past] == ["b.example.", "c.example."]


def test_what_is_known_of_it_moves_between_what_stands_and_what_is_over() -> None:
    state, one = MonitorState(), over("a.example.", 1)
    state.put(one)
    assert (len(state.active_alerts), len(state.past_alerts)) == (0, 1)
    state.put(replace(one, phase=Phase.FIRING))
    assert (len(state.active_alerts), len(state.past_alerts)) == (1, 0)
