"""Who serves what, look by look, one a minute → what is said from which minute on. What is not listed is not said.

The zone's budgets: max_lag 10 min; refresh 1 h + retry 10 min + cadence 1 min = 71 min; expire 7 d.
"""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.common.serial import newer
from checks.model import CheckInconclusive, Finding, Health, Inconclusive, Zone
from checks.soa_serial import SoaSerial
from checks.zone_state.model import ZoneState
from checks.zone_state.update import update_zone_state
from tests.support.observations import (
    MINUTE,
    NOON,
    QUICK,
    SOA,
    LookResult,
    gather,
    look,
    query,
    seen,
    server,
    story,
    zone,
)

PAIR = zone()
THREE = zone("ns1", "ns2", "ns3")
EQUALS = zone("ns1", "ns2", primary=None)
TRIO = zone("ns1", "ns2", "ns3", primary=None)
PROVIDERS = zone(server("ns1", group="a"), server("ns2", group="a"), server("ns3", group="b"), server("ns4", group="b"))
DUAL = zone(server("ns1", "192.0.2.1", "2001:db8::1"), "ns2")

LATE, OVERDUE, STUCK, AHEAD = "serial-late ns2", "serial-overdue ns2", "serial-stuck ns2", "serial-ahead ns2"
BACK = "serial-regressed ns1"

STORIES: list[tuple[str, Zone, dict[str, str], dict[int, str]]] = [
    ("all well", PAIR, {"ns1": "10*30", "ns2": "10*30"}, {}),
    ("a change arrives within a look", PAIR, {"ns1": "10 11*30", "ns2": "10*2 11*29"}, {}),
    ("arrives just within max_lag", PAIR, {"ns1": "10 11*30", "ns2": "10*12 11*19"}, {}),
    ("arrives just after max_lag", PAIR, {"ns1": "10 11*30", "ns2": "10*13 11*18"}, {12: LATE, 13: ""}),
    ("never arrives", PAIR, {"ns1": "10 11*90", "ns2": "10*91"}, {12: LATE, 73: OVERDUE}),
    ("two changes never arrive", PAIR, {"ns1": "10 11 12*70", "ns2": "10*72"}, {12: LATE, 63: STUCK}),
    (
        "a second change comes while late",
        PAIR,
        {"ns1": "10 11*20 12*50", "ns2": "10*71"},
        {12: LATE, 63: STUCK},
    ),
    (
        "a busy zone, always one look behind",
        PAIR,
        {"ns1": " ".join(map(str, range(10, 100))), "ns2": " ".join(map(str, range(9, 99)))},
        {},
    ),
    (
        "a busy zone, one secondary frozen",
        THREE,
        {"ns1": " ".join(map(str, range(10, 80))), "ns2": "10*70", "ns3": " ".join(map(str, range(10, 80)))},
        {12: LATE, 63: STUCK},
    ),
    (
        "moving, but ever later: the oldest version it lacks decides",
        PAIR,
        {"ns1": " ".join(map(str, range(10, 60))), "ns2": "10*14 " + " ".join(map(str, range(12, 48)))},
        {12: LATE},
    ),
    (
        "takes every version, each of them late",
        PAIR,
        {
            "ns1": " ".join(f"{n}*7" for n in range(10, 30)),
            "ns2": "9*12 " + " ".join(f"{n}*7" for n in range(10, 28)) + " 28*2",
        },
        {look: said for n in range(9, 28) for look, said in ((7 * n - 52, LATE), (7 * n - 51, ""))},
    ),
    (
        "takes some versions only, at each refresh: no NOTIFY reaches it",
        PAIR,
        {"ns1": " ".join(f"{n}*5" for n in range(10, 46)), "ns2": "10*60 22*60 34*60"},
        {16: LATE, 60: "", 76: LATE, 120: "", 136: LATE},
    ),
    (
        "stuck after a while: it took versions, and now takes none",
        PAIR,
        {"ns1": " ".join(f"{n}*5" for n in range(10, 35)), "ns2": "10*6 11*5 12*5 13*109"},
        {31: LATE, 82: STUCK},
    ),
    ("changes as it took one", PAIR, {"ns1": "10 11*20 12 13 14*9", "ns2": "10*14 11*18"}, {12: LATE, 14: ""}),
    ("wrap around zero", PAIR, {"ns1": "4294967290 5*30", "ns2": "4294967290*2 5*29"}, {}),
    ("wrap around zero, never arrives", PAIR, {"ns1": "4294967290 5*20", "ns2": "4294967290*21"}, {12: LATE}),
    ("behind from the first look on", PAIR, {"ns1": "10*15", "ns2": "9*15"}, {11: LATE}),
    ("lost polls make no lag", PAIR, {"ns1": "10 11*30", "ns2": "10 -*29 11"}, {}),
    ("lost polls hide no lag", PAIR, {"ns1": "10 11*30", "ns2": "10 -*29 10"}, {30: LATE}),
    ("silence keeps it unsure, not good", PAIR, {"ns1": "10 11*30", "ns2": "10*14 -*17"}, {12: LATE, 14: ""}),
    ("nobody answers", PAIR, {"ns1": "10 -*5", "ns2": "10 -*5"}, {1: "?"}),
    ("the monitor cannot ask", PAIR, {"ns1": "10 ?*5", "ns2": "10 ?*5"}, {1: "?"}),
    ("refused is not old", PAIR, {"ns1": "10 11*20", "ns2": "10 REFUSED*20"}, {}),
    # ahead and back
    ("ahead for one look", PAIR, {"ns1": "10*9", "ns2": "10 12 10*7"}, {}),
    ("ahead for two looks", PAIR, {"ns1": "10*9", "ns2": "10 12*5 10*3"}, {2: AHEAD, 6: ""}),
    ("ahead from the first look on", PAIR, {"ns1": "10*9", "ns2": "12*9"}, {1: AHEAD}),
    ("ahead, then the primary passes it", PAIR, {"ns1": "10*4 13*5", "ns2": "10 12*4 13*4"}, {2: AHEAD, 4: ""}),
    ("always ahead, and the primary always comes after", PAIR, {"ns1": "10 12 14 16 18", "ns2": "11 13 15 17 19"}, {}),
    ("ahead and going on", PAIR, {"ns1": "10*6", "ns2": "10 12 13 14 15 16"}, {2: AHEAD}),
    ("ahead, each time another machine", PAIR, {"ns1": "10*8", "ns2": "10 12@a 12@b 12@a 12@b 12@a 10 10"}, {}),
    (
        "ahead on every machine for all of max_lag",
        PAIR,
        {"ns1": "10*16", "ns2": "10 " + "12@a 12@b " * 7 + "12@a"},
        {11: AHEAD},
    ),
    ("the primary goes back for one look", PAIR, {"ns1": "10 10 9 10*6", "ns2": "10*9"}, {}),
    (
        "the primary goes back, its secondary does not follow, a new version cures it",
        PAIR,
        {"ns1": "10 10 9*6 11*4", "ns2": "10*8 10 11*3"},
        {3: f"{AHEAD}, {BACK}", 8: ""},
    ),
    (
        "the primary goes back, the secondary is transferred afresh",
        PAIR,
        {"ns1": "10 10 9*10", "ns2": "10*6 9*6"},
        {3: f"{AHEAD}, {BACK}", 6: ""},
    ),
    ("both go back together", PAIR, {"ns1": "10 10 9*20", "ns2": "10 10 9*20"}, {2: "?", 3: ""}),
    (
        "back by a restored backup: three late ones are not blamed",
        THREE,
        {"ns1": "10*20 5*4", "ns2": "10*24", "ns3": "10*24"},
        {21: "serial-ahead ns2, serial-ahead ns3, serial-regressed ns1"},
    ),
    (
        "an anycast primary in motion shows old and new in turn",
        PAIR,
        {"ns1": "10@a 10@b 11@a 10@b 11@a 10@b 10@b 11@b 11@a", "ns2": "10 10 11*7"},
        {},
    ),
    (
        "an anycast primary with one machine that lags: that is lag, not a step back",
        PAIR,
        {"ns1": "10@a 11@a 10@b 10@b 10@b 11@a 10@b 10@b 11@a", "ns2": "10 11*8"},
        {},
    ),
    (
        "only the other machine is left, with an older version",
        PAIR,
        {"ns1": "10@a 11@a 10@b*18", "ns2": "10 11*19"},
        {12: AHEAD},
    ),
    (
        "an anycast secondary in motion",
        PAIR,
        {"ns1": "10 11*9", "ns2": "10@a 11@a 10@b 11@a 10@b 10@b 11@b 11@a 11@b 11@a"},
        {},
    ),
    ("a secondary goes back and stays", PAIR, {"ns1": "10 11*20", "ns2": "10 11*12 10*8"}, {14: LATE}),
    # the primary and the reference
    (
        "the primary falls silent: its last version stays the measure",
        THREE,
        {"ns1": "10 11 -*20", "ns2": "10 11*21", "ns3": "10*22"},
        {12: "serial-late ns3"},
    ),
    (
        "the primary falls silent, a newer version shows up elsewhere",
        THREE,
        {"ns1": "10 -*20", "ns2": "10 11*20", "ns3": "10*21"},
        {12: "serial-late ns3"},
    ),
    (
        "the primary comes back older than what was taken for newest meanwhile",
        PAIR,
        {"ns1": "10 - - 10*5", "ns2": "10 11*7"},
        {4: AHEAD},
    ),
    (
        "ahead stays ahead when the primary falls silent",
        PAIR,
        {"ns1": "10*5 -*4", "ns2": "10 12*8"},
        {2: AHEAD},
    ),
    (
        "a primary that never answers is as good as none",
        THREE,
        {"ns1": "REFUSED*20", "ns2": "10 11*19", "ns3": "10*20"},
        {12: "serial-late ns3"},
    ),
    (
        "a primary with one lagging address is not going back when the other is silent",
        DUAL,
        {"ns1": "10 11 -*3 11*3", "ns1/1": "10*8", "ns2": "10 11*7"},
        {},
    ),
    (
        "a primary with a dead address goes back on the other",
        DUAL,
        {"ns1": "10*8", "ns1/1": "10 10 9 9 -*4", "ns2": "10*8"},
        {},
    ),
    (
        "a primary goes back on the address that answers, the other has long been silent",
        DUAL,
        {"ns1": "10 10 9*6", "ns1/1": "10 -*7", "ns2": "10*8"},
        {3: f"{AHEAD}, {BACK}"},
    ),
    ("a primary at odds with itself by 2^31", DUAL, {"ns1": "1*3", "ns1/1": "1 2147483649*2", "ns2": "1*3"},
     {2: "serial-unordered ns1"}),
    ("the newest counts, with no primary", EQUALS, {"ns1": "10*20", "ns2": "10 11*19"}, {12: "serial-late ns1"}),
    ("where no primary is named nobody is ahead", EQUALS, {"ns1": "10*9", "ns2": "10 12*8"}, {}),
    ("all go back where no primary is named", EQUALS, {"ns1": "10 9*20", "ns2": "10 10 9*19"}, {}),
    # order undefined
    ("2^31 away from the primary", PAIR, {"ns1": "1*4", "ns2": "2147483649*4"}, {0: "serial-unordered ns2"}),
    (
        "2^31 apart and no primary",
        EQUALS,
        {"ns1": "1*4", "ns2": "2147483649*4"},
        {0: "serial-unordered ns1, serial-unordered ns2"},
    ),
    (
        "2^31 apart after a while: what was the reference stays it",
        EQUALS,
        {"ns1": "1*4", "ns2": "1 2147483649*3"},
        {2: "serial-unordered ns2"},
    ),
    (
        "three in a circle, each newer than the next",
        TRIO,
        {"ns1": "0*3", "ns2": "1500000000*3", "ns3": "3000000000*3"},
        {0: "serial-unordered ns1, serial-unordered ns2, serial-unordered ns3"},
    ),
    (
        "a circle closes around a reference that stays",
        TRIO,
        {"ns1": "0*3", "ns2": "0 1500000000*2", "ns3": "0 3000000000*2"},
        {2: "serial-unordered ns3"},
    ),
    ("the primary jumps by 2^31", PAIR, {"ns1": "1 2147483649*4", "ns2": "1*5"}, {2: "serial-unordered ns2"}),
    # groups
    ("providers each with its serials", PROVIDERS, {"ns1": "10*9", "ns2": "10*9", "ns3": "900*9", "ns4": "900*9"}, {}),
    (
        "late within the other provider only",
        PROVIDERS,
        {"ns1": "10*20", "ns2": "10*20", "ns3": "900 901*19", "ns4": "900*20"},
        {12: "serial-late ns4"},
    ),
]  # fmt: skip


def heard(pages: list[LookResult]) -> dict[int, str]:
    """What is said, at the minutes at which it changes."""
    changes, last = {}, ""
    for minute, page in enumerate(pages):
        if page.said != last:
            changes[minute] = last = page.said
    return changes


@pytest.mark.parametrize(("title", "zone", "does", "expected"), STORIES, ids=[title for title, *_ in STORIES])
def test_story(title: str, zone: Zone, does: dict[str, str], expected: dict[int, str]) -> None:
    assert heard(story(zone, does)) == expected


def test_tiny_timers_hold_though_max_lag_is_long() -> None:
    pages = story(PAIR, {"ns1": "10 11*20", "ns2": "10*21"}, soa=QUICK)
    assert heard(pages) == {4: OVERDUE}  # 60 + 30 + 60 s after minute 1


def test_a_zone_may_wish_for_less() -> None:
    pages = story(zone(max_lag=2 * MINUTE), {"ns1": "10 11*9", "ns2": "10*10"})
    assert heard(pages) == {4: LATE}


def test_who_takes_every_version_45_seconds_late_is_late_and_never_stuck() -> None:
    """A new version each 30 s, a look each 15 s; nothing but that its own version moves keeps it from being stuck."""
    watched = replace(PAIR, max_lag=timedelta(seconds=20))
    timers = replace(SOA, refresh=5, retry=60)
    does = {
        "ns1": " ".join(f"{10 + number // 2}" for number in range(240)),
        "ns2": "9*3 " + " ".join(f"{10 + number // 2}" for number in range(237)),
    }
    pages = story(watched, does, soa=timers, every=timedelta(seconds=15))
    assert {page.said for page in pages[3:]} == {"", LATE}
    does["ns2"] = "9*3 10*237"
    pages = story(watched, does, soa=timers, every=timedelta(seconds=15))
    assert pages[-1].said == STUCK


def test_texts_say_how_late_since_when_and_what_it_means() -> None:
    late = story(PAIR, {"ns1": "10 11*15", "ns2": "10*16"})[-1].result.findings[0]
    assert late.text == (
        "ns2 (192.0.2.2) is 14 min behind: it serves 10, 1 version before 11, since 2026-11-20 12:01:00 UTC; "
        "longer than max_lag (10 min)"
    )
    back = story(PAIR, {"ns1": "10 9*2", "ns2": "10*3"})[-1].result.findings[0]
    assert back.text == "ns1 is the primary and went back from 10 to 9; ahead of it: ns2 (192.0.2.2)"
    assert back.address is None


def test_the_text_says_what_ends_it_as_far_as_that_is_known() -> None:
    is_ahead = (
        "ns2 (192.0.2.2) serves 12, newer than its primary's 10; as a secondary it takes nothing until that is passed"
    )
    afresh = "ransfer the zone afresh there"
    publish = (
        "; or publish a serial newer than all that are served, such as 13. To count on from 10 after that, "
        "set the serial to 2147483660 and 10, each once all servers have the one before"
    )
    apart = (
        '. If it signs the zone, its serials are its own: set signer = "ns2" in the zone; '
        "if it gets the zone from elsewhere, another group for it and for who follows it. Otherwise t"
    )
    for watched, shown, cure in (
        (PAIR, {"ns1": "10*3", "ns2": "10 12*2"}, f"{apart}{afresh}"),
        (THREE, {"ns1": "10*3", "ns2": "10 12*2", "ns3": "10*3"}, f"{apart}{afresh}{publish}"),
        (PAIR, {"ns1": "12 10*3", "ns2": "12*4"}, f". T{afresh}{publish}"),
    ):
        (found,) = [each for each in story(watched, shown)[-1].result.findings if each.server == "ns2"]
        assert found.text == f"{is_ahead}{cure}"


def test_where_no_lag_is_allowed_the_text_says_so() -> None:
    late = story(zone(max_lag=timedelta(0)), {"ns1": "10 11*2", "ns2": "10*3"})[-1].result.findings[0]
    assert late.text.endswith(
        "is 1 min behind: it serves 10, 1 version before 11, since 2026-11-20 12:01:00 UTC; and no lag is allowed"
    )


WEEK = SOA.expire
EXPIRIES = [
    ("plenty is left", WEEK, ""),
    ("just over half", WEEK // 2 + 1, ""),
    ("half", WEEK // 2, "expiry-near ns2"),
    ("just over a quarter", WEEK // 4 + 1, "expiry-near ns2"),
    ("a quarter", WEEK // 4, "expiry-imminent ns2"),
    ("nothing", 0, "expiry-imminent ns2"),
]


@pytest.mark.parametrize(("title", "left", "expected"), EXPIRIES, ids=[title for title, *_ in EXPIRIES])
def test_expiry_by_its_own_count_even_if_in_sync(title: str, left: int, expected: str) -> None:
    assert story(PAIR, {"ns1": f"10~{WEEK}", "ns2": f"10~{left}"})[-1].said == expected


def test_a_zone_that_refreshes_once_in_most_of_its_expire_is_not_near_its_end_each_time() -> None:
    slow = replace(SOA, refresh=WEEK * 6 // 10, retry=600)
    assert story(PAIR, {"ns1": "10", "ns2": f"10~{WEEK * 41 // 100}"}, soa=slow)[-1].said == ""
    assert story(PAIR, {"ns1": "10", "ns2": f"10~{WEEK * 39 // 100}"}, soa=slow)[-1].said == "expiry-near ns2"
    absurd = replace(SOA, refresh=2 * WEEK)
    assert story(PAIR, {"ns1": "10", "ns2": f"10~{WEEK // 4 + 60}"}, soa=absurd)[-1].said == ""
    assert story(PAIR, {"ns1": "10", "ns2": f"10~{WEEK // 4}"}, soa=absurd)[-1].said == "expiry-imminent ns2"


def test_a_primary_gives_its_whole_expire_and_does_not_expire() -> None:
    assert story(PAIR, {"ns1": "10~1", "ns2": "10"})[-1].said == ""


def test_expiry_and_lateness_are_told_both() -> None:
    pages = story(PAIR, {"ns1": "10 11*15", "ns2": "10~100000*16"})
    assert pages[-1].said == f"expiry-imminent ns2, {LATE}"


def test_a_dead_primary_makes_its_secondaries_expire_though_their_serials_agree() -> None:
    hours = timedelta(hours=1)
    pages = story(PAIR, {"ns1": "10*2 -*170", "ns2": "10*172"}, every=hours)
    assert heard(pages) == {85: "expiry-near ns2", 127: "expiry-imminent ns2"}  # 84 h and 126 h after hour 1
    finding = pages[-1].result.findings[0]
    assert finding.text == (
        "ns2 (192.0.2.2) has not refreshed and should have stopped serving the zone at 2026-11-27 13:00 UTC "
        "(estimated from when it was last in sync; the SOA's expire is 7 d)"
    )


def test_a_secondary_that_takes_versions_is_refreshing_though_never_in_sync() -> None:
    hours = timedelta(hours=1)
    leads = " ".join(str(serial) for serial in range(100, 300))
    follows = "100 " + " ".join(str(serial) for serial in range(99, 298))
    pages = story(
        zone(max_lag=timedelta(days=9)), {"ns1": leads, "ns2": follows}, every=hours, soa=replace(SOA, refresh=WEEK)
    )
    assert heard(pages) == {}


def test_an_expire_of_zero_is_no_division_by_zero() -> None:
    pages = story(PAIR, {"ns1": "10~0", "ns2": "10~0"}, soa=replace(SOA, expire=0))
    assert pages[-1].said == "expiry-imminent ns2"


# --- what it asks ---


def asked(zone: Zone, check: SoaSerial, answers: dict[tuple[str, str], str]) -> list[list[tuple[str, str]]]:
    """Stage by stage: who is asked over what, given what they answer."""
    stages, so_far = [], ()
    while stage := list(check.queries(zone, so_far)):
        stages.append([(q.server, q.transport.value) for q in stage])
        so_far += tuple(seen(q, answers[q.server, q.transport.value]) for q in stage)
        assert all(q.identify and q.qtype == "SOA" and q.qname == zone.name for q in stage)
    return stages


def test_the_primary_is_asked_last_and_silence_over_udp_is_asked_again_over_tcp() -> None:
    answers = {("ns1", "udp"): "-", ("ns1", "tcp"): "10", ("ns2", "udp"): "10", ("ns3", "udp"): "unreachable",
               ("ns3", "tcp"): "-"}  # fmt: skip
    assert asked(THREE, SoaSerial(), answers) == [
        [("ns2", "udp"), ("ns3", "udp")],
        [("ns3", "tcp")],
        [("ns1", "udp")],
        [("ns1", "tcp")],
    ]
    assert asked(THREE, SoaSerial(tcp_when_silent=False), answers) == [
        [("ns2", "udp"), ("ns3", "udp")],
        [("ns1", "udp")],
    ]


@pytest.mark.parametrize("udp", ["mismatched", "malformed", "-", "unreachable", "refused-connection"])
def test_of_what_brings_nothing_usable_over_udp_tcp_tells_the_serial(udp: str) -> None:
    answers = {("ns1", "udp"): "10", ("ns2", "udp"): udp, ("ns2", "tcp"): "10"}
    assert asked(PAIR, SoaSerial(), answers) == [[("ns2", "udp")], [("ns2", "tcp")], [("ns1", "udp")]]


def test_who_answers_or_could_not_be_asked_is_not_asked_again() -> None:
    answers = {("ns1", "udp"): "10", ("ns2", "udp"): "?", ("ns3", "udp"): "REFUSED"}
    assert asked(THREE, SoaSerial(), answers) == [[("ns2", "udp"), ("ns3", "udp")], [("ns1", "udp")]]


def test_an_answer_over_tcp_counts_like_one_over_udp() -> None:
    udp, tcp = (
        query(PAIR, "ns2"),
        replace(query(PAIR, "ns2"), transport=next(iter(SoaSerial().queries(PAIR, ()))).transport),
    )
    one = gather(PAIR, "soa-serial", seen(udp, "-"), seen(tcp, "10"), seen(query(PAIR, "ns1"), "10"))
    assert [s.serial for s in update_zone_state(ZoneState(PAIR.name), PAIR, one).address_states] == [10, 10]


def test_a_zone_without_addresses_is_not_for_it() -> None:
    assert not SoaSerial().applies(Zone("example.com."))
    assert SoaSerial().applies(PAIR)


# --- what it cannot say ---


def test_undecided_before_anything_is_known() -> None:
    with pytest.raises(CheckInconclusive, match="nothing is known"):
        list(SoaSerial().evaluate(PAIR, look(PAIR, NOON, ns1=10, ns2=10), ZoneState(PAIR.name)))


def test_one_silent_address_leaves_the_others_judged() -> None:
    page = story(PAIR, {"ns1": "10", "ns2": "-"})[-1]
    assert page.result.health is Health.GOOD
    assert page.result.unsure == (
        Inconclusive("ns2", PAIR.servers[1].addresses[0], reason="serves no version now: timeout"),
    )


def test_a_first_look_is_unsure() -> None:
    page = story(PAIR, {"ns1": "10*2", "ns2": "10 12"})[-1]
    assert page.result.unsure[0].reason == "serves 12 at a first look; a second one will tell"


def test_a_zone_state_without_a_soa_still_knows_max_lag() -> None:
    page = story(PAIR, {"ns1": "10 11*15", "ns2": "10*16"})[-1]
    bare = replace(page.zone_state, serial_groups=(replace(page.zone_state.serial_groups[0], soa=None),))
    said = list(SoaSerial().evaluate(PAIR, page.poll, bare))
    assert [one.code for one in said if isinstance(one, Finding)] == ["serial-late"]


# --- what is advised where serials are not in order ---

SERIALS = st.integers(0, 2**32 - 1)


def advised(text: str) -> list[int]:
    """The serials that a finding says to publish, in their order."""
    first = re.search(r"such as (\d+)", text)
    then = re.search(r"set the serial to ([\d, and]+), each", text)
    return [int(number) for part in (first, then) if part for number in re.findall(r"\d+", part[1])]


@given(SERIALS, st.integers(1, 2**31 - 1), st.integers(0, 3), st.booleans())
def test_every_server_takes_every_serial_that_is_advised(reference: int, ahead: int, healthy: int, back: bool) -> None:
    """The kind: a cure that only some take. Ahead by anything, beside any number of servers that are in sync."""
    names = ["ns2", *(f"ns{n}" for n in range(3, 3 + healthy))]
    top = (reference + ahead) % 2**32
    shown = {"ns1": f"{top} {reference}*3" if back else f"{reference}*4"}
    shown |= {"ns2": f"{top}*4"} | dict.fromkeys(names[1:], f"{reference}*4")
    findings = story(zone("ns1", *names), shown)[-1].result.findings
    (text,) = [each.text for each in findings if each.code == "serial-ahead" and each.server == "ns2"]
    served = [reference, top, *[reference] * healthy]
    for serial in advised(text):
        assert all(newer(serial, each) for each in served)
        served = [serial] * len(served)
    known = healthy > 0 or back
    assert bool(advised(text)) is (known and ahead < 2**31 - 1)
    assert advised(text)[-1:] in ([], [reference])
    assert ("another group" in text) is not back


@pytest.mark.parametrize("state", ["-*3", "REFUSED*3", "?*3", "10*2 2147483600"])
def test_where_not_every_server_is_known_no_serial_is_advised(state: str) -> None:
    """It may have been led on meanwhile, or show something at a first look that is not believed yet."""
    shown = {"ns1": "10*4", "ns2": "10 12*3", "ns3": "10*4", "ns4": f"10 {state}"}
    (found,) = story(zone("ns1", "ns2", "ns3", "ns4"), shown)[-1].result.findings
    assert found.text.endswith("transfer the zone afresh there")


def test_what_another_group_serves_is_no_part_of_the_advice() -> None:
    """Serials of another space are neither compared nor led anywhere."""
    signed = zone(server("ns1"), server("ns2"), server("ns3"), server("ns4", group="signer"), primary="ns1")
    shown = {"ns1": "10*4", "ns2": "10 12*3", "ns3": "10*4", "ns4": "1794000000*4"}
    (found,) = story(signed, shown)[-1].result.findings
    assert "such as 13." in found.text


@pytest.mark.parametrize(
    "shown",
    [
        {"ns1": "10*4", "ns2": "1794000000*4", "ns3": "1794000000*4"},
        {"ns1": "10*4", "ns2": "1794000000*4", "ns3": "10*4"},
        {"ns1": "10 11 12 13", "ns2": "500 501*2 502", "ns3": "500*2 501 502"},
        {"ns1": "9 8*3", "ns2": "10*4", "ns3": "8*4"},
    ],
    ids=["with who follows it", "beside an unsigned one", "that signs again and again", "whose primary went back"],
)
def test_a_signer_behind_an_unsigned_primary_is_told_of_the_setting(shown: dict[str, str]) -> None:
    """The kind: serials that count apart. Nobody is told without an "if" to take what the primary publishes."""
    findings = story(THREE, shown)[-1].result.findings
    texts = [found.text for found in findings if found.code == "serial-ahead"]
    assert texts
    for text in texts:
        before, _, cure = text.partition("If it signs the zone, its serials are its own: ")
        assert advised(before) == []
        assert re.match(r'set signer = "ns\d" in the zone; .* another group .* who follows it\. Otherwise t', cure)
        assert bool(advised(cure)) is (shown["ns3"] == shown["ns1"] or shown["ns3"] == "8*4")


HALF_A_CIRCLE_ON = 12 + 2**31 - 1


@pytest.mark.parametrize(
    ("primary", "secondary"),
    [
        (f"10*3 {HALF_A_CIRCLE_ON}*4 10*3", f"12*3 {HALF_A_CIRCLE_ON}*4 10*3"),
        (f"10*3 {HALF_A_CIRCLE_ON}*4 10*3", f"12*3 12 {HALF_A_CIRCLE_ON}*4 10*2"),
        (f"10*3 13*3 {13 + 2**31 - 1}*3 10*3", f"12*3 13*3 {13 + 2**31 - 1}*3 10*3"),
        (f"10*3 - {HALF_A_CIRCLE_ON}*3 10*3", f"12*3 {HALF_A_CIRCLE_ON}*4 10*3"),
        (f"10@a*3 {HALF_A_CIRCLE_ON}@b*4 10@a*3", f"12*3 {HALF_A_CIRCLE_ON}*4 10*3"),
    ],
    ids=["at once", "a look later", "as advised", "the primary silent at first", "another machine of the primary"],
)
def test_while_a_serial_is_led_around_the_circle_nobody_is_late(primary: str, secondary: str) -> None:
    """The kind: a secondary that serves just what its primary serves, at the look at which that seems to go back."""
    two = zone(server("ns1"), server("ns2", "192.0.2.2", "2001:db8::2"), primary="ns1", max_lag=timedelta(0))
    pages = story(two, {"ns1": primary, "ns2": secondary, "ns2/1": secondary}, soa=QUICK)
    said = {page.said for page in pages}
    assert not any("late" in each or "overdue" in each or "stuck" in each for each in said), said
    assert {page.lag(two, "ns2", place) for page in pages for place in (0, 1)} == {timedelta(0)}


@pytest.mark.parametrize("rcode", ["REFUSED", "SERVFAIL", "NOTAUTH", "NXDOMAIN"])
def test_where_nothing_is_served_nothing_counts_down(rcode: str) -> None:
    """The kind: an end told of a copy that is not there; told by EXPIRE or estimated. Silence is another matter, but
    does not bring a copy back to who said that there is none.
    """
    for ns2 in (f"10 {rcode}*3", f"10~{WEEK // 3} {rcode}*3"):
        pages = story(PAIR, {"ns1": "10*4", "ns2": ns2})
        assert pages[-1].zone_state.address_states[1].expires is None
        assert "expiry" not in pages[-1].said
    for ns2 in (f"10 {rcode}*3 -*3", f"10~{WEEK // 3} {rcode} - ? {rcode} -*2", f"- {rcode} -*5", f"10 - {rcode} -*4"):
        pages = story(PAIR, {"ns1": "10*5 -*2", "ns2": ns2})
        assert pages[-1].zone_state.address_states[1].expires is None
    again = story(PAIR, {"ns1": "10 11*7", "ns2": f"10 {rcode}*3 - 10*3"})[-1].zone_state.address_states[1]
    assert again.expires is not None
    silent = story(PAIR, {"ns1": "10*4", "ns2": f"10~{WEEK // 3} -*3"})[-1].zone_state.address_states[1]
    assert silent.expires is not None


def test_imminent_is_not_before_near() -> None:
    assert SoaSerial(expiry_near=0.25, expiry_imminent=0.25).expiry_near == 0.25
    with pytest.raises(ValueError, match=r"0\.6 is more than expiry_near, 0\.5"):
        SoaSerial(expiry_imminent=0.6)
