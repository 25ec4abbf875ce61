"""Who hears what of an incident, and when: stories of servers that die and come back, counted and word for word."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from alerting.headline import UNSERVED, changes, headline
from alerting.incident import IncidentChange, IncidentEvent
from alerting.model import Alert, Phase, Policy, Reason, Route, Transition
from alerting.notification import OutboxMessage
from alerting.render import render
from alerting.root_cause import DependencyGraph
from checks.model import Address, Server, Zone
from checks.model.finding_type import Severity
from tests.support.alerts import ADDRESSES, alert, minute, zone
from tests.support.at_once import update_incidents
from tests.support.incident_desk import Desk, said

A, B, C, D = "a.example.", "b.example.", "c.example.", "d.example."
DEAD = "server-unreachable"
PAGED = (Route(("chat",)), Route(("pager",), severity=(Severity.CRITICAL,)))


def zones(count: int) -> list[str]:
    return [f"z{n:03d}.example." for n in range(count)]


def on(names: list[str], *servers: str) -> Desk:
    return Desk(topology=DependencyGraph.of([zone(name, *servers) for name in names]))


def down(names: list[str], server: str, code: str = DEAD, at: float = 0) -> list[Alert]:
    text = f"{server} cannot be reached: no answer" if code == DEAD else ""
    return [alert(name, code, server, at=at, text=text) for name in names]


class ReceivedSubjects:
    """What one receiver hears, as subjects."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.messages: list[OutboxMessage] = []
        take = desk.take

        def heard(kept):  # type: ignore[no-untyped-def]
            self.messages += kept.messages
            return take(kept)

        desk.take = heard  # type: ignore[method-assign]

    def subjects(self, receiver: str = "oncall") -> list[str]:
        new, self.messages = [t for t in self.messages if t.receiver == receiver], []
        return [render(message).subject for message in new]


# --- a zone loses its servers one after the other ---


def test_each_further_server_of_a_zone_is_told_and_the_last_one_at_once_as_critical() -> None:
    """The kind: an open incident grows by servers. Three of three die; nobody may learn that from a reminder."""
    desk = on([A], "ns1", "ns2", "ns3")
    received = ReceivedSubjects(desk)
    desk.fire(*down([A], "ns2"))
    assert received.subjects() == ["[FIRING critical] a.example.: ns2 cannot be reached"]
    desk.fire(*down([A], "ns3", at=2))
    assert received.subjects() == []
    desk.wait(5)
    assert received.subjects() == ["[WORSE critical] a.example.: ns3 cannot be reached"]
    desk.fire(*down([A], "ns1", at=9))
    assert received.subjects() == ["[WORSE critical] a.example.: no server is left that answers"]
    assert desk.only.unserved == (A,)


@pytest.mark.parametrize(
    "code", ["zone-not-served", "no-answer", "bad-rcode", "not-authoritative", "malformed-answer", "zone-expired"]
)
def test_a_zone_that_nobody_serves_is_critical_whatever_the_codes_are(code: str) -> None:
    """Each is no more than a warning by itself; the last of them is critical, and the pager hears of it at once."""
    desk = on([A], "ns1", "ns2")
    desk.routes, desk.receivers = PAGED, ("chat", "pager")
    soft = [replace(each, severity=Severity.WARNING) for each in down([A], "ns1", code) + down([A], "ns2", code)]
    assert desk.fire(soft[0]) == [f"chat: opened zone {A}"]
    assert desk.fire(soft[1]) == [f"chat: worsened zone {A}", f"pager: opened zone {A}"]
    assert desk.only.severity is Severity.CRITICAL
    desk.end(soft[1])
    assert desk.only.severity is Severity.WARNING
    assert desk.wait(2) == [f"chat: improved zone {A}", f"pager: resolved zone {A}"]


def test_zones_of_three_dead_servers_are_told_as_unserved_once_by_the_last_of_them() -> None:
    names = zones(200)
    desk = on(names, "ns1", "ns2", "ns3")
    received = ReceivedSubjects(desk)
    desk.fire(*down(names, "ns2"))
    desk.fire(*down(names, "ns3", at=1))
    received.subjects()
    desk.fire(*down(names, "ns1", at=2))
    assert received.subjects() == ["[FIRING critical] 200 zones: no server is left that answers; the last was ns1"]
    assert [len(i.unserved) for i in desk.open_incidents.incidents.values()] == [0, 0, 200]
    desk.end(*down(names, "ns3", at=1))
    assert received.subjects()[0] == "[RESOLVED] ns3, 200 zones: ns3 cannot be reached"
    assert not any(i.unserved for i in desk.open_incidents.incidents.values())


@pytest.mark.parametrize("grace", [True, False])
def test_zones_that_lose_their_last_server_one_after_the_other_are_one_message_or_two(grace: bool) -> None:
    """A sweep meets the zones of the last server one by one; with a grace all are on their way when the first fires."""
    names = zones(200)
    desk = on(names, "ns1", "ns2")
    received = ReceivedSubjects(desk)
    desk.cadence = {DEAD: timedelta(minutes=1)}
    desk.fire(*down(names, "ns2", at=-5))
    received.subjects()
    if grace:
        desk.move(Phase.PENDING, *down(names, "ns1", at=1))
    start = desk.at = 2 if grace else 1
    for number, name in enumerate(names):
        desk.at = start + 0.9 * number / len(names)
        desk.take(desk_batch(desk, *down([name], "ns1", at=1)))
    desk.wait(30)
    heard = received.subjects()
    assert heard[-1] == f"[{'FIRING' if grace else 'WORSE'} critical] 200 zones: {UNSERVED}; the last was ns1"
    assert len(heard) == (1 if grace else 2)


def test_a_zone_that_might_be_lost_is_no_news_before_that_is_certain() -> None:
    names = zones(3)
    desk = on(names, "ns1", "ns2")
    desk.fire(*down(names, "ns2"))
    desk.fire(*down(names[:1], "ns1", at=1))
    lost = desk.open_incidents.incidents.values()
    assert [each.unserved for each in lost] == [(), (names[0],)]
    desk.at = 40
    assert desk.move(Phase.PENDING, *down(names[1:], "ns1", at=40)) == []
    assert desk.wait(2) == []
    assert desk.end(*down(names[1:], "ns1")) == []
    assert desk.wait(2) == []


def test_a_hidden_server_and_a_late_one_do_not_count_as_left_or_gone() -> None:
    hidden = Zone(A, (Server("ns1", (ADDRESSES["ns1"],), hidden=True), Server("ns2", (ADDRESSES["ns2"],))), "ns1")
    desk = Desk(topology=DependencyGraph.of([hidden]))
    desk.fire(*down([A], "ns2"))
    assert desk.only.unserved == (A,)
    desk = on([A], "ns1", "ns2")
    desk.fire(*down([A], "ns1"), *down([A], "ns2", "serial-overdue"))
    assert desk.only.unserved == ()


def test_a_server_is_gone_only_with_all_of_its_addresses() -> None:
    first, second = Address("192.0.2.1"), Address("2001:db8::1")
    both = Zone(A, (Server("ns1", (first, second)),), "ns1")
    desk = Desk(topology=DependencyGraph.of([both]))
    four = alert(A, DEAD, "ns1")
    desk.fire(four)
    assert desk.only.unserved == ()
    desk.fire(replace(four, key=replace(four.key, address=second)))
    assert desk.only.unserved == (A,)


def test_what_recovers_serves_again_and_zones_that_left_the_plan_are_not_counted() -> None:
    desk = on([A], "ns1")
    gone = down([A], "ns1")[0]
    desk.fire(gone)
    assert desk.only.unserved == (A,)
    desk.move(Phase.RECOVERING, replace(gone, good_since=minute(3)))
    assert desk.only.unserved == ()
    desk.topology = DependencyGraph()
    desk.move(Phase.FIRING, gone)
    assert desk.only.unserved == ()


# --- one cause is one message ---


@pytest.mark.parametrize("share", [90, 110, 200])
def test_any_share_of_a_servers_zones_is_one_message_and_one_at_its_end(share: int) -> None:
    names = zones(200)
    desk = on(names, "ns1", "ns2")
    bad = down(names[:share], "ns2", "zone-not-served")
    for each in bad:
        desk.put(replace(each, phase=Phase.PENDING))
    heard = [word for each in bad for word in said(desk.take(desk_batch(desk, each)))]
    assert heard == ["oncall: opened server ns2"]
    assert desk.wait(60) == []
    assert desk.end(*bad) == ["oncall: resolved server ns2"]


def desk_batch(desk: Desk, *alerts: Alert):  # type: ignore[no-untyped-def]
    """A batch within the same minute."""
    known = [replace(each, incident=getattr(desk.active_alerts.get(each.key), "incident", None)) for each in alerts]
    for each in known:
        desk.put(each)
    return update_incidents(desk.open_incidents, desk.active_alerts, known, (), desk.rules, minute(desk.at))


@pytest.mark.parametrize("cadence", [10, 60, 3600])
def test_without_grace_the_first_word_waits_until_every_zone_had_its_turn(cadence: int) -> None:
    """grace = "0s": each zone fires as soon as it is looked at, one after the other."""
    names = zones(200)
    desk = on(names, "ns1", "ns2")
    desk.cadence = {DEAD: timedelta(seconds=cadence)}
    desk.policy = Policy(grace=timedelta(0), settle=timedelta(0))
    over = (9 if cadence == 3600 else cadence * 0.9) / 60
    heard = []
    for number, name in enumerate(names):
        desk.at = over * number / len(names)
        heard += said(desk.take(desk_batch(desk, alert(name, DEAD, "ns2"))))
    heard += desk.wait(2)
    assert heard == ["oncall: opened server ns2"]
    assert desk.only.notified is not None
    assert len(desk.only.notified.zones) == 200
    heard = []
    for number, each in enumerate(list(desk.active_alerts.values())):
        desk.at = 10 + over * number / len(names)
        heard += said(desk.take(desk_batch(desk, replace(each, phase=Phase.OK, good_since=minute(desk.at)))))
    assert heard == ["oncall: resolved server ns2"]


def test_many_codes_at_one_server_within_a_minute_are_one_message() -> None:
    """A first sweep meets a server with many faults: all of them are on their way when the first one fires."""
    codes = ("tcp-unreachable", "not-authoritative", "ns-set-differs", "record-differs", "transfer-refused", DEAD)
    names = zones(20)
    desk = on(names, "ns1", "ns2")
    for code in codes:
        desk.move(Phase.PENDING, *down(names, "ns2", code))
    heard = []
    for code in codes:
        desk.at += 0.1
        heard += said(desk.take(desk_batch(desk, *down(names, "ns2", code))))
    heard += desk.wait(60)
    assert heard == ["oncall: opened server ns2"]


def test_a_code_on_its_way_that_never_comes_delays_the_first_word_by_a_minute_at_most() -> None:
    desk = on([A, B], "ns1", "ns2")
    desk.move(Phase.PENDING, *down([A], "ns2", "transfer-failed"))
    assert desk.fire(*down([A], "ns2", "serial-late")) == []
    assert desk.wait(2) == [f"oncall: opened zone {A}"]


def test_growth_comes_in_messages_that_are_ever_further_apart_and_says_what_is_new() -> None:
    names = zones(100)
    desk = on(names, "ns1", "ns2")
    received = ReceivedSubjects(desk)
    desk.fire(*down(names[:2], "ns2"))
    assert len(received.subjects()) == 1
    at = []
    for each in names[2:]:
        desk.fire(*down([each], "ns2"))
        at += [desk.at] * len(received.subjects())
        desk.at -= 0.5  # one more every half minute
    gaps = [round(b - a) for a, b in pairwise(at)]
    assert gaps == sorted(gaps)
    assert len(at) <= 4
    rest = len(desk.only.zones) - len(desk.only.notified.zones)  # type: ignore[union-attr]
    desk.wait(61)
    assert received.subjects() == ["[WORSE critical] ns2, 100 zones: ns2 cannot be reached"]
    assert changes(desk.only)[0].startswith(f"{rest} zones more than before: z0")


def test_after_a_quiet_while_growth_is_told_at_once() -> None:
    """A server with two bad zones for days must not swallow the third."""
    names = zones(10)
    desk = on(names, "ns1", "ns2")
    desk.fire(*down(names[:2], "ns2", "zone-not-served"))
    desk.at = 60 * 3
    assert desk.fire(*down(names[2:3], "ns2", "zone-not-served")) == ["oncall: worsened server ns2"]
    desk.at = 60 * 6
    assert desk.fire(*down(names[3:4], "ns2", "zone-not-served")) == ["oncall: worsened server ns2"]


def test_what_is_only_in_its_grace_adds_no_message() -> None:
    names = zones(4)
    desk = on(names, "ns1", "ns2")
    desk.fire(*down(names[:2], "ns2"))
    desk.at = 30
    desk.move(Phase.PENDING, *down(names[2:], "ns2"))
    assert desk.wait(10) == []
    assert desk.end(*down(names[2:], "ns2")) == []
    assert desk.wait(10) == []


# --- it gets better ---


def test_all_but_one_zone_back_is_told_as_such() -> None:
    names = zones(30)
    desk = on(names, "ns1", "ns2")
    received = ReceivedSubjects(desk)
    desk.fire(*down(names, "ns2"))
    received.subjects()
    desk.at = 20
    desk.end(*down(names[1:], "ns2"))
    assert received.subjects() == []
    desk.wait(2)
    assert received.subjects() == ["[BETTER critical] ns2: 29 of 30 zones are back"]
    assert desk.only.zones == (names[0],)
    assert len(desk.only.past_zones) == 29
    desk.at = 20 + 241
    desk.wait(1)
    assert received.subjects() == ["[STILL critical] ns2, z000.example.: ns2 cannot be reached"]


def test_zones_that_come_back_one_after_the_other_are_told_once_at_the_end() -> None:
    names = zones(30)
    desk = on(names, "ns1", "ns2")
    desk.fire(*down(names, "ns2"))
    desk.at = 10
    heard = []
    for name in names[:-1]:
        desk.at -= 0.9
        heard += desk.end(*down([name], "ns2"))
    assert heard == []
    assert desk.end(*down(names[-1:], "ns2")) == ["oncall: resolved server ns2"]


def test_zones_that_drip_back_for_hours_do_not_fill_a_mailbox() -> None:
    names = zones(60)
    desk = on(names, "ns1", "ns2")
    desk.fire(*down(names, "ns2"))
    heard = []
    for name in names[:-1]:
        heard += desk.end(*down([name], "ns2"))
        heard += desk.wait(4)
    assert set(heard) == {"oncall: improved server ns2"}
    assert len(heard) <= 8


def test_when_the_critical_part_is_over_the_pager_is_released_and_the_severity_comes_down() -> None:
    desk = on([A], "ns1", "ns2", "ns3")
    desk.routes, desk.receivers = PAGED, ("chat", "pager")
    received = ReceivedSubjects(desk)
    warning, critical = alert(A, "serial-late", "ns3"), alert(A, "serial-overdue", "ns2")
    desk.fire(warning, critical)
    received.subjects()
    assert desk.end(critical) == []
    assert desk.only.severity is Severity.WARNING
    desk.wait(2)
    messages = list(received.messages)
    assert received.subjects("chat") == ["[BETTER warning] a.example.: the critical part is over"]
    (released,) = [each for each in messages if each.receiver == "pager"]
    assert released.event is IncidentEvent.RESOLVED
    shown = render(released)
    assert shown.subject == "[RESOLVED] a.example.: what you were told of is over"
    assert "The rest goes on: warning, 1 zone." in shown.text
    assert shown.data["phase"] == "resolved"
    assert desk.only.receivers == ("chat",)
    assert desk.fire(critical) == [f"chat: worsened zone {A}", f"pager: opened zone {A}"]
    assert desk.end(warning, critical) == [f"chat: resolved zone {A}", f"pager: resolved zone {A}"]


def test_a_critical_part_that_flickers_releases_nobody() -> None:
    desk = on([A], "ns1", "ns2", "ns3")
    desk.routes, desk.receivers = PAGED, ("chat", "pager")
    warning, critical = alert(A, "serial-late", "ns3"), alert(A, "serial-overdue", "ns2")
    desk.fire(warning, critical)
    for _ in range(10):
        assert desk.move(Phase.RECOVERING, replace(critical, good_since=minute(desk.at))) == []
        assert desk.wait(1.5) == []
        assert desk.move(Phase.FIRING, critical) == []


def test_a_critical_part_that_comes_and_goes_pages_less_and_less_often() -> None:
    """Critical for five minutes, over for five, beside a warning that stays, for six hours."""
    desk = on([A], "ns1", "ns2", "ns3")
    desk.routes, desk.receivers = PAGED, ("chat", "pager")
    warning, critical = alert(A, "serial-late", "ns3"), alert(A, "serial-overdue", "ns2")
    desk.fire(warning)
    heard = []
    for _ in range(36):
        heard += desk.fire(critical) + desk.wait(4) + desk.end(critical) + desk.wait(4)
    assert 4 <= len([each for each in heard if each.startswith("pager")]) <= 20
    heard += desk.wait(70)
    assert heard[-1] == f"pager: resolved zone {A}"
    assert desk.only.receivers == ("chat",)


def test_a_server_of_a_zone_that_is_back_is_told() -> None:
    desk = on([A], "ns1", "ns2", "ns3")
    received = ReceivedSubjects(desk)
    desk.fire(*down([A], "ns2"), *down([A], "ns3"))
    desk.at = 10
    desk.end(*down([A], "ns3"))
    desk.wait(2)
    assert received.subjects()[-1] == "[BETTER critical] a.example.: ns3 is back"


# --- the times are those of the fault ---


def test_an_incident_began_at_the_first_bad_look_and_ended_at_the_first_good_one() -> None:
    """Dead from minute 10 to 13; grace and settle take two minutes each."""
    desk = on([A], "ns1", "ns2")
    dead = replace(down([A], "ns2", at=10)[0], since=minute(12))
    desk.at = 11
    desk.fire(dead)
    desk.at = 14
    desk.move(Phase.RECOVERING, replace(dead, good_since=minute(13)))
    desk.at = 14
    kept = desk.change(replace(dead, phase=Phase.OK, since=minute(15), good_since=minute(13)))
    (over,) = kept.incidents
    assert (over.began_at, over.opened_at) == (minute(10), minute(12))
    assert (over.ended_at, over.resolved_at) == (minute(13), minute(15))
    assert (
        "It began 2026-11-20 10:10:00 UTC, ended 2026-11-20 10:13:00 UTC and lasted 3 min."
        in render(kept.messages[0]).text
    )


def test_what_is_counted_and_listed_in_one_body_is_the_same() -> None:
    names = zones(21)
    desk = on(names, "ns1", "ns2")
    desk.move(Phase.PENDING, *down(names[1:], "ns2"))
    kept = desk.change(*down(names[:1], "ns2"))
    data = render(kept.messages[0]).data
    assert data["zone_count"] == data["finding_count"] == 21
    assert [(f["zone_count"], f["count"]) for f in data["findings"]] == [(21, 21)]  # type: ignore[attr-defined]


# --- what is grave comes first, and is never cut ---


def test_the_gravest_stands_first_alike_is_folded_and_nothing_critical_is_cut() -> None:
    names = zones(300)
    many = DependencyGraph.of([zone(name, "ns1", "ns2", "ns3") for name in names])
    desk = Desk(topology=many)
    codes = [f"made-up-{n:02d}" for n in range(30)]
    soft = [alert(names[0], code, "ns2", severity=Severity.WARNING) for code in codes]
    hard = [alert(names[0], f"hard-{n:02d}", "ns2", severity=Severity.CRITICAL) for n in range(30)]
    desk.fire(*soft, *hard)
    lines = desk.only.lines
    assert [line.severity for line in lines[:30]] == [Severity.CRITICAL] * 30
    assert len(lines) == 30 + 20
    desk = Desk(topology=many)
    received = ReceivedSubjects(desk)
    desk.fire(*down(names[:21], "ns2", "tcp-unreachable"))
    desk.fire(*down(names[:2], "ns2", "zone-expired"))
    desk.wait(5)
    told = received.messages[-1]
    text = render(told).text
    assert text.index("* zone-expired (critical) 2 zones at ns2") < text.index(
        "* tcp-unreachable (warning) 21 zones at ns2"
    )
    assert text.count("* tcp-unreachable") == 1


def test_the_subject_is_the_newest_of_the_gravest_and_counts_what_has_it() -> None:
    desk = on(zones(20), "ns1", "ns2")
    desk.fire(*down(zones(20), "ns2", at=5), *down(zones(2), "ns2", "zone-expired", at=1))
    assert headline(desk.only) == "ns2, 20 zones: ns2 cannot be reached"


def test_what_is_served_no_more_is_named_before_how_late_it_was() -> None:
    desk = on([A], "ns1", "ns2")
    desk.fire(alert(A, "serial-overdue", "ns2", at=1, text="ns2 is 10 min behind"))
    expired = alert(A, "zone-expired", "ns2", at=5, text="ns2 has no valid copy: SERVFAIL")
    desk.fire(expired)
    assert headline(desk.only) == "a.example.: ns2 has no valid copy"
    assert [(line.code, line.ended_at is None) for line in desk.only.lines] == [
        ("zone-expired", True),
        ("serial-overdue", False),
    ]
    assert (desk.only.findings, desk.only.codes) == (1, ("zone-expired",))
    desk.end(expired)
    assert [(line.code, line.ended_at is None) for line in desk.only.lines] == [
        ("serial-overdue", True),
        ("zone-expired", False),
    ]


@pytest.mark.parametrize("code", ["serial-late", "serial-ahead", "record-differs", "soa-fields-differ", "expiry-near"])
@pytest.mark.parametrize("gone", ["zone-not-served", "server-unreachable", "bad-rcode", "not-authoritative"])
def test_what_was_found_in_what_an_address_served_is_history_once_it_serves_nothing(code: str, gone: str) -> None:
    desk = on([A], "ns1", "ns2", "ns3")
    desk.fire(alert(A, code, "ns2"), alert(A, code, "ns3"), alert(A, "transfer-open", "ns2"))
    desk.fire(alert(A, gone, "ns2", at=3))
    assert desk.only.codes == tuple(sorted({code, gone, "transfer-open"}))
    assert {(line.code, line.server) for line in desk.only.lines if line.ended_at} == {(code, "ns2")}


def test_what_was_history_ended_when_it_became_that_and_not_when_the_server_came_back() -> None:
    desk = on([A], "ns1", "ns2")
    late, gone = alert(A, "serial-late", "ns2", at=1), alert(A, "zone-expired", "ns2", at=5)
    desk.fire(late)
    desk.fire(gone)
    (ended,) = [line.ended_at for line in desk.only.lines if line.code == "serial-late"]
    desk.wait(30)
    back = minute(desk.at + 1)
    kept = desk.change(*(replace(a, phase=Phase.OK, since=back, good_since=back) for a in (late, gone)))
    (over,) = kept.incidents
    assert {line.code: line.ended_at for line in over.lines}["serial-late"] == ended


@pytest.mark.parametrize("code", ["no-answer", "tcp-unreachable"])
def test_what_an_address_still_shows_over_another_transport_is_no_history(code: str) -> None:
    desk = on([A], "ns1", "ns2")
    desk.fire(alert(A, "serial-late", "ns2"))
    desk.fire(alert(A, code, "ns2", at=3))
    assert desk.only.findings == 2


# --- another cause is another incident ---


def test_a_primary_that_went_back_is_its_zones_own_incident_beside_a_dead_tcp() -> None:
    names = zones(21)
    desk = on(names, "ns1", "ns2")
    desk.fire(*down(names, "ns2", "tcp-unreachable"))
    heard = desk.fire(alert(names[0], "serial-regressed", "ns1"), alert(names[0], "serial-ahead", "ns2"))
    assert heard == [f"oncall: opened zone {names[0]}"]
    assert desk.wait(30) == []


def test_a_serial_that_went_back_does_not_name_the_primary_that_is_cut_off_later() -> None:
    names = zones(20)
    desk = on(names, "ns1", "ns2", "ns3")
    received = ReceivedSubjects(desk)
    desk.fire(alert(names[0], "serial-regressed", "ns1"), alert(names[0], "serial-ahead", "ns3"))
    received.subjects()
    desk.fire(*down(names, "ns1", at=1))
    assert received.subjects() == ["[FIRING critical] ns1, 20 zones: ns1 cannot be reached"]
    assert len(desk.open_incidents.incidents) == 2


# --- the rules change while it is open ---


def anew(desk: Desk, *alerts: Alert) -> list[str]:
    """The configuration is read again: these alerts have other severities by it."""
    known = [replace(each, incident=getattr(desk.active_alerts.get(each.key), "incident", None)) for each in alerts]
    for each in known:
        desk.put(each)
    return said(
        desk.take(
            update_incidents(desk.open_incidents, desk.active_alerts, known, (), desk.rules, minute(desk.at), anew=True)
        )
    )


def test_a_receiver_that_is_added_is_told_what_is_open_once() -> None:
    desk = on([A], "ns1", "ns2")
    desk.fire(*down([A], "ns2"))
    desk.receivers = ("oncall", "second")
    assert anew(desk) == [f"second: opened zone {A}"]
    assert anew(desk) == []
    assert desk.end(*down([A], "ns2")) == [f"oncall: resolved zone {A}", f"second: resolved zone {A}"]


def test_a_receiver_that_is_added_once_all_is_well_hears_nothing() -> None:
    desk = on([A], "ns1", "ns2")
    dead = down([A], "ns2")[0]
    desk.fire(dead)
    desk.move(Phase.RECOVERING, replace(dead, good_since=minute(3)))
    desk.receivers = ("oncall", "second")
    assert anew(desk) == []
    assert desk.end(dead) == [f"oncall: resolved zone {A}"]


def test_a_severity_that_is_raised_for_many_zones_is_one_message_and_so_is_one_that_is_lowered() -> None:
    names = zones(200)
    desk = on(names, "ns1", "ns2")
    infos = [replace(each, severity=Severity.INFO) for each in down(names, "ns2", "ttl-differs")]
    assert desk.fire(*infos) == []
    graver = [replace(each, severity=Severity.CRITICAL) for each in infos]
    assert anew(desk, *graver) == ["oncall: opened server ns2"]
    assert anew(desk, *infos) == ["oncall: resolved server ns2"]
    assert all(each.incident is None for each in desk.active_alerts.values())


def test_a_route_that_no_longer_matches_releases_who_heard_by_it() -> None:
    desk = on([A], "ns1", "ns2")
    desk.receivers = ("first", "other")
    desk.routes = (Route(("first",)),)
    desk.fire(*down([A], "ns2"))
    desk.routes = (Route(("other",)),)
    assert anew(desk) == [f"other: opened zone {A}"]
    assert desk.wait(2) == [f"first: resolved zone {A}"]


def test_a_receiver_that_is_no_longer_configured_keeps_what_it_is_owed() -> None:
    desk = on([A], "ns1", "ns2")
    desk.fire(*down([A], "ns2"))
    desk.receivers = ("renamed",)
    assert anew(desk) == [f"renamed: opened zone {A}"]
    assert desk.end(*down([A], "ns2")) == [f"oncall: resolved zone {A}", f"renamed: resolved zone {A}"]


# --- in words ---


@pytest.mark.parametrize(
    ("change", "sentences", "subject"),
    [
        (
            IncidentChange(zones=30, back=29),
            ["29 of 30 zones are back."],
            "ns2: 29 of 30 zones are back",
        ),
        (IncidentChange(zones=2, back=1), ["1 of 2 zones is back."], "ns2: 1 of 2 zones is back"),
        (
            IncidentChange(severity=Severity.CRITICAL),
            ["The critical part is over; what is left is a warning."],
            "ns2: the critical part is over",
        ),
        (IncidentChange(servers_back=("ns3", "ns4")), ["ns3 and ns4 are back."], "ns2: ns3 and ns4 are back"),
        (
            IncidentChange(served_again=3),
            ["3 zones that no server answered for have one again."],
            "ns2, 2 zones: another server answers again",
        ),
        (
            IncidentChange(served_again=1),
            ["1 zone that no server answered for has one again."],
            "ns2, 2 zones: another server answers again",
        ),
        (
            IncidentChange(
                unserved=2, more_zones=5, named_zones=(A, B, C, D), servers=("ns3",), codes=("transfer-failed",)
            ),
            [
                "No server is left that answers for a.example and b.example.",
                "5 zones more than before: a.example, b.example, c.example and 2 more.",
                "It is bad at ns3 too.",
                "New: transfer-failed.",
            ],
            "ns2, 2 zones: another server answers again",
        ),
        (IncidentChange(), [], "ns2, 2 zones: another server answers again"),
    ],
)
def test_what_changed_is_said_in_sentences(change: IncidentChange, sentences: list[str], subject: str) -> None:
    desk = on([A, B], "ns1", "ns2")
    desk.fire(*down([A, B], "ns2", "serial-late"))
    incident = replace(desk.only, change=change, unserved=(A, B)[: change.unserved])
    assert list(changes(incident)) == sentences
    assert headline(incident, IncidentEvent.IMPROVED) == subject
    assert list(changes(desk.only)) == []


def test_what_became_critical_is_said_and_a_zones_last_server_without_a_count() -> None:
    desk = on([A], "ns1", "ns2")
    desk.fire(replace(down([A], "ns1")[0], severity=Severity.WARNING))
    desk.fire(*down([A], "ns2"))
    assert list(changes(desk.only)) == [
        "No server is left that answers for a.example.",
        "It is critical now; it was a warning.",
        "It is bad at ns2 too.",
    ]


def test_what_an_offline_monitor_can_check_again_is_no_news() -> None:
    desk = Desk()
    desk.fire(alert("", "monitor-offline", subject="ipv4"), *(alert(n, "not-checked") for n in (A, B, C)))
    assert desk.end(alert(A, "not-checked")) == []
    assert desk.wait(30) == []


# --- what is over is told as it was ---


def test_the_end_of_many_zones_counts_all_of_them_though_they_ended_one_by_one() -> None:
    """The kind: only the last batch to end is counted, and the subject takes its count from something else."""
    names = zones(90)
    desk = on(names, "ns1", "ns2")
    desk.fire(*down(names, "ns2", "zone-not-served"), *down(names[:2], "ns2", "tcp-unreachable"))
    for each in down(names[:-1], "ns2", "zone-not-served") + down(names[:2], "ns2", "tcp-unreachable"):
        desk.at -= 0.99
        desk.change(replace(each, phase=Phase.OK, good_since=minute(desk.at)))
    kept = desk.change(replace(down(names[-1:], "ns2", "zone-not-served")[0], phase=Phase.OK, good_since=minute(9)))
    (told,) = kept.messages
    data = render(told).data
    assert data["zone_count"] == data["zones_back"] == 90
    assert data["finding_count"] == 92
    assert [(f["code"], f["zone_count"]) for f in data["findings"]] == [  # type: ignore[attr-defined]
        ("zone-not-served", 90),
        ("tcp-unreachable", 2),
    ]
    assert render(told).subject == "[RESOLVED] ns2, 90 zones: ns2 has zone-not-served"


def test_a_server_incident_of_which_one_zone_is_grave_names_that_zone() -> None:
    names = zones(20)
    desk = on(names, "ns1", "ns2")
    desk.fire(*down(names, "ns2", "tcp-unreachable"), *down(names[:1], "ns2", "zone-not-served"))
    assert headline(desk.only) == "ns2, z000.example.: ns2 has zone-not-served"


def test_zones_that_leave_the_configuration_are_not_called_well() -> None:
    names = zones(13)
    desk = on(names, "ns1", "ns2")
    received = ReceivedSubjects(desk)
    desk.fire(*down(names, "ns2"))
    received.subjects()

    def leave(these: list[str]) -> None:
        gone = [replace(each, phase=Phase.OK, good_since=minute(desk.at)) for each in down(these, "ns2")]
        left = [Transition(each.key, Phase.FIRING, Phase.OK, Reason.WITHDRAWN, minute(desk.at)) for each in gone]
        desk.change(*gone, transitions=left)

    leave(names[:7])
    desk.wait(30)
    assert received.subjects() == []
    assert (desk.only.past_zones, len(desk.only.left_zones), len(desk.only.zones)) == ((), 7, 6)
    leave(names[7:])
    (told,) = received.messages
    note = render(told)
    assert "It is over" not in note.text
    assert "It is no longer monitored" in note.text
    assert note.summary.endswith("No longer monitored, or only for information.")
    assert (note.data["zones_back"], note.data["zones_left"]) == (0, 13)


def test_some_back_and_some_no_longer_monitored_are_told_apart() -> None:
    names = zones(10)
    desk = on(names, "ns1", "ns2")
    received = ReceivedSubjects(desk)
    desk.fire(*down(names, "ns2"))
    gone = replace(down(names[:1], "ns2")[0], phase=Phase.OK, good_since=minute(2))
    desk.change(gone, transitions=[Transition(gone.key, Phase.FIRING, Phase.OK, Reason.WITHDRAWN, minute(2))])
    desk.end(*down(names[1:5], "ns2"))
    desk.wait(2)
    assert received.subjects()[-1] == "[BETTER critical] ns2: 4 of 10 zones are back"
    assert list(changes(desk.only)) == [
        "4 of 10 zones are back.",
        "1 zone is no longer monitored, or only for information.",
    ]


def test_the_end_names_what_was_told_and_not_what_came_after() -> None:
    desk = on([A], "ns1", "ns2")
    received = ReceivedSubjects(desk)
    desk.fire(alert(A, "zone-not-served", "ns2", text="ns2 refuses"))
    desk.fire(*down([A], "ns2", at=2))
    desk.end(alert(A, "zone-not-served", "ns2", text="ns2 refuses"))
    desk.end(*down([A], "ns2", at=2))
    assert received.subjects()[-1] == "[RESOLVED] a.example.: ns2 refuses"


def test_the_end_has_the_severity_that_was_told_last_though_it_was_less_severe_by_then() -> None:
    """The kind: a program that knows alerts by their severity is told the end of one that it does not know."""
    desk = on([A], "ns1", "ns2")
    received = ReceivedSubjects(desk)
    soft = [replace(each, severity=Severity.WARNING) for each in down([A], "ns1") + down([A], "ns2")]
    desk.fire(*soft)
    told = received.messages[-1].incident
    assert (told.severity, desk.only.severity) == (Severity.CRITICAL, Severity.CRITICAL)
    desk.end(soft[1])
    assert desk.only.severity is Severity.WARNING
    desk.end(soft[0])
    assert [(each.event, each.incident.severity) for each in received.messages[1:]] == [
        (IncidentEvent.RESOLVED, Severity.CRITICAL)
    ]


def test_one_address_of_a_zones_only_server_that_is_back_is_told_as_that() -> None:
    first, second = Address("192.0.2.1"), Address("2001:db8::1")
    desk = Desk(topology=DependencyGraph.of([Zone(A, (Server("ns1", (first, second)),), "ns1")]))
    received = ReceivedSubjects(desk)
    four = alert(A, DEAD, "ns1", text="ns1 cannot be reached: no answer")
    six = replace(four, key=replace(four.key, address=second))
    desk.fire(four, six)
    desk.end(six)
    desk.wait(2)
    assert received.subjects() == [
        "[FIRING critical] a.example.: no server is left that answers",
        "[BETTER critical] a.example.: a server answers again",
    ]
    assert list(changes(desk.only)) == ["1 zone that no server answered for has one again."]
