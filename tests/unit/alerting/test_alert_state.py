"""The alert machine, in stories: one look a minute, what is heard and when."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.alert_state import TRANSITIONS, advance, apply_result, next_transition, recheck, withdraw
from alerting.model import Alert, AlertKey, Phase, Policy, Reason
from checks.model import Finding, Health, Inconclusive
from checks.model.finding_type import Severity
from tests.support.alerts import ADDRESSES, SIGNS, START, finding, key, minute, result

POLICY = Policy(grace=timedelta(minutes=2), settle=timedelta(minutes=2))
KEY = key("example.org.", "serial-late", "ns2", check="soa-serial")
NEW = Alert(KEY, Phase.OK, START, Severity.WARNING, "")

STORIES = [
    ("stays good", "+++++", {}),
    ("a blip inside the grace", "+--+", {}),
    ("two blips", "-+-+", {}),
    ("comes and goes, never for a whole grace", "-+-+-+-+-+++++++++++", {4: "fired", 19: "resolved"}),
    ("comes and goes, bad for a quarter of the time", "-+++-+++-+++", {8: "fired"}),
    ("comes and goes too rarely", "-++++-++++-++++-++++-", {}),
    ("comes and goes, then stays bad, then is over", "-+-+-" + "-" * 10 + "+++", {4: "fired", 17: "resolved"}),
    ("goes bad and stays bad", "+----", {3: "fired"}),
    ("is still bad much later, and is told of once", "-" * 30, {2: "fired"}),
    ("recovers", "----++++", {2: "fired", 6: "resolved"}),
    ("flaps while recovering", "---+-+++", {2: "fired", 7: "resolved"}),
    ("flaps for long", "---" + "+-" * 10 + "+" * 11, {2: "fired", 33: "resolved"}),
    ("flaps while we look now and then", "-+-?+?-", {6: "fired"}),
    ("comes back after it was over", "---+++---", {2: "fired", 5: "resolved", 8: "fired"}),
    ("we lose sight of it while it is pending", "--?--", {3: "fired"}),
    ("we lose sight of it while it fires", "---????", {2: "fired"}),
    ("we lose sight of it while it recovers", "---+???+", {2: "fired", 7: "resolved"}),
    ("we see nothing from the start", "?????", {}),
    ("we see nothing at first", "??---", {4: "fired"}),
]


@pytest.mark.parametrize(("said", "looks", "heard"), STORIES, ids=[story[0] for story in STORIES])
def test_story(said: str, looks: str, heard: dict[int, str]) -> None:
    alert, told = NEW, {}
    for at, sign in enumerate(looks):
        alert, transition = advance(alert, SIGNS[sign], minute(at), POLICY)
        if transition is not None:
            told[at] = str(transition.reason)
            assert transition.at == minute(at)
            assert transition.after is alert.phase
    assert told == heard


def test_without_grace_and_settle_every_look_counts() -> None:
    at_once = Policy(grace=timedelta(0), settle=timedelta(0))
    alert, fired = advance(NEW, Health.BAD, minute(0), at_once)
    alert, resolved = advance(alert, Health.GOOD, minute(1), at_once)
    assert fired is not None
    assert (fired.before, fired.after, fired.reason) == (Phase.OK, Phase.FIRING, Reason.FIRED)
    assert resolved is not None
    assert (resolved.before, resolved.after, resolved.reason) == (Phase.FIRING, Phase.OK, Reason.RESOLVED)


def test_unknown_moves_nothing_from_any_phase() -> None:
    assert not {health for _, health in TRANSITIONS} & {Health.UNKNOWN}
    for phase in Phase:
        alert = replace(NEW, phase=phase)
        assert advance(alert, Health.UNKNOWN, minute(1000), POLICY) == (alert, None)


@pytest.mark.parametrize("looks", ["", "-", "---", "---+"], ids=["ok", "pending", "firing", "recovering"])
@pytest.mark.parametrize("health", Health)
def test_a_repeated_or_late_look_changes_nothing(looks: str, health: Health) -> None:
    alert = NEW
    for at, sign in enumerate(looks):
        alert, _ = advance(alert, SIGNS[sign], minute(at), POLICY)
    alert = replace(alert, seen=minute(100))
    for late in (minute(100), minute(99), minute(70)):
        assert advance(alert, health, late, POLICY) == (alert, None)
        assert advance(alert, health, late, POLICY)[0].seen == minute(100)


SET_BACK = [
    ("it fires after its grace, not an hour later", "+---", 1, {3: "fired"}),
    ("it resolves after its settle, not an hour later", "---++++", 4, {2: "fired", 6: "resolved"}),
    ("it is told of once", "---" + "-" * 10, 5, {2: "fired"}),
    ("nothing is wrong", "+++++", 2, {}),
]


@pytest.mark.parametrize(("said", "looks", "back", "heard"), SET_BACK, ids=[story[0] for story in SET_BACK])
def test_a_clock_that_is_set_back_neither_stops_nor_starts_anything(
    said: str, looks: str, back: int, heard: dict[int, str]
) -> None:
    """From look ``back`` on the clock shows an hour less."""
    alert, told = NEW, {}
    for number, sign in enumerate(looks):
        at = minute(number - 60 * (number >= back))
        alert, transition = advance(alert, SIGNS[sign], at, POLICY)
        assert alert.bad_since is None or alert.bad_since <= at
        if transition is not None:
            told[number] = str(transition.reason)
    assert told == heard


def test_a_standing_alert_costs_no_write() -> None:
    firing, _ = advance(replace(NEW, phase=Phase.FIRING), Health.BAD, minute(1), POLICY)
    later, _ = advance(firing, Health.BAD, minute(2), POLICY)
    assert later == firing
    assert later.seen == minute(2)


def test_it_remembers_since_when_it_is_bad_until_it_is_over() -> None:
    alert, seen = NEW, []
    for at, sign in enumerate("+---+-++++--"):
        alert, _ = advance(alert, SIGNS[sign], minute(at), POLICY)
        seen.append(alert.bad_since if alert.phase is not Phase.OK else None)
    assert seen == [None, *[minute(1)] * 7, None, None, *[minute(10)] * 2]


def test_a_new_trouble_is_in_no_incident_yet() -> None:
    over = replace(NEW, incident="20261120T100000-aaaaaa")
    pending, _ = advance(over, Health.BAD, minute(9), POLICY)
    assert pending.incident is None


@pytest.mark.parametrize(
    ("phase", "said"),
    [(Phase.OK, False), (Phase.PENDING, False), (Phase.FIRING, True), (Phase.RECOVERING, True)],
)
def test_what_is_no_longer_monitored_is_over_and_said_if_it_was_said_before(phase: Phase, said: bool) -> None:
    gone, transition = withdraw(replace(NEW, phase=phase), minute(5))
    assert gone.phase is Phase.OK
    assert (transition is not None) == said
    if transition is not None:
        assert (transition.reason, transition.before, transition.at) == (Reason.WITHDRAWN, phase, minute(5))


@given(st.text(alphabet="+-?", max_size=60), st.integers(0, 5), st.integers(0, 5))
def test_fired_and_resolved_alternate_whatever_happens(looks: str, grace: int, settle: int) -> None:
    policy = Policy(grace=timedelta(minutes=grace), settle=timedelta(minutes=settle))
    alert, told = NEW, []
    for at, sign in enumerate(looks):
        alert, transition = advance(alert, SIGNS[sign], minute(at), policy)
        told += [transition.reason] if transition is not None else []
    assert told == [Reason.FIRED if i % 2 == 0 else Reason.RESOLVED for i in range(len(told))]
    assert (alert.phase in (Phase.FIRING, Phase.RECOVERING)) == (len(told) % 2 == 1)


@given(st.text(alphabet="+-?", max_size=30), st.lists(st.integers(0, 29), max_size=30))
def test_looks_that_come_again_change_nothing(looks: str, again: list[int]) -> None:
    once = repeated = NEW
    for at, sign in enumerate(looks):
        once, _ = advance(once, SIGNS[sign], minute(at), POLICY)
        repeated, _ = advance(repeated, SIGNS[sign], minute(at), POLICY)
        for old in again:
            if old <= at:
                repeated, transition = advance(repeated, SIGNS[looks[old]], minute(old), POLICY)
                assert transition is None
    assert repeated == once


# --- from a check result to the alerts of its zone and check ---


def told(looks: dict[float, object], alerts: dict[AlertKey, Alert] | None = None) -> dict[AlertKey, Alert]:
    """The alerts after some check results; what is OK is forgotten, as the store does."""
    alerts = dict(alerts or {})
    for at, said in looks.items():
        touched, _ = apply_result(said(at), alerts, {}, POLICY)  # type: ignore[operator]
        alerts |= {each.key: each for each in touched}
        alerts = {name: each for name, each in alerts.items() if not each.quiet}
    return alerts


def behind(*servers: str, unsure: tuple[Inconclusive, ...] = (), text: str = "") -> object:
    return lambda at: result("example.org.", at, *(finding("serial-late", s, text) for s in servers), unsure=unsure)


def unchecked(at: float) -> object:
    return result("example.org.", at, reason="nobody answered")


def test_a_quiet_zone_is_done_at_once() -> None:
    assert apply_result(result("example.org.", 0), {}, {}, POLICY) == ((), ())


def test_a_finding_becomes_an_alert_with_its_words_and_severity() -> None:
    (alert,) = told({0: behind("ns2", text="ns2 is 11 min behind")}).values()
    assert alert.key == KEY
    assert (alert.phase, alert.severity, alert.text) == (Phase.PENDING, Severity.WARNING, "ns2 is 11 min behind")
    assert alert.bad_since == minute(0)


def test_the_words_of_a_standing_alert_follow_the_latest_look() -> None:
    (alert,) = told({0: behind("ns2", text="11 min behind"), 1: behind("ns2", text="12 min behind")}).values()
    assert alert.text == "12 min behind"


def test_the_operator_says_how_severe_a_code_is() -> None:
    touched, _ = apply_result(behind("ns2")(0), {}, {"serial-late": Severity.CRITICAL}, POLICY)  # type: ignore[operator]
    assert [alert.severity for alert in touched] == [Severity.CRITICAL]


def test_a_code_nobody_knows_is_a_warning() -> None:
    touched, _ = apply_result(result("example.org.", 0, finding("new-code", "ns2")), {}, {}, POLICY)
    assert [alert.severity for alert in touched] == [Severity.WARNING]


def test_findings_are_told_apart_by_server_address_and_subject() -> None:
    found = (finding("record-differs", "ns2", subject="www A"), finding("record-differs", "ns2", subject="www AAAA"))
    touched, _ = apply_result(result("example.org.", 0, *found), {}, {}, POLICY)
    assert {alert.key.subject for alert in touched} == {"www A", "www AAAA"}


def test_fired_and_resolved_come_with_the_result() -> None:
    alerts = told({0: behind("ns2"), 1: behind("ns2")})
    touched, (fired,) = apply_result(behind("ns2")(2), alerts, {}, POLICY)  # type: ignore[operator]
    assert (fired.key, fired.reason) == (KEY, Reason.FIRED)
    alerts = told({3: behind(), 4: behind()}, {alert.key: alert for alert in touched})
    _, (resolved,) = apply_result(behind()(5), alerts, {}, POLICY)  # type: ignore[operator]
    assert resolved.reason is Reason.RESOLVED


def test_only_what_was_decided_is_good() -> None:
    """ns2 and ns3 were late; now ns2 is silent, ns3 has caught up."""
    alerts = told({0: behind("ns2", "ns3"), 1: behind("ns2", "ns3"), 2: behind("ns2", "ns3")})
    unsure = (Inconclusive("ns2", reason="silent"),)
    alerts = told({3: behind(unsure=unsure)}, alerts)
    assert {each.key.server: each.phase for each in alerts.values()} == {
        "ns2": Phase.FIRING,
        "ns3": Phase.RECOVERING,
    }


def test_an_unsure_subject_covers_that_subject_only() -> None:
    found = [finding("record-differs", "ns2", subject=each) for each in ("www A", "www AAAA")]
    alerts = told({at: lambda at: result("example.org.", at, *found) for at in range(3)})
    unsure = [Inconclusive("ns2", ADDRESSES["ns2"], "www A")]
    alerts = told({3: lambda at: result("example.org.", at, unsure=unsure)}, alerts)
    assert {each.key.subject: each.phase for each in alerts.values()} == {
        "www A": Phase.FIRING,
        "www AAAA": Phase.RECOVERING,
    }


def test_a_finding_about_the_whole_zone_is_good_when_it_is_gone() -> None:
    whole = Finding("serial-unordered", "1 and 2147483649 have no order")
    alerts = told({at: lambda at: result("example.org.", at, whole) for at in range(3)})
    alerts = told({3: behind(unsure=(Inconclusive("ns2"),))}, alerts)
    assert [each.phase for each in alerts.values()] == [Phase.RECOVERING]


def test_a_late_result_changes_neither_alert_nor_words() -> None:
    alerts = told({0: behind("ns2"), 5: behind("ns2", text="new")})
    assert apply_result(behind("ns2", text="old")(4), alerts, {}, POLICY) == ((), ())  # type: ignore[operator]


def test_an_unknown_result_moves_no_alert_and_is_one_itself_when_it_lasts() -> None:
    alerts = told({0: behind("ns2"), 1: behind("ns2"), 2: behind("ns2")})
    alerts = told(dict.fromkeys(range(3, 13), unchecked), alerts)
    own = key("example.org.", "not-checked", check="soa-serial", subject="soa-serial")
    assert {name: each.phase for name, each in alerts.items()} == {KEY: Phase.FIRING, own: Phase.PENDING}
    touched, (fired,) = apply_result(unchecked(13), alerts, {}, POLICY)  # type: ignore[arg-type]
    assert (fired.key, fired.reason) == (own, Reason.FIRED)
    assert {each.key: each.text for each in touched}[own] == "soa-serial could not be checked: nobody answered"
    alerts = told({at: behind("ns2") for at in range(14, 17)}, {each.key: each for each in touched})
    assert set(alerts) == {KEY}


def test_a_longer_grace_holds_for_what_was_not_checked_too() -> None:
    slow = Policy(grace=timedelta(hours=1))
    touched, _ = apply_result(unchecked(0), {}, {}, slow)  # type: ignore[arg-type]
    touched, transitions = apply_result(unchecked(59), {each.key: each for each in touched}, {}, slow)  # type: ignore[arg-type]
    assert not transitions
    _, transitions = apply_result(unchecked(60), {each.key: each for each in touched}, {}, slow)  # type: ignore[arg-type]
    assert [each.key.code for each in transitions] == ["not-checked"]


# --- when the same check result, said again, moves something ---

SAID = {
    "+": behind(),
    "-": behind("ns2"),
    "=": behind("ns2", "ns3"),
    "~": behind("ns3", unsure=(Inconclusive("ns2", ADDRESSES["ns2"]),)),
    "?": unchecked,
}


@pytest.mark.parametrize(
    ("looks", "after"),
    [
        ("+", None),
        ("-", 2),
        ("--", 1),
        ("---", None),
        ("---+", 2),
        ("---~", 2),
        ("---~~~", None),
        ("?", 10),
        ("----?", 10),
        ("?" * 12, None),
        ("=~", 1),
    ],
)
def test_when_the_same_result_moves_an_alert(looks: str, after: int | None) -> None:
    alerts = told({at: SAID[sign] for at, sign in enumerate(looks)})
    last = SAID[looks[-1]](len(looks) - 1)  # type: ignore[operator]
    assert next_transition(last, alerts, POLICY) == (None if after is None else minute(len(looks) - 1 + after))


@given(st.text(alphabet="+-=~?", min_size=1, max_size=30), st.integers(0, 20))
def test_until_it_is_due_the_same_result_moves_nothing_and_then_it_does(looks: str, later: int) -> None:
    alerts = told({at: SAID[sign] for at, sign in enumerate(looks)})
    now, said = len(looks) - 1, SAID[looks[-1]]
    moved = next_transition(said(now), alerts, POLICY)  # type: ignore[operator]
    again, transitions = apply_result(said(now + later), alerts, {}, POLICY)  # type: ignore[operator]
    moves = bool(transitions) or any(each != alerts.get(each.key) for each in again)
    assert moves is (later > 0 and moved is not None and minute(now + later) >= moved)


# --- when to look again before the next regular look ---

HOUR, SLOW = timedelta(hours=1), timedelta(minutes=5)


@pytest.mark.parametrize(
    ("looks", "cadence", "after"),
    [
        ("+", HOUR, None),
        ("-", HOUR, 2),
        ("--", HOUR, 1),
        ("---", HOUR, 2),
        ("----", HOUR, 1),
        ("-----", HOUR, 2),
        ("-" * 9, HOUR, 6),
        ("-" * 9, SLOW, None),
        ("---", timedelta(minutes=2), None),
        ("---+", HOUR, 2),
        ("---++", HOUR, 1),
        ("---+++", HOUR, None),
        ("?", HOUR, 10),
        ("-", timedelta(minutes=2), None),
        ("-", timedelta(minutes=1), None),
        ("-", timedelta(minutes=2, seconds=5), None),
        ("-", SLOW, 2),
        ("?", SLOW, None),
        ("=~", HOUR, 1),
    ],
)
def test_grace_and_settle_end_by_the_clock(looks: str, cadence: timedelta, after: float | None) -> None:
    """The kind: whatever waits, pending, recovering or not checked, is looked at again when its wait is over, unless
    the regular look comes soon enough; and whatever fires, in pauses that double, for it may be over.
    """
    alerts = told({at: SAID[sign] for at, sign in enumerate(looks)})
    now = minute(len(looks) - 1)
    assert recheck(alerts.values(), now, cadence, POLICY) == (None if after is None else now + timedelta(minutes=after))


def test_a_recheck_that_decides_nothing_comes_again_at_doubled_pauses_until_the_regular_look() -> None:
    waiting = replace(NEW, phase=Phase.PENDING)
    at, looks = minute(2), []
    while (again := recheck([waiting], at, HOUR, POLICY)) is not None:
        looks.append(round((again - START) / timedelta(minutes=1)))
        at = again
    assert looks == [4, 8, 16, 32, 64]


@pytest.mark.parametrize(("settle", "looks"), [(2, [2, 4, 8, 16, 32, 64]), (0, [1 / 6, 1 / 3, 2 / 3, 4 / 3, 8 / 3])])
def test_what_fires_is_looked_at_in_pauses_that_double(settle: float, looks: list[float]) -> None:
    firing, policy = replace(NEW, phase=Phase.FIRING), Policy(timedelta(0), timedelta(minutes=settle))
    at, found = START, []
    while (again := recheck([firing], at, HOUR, policy)) is not None:
        found.append((again - START) / timedelta(minutes=1))
        at = again
    assert found[: len(looks)] == pytest.approx(looks)
    assert len(found) <= 10


def test_nobody_hears_of_info_so_nobody_is_asked_again_for_it() -> None:
    assert recheck([replace(NEW, phase=Phase.PENDING, severity=Severity.INFO)], START, HOUR, POLICY) is None


def test_the_first_wait_that_ends_decides() -> None:
    alerts = [replace(NEW, phase=phase, since=minute(at)) for phase, at in ((Phase.PENDING, 1), (Phase.RECOVERING, 0))]
    assert recheck(alerts, minute(1), HOUR, POLICY) == minute(2)
    assert recheck([replace(NEW, phase=Phase.FIRING, since=minute(-9)), *alerts], minute(1), HOUR, POLICY) == minute(2)


@given(st.text(alphabet="+-?", min_size=1, max_size=12), st.integers(3, 400), st.integers(0, 5), st.integers(0, 5))
def test_with_rechecks_nothing_fires_or_resolves_later_than_by_the_clock(
    regular: str, cadence: int, grace: int, settle: int
) -> None:
    """One sign for each regular look, and what it says holds until the next: looks are added as they are wanted."""
    policy, every = Policy(timedelta(minutes=grace), timedelta(minutes=settle)), timedelta(minutes=cadence)
    alert = NEW
    for number, sign in enumerate(regular):
        at, following = minute(number * cadence), minute((number + 1) * cadence)
        waits = None
        while at < following:
            before = alert
            alert, transition = advance(alert, SIGNS[sign], at, policy)
            if before.phase is not alert.phase and alert.phase in (Phase.PENDING, Phase.RECOVERING):
                waits = at + (policy.grace if alert.phase is Phase.PENDING else policy.settle)
            if transition is not None and waits is not None:
                assert at == waits
            again = recheck([alert], at, every, policy)
            assert again is None or at < again
            at = again or following
        if sign != "?" and max(grace, settle) < cadence * 0.9:
            assert alert.phase in (Phase.OK, Phase.FIRING)
