"""Storms whose one cause is no single server: one message that says what servers have in common, and no more."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from alerting.finding_types import FINDING_TYPES
from alerting.headline import headline
from alerting.incident import Cause, IncidentChange, IncidentEvent
from alerting.model import Alert, Phase
from alerting.render import render
from alerting.root_cause import DependencyGraph
from checks.model import Address, Expectation, Server, TransferRule, Zone
from checks.model.finding_type import Severity
from tests.support.alerts import alert, minute
from tests.support.at_once import root_causes
from tests.support.incident_desk import Desk

ZONES = tuple(f"z{number:02}.example." for number in range(20))
V6 = {f"ns{n}": Address(f"2001:db8:{n}::1") for n in range(1, 6)}
V4 = {f"ns{n}": Address(f"203.0.{n}.1") for n in range(1, 6)}
ELSEWHERE = Server("far", (Address("198.51.100.1"), Address("2001:db8:ff::1")))
RULE = TransferRule("*", Expectation.ALLOWED, key="xfr")


def dual(*, group: str = "") -> list[Server]:
    """Five servers, each with both families, all in networks of their own."""
    return [Server(name, (V4[name], V6[name]), group=group) for name in V4]


class Story:
    """What is told of alerts, as subjects."""

    def __init__(
        self, servers: Iterable[Server], zones: Iterable[str] = ZONES, rule: TransferRule | None = None
    ) -> None:
        self.servers = tuple(servers)
        self.zones = tuple(zones)
        rules = (TransferRule("*", Expectation.REFUSED), rule) if rule else ()
        watched = [Zone(name, self.servers, self.servers[0].name, transfers=rules) for name in self.zones]
        self.desk = Desk(topology=DependencyGraph.of(watched))

    def hear(self, *alerts: Alert) -> list[str]:
        return [render(message).subject for message in self.desk.change(*alerts).messages]

    def back(self, *alerts: Alert) -> list[str]:
        at = minute(self.desk.at + 1)
        return self.hear(*(replace(each, phase=Phase.OK, since=at, good_since=at) for each in alerts))

    def dead(self, *servers: str, over: str = "46", at: float = 0, phase: Phase = Phase.FIRING) -> list[Alert]:
        """These do not answer, for all zones, over IPv4, IPv6 or both."""
        places = [(s.name, a) for s in self.servers if s.name in servers for a in s.addresses]
        return [
            silent(zone, name, address, at, phase)
            for name, address in places
            if ("6" if ":" in address.host else "4") in over
            for zone in self.zones
        ]

    def refused(self, error: str, *servers: str, zones: Iterable[str] = ()) -> list[Alert]:
        """Transfers with the key that these refuse."""
        places = [(s.name, s.addresses[0]) for s in self.servers if s.name in servers]
        return [refused(zone, name, address, error) for name, address in places for zone in zones or self.zones]

    @property
    def causes(self) -> list[str]:
        return sorted(str(incident.cause) for incident in self.desk.open_incidents.incidents.values())


def silent(zone: str, server: str, address: Address, at: float = 0, phase: Phase = Phase.FIRING) -> Alert:
    text = f"{server} at {address} cannot be reached: no answer"
    one = alert(zone, "server-unreachable", server, at=at, text=text, phase=phase)
    return replace(one, key=replace(one.key, address=address))


def refused(zone: str, server: str, address: Address, error: str) -> Alert:
    text = (
        f"{server} at {address} refuses the transfer with key xfr: the key is unknown there, or not allowed ({error})"
    )
    one = alert(zone, "transfer-refused", server, text=text, subject="key xfr, must be allowed")
    return replace(one, key=replace(one.key, address=address))


def at_first_addresses(alerts: Iterable[Alert], servers: Iterable[Server]) -> list[Alert]:
    """Each at the first address of its server."""
    first = {server.name: server.addresses[0] for server in servers}
    return [replace(each, key=replace(each.key, address=first[each.key.server or ""])) for each in alerts]


# --- an address family ---


def test_all_ipv6_addresses_are_dead_is_one_message_that_names_the_family() -> None:
    story = Story(dual())
    everything = story.dead(*V6, over="6")
    said = "5 of 5 IPv6 addresses do not answer"
    assert story.hear(*everything) == [f"[FIRING critical] {said}; their IPv4 addresses do"]
    assert story.desk.only.cause == Cause("family", "IPv6")
    assert story.desk.wait(250) == ["oncall: reminded family IPv6"]
    ns1 = [each for each in everything if each.key.server == "ns1"]
    assert story.back(*ns1) == []
    assert story.desk.wait(10) == ["oncall: improved family IPv6"]
    assert story.back(*(each for each in everything if each.key.server != "ns1")) == [f"[RESOLVED] {said}"]


def test_what_is_left_of_a_family_is_counted() -> None:
    story = Story(dual())
    everything = story.dead(*V6, over="6")
    story.hear(*everything)
    story.back(*(each for each in everything if each.key.server in ("ns1", "ns3", "ns4", "ns5")))
    assert headline(story.desk.only) == "1 of 5 IPv6 addresses does not answer"


def test_one_ipv6_address_that_answers_leaves_each_server_its_own_incident() -> None:
    story = Story(dual())
    heard = story.hear(*story.dead("ns1", "ns2", "ns3", "ns4", over="6"))
    assert story.causes == ["server ns1", "server ns2", "server ns3", "server ns4"]
    assert len(heard) == 4
    assert heard[0] == "[FIRING critical] ns1, 20 zones: ns1 at 2001:db8:1::1 cannot be reached"


def test_a_server_that_is_dead_over_both_families_keeps_its_own_incident_beside_that_of_the_family() -> None:
    story = Story(dual())
    heard = story.hear(*story.dead("ns1", over="46"), *story.dead("ns2", "ns3", "ns4", "ns5", over="6"))
    assert sorted(heard) == [
        "[FIRING critical] 4 of 4 IPv6 addresses do not answer; their IPv4 addresses do",
        "[FIRING critical] ns1, 20 zones: ns1 at 203.0.1.1 cannot be reached",
    ]


def test_no_family_is_named_while_it_is_open_whether_the_servers_are_dead_over_the_other_one_too() -> None:
    story = Story(dual()[:2])
    story.hear(*story.dead("ns1", "ns2", over="4", phase=Phase.PENDING))
    story.hear(*story.dead("ns1", "ns2", over="6"))
    assert story.causes == ["server ns1", "server ns2"]


def test_one_zone_has_its_own_incident_whatever_its_servers_have_in_common() -> None:
    story = Story(dual(), zones=ZONES[:1])
    story.hear(*story.dead(*V6, over="6"))
    assert story.causes == [f"zone {ZONES[0]}"]


def test_two_zones_of_servers_of_their_own_are_enough_for_a_family() -> None:
    first, second = dual()[:2]
    zones = [Zone(ZONES[0], (first,), "ns1"), Zone(ZONES[1], (second,), "ns2")]
    alerts = [silent(ZONES[0], "ns1", V6["ns1"]), silent(ZONES[1], "ns2", V6["ns2"])]
    assert set(root_causes(alerts, DependencyGraph.of(zones)).values()) == {Cause("family", "IPv6")}


# --- a network ---


def near(*names: str, group: str = "") -> list[Server]:
    """Servers in one network, over each family, and one that is elsewhere."""
    return [
        *(
            Server(n, (Address(f"192.0.2.{i}"), Address(f"2001:db8:7::{i}")), group=group)
            for i, n in enumerate(names, 1)
        ),
        ELSEWHERE,
    ]


def test_all_servers_in_a_network_are_dead_is_one_message_that_names_it() -> None:
    story = Story(near("a", "b", "c", "d"))
    everything = story.dead("a", "b", "c", "d")
    assert story.hear(*everything) == ["[FIRING critical] 4 of 4 addresses in 192.0.2.0/24 do not answer"]
    assert story.desk.only.cause == Cause("network", "192.0.2.0/24")
    assert story.back(*everything) == ["[RESOLVED] 4 of 4 addresses in 192.0.2.0/24 do not answer"]


def test_a_network_is_named_over_the_family_that_is_dead_there() -> None:
    story = Story(near("a", "b", "c", "d"))
    said = ["[FIRING critical] 4 of 4 addresses in 2001:db8:7::/48 do not answer"]
    assert story.hear(*story.dead("a", "b", "c", "d", over="6")) == said


def test_servers_that_die_one_after_the_other_within_minutes_become_one_incident() -> None:
    story = Story(near("a", "b", "c"))
    assert story.hear(*story.dead("a", at=0)) == ["[FIRING critical] a, 20 zones: a at 192.0.2.1 cannot be reached"]
    assert story.hear(*story.dead("b", at=1)) == ["[FIRING critical] b, 20 zones: b at 192.0.2.2 cannot be reached"]
    assert story.hear(*story.dead("c", at=2)) == []
    assert story.causes == ["network 192.0.2.0/24", "server b"]
    assert story.desk.wait(6) == ["oncall: worsened network 192.0.2.0/24"]


def test_servers_of_a_network_that_died_long_before_one_another_have_their_own_incidents() -> None:
    story = Story(near("a", "b"))
    story.hear(*story.dead("a", at=0))
    story.hear(*story.dead("b", at=6))
    assert story.causes == ["server a", "server b"]


def test_no_network_is_named_where_nothing_outside_of_it_answers() -> None:
    story = Story(near("a", "b")[:2])
    story.hear(*story.dead("a", "b"))
    assert story.causes == ["server a", "server b"]


def test_servers_on_this_machine_are_in_no_network() -> None:
    story = Story([Server(n, (Address("127.0.0.1", port),)) for n, port in (("a", 5301), ("b", 5302))] + [ELSEWHERE])
    story.hear(*story.dead("a", "b"))
    assert story.causes == ["server a", "server b"]


def test_what_follows_from_a_dead_network_is_in_its_incident() -> None:
    story = Story(near("a", "b"))
    late = [
        replace(
            alert(z, "serial-overdue", "far"),
            key=replace(alert(z, "serial-overdue", "far").key, address=ELSEWHERE.addresses[0]),
        )
        for z in ZONES
    ]
    story.hear(*story.dead("a", "b"), *late)
    assert story.causes == ["network 192.0.2.0/24"]


# --- a group ---


def test_all_servers_of_a_group_are_dead_is_one_message_that_names_it() -> None:
    story = Story([*dual(group="cloud"), ELSEWHERE])
    everything = story.dead(*V4)
    assert story.hear(*everything) == ["[FIRING critical] 5 of 5 servers of group cloud do not answer"]
    story.back(*(each for each in everything if each.key.server == "ns1"))
    assert headline(story.desk.only) == "4 of 5 servers of group cloud do not answer"


def test_a_group_within_a_network_is_named_unless_the_network_is_wider() -> None:
    story = Story(near("a", "b", group="cloud"))
    assert story.hear(*story.dead("a", "b")) == ["[FIRING critical] 2 of 2 servers of group cloud do not answer"]
    three = near("a", "b", "c", group="cloud")
    story = Story([*three[:2], replace(three[2], group=""), ELSEWHERE])
    assert story.hear(*story.dead("a", "b", "c")) == [
        "[FIRING critical] 3 of 3 addresses in 192.0.2.0/24 do not answer"
    ]


def test_all_servers_of_a_group_refuse_their_zones_is_one_message_that_names_it() -> None:
    story = Story([*dual(group="cloud")[:3], ELSEWHERE])
    places = [(server.name, address) for server in story.servers[:3] for address in server.addresses]
    everything = [
        replace(one, key=replace(one.key, address=address))
        for name, address in places
        for zone in ZONES
        for one in [alert(zone, "zone-not-served", name)]
    ]
    said = f"3 of 3 servers of group cloud: {FINDING_TYPES['zone-not-served'].title}"
    assert story.hear(*everything) == [f"[FIRING critical] {said}"]
    assert story.causes == ["group cloud"]
    ns1 = [each for each in everything if each.key.server == "ns1"]
    late = [replace(each, key=replace(each.key, check="x", code="transfer-failed")) for each in ns1]
    assert story.hear(*late) == []
    assert story.causes == ["group cloud"]
    story.back(*ns1, *late)
    assert headline(story.desk.only).startswith("2 of 3 servers of group cloud: ")


def test_a_group_is_not_named_where_others_have_the_same() -> None:
    story = Story([*dual(group="cloud")[:2], ELSEWHERE])
    names = ("ns1", "ns2", "far")
    alerts = [alert(zone, "zone-not-served", name) for name in names for zone in ZONES]
    story.hear(
        *(
            replace(a, key=replace(a.key, address=s.addresses[0]))
            for a in alerts
            for s in story.servers
            if s.name == a.key.server
        )
    )
    assert story.causes == ["server far", "server ns1", "server ns2"]


def test_more_of_a_group_than_is_kept_is_not_counted() -> None:
    servers = [Server(f"s{n}", (Address(f"203.0.{n}.1"),), group="cloud") for n in range(1, 30)]
    story = Story([*servers, ELSEWHERE], zones=ZONES[:2])
    alerts = [alert(z, "zone-not-served", s.name, severity=Severity.WARNING) for s in servers for z in story.zones]
    story.hear(
        *(
            replace(a, key=replace(a.key, address=s.addresses[0]))
            for a in alerts
            for s in servers
            if s.name == a.key.server
        )
    )
    assert headline(story.desk.only).startswith("group cloud, 2 zones: s")


# --- a key ---


@pytest.mark.parametrize("error", ["BADKEY", "BADSIG", "BADTIME"])
def test_a_key_that_all_servers_refuse_is_one_message_that_names_it(error: str) -> None:
    story = Story(dual(), rule=RULE)
    everything = story.refused(error, *V4)
    said = f"5 of 5 servers refuse transfers with the key xfr: {error}"
    assert story.hear(*everything) == [f"[FIRING critical] {said}"]
    assert story.desk.only.cause == Cause("key", "xfr")
    story.back(*(each for each in everything if each.key.server != "ns1"))
    assert headline(story.desk.only) == f"1 of 5 servers refuses transfers with the key xfr: {error}"
    assert story.back(*(each for each in everything if each.key.server == "ns1")) == [f"[RESOLVED] {said}"]


def test_a_key_that_a_server_takes_is_the_trouble_of_the_others() -> None:
    story = Story(dual(), rule=RULE)
    story.hear(*story.refused("BADKEY", "ns1", "ns2"))
    assert story.causes == ["server ns1", "server ns2"]


def test_a_key_that_servers_refuse_with_different_errors_is_the_trouble_of_each() -> None:
    story = Story(dual()[:2], rule=RULE)
    story.hear(*story.refused("BADKEY", "ns1"), *story.refused("BADSIG", "ns2"))
    assert story.causes == ["server ns1", "server ns2"]


def test_a_transfer_that_is_refused_for_another_reason_says_nothing_of_its_key() -> None:
    story = Story(dual()[:2], rule=RULE)
    story.hear(*story.refused("REFUSED", "ns1", "ns2"))
    assert story.causes == ["server ns1", "server ns2"]


def test_a_key_that_is_refused_for_one_zone_is_that_zones_until_it_is_for_another() -> None:
    story = Story(dual(), rule=RULE)
    assert len(story.hear(*story.refused("BADKEY", *V4, zones=ZONES[:1]))) == 1
    assert story.causes == [f"zone {ZONES[0]}"]
    assert story.hear(*story.refused("BADKEY", *V4, zones=ZONES[1:2])) == []
    assert story.causes == ["key xfr"]


# --- several at once ---


def test_three_causes_at_once_are_three_messages() -> None:
    story = Story([*near("a", "b", "c"), *dual()[:2]], rule=RULE)
    everything = [*story.dead("a", "b", "c"), *story.dead("ns1"), *story.refused("REFUSED", "ns2")]
    assert sorted(story.hear(*everything)) == [
        "[FIRING critical] 3 of 3 addresses in 192.0.2.0/24 do not answer",
        "[FIRING critical] ns1, 20 zones: ns1 at 203.0.1.1 cannot be reached",
        f"[FIRING critical] ns2, 20 zones: {story.refused('REFUSED', 'ns2')[0].text.partition(':')[0]}",
    ]


# --- what is said ---


def test_what_comes_and_goes_is_told_as_that() -> None:
    story = Story(near("a", "b"))
    story.hear(*(replace(each, flapping=True) for each in story.dead("a", "b")))
    assert headline(story.desk.only) == "192.0.2.0/24: comes and goes: 2 of 2 addresses in 192.0.2.0/24 do not answer"


def test_more_lines_than_are_kept_are_not_counted() -> None:
    story = Story(near(*(f"s{n}" for n in range(1, 30))))
    story.hear(*(replace(each, severity=Severity.WARNING) for each in story.dead(*(f"s{n}" for n in range(1, 30)))))
    assert headline(story.desk.only).startswith("192.0.2.0/24, 20 zones: s")


def test_addresses_are_found_in_their_network_with_ports_too() -> None:
    places = [
        (Address("192.0.2.1", 5301), Address("2001:db8:7::1", 5301)),
        (Address("192.0.2.2"), Address("2001:db8:7::2")),
    ]
    story = Story([*(Server(name, each) for name, each in zip("ab", places, strict=True)), ELSEWHERE])
    assert story.hear(*story.dead("a", "b")) == ["[FIRING critical] 2 of 2 addresses in 192.0.2.0/24 do not answer"]


def test_what_is_better_and_what_is_gone_is_said_by_what_they_have_in_common() -> None:
    story = Story(dual())
    story.hear(*story.dead(*V6, over="6"))
    better = replace(story.desk.only, change=IncidentChange())
    assert headline(better, IncidentEvent.IMPROVED) == "IPv6: a server answers again"
    gone = replace(story.desk.only, lines=(), moved_zones=ZONES)
    assert headline(gone) == "IPv6: what it was about has another cause"
