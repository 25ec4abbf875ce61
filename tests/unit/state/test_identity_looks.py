"""When a zone is looked at again, sooner than its cadence has it, because it is open who answers with what."""

from datetime import timedelta

import pytest

from checks.model import Zone
from checks.zone_state.identities import UNNAMED_LOOKS
from checks.zone_state.model import ZoneState
from monitor.state import identity_looks
from monitor.state.identity_looks import PAUSE, IdentityLooks
from monitor.state.monitor_state import MonitorState
from monitor.state.pipeline import process
from tests.support.monitor_state import plan
from tests.support.observations import NOON, checked_at, story, zone

HOUR = timedelta(hours=1)
PAIR = zone()
LOOK = ("soa-serial", PAIR.name)


def state(ns2: str, primary: str = "11") -> ZoneState:
    """What is known of the pair after these looks."""
    return story(PAIR, {"ns1": " ".join([primary] * len(ns2.split())), "ns2": ns2})[-1].zone_state


OPEN, SETTLED = state("11 10 11 10 11"), state("11@a 10@b 11@a")


@pytest.mark.parametrize(
    ("known", "open_"),
    [
        (state("11 11 11"), False),
        (state("11 10 11"), True),
        (state("11 10 11 10"), False),
        (SETTLED, False),
        (state("11@a 10@b 11@a 11@a 11@a"), False),
        (state("11@a 10@b 11@a 11@a 11@a 11@a"), True),
    ],
    ids=["alike", "one return", "two returns", "named", "missed thrice", "missed four times"],
)
def test_it_is_asked_again_while_the_answers_tell_more(known: ZoneState, open_: bool) -> None:
    looks = IdentityLooks()
    assert looks.next_look("a.", known, NOON, HOUR) == (NOON + PAUSE if open_ else None)
    assert ("a." in looks) is open_


def test_no_sooner_than_its_cadence_and_not_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity_looks, "MAX_ZONES", 2)
    looks, known = IdentityLooks(), state("11 10 11")
    assert looks.next_look("a.", known, NOON, PAUSE) is None
    assert looks.next_look("a.", known, NOON, HOUR)
    assert looks.next_look("b.", known, NOON, HOUR)
    assert looks.next_look("c.", known, NOON, HOUR) is None
    assert looks.next_look("a.", known, NOON + PAUSE, HOUR), "who has a place keeps it"
    assert looks.next_look("a.", SETTLED, NOON + PAUSE, HOUR) is None
    assert looks.next_look("c.", known, NOON + PAUSE, HOUR)
    assert looks.next_look("d.", known, NOON + 2 * PAUSE, HOUR) is None
    assert looks.next_look("d.", known, NOON + 4 * PAUSE, HOUR), "nobody has looked at the others since"


def lived(zone: Zone, tokens: list[str], cadence: timedelta) -> tuple[list[timedelta], MonitorState]:
    """How long after each look the next one came: at the appointment, or else at the cadence."""
    memory, rules, at, pauses = MonitorState(), plan(zone), NOON, []
    for token in tokens:
        poll = checked_at(zone, {"ns1": "11", "ns2": token}, at, cadence=cadence)
        _, pending = process(memory, [poll], rules, at)
        when = pending.rechecks.get(LOOK) or at + cadence
        pauses.append(when - at)
        at = when
    return pauses, memory


def test_what_would_take_forty_hours_takes_as_long_as_patience() -> None:
    """A machine without NSID that is repaired, at a zone that is looked at once an hour; all is well before."""
    stale = ["11", "10"] * 6
    pauses, memory = lived(PAIR, [*stale, *["11"] * 60], HOUR)
    repaired = pauses[len(stale) :]
    assert PAUSE in repaired
    assert repaired.count(PAUSE) < UNNAMED_LOOKS
    assert sum(repaired[: UNNAMED_LOOKS + 3], timedelta()) < 4 * HOUR
    assert memory.zone_states[PAIR.name].address_states[1].identities == ()
    assert not memory.active_alerts


def test_a_stale_machine_that_is_known_is_left_to_the_cadence() -> None:
    pauses, memory = lived(PAIR, ["11@a", "10@b"] * 20, timedelta(minutes=1))
    assert memory.active_alerts
    assert set(pauses[20:]) == {timedelta(minutes=1)}
