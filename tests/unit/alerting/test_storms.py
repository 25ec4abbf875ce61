"""Storms: very much goes wrong at once. However it comes about, a receiver hears of it in a few messages."""

from dataclasses import replace
from datetime import timedelta

import pytest

from alerting.audience_news import Views
from alerting.incident import Storm
from alerting.incident_news import Rules
from alerting.model import Policy, Route
from alerting.render import render
from alerting.root_cause import DependencyGraph
from alerting.silences import ActiveSilences, Matchers, Silence
from alerting.timeline import TimelineEvent
from checks.model.finding_type import Severity
from tests.support.alerts import minute, zone
from tests.support.looking_desk import LookingDesk

DEAD = "server-unreachable"
REFUSED = "zone-not-served"


def desk(
    count: int = 200, *, servers: tuple[str, ...] = ("ns1", "ns2"), grace: float = 2, pace: float = 1
) -> LookingDesk:
    names = [f"z{n:04d}.example." for n in range(count)]
    topology = DependencyGraph.of([zone(name, *servers) for name in names])
    policy = Policy(grace=timedelta(minutes=grace), settle=timedelta(minutes=grace))
    return LookingDesk(topology=topology, zones=names, policy=policy, pace=pace)


GRACES = pytest.mark.parametrize("grace", [0, 2])


@GRACES
@pytest.mark.parametrize("share", [90, 110])
def test_a_share_of_a_servers_zones_is_one_message_and_one_at_its_end(share: int, grace: float) -> None:
    story = desk(grace=grace)
    story.sweep((story.zones[:share], REFUSED, "ns2"), times=20)
    assert story.heard() == [f"[FIRING critical] ns2, {share} zones: ns2 has {REFUSED}"]
    story.sweep(times=5)
    assert story.heard() == [f"[RESOLVED] ns2, {share} zones: ns2 has {REFUSED}"]


@GRACES
def test_two_servers_that_fail_for_half_of_the_zones_each_are_two_messages(grace: float) -> None:
    story = desk(grace=grace)
    story.sweep((story.zones[:100], REFUSED, "ns1"), (story.zones[100:], REFUSED, "ns2"), times=20)
    assert len(story.heard()) == 2
    story.sweep(times=5)
    assert len(story.heard()) == 2


@GRACES
def test_two_servers_that_fail_for_alternate_zones_are_two_messages(grace: float) -> None:
    story = desk(grace=grace)
    story.sweep((story.zones[::2], REFUSED, "ns1"), (story.zones[1::2], REFUSED, "ns2"), times=20)
    assert len(story.heard()) == 2


@GRACES
def test_two_servers_that_fail_for_the_same_half_of_the_zones(grace: float) -> None:
    story = desk(servers=("ns1", "ns2", "ns3"), grace=grace)
    story.sweep((story.zones[:90], REFUSED, "ns1"), (story.zones[:90], REFUSED, "ns2"), times=20)
    assert len(story.heard()) == 2


@GRACES
def test_many_zones_that_are_added_while_their_server_is_dead(grace: float) -> None:
    story = desk(1100, grace=grace)
    every, few = story.zones, story.zones[:100]
    story.topology = DependencyGraph.of([zone(name, "ns1", "ns2") for name in few])
    story.zones = few
    story.sweep((few, DEAD, "ns2"), times=5)
    assert len(story.heard()) == 1
    story.topology = DependencyGraph.of([zone(name, "ns1", "ns2") for name in every])
    story.zones = every
    story.sweep((every, DEAD, "ns2"), times=20)
    assert len(story.heard()) <= 2


@GRACES
def test_severities_that_are_raised_while_it_stands(grace: float) -> None:
    story = desk(grace=grace)
    story.severity = {REFUSED: Severity.INFO}
    story.sweep((story.zones[:90], REFUSED, "ns2"), times=5)
    assert story.heard() == []
    story.severity = {}
    story.sweep((story.zones[:90], REFUSED, "ns2"), times=20)
    assert len(story.heard()) <= 2


@GRACES
def test_five_causes_at_once_are_five_incidents(grace: float) -> None:
    story = desk(grace=grace)
    z = story.zones
    story.sweep(
        (z[:100], DEAD, "ns2"),
        (z[150:151], "serial-regressed", "ns1"),
        (z[160:161], "ns-set-differs", "ns1"),
        (z[170:171], "expiry-near", "ns2"),
        (z[180:181], "record-differs", "ns2"),
        times=20,
    )
    assert story.heard() == [
        "[FIRING critical] ns2, 100 zones: ns2 has server-unreachable",
        "[FIRING warning] z0150.example.: ns1 has serial-regressed",
        "[FIRING warning] z0160.example.: ns1 has ns-set-differs",
        "[FIRING warning] z0170.example.: ns2 has expiry-near",
        "[FIRING warning] z0180.example.: ns2 has record-differs",
    ]
    assert len(story.open_incidents.incidents) == 5


# --- so many causes that nobody could read of each ---


def troubled(count: int = 200, *, grace: float = 2, most: int = 20) -> LookingDesk:
    """Each zone has a cause of its own."""
    story = desk(count, grace=grace)
    story.policy = replace(story.policy, max_messages=most)
    return story


def own(story: LookingDesk, first: int, last: int, code: str = "ns-set-differs") -> tuple[list[str], str, str]:
    """Zones with a trouble that each has for itself."""
    return list(story.zones[first:last]), code, ""


@GRACES
def test_of_107_causes_twenty_are_told_and_then_that_there_are_87_more(grace: float) -> None:
    story = troubled(grace=grace)
    story.sweep(own(story, 0, 107), times=15)
    many = story.told[-1]
    heard = story.heard()
    assert len(heard) == 21
    assert heard[-1].startswith("[FIRING warning] and 87 more incidents; the gravest: z0")
    shown = render(many, "https://dns.example.com")
    assert "so that there are not too many." in shown.text
    assert "All of them: ns-set-differs." in shown.text
    assert shown.text.count("* ns-set-differs (warning)") == 20
    assert shown.link == "https://dns.example.com/incidents"
    assert (shown.data["incident_count"], shown.data["zone_count"], shown.data["finding_count"]) == (87, 87, 87)
    story.sweep(times=20)
    ends = story.told
    assert story.heard()[-1] == "[RESOLVED] and 87 more incidents are over"
    assert len(ends) == 21
    assert not any(each.incident.id == many.incident.id for each in ends[:-1])
    assert ends[-1].incident.id == many.incident.id
    assert {each.incident.id for each in ends[:-1]}.isdisjoint(many.incident.incidents)
    assert "87 are over: z0" in render(ends[-1]).text
    assert "87 are over: z0" in render(ends[-1]).html


def test_while_a_storm_goes_on_it_is_told_every_ten_minutes_how_many_there_are() -> None:
    story = troubled(most=5)
    for minutes in range(40):
        story.sweep(own(story, 0, 10 + 2 * minutes))
    heard = story.heard()
    many = [each for each in heard if "more incidents" in each]
    assert len(heard) - len(many) == 4 * 5
    assert 3 <= len(many) <= 5
    story.sweep(own(story, 0, 88), times=12)
    assert len(story.open_incidents.storms["oncall"].known) == len(story.open_incidents.incidents) - 20


def test_what_is_graver_than_what_was_told_of_many_is_told_within_a_minute() -> None:
    story = troubled(most=3)
    story.sweep(own(story, 0, 10), times=6)
    assert story.heard()[-1].startswith("[FIRING warning] and 7 more incidents")
    story.sweep(own(story, 0, 10), (story.zones[150:151], DEAD, "ns2"), times=5)
    many = story.told[-1]
    assert story.heard() == [
        "[WORSE critical] and 8 more incidents; the gravest: z0150.example.: ns2 has server-unreachable"
    ]
    assert "1 of them is new." in render(many).text
    story.sweep(own(story, 0, 4), times=20)
    words = render(story.told[-1])
    assert words.subject == "[BETTER warning] and 1 more incident; the gravest: z0003.example.: ns-set-differs"
    assert "7 are over: z0" in words.text
    assert " and 2 more." in words.text


def test_the_ends_of_what_was_told_one_by_one_are_held_back_together() -> None:
    story = troubled(most=10)
    story.sweep(own(story, 0, 10), times=20)
    story.sweep(own(story, 0, 20), times=20)
    assert len(story.heard()) == 20
    story.sweep(times=20)
    heard = story.heard()
    assert len(heard) == 11
    assert heard[-1] == "[RESOLVED] and 10 more incidents are over"
    assert not story.open_incidents.storms["oncall"].over


def test_what_was_held_back_and_is_over_before_it_could_be_told_is_told_as_over() -> None:
    story = troubled(most=1, grace=0)
    story.sweep(own(story, 0, 4), times=2)
    story.sweep(times=5)
    assert "2 are over: z0000.example and z0001.example." in render(story.told[1]).text
    assert story.heard() == [
        "[FIRING warning] z0000.example.: ns-set-differs",
        "[FIRING warning] and 2 more incidents; the gravest: z0002.example.: ns-set-differs",
        "[RESOLVED] and 4 more incidents are over",
    ]


def test_what_was_told_among_many_is_on_the_timeline_of_each_with_the_message_in_which() -> None:
    story = troubled(most=5)
    story.sweep(own(story, 0, 8), times=6)
    story.sweep(own(story, 0, 9), times=20)
    story.sweep(own(story, 0, 8), times=20)
    story.sweep(times=20)
    opened, grown, shrunk, over = [each for each in story.told if each.incident.many]
    among = [each for each in story.timeline if each.event is TimelineEvent.TOLD_AMONG_MANY]
    first, all_of_them = set(opened.incident.incidents), set(grown.incident.incidents)
    assert (len(first), len(all_of_them)) == (3, 4)
    assert [{each.incident for each in among if each.message == told.id} for told in (opened, grown, shrunk, over)] == [
        first,
        all_of_them - first,
        all_of_them - set(shrunk.incident.incidents),
        set(shrunk.incident.incidents),
    ]
    assert len(among) == 3 + 1 + 1 + 3


def test_of_many_you_are_reminded_in_one_message() -> None:
    story = troubled(most=5)
    story.policy = replace(story.policy, remind=timedelta(minutes=30))
    story.sweep(own(story, 0, 50), times=70)
    heard = [each for each in story.heard() if "more incidents" in each]
    assert [each.split("]")[0] for each in heard] == ["[FIRING warning", "[STILL warning", "[STILL warning"]


def test_without_reminders_many_are_told_once() -> None:
    story = troubled(most=5)
    story.policy = replace(story.policy, remind=timedelta(0))
    story.sweep(own(story, 0, 50), times=70)
    assert len(story.heard()) == 6


def test_a_program_that_keeps_incidents_is_told_every_end_and_one_that_repeats_what_stands_everything() -> None:
    story = troubled(most=5)
    story.receivers, story.state_receivers, story.standing_receivers = ("pager", "all"), ("pager", "all"), ("all",)
    story.sweep(own(story, 0, 5), times=20)
    story.sweep(own(story, 0, 15), times=5)
    opened = [each.receiver for each in story.told]
    assert (opened.count("pager"), opened.count("all")) == (5 + 5 + 1, 15)
    story.told = []
    story.sweep(times=20)
    ends = [each.receiver for each in story.told]
    assert (ends.count("pager"), ends.count("all")) == (10 + 1, 15)


def test_a_receiver_that_is_gone_hears_no_more_of_many() -> None:
    story = troubled(most=5)
    story.sweep(own(story, 0, 15), times=6)
    story.receivers = ("other",)
    story.sweep(times=20)
    assert not [each for each in story.told if each.receiver == "oncall" and each.at > minute(7) and each.incident.many]
    assert story.open_incidents.storms["oncall"] == Storm("oncall")


def test_another_limit_is_taken_over_and_what_is_told_among_many_stays_there() -> None:
    story = troubled(most=5)
    story.sweep(own(story, 0, 15), times=6)
    story.policy = replace(story.policy, max_messages=1000)
    story.heard()
    story.sweep(own(story, 0, 15), own(story, 100, 110), times=5)
    assert len(story.heard()) == 10
    story.sweep(times=20)
    heard = story.heard()
    assert len(heard) == 16
    assert "[RESOLVED] and 10 more incidents are over" in heard


def test_what_leaves_a_receiver_is_not_among_many_any_more() -> None:
    """The severity of one of them comes down, and with it the pager is released."""
    story = troubled(most=2)
    story.receivers, story.routes = ("pager",), (Route(("pager",), severity=(Severity.CRITICAL,)),)
    story.severity = {"ns-set-differs": Severity.CRITICAL}
    story.sweep(own(story, 0, 5), times=6)
    assert story.heard("pager")[-1].startswith("[FIRING critical] and 3 more incidents")
    story.severity = {}
    story.sweep(own(story, 0, 5), times=25)
    assert story.heard("pager") == ["[RESOLVED] and 5 more incidents are over"]


def test_what_one_of_many_has_in_addition_is_no_message_about_many() -> None:
    story = troubled(most=3)
    story.sweep(own(story, 0, 10), times=6)
    story.heard()
    story.sweep(own(story, 0, 10), own(story, 9, 10, "record-differs"), times=25)
    assert story.heard() == []
    assert story.open_incidents.storms["oncall"].due_at == minute(3.4 + 240)


def test_many_are_told_in_the_words_of_now() -> None:
    """A look that finds the same again moves no incident, and yet says by how much it is worse."""
    story = troubled(most=1)
    story.policy = replace(story.policy, remind=timedelta(minutes=30))
    story.ticks = " since 3 min"
    story.sweep(own(story, 0, 2), times=6)
    gravest = "and 1 more incident; the gravest: z0001.example.: ns-set-differs since"
    assert story.heard()[-1] == f"[FIRING warning] {gravest} 3 min"
    story.ticks = " since 33 min"
    story.sweep(own(story, 0, 2), times=35)
    assert story.heard()[-1] == f"[STILL warning] {gravest} 33 min"


def test_among_many_too_nobody_reads_of_zones_of_others_or_of_what_is_silenced() -> None:
    story = troubled(20, most=1)
    story.receivers = ("oncall", "team")
    story.routes = (Route(("oncall",)), Route(("team",), zones=("z0001.*", "z0002.*", "z0003.*")))
    story.silences = ActiveSilences(
        (Silence("1", Matchers(zones=("z0003.*",)), minute(0), None, "ann", "", minute(0)),)
    )
    story.sweep(own(story, 1, 2), times=5)
    story.sweep(own(story, 1, 2), (story.zones[:9], REFUSED, "ns2"), (story.zones[:3], REFUSED, "ns1"), times=8)
    many = [each.incident for each in story.told if each.receiver == "team" and each.incident.many]
    assert [each.zones for each in many] == [("z0001.example.", "z0002.example.")]
    assert [each.findings for each in many] == [4]
    every = next(each.incident for each in story.told if each.receiver == "oncall" and each.incident.many)
    assert set(every.zones) == {*story.zones[:9]} - {"z0003.example."}


def test_a_part_to_which_no_route_leads_any_more_is_seen_as_it_was_told() -> None:
    story = troubled(4)
    story.receivers, story.routes = ("team",), (Route(("team",), zones=("z0001.*",)),)
    story.sweep(own(story, 1, 2), times=5)
    index = story.open_incidents.index
    assert index is not None
    routed, unrouted = (
        Views(index.members, {}, story.active_alerts, each, minute(5)) for each in (story.rules, Rules())
    )
    assert unrouted.of(story.only, "team", in_words_of_now=True) == routed.of(story.only, "team")
