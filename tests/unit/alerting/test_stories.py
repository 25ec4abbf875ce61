"""Stories from the first bad look to the last word: each message with its minute, so that silence counts too."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from alerting.model import Policy, Route
from alerting.notification import OutboxMessage
from alerting.render import render
from alerting.root_cause import DependencyGraph
from checks.model.finding_type import Severity
from tests.support.alerts import START, minute, zone
from tests.support.at_once import update_incidents
from tests.support.looking_desk import LookingDesk

DEAD = "server-unreachable"
REFUSED = "zone-not-served"
Bad = tuple[Iterable[str], str, str]


class Story(LookingDesk):
    """Zones on servers; one look at each zone a minute."""

    @classmethod
    def of(cls, zones: int, *servers: str, grace: float = 2, pace: float = 1) -> "Story":
        names = [f"z{n:02d}.example." for n in range(zones)]
        policy = Policy(grace=timedelta(minutes=grace), settle=timedelta(minutes=grace))
        graph = DependencyGraph.of([zone(name, *servers) for name in names])
        return cls(topology=graph, zones=names, policy=policy, pace=pace)

    def go(self, minutes: float, *bad: Bad) -> list[str]:
        """So long these are bad; what is told meanwhile, as "minute receiver: subject"."""
        self.sweep(*bad, times=round(minutes / self.pace))
        self.messages, self.told = self.told, []
        return [f"{_minute(each)} {each.receiver}: {render(each).subject}" for each in self.messages]

    def reload(self, *receivers: str, remind: float = 240, raised: Severity | None = None) -> None:
        """The configuration is read again, with these receivers; what stands is as severe as it says from then on."""
        self.receivers, self.policy = receivers, replace(self.policy, remind=timedelta(minutes=remind))
        moved = [replace(each, severity=raised) for each in self.active_alerts.values()] if raised else []
        for each in moved:
            self.put(each)
        args = (self.open_incidents, self.active_alerts, moved, (), self.rules, minute(self.at))
        self.told += self.take(update_incidents(*args, anew=True)).messages

    @property
    def text(self) -> str:
        """The mail that was sent last."""
        return render(self.messages[-1]).text


def _minute(message: OutboxMessage) -> int:
    return round((message.at - START).total_seconds() / 60)


def test_the_servers_of_a_zone_die_one_after_the_other_and_come_back_but_for_one() -> None:
    on = Story.of(1, "ns1", "ns2", "ns3")
    ns1, ns2, ns3 = ((on.zones, DEAD, name) for name in ("ns1", "ns2", "ns3"))
    assert on.go(10, ns2) == ["2 oncall: [FIRING critical] z00.example.: ns2 has server-unreachable"]
    assert on.go(10, ns2, ns3) == ["12 oncall: [WORSE critical] z00.example.: ns3 has server-unreachable"]
    assert on.go(30, ns2, ns3, ns1) == ["22 oncall: [WORSE critical] z00.example.: no server is left that answers"]
    assert "No server is left that answers for z00.example.\nIt is bad at ns1 too." in render(on.messages[0]).text
    assert on.go(240, ns2, ns3, ns1) == ["262 oncall: [STILL critical] z00.example.: no server is left that answers"]
    assert on.go(10, ns2) == ["293 oncall: [BETTER critical] z00.example.: ns1 and ns3 are back"]
    assert "1 zone that no server answered for has one again.\nns1 and ns3 are back." in on.text
    assert on.go(60) == ["302 oncall: [RESOLVED] z00.example.: ns2 has server-unreachable"]
    assert "It began 2026-11-20 10:00:06 UTC, ended 2026-11-20 15:00:06 UTC and lasted 5 h." in on.text


def test_both_servers_die_and_the_one_that_died_last_stays_dead() -> None:
    """What is told of it when the other is back must not read as if it were back itself."""
    on = Story.of(20, "ns1", "ns2")
    ns1, ns2 = ((on.zones, DEAD, name) for name in ("ns1", "ns2"))
    assert on.go(1, ns2) == []
    assert on.go(20, ns1, ns2) == [
        "2 oncall: [FIRING critical] ns2, 20 zones: ns2 has server-unreachable",
        "3 oncall: [FIRING critical] 20 zones: no server is left that answers; the last was ns1",
    ]
    assert on.go(60, ns1) == [
        "23 oncall: [BETTER critical] ns1, 20 zones: another server answers again",
        "24 oncall: [RESOLVED] ns2, 20 zones: ns2 has server-unreachable",
    ]
    assert "20 zones that no server answered for have one again." in render(on.messages[0]).text
    assert "* server-unreachable (critical) 20 zones at ns1 (192.0.2.1)" in render(on.messages[0]).text
    assert on.go(60) == ["84 oncall: [RESOLVED] ns1, 20 zones: ns1 has server-unreachable"]


def test_the_first_word_names_what_is_certain_before_what_may_yet_be_a_blip() -> None:
    """ns2 falls silent a minute after ns1, and answers again before its own grace is over."""
    on = Story.of(1, "ns1", "ns2")
    ns1, ns2 = ((on.zones, DEAD, name) for name in ("ns1", "ns2"))
    assert on.go(1, ns1) == []
    assert on.go(2, ns1, ns2) == ["2 oncall: [FIRING critical] z00.example.: ns1 has server-unreachable"]
    assert on.go(60, ns1) == ["4 oncall: [BETTER critical] z00.example.: ns2 is back"]
    assert on.go(60) == ["65 oncall: [RESOLVED] z00.example.: ns1 has server-unreachable"]


def test_of_two_servers_of_one_zone_that_die_the_one_that_stays_dead_is_named() -> None:
    on = Story.of(1, "ns1", "ns2")
    ns1, ns2 = ((on.zones, DEAD, name) for name in ("ns1", "ns2"))
    assert on.go(5, ns1) == ["2 oncall: [FIRING critical] z00.example.: ns1 has server-unreachable"]
    assert on.go(20, ns1, ns2) == ["7 oncall: [WORSE critical] z00.example.: no server is left that answers"]
    assert on.go(60, ns1) == ["28 oncall: [BETTER critical] z00.example.: ns2 is back"]
    assert "* server-unreachable (critical) z00.example. at ns1" in on.text.partition("NO LONGER")[0]


@pytest.mark.parametrize("grace", [0, 2])
def test_a_server_dies_for_two_hundred_zones_is_one_message_and_one_when_it_is_back(grace: float) -> None:
    on = Story.of(200, "ns1", "ns2", grace=grace)
    first = 1 if grace == 0 else 2
    assert on.go(30, (on.zones, DEAD, "ns2")) == [
        f"{first} oncall: [FIRING critical] ns2, 200 zones: ns2 has server-unreachable"
    ]
    assert on.go(30) == [f"{31 + grace:g} oncall: [RESOLVED] ns2, 200 zones: ns2 has server-unreachable"]


def test_all_zones_but_one_are_back_and_the_last_one_hours_later() -> None:
    on = Story.of(30, "ns1", "ns2")
    assert on.go(10, (on.zones, DEAD, "ns2")) == [
        "2 oncall: [FIRING critical] ns2, 30 zones: ns2 has server-unreachable"
    ]
    last = ([on.zones[7]], DEAD, "ns2")
    assert on.go(100, last) == ["14 oncall: [BETTER critical] ns2: 29 of 30 zones are back"]
    assert on.text.startswith("ns2: 29 of 30 zones are back\n\n29 of 30 zones are back.\n\nWHAT IS WRONG\n")
    assert "* server-unreachable (critical) z07.example. at ns2 (192.0.2.2)" in on.text
    assert on.go(200, last) == ["254 oncall: [STILL critical] ns2, z07.example.: ns2 has server-unreachable"]
    assert on.go(60) == ["313 oncall: [RESOLVED] ns2, 30 zones: ns2 has server-unreachable"]


def test_what_is_over_is_told_with_the_times_of_the_outage() -> None:
    """The kind: of a line about many zones, the one looked at first is well first, and its beginning is lost."""
    on = Story.of(10, "ns1", "ns2")
    assert on.go(10) == []
    on.go(3, (on.zones, DEAD, "ns2"))
    assert on.go(30) == ["16 oncall: [RESOLVED] ns2, 10 zones: ns2 has server-unreachable"]
    assert "It is over. It began 2026-11-20 10:10:06 UTC, ended 2026-11-20 10:14:00 UTC" in on.text
    assert "  since 2026-11-20 10:10:06 UTC, until 2026-11-20 10:14:00 UTC" in on.text


def test_a_line_that_stands_again_begins_when_it_does() -> None:
    on = Story.of(2, "ns1", "ns2")
    other = ([on.zones[0]], "tcp-unreachable", "ns2")
    on.go(5, ([on.zones[0]], REFUSED, "ns2"), other)
    on.go(10, other)
    on.go(5, ([on.zones[0]], REFUSED, "ns2"), other)
    on.go(60, other)
    assert "since 2026-11-20 10:15:06 UTC, until 2026-11-20 10:20:06 UTC" in on.text


def test_a_server_that_breaks_in_eight_ways_at_the_first_sweep_is_one_message() -> None:
    on = Story.of(20, "ns1", "ns2")
    codes = ("tcp-unreachable", "not-authoritative", "ns-set-differs", "record-differs", "transfer-refused",
             "edns-broken", "soa-fields-differ", "serial-late")  # fmt: skip
    everything = [(on.zones, code, "ns2") for code in codes]
    assert on.go(60, *everything) == ["2 oncall: [FIRING critical] ns2, 20 zones: ns2 has transfer-refused"]
    assert [line.split()[1] for line in on.text.splitlines() if line.startswith("* ")] == [
        "transfer-refused", "edns-broken", "not-authoritative", "ns-set-differs", "record-differs", "serial-late",
        "soa-fields-differ", "tcp-unreachable",
    ]  # fmt: skip


def test_twenty_one_zones_without_tcp_and_then_two_criticals_which_stand_first() -> None:
    on = Story.of(21, "ns1", "ns2")
    tcp = (on.zones, "tcp-unreachable", "ns2")
    assert on.go(10, tcp) == ["2 oncall: [FIRING warning] ns2, 21 zones: ns2 has tcp-unreachable"]
    assert on.go(60, tcp, (on.zones[:2], REFUSED, "ns2")) == [
        "12 oncall: [WORSE critical] ns2, 2 zones: ns2 has zone-not-served"
    ]
    assert [line for line in on.text.splitlines() if line.startswith("* ")] == [
        "* zone-not-served (critical) 2 zones at ns2 (192.0.2.2)",
        "* tcp-unreachable (warning) 21 zones at ns2 (192.0.2.2)",
    ]
    data = render(on.messages[-1]).data
    assert (data["zone_count"], data["finding_count"]) == (21, 23)
    assert [(f["code"], f["zone_count"]) for f in data["findings"]] == [  # type: ignore[attr-defined]
        ("zone-not-served", 2),
        ("tcp-unreachable", 21),
    ]


def test_a_primary_goes_back_for_one_zone_beside_a_dead_tcp_of_many() -> None:
    on = Story.of(22, "ns1", "ns2")
    tcp = (on.zones[:21], "tcp-unreachable", "ns2")
    on.go(10, tcp)
    back = (on.zones[:1], "serial-regressed", "ns1"), (on.zones[:1], "serial-ahead", "ns2")
    assert on.go(60, tcp, *back) == ["12 oncall: [FIRING critical] z00.example.: ns2 has serial-ahead"]
    assert "tcp-unreachable" not in on.text
    assert on.go(60, tcp) == ["72 oncall: [RESOLVED] z00.example.: ns2 has serial-ahead"]


def test_a_zone_expires_on_a_secondary_that_was_late() -> None:
    on = Story.of(1, "ns1", "ns2")
    late = (on.zones, "serial-overdue", "ns2")
    assert on.go(10, late) == ["2 oncall: [FIRING critical] z00.example.: ns2 has serial-overdue"]
    assert on.go(60, late, (on.zones, "zone-expired", "ns2")) == [
        "12 oncall: [WORSE critical] z00.example.: ns2 has zone-expired"
    ]
    wrong, _, past = on.text.partition("NO LONGER")
    assert "* zone-expired (critical)" in wrong
    assert "serial-overdue" not in wrong
    assert "* serial-overdue (critical)" in past


def test_the_critical_part_ends_and_the_pager_is_released_hours_before_the_rest() -> None:
    on = Story.of(1, "ns1", "ns2", "ns3")
    on.routes = (Route(("chat",)), Route(("pager",), severity=(Severity.CRITICAL,)))
    on.receivers = ("chat", "pager")
    late = (on.zones, "serial-late", "ns3")
    assert on.go(10, late, (on.zones, DEAD, "ns2")) == [
        "2 chat: [FIRING critical] z00.example.: ns2 has server-unreachable",
        "2 pager: [FIRING critical] z00.example.: ns2 has server-unreachable",
    ]
    assert on.go(180, late) == [
        "13 chat: [BETTER warning] z00.example.: the critical part is over",
        "13 pager: [RESOLVED] z00.example.: what you were told of is over",
    ]
    assert on.text.splitlines()[2] == "What you were told of is over. The rest goes on: warning, 1 zone."
    assert on.go(60) == ["192 chat: [RESOLVED] z00.example.: ns3 has serial-late"]


def test_a_receiver_that_is_added_in_the_middle_is_told_and_reminded_and_told_the_end() -> None:
    on = Story.of(1, "ns1", "ns2")
    dead = (on.zones, DEAD, "ns2")
    on.go(10, dead)
    on.reload("oncall", "new", remind=60)
    assert on.go(170, dead) == [
        "10 new: [FIRING critical] z00.example.: ns2 has server-unreachable",
        "62 oncall: [STILL critical] z00.example.: ns2 has server-unreachable",
        "62 new: [STILL critical] z00.example.: ns2 has server-unreachable",
        "122 oncall: [STILL critical] z00.example.: ns2 has server-unreachable",
        "122 new: [STILL critical] z00.example.: ns2 has server-unreachable",
    ]
    on.go(2)
    on.reload("oncall", "new", "late", remind=60)
    assert on.go(60) == [
        "182 oncall: [RESOLVED] z00.example.: ns2 has server-unreachable",
        "182 new: [RESOLVED] z00.example.: ns2 has server-unreachable",
    ]


@pytest.mark.parametrize("grace", [0, 2])
def test_a_code_is_raised_from_information_to_critical_while_it_stands_for_two_hundred_zones(grace: float) -> None:
    on = Story.of(200, "ns1", "ns2", grace=grace)
    refused = (on.zones, REFUSED, "ns2")
    on.severity = {REFUSED: Severity.INFO}
    assert on.go(10, refused) == []
    on.severity = {}
    on.reload("oncall", raised=Severity.CRITICAL)
    assert on.go(30, refused) == ["10 oncall: [FIRING critical] ns2, 200 zones: ns2 has zone-not-served"]
    assert on.go(30) == [f"{41 + grace:g} oncall: [RESOLVED] ns2, 200 zones: ns2 has zone-not-served"]
