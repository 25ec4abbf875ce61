"""A zone that is signed on its way: a primary that has it unsigned, a signer that counts by itself, and who follows it.

What is said of the signer, of who follows it, and of a signer that nobody has named.
"""

from collections.abc import Mapping
from itertools import pairwise

import pytest

from checks.common.unnamed_signer import FAR
from checks.evaluation import run_check
from checks.model import Health, Observation, Server, Shape, Transport, WantedRecord, Zone, ZonePoll
from checks.model.signing import SIGNED_GROUP, with_signer
from checks.ns_set import NsSet
from checks.records import Records
from checks.replication_state import replication_state
from checks.soa_serial import SoaSerial
from checks.zone_state.model import ZoneState
from checks.zone_state.update import arrivals, moving_since, unsigned, update_zone_state
from tests.support.observations import (
    MINUTE,
    NOON,
    LookResult,
    checked_at,
    gather,
    has,
    query,
    seen,
    server,
    story,
    zone,
)
from tests.support.record_observations import read

BARE = (server("ns1"), server("ns2"), server("ns3"))
"""As they are configured: ns1 has the zone unsigned, ns2 signs it, ns3 follows ns2."""
SIGNED = zone(*with_signer(BARE, "ns1", "ns2"), signer="ns2")
UNNAMED = zone(*BARE)
BUSY = " ".join(f"{n}*5" for n in range(10, 30))
WWW = WantedRecord("www.example.com.", "A")
KEY = "257 3 13 abc"


def groups(servers: tuple[Server, ...]) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {one.name: (one.group, one.upstream) for one in servers}


def made(name: str, group: str = "", *upstream: str) -> Server:
    return Server(name, group=group, upstream=upstream)


ARRANGED: list[tuple[str, tuple[Server, ...], dict[str, tuple[str, tuple[str, ...]]]]] = [
    (
        "who says nothing is behind the signer",
        (made("p"), made("s"), made("a"), made("b")),
        {"p": ("", ()), "s": ("signed", ("p",)), "a": ("signed", ("s",)), "b": ("signed", ("s",))},
    ),
    (
        "another provider's group is called so already",
        (made("p"), made("s"), made("a"), made("b", "signed")),
        {"p": ("", ()), "s": ("signed-2", ("p",)), "a": ("signed-2", ("s",)), "b": ("signed", ())},
    ),
    (
        "and one is called as the next would be",
        (made("p"), made("s"), made("a", "signed-2"), made("b", "signed")),
        {"p": ("", ()), "s": ("signed-3", ("p",)), "a": ("signed-2", ()), "b": ("signed", ())},
    ),
    (
        "who follows a follower",
        (made("p"), made("s"), made("a"), made("b", "", "a")),
        {"p": ("", ()), "s": ("signed", ("p",)), "a": ("signed", ("s",)), "b": ("signed", ("a",))},
    ),
    (
        "who has it from the primary, and who has it from him",
        (made("b", "", "a"), made("a", "", "p"), made("p"), made("s"), made("c", "", "a", "s")),
        {"p": ("", ()), "a": ("", ("p",)), "b": ("", ("a",)), "s": ("signed", ("p",)), "c": ("signed", ("a", "s"))},
    ),
    (
        "a relay between the two",
        (made("p"), made("r"), made("q", "", "p"), made("s", "", "r", "q", "x", "s"), made("a")),
        {
            "p": ("", ()),
            "r": ("", ()),
            "q": ("", ("p",)),
            "s": ("signed", ("r", "q", "x", "s")),
            "a": ("signed", ("s",)),
        },
    ),
    (
        "groups that are configured stay",
        (made("p", "one"), made("s", "two"), made("a", "one"), made("b", "two"), made("c", "three")),
        {
            "p": ("one", ()),
            "s": ("two", ("p",)),
            "a": ("two", ("s",)),
            "b": ("two", ("s",)),
            "c": ("three", ()),
        },
    ),
    ("no such signer", (made("p"), made("a")), {"p": ("", ()), "a": ("", ())}),
    ("no such primary", (made("s"), made("a")), {"s": ("", ()), "a": ("", ())}),
]


@pytest.mark.parametrize(("servers", "found"), [row[1:] for row in ARRANGED], ids=[row[0] for row in ARRANGED])
def test_whose_serials_are_whose(servers: tuple[Server, ...], found: dict[str, tuple[str, tuple[str, ...]]]) -> None:
    assert groups(with_signer(servers, "p", "s")) == found


@pytest.mark.parametrize(
    "where",
    [
        zone(*BARE, primary=None, signer="ns2"),
        zone(*BARE),
        zone(*BARE, primary="ns9", signer="ns2"),
        zone(*BARE, signer="ns9"),
        zone(*BARE, signer="ns2"),
    ],
    ids=["no primary", "no signer", "an unknown primary", "an unknown signer", "one group"],
)
def test_nothing_is_signed_of_a_zone_without(where: Zone) -> None:
    assert where.signing() is None
    assert unsigned(where, ZoneState(where.name)) is None


def test_who_leads_a_group() -> None:
    assert [one.name if (one := SIGNED.leader(group)) else None for group in ("", SIGNED_GROUP, "b")] == [
        "ns1", "ns2", None,
    ]  # fmt: skip
    assert [SIGNED.leads(name) for name in ("ns1", "ns2", "ns3")] == [True, True, False]


LATE, OVERDUE, STUCK = "serial-late ns2", "serial-overdue ns2", "serial-stuck ns2"

STORIES: list[tuple[str, dict[str, str], dict[int, str]]] = [
    # title, who serves what, look by look; from which look on what is said
    ("well, each by its own count", {"ns1": "10*30", "ns2": "500*30", "ns3": "500*30"}, {}),
    ("the signed count is lower", {"ns1": "2026111901*30", "ns2": "7*30", "ns3": "7*30"}, {}),
    ("half the circle apart", {"ns1": "10*30", "ns2": "2147483658*30", "ns3": "2147483658*30"}, {}),
    ("a change is signed", {"ns1": "10*3 11*30", "ns2": "500*4 501*29", "ns3": "500*5 501*28"}, {}),
    ("and within one look", {"ns1": "10*3 11*30", "ns2": "500*3 501*30", "ns3": "500*3 501*30"}, {}),
    ("signed again and again", {"ns1": "10*9", "ns2": "500 501 502 503*6", "ns3": "500 501 502 503*6"}, {}),
    ("a change is not signed", {"ns1": "10*3 11*90", "ns2": "500*93", "ns3": "500*93"}, {14: LATE, 75: OVERDUE}),
    ("signed late", {"ns1": "10*3 11*30", "ns2": "500*20 501*13", "ns3": "500*20 501*13"}, {14: LATE, 20: ""}),
    ("two changes are not signed", {"ns1": "10*3 11 12*89", "ns2": "500*93", "ns3": "500*93"}, {14: LATE, 65: STUCK}),
    ("a primary that changes all the time", {"ns1": BUSY, "ns2": "500*100", "ns3": "500*100"}, {16: LATE, 67: STUCK}),
    ("a signer that is silent meanwhile", {"ns1": "10*3 11*30", "ns2": "500*3 -*30", "ns3": "500*33"}, {}),
    ("and back without it", {"ns1": "10*3 11*30", "ns2": "500*3 -*5 500*25", "ns3": "500*33"}, {14: LATE}),
    ("a primary that is silent then", {"ns1": "10*3 11 -*29", "ns2": "500*33", "ns3": "500*33"}, {14: LATE}),
    ("a primary that went back", {"ns1": "10*3 9*30", "ns2": "500*33", "ns3": "500*33"}, {15: LATE}),
    ("a signer made anew", {"ns1": "10*3 11*30", "ns2": "500*8 3*25", "ns3": "500*9 3*24"}, {}),
    (
        "a follower that stalls is late behind the signer",
        {"ns1": "10*3 11*30", "ns2": "500*3 501*30", "ns3": "500*33"},
        {14: "serial-late ns3"},
    ),
    (
        "a follower ahead of the signer",
        {"ns1": "10*9", "ns2": "500*9", "ns3": "500 502*8"},
        {2: "serial-ahead ns3"},
    ),
    ("nobody has the zone", {"ns1": "10*9", "ns2": "REFUSED*9", "ns3": "REFUSED*9"}, {}),
    ("the primary is closed to us", {"ns1": "-*9", "ns2": "500*5 501*4", "ns3": "500*5 501*4"}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("does", "expected"), [row[1:] for row in STORIES], ids=[row[0] for row in STORIES])
def test_a_signer_counts_by_itself(does: dict[str, str], expected: dict[int, str]) -> None:
    said = ""
    for number, page in enumerate(story(SIGNED, does)):
        said = expected.get(number, said)
        assert page.said == said, (number, page.result)


def test_the_text_says_no_more_of_a_signer_than_is_known() -> None:
    late = story(SIGNED, {"ns1": "10*3 11*5 12*25", "ns2": "500*33", "ns3": "500*33"})[14]
    (found,) = late.result.findings
    assert found.text == (
        "ns2 (192.0.2.2) is 11 min behind: it signs the zone and has published nothing since ns1 came to 11 "
        "(2026-11-20 12:03:00 UTC): it serves 500 by its own count, and 2 versions up to 12 cannot be in that; "
        "longer than max_lag (10 min)"
    )


def state_of(page: LookResult, name: str) -> str:
    (one,) = [one for one in page.zone_state.address_states if one.server == name]
    return replication_state(SIGNED, page.zone_state, one, page.result.findings)


def test_a_signer_with_something_to_sign_is_on_the_way() -> None:
    pages = story(SIGNED, {"ns1": "10*3 11*20", "ns2": "500*20 501*3", "ns3": "500*20 501*3"})
    assert [state_of(pages[n], "ns2") for n in (0, 3, 13, 14, 20)] == [
        "in-sync", "propagating", "propagating", "late", "in-sync",
    ]  # fmt: skip
    assert {state_of(pages[n], name) for n in (3, 14) for name in ("ns1", "ns3")} == {"in-sync"}


def test_of_a_signer_that_has_signed_all_one_version_is_kept() -> None:
    pages = story(SIGNED, {"ns1": "10*3 11*3 12*3", "ns2": "500*5 501*4", "ns3": "500*5 501*4"})
    kept = [[version.serial for version in page.zone_state.serial_groups[0].versions] for page in pages]
    assert kept == [[10]] * 3 + [[10, 11]] * 2 + [[11]] + [[11, 12]] * 3


def test_what_waits_for_the_signer_is_under_way_and_what_it_publishes_arrives_nowhere_but_beyond_it() -> None:
    pages = story(SIGNED, {"ns1": "10*3 11*3 12*4", "ns2": "500*4 501*4 502*2", "ns3": "500*5 501*4 502"})
    moving = [(at - NOON) // MINUTE if (at := moving_since(SIGNED, p.zone_state)) is not None else None for p in pages]
    assert moving == [None, None, None, 3, 4, None, 6, 6, 8, None]
    told = [arrivals(a.zone_state, b.zone_state, "ns1", "ns2") for a, b in pairwise(pages)]
    assert [one.server for each in told for one in each] == ["ns3", "ns3"]


def test_the_signer_is_asked_after_those_who_follow_it_and_before_its_primary() -> None:
    seen_by: tuple[Observation, ...] = ()
    order: list[list[str]] = []
    while wanted := list(SoaSerial().queries(SIGNED, seen_by)):
        order.append([one.server for one in wanted])
        seen_by += tuple(seen(one, "10") for one in wanted)
    assert order == [["ns3"], ["ns2"], ["ns1"]]


def test_a_zone_state_that_knows_nothing_of_the_signer_waits_for_nothing() -> None:
    page = story(SIGNED, {"ns1": "10 11*30", "ns2": "-*31", "ns3": "-*31"})[-1]
    assert unsigned(SIGNED, page.zone_state) is None
    assert unsigned(SIGNED, ZoneState(SIGNED.name)) is None


# --- content ---


def compared(
    gives: Mapping[str, str], since: Mapping[str, float], where: Zone = SIGNED, check: str = "records"
) -> set[str]:
    """Who is found to give something else; ``since`` says how many minutes ago the groups' versions came."""
    wanted = WWW if check == "records" else WantedRecord("example.com.", "NS", ttl=False)
    watched = Zone(where.name, where.servers, where.primary, records=(WWW,), signer=where.signer, ignored=("*",))
    now = NOON + 60 * MINUTE
    state = ZoneState(where.name)
    for ago in range(60, -1, -1):
        serials = {
            name: int(token.split()[0]) - (ago > since["ns1" if name == "ns1" else "signed"])
            for name, token in gives.items()
            if not token.startswith("-")
        }
        state = update_zone_state(state, watched, checked_at(watched, serials, now - ago * MINUTE))
    every = [
        one
        for name, token in gives.items()
        for one in ([seen(query(watched, name), "-")] if token == "-" else read(watched, name, token, wanted))
    ]
    judge = Records() if check == "records" else NsSet()
    result = run_check(judge, watched, gather(watched, check, *every, at=now), state)
    return {f"{found.code} {found.server}" for found in result.findings}


OLD = {"ns1": 30, "signed": 30}


@pytest.mark.parametrize(
    ("gives", "since", "found"),
    [
        ({"ns1": "10 a", "ns2": "500 a", "ns3": "500 a"}, OLD, set()),
        ({"ns1": "10 b", "ns2": "500 a", "ns3": "500 a"}, OLD, {"ns2"}),
        ({"ns1": "10 b", "ns2": "500 a", "ns3": "500 a"}, {"ns1": 30, "signed": 2}, {"ns2"}),
        ({"ns1": "10 b", "ns2": "500 a", "ns3": "500 a"}, {"ns1": 5, "signed": 30}, set()),
        ({"ns1": "10 b", "ns2": "-", "ns3": "500 a"}, OLD, {"ns3"}),
        ({"ns1": "10 a", "ns2": "500 a", "ns3": "500 b"}, OLD, {"content ns3"}),
    ],
    ids=["alike", "never signed", "though signed anew", "just changed", "the signer is silent", "a follower differs"],
)
@pytest.mark.parametrize("check", ["records", "ns-set"])
def test_content_shows_what_a_signer_has_not_signed(
    gives: dict[str, str], since: dict[str, float], found: set[str], check: str
) -> None:
    code = {"records": "record-differs", "ns-set": "ns-set-differs"}[check]
    same = {"records": "content-differs", "ns-set": "ns-set-differs"}[check]
    expected = {f"{same if name.startswith('content') else code} {name.split()[-1]}" for name in found}
    assert compared(gives, since, check=check) == expected


def test_a_version_of_the_primary_that_was_not_seen_before_accuses_nobody() -> None:
    """The records were read off a version that soa-serial comes to see in a moment."""
    pages = story(SIGNED, {"ns1": "10*60", "ns2": "500*60", "ns3": "500*60"})
    watched = Zone(SIGNED.name, SIGNED.servers, "ns1", records=(WWW,), signer="ns2")
    tokens = {"ns1": "11 b", "ns2": "500 a", "ns3": "500 a"}
    every = [one for name, token in tokens.items() for one in read(watched, name, token, WWW)]
    poll = gather(watched, "records", *every, at=pages[-1].at)
    assert run_check(Records(), watched, poll, pages[-1].zone_state).findings == ()


# --- a signer that nobody has named ---


def keyed(where: Zone, does: Mapping[str, str], keys: Mapping[str, str], looks: int = 3) -> list[LookResult]:
    """A story, with the keys that those have who are asked for them: "+", "-" (none) or what became of the question."""
    state, pages = ZoneState(where.name), []
    for number in range(looks):
        at = NOON + number * MINUTE
        serials = {name: text.split()[min(number, len(text.split()) - 1)] for name, text in does.items()}
        poll = checked_at(where, serials, at)
        silent = tuple(seen(one, "-", at) for one in SoaSerial().queries(where, poll.seen) if one.qtype == "SOA")
        poll = ZonePoll(where.name, poll.check, at, MINUTE, poll.seen + silent)
        wanted = list(SoaSerial().queries(where, poll.seen))
        assert all((one.qtype, one.transport) == ("DNSKEY", Transport.TCP) for one in wanted)
        answers = tuple(_key(where, one.server, keys[one.server], at) for one in wanted)
        poll = ZonePoll(where.name, poll.check, at, MINUTE, poll.seen + answers)
        assert not list(SoaSerial().queries(where, poll.seen))
        state = update_zone_state(state, where, poll)
        pages.append(LookResult(at, poll, state, run_check(SoaSerial(), where, poll, state)))
    return pages


def _key(where: Zone, name: str, token: str, at: object) -> Observation:
    asked = query(where, name, "DNSKEY", transport=Transport.TCP)
    if token in "+-":
        return has(asked, *([KEY] if token == "+" else ()))
    if token == "cname":
        return has(asked, "elsewhere.", shape=Shape.CNAME)
    return seen(asked, token)


HINT = {"signer-unset ns2", "signer-unset ns3"}
NO_KEYS = {"ns1": "-", "ns2": "-", "ns3": "-"}
KEYS = {"ns1": "-", "ns2": "+", "ns3": "+"}
UNKNOWN = {"ns1": "-", "ns2": "timeout", "ns3": "timeout"}
AHEAD = {"serial-ahead ns2", "serial-ahead ns3"}
APART = {"ns1": "10", "ns2": "500", "ns3": "500"}


@pytest.mark.parametrize(
    ("does", "keys", "found"),
    [
        (APART, KEYS, HINT),
        ({**APART, "ns3": "10"}, KEYS, {"signer-unset ns2"}),
        (APART, {**KEYS, "ns1": "+"}, AHEAD),
        (APART, {**KEYS, "ns1": "timeout"}, AHEAD),
        (APART, {**KEYS, "ns1": "cname"}, AHEAD),
        (APART, {**KEYS, "ns3": "-"}, {"signer-unset ns2", "serial-ahead ns3"}),
        (APART, NO_KEYS, AHEAD),
        (APART, UNKNOWN, AHEAD),
        ({"ns1": str(10 + FAR), "ns2": "10", "ns3": "10"}, KEYS, HINT),
        ({"ns1": str(9 + FAR), "ns2": "10", "ns3": "10"}, {}, set()),
        ({"ns1": "10", "ns2": str(10 + 2**31), "ns3": "10"}, KEYS, {"signer-unset ns2"}),
        ({"ns1": "500 10", "ns2": "500", "ns3": "500"}, KEYS, AHEAD | {"serial-regressed ns1"}),
        ({"ns1": "-", "ns2": "500", "ns3": "501"}, {}, set()),
    ],
    ids=[
        "signed here, not there", "one only", "signed there, too", "the primary does not say", "the primary says else",
        "signed here, not beside", "not signed at all", "nobody says", "far behind", "not far behind", "half a circle",
        "the primary had it once", "a primary that is silent",
    ],
)  # fmt: skip
def test_who_is_ahead_with_keys_that_its_primary_has_not_is_told_of_the_setting(
    does: dict[str, str], keys: dict[str, str], found: set[str]
) -> None:
    page = keyed(UNNAMED, does, keys)[-1]
    assert {f"{code} {name}" for code, name in page.codes} == found
    for finding in page.result.findings:
        if finding.code == "signer-unset":
            assert "publish" not in finding.text
            assert "set the serial" not in finding.text


def test_a_first_look_that_is_odd_is_not_told_yet() -> None:
    page = keyed(UNNAMED, {"ns1": "10", "ns2": "10 500", "ns3": "10"}, KEYS, looks=2)[-1]
    assert page.result.findings == ()
    page = keyed(UNNAMED, {"ns1": "10", "ns2": "10 500 500", "ns3": "10"}, KEYS)[-1]
    assert page.said == "signer-unset ns2"


def hint(*servers: Server) -> str:
    where = zone(*servers)
    page = keyed(where, {one.name: "10" if one.name == "ns1" else "500" for one in servers}, KEYS)[-1]
    (found, *_) = [each for each in page.result.findings if each.code == "signer-unset"]
    return found.text


@pytest.mark.parametrize(
    ("servers", "setting"),
    [
        ((server("ns1"), server("ns2")), 'signer = "ns2"'),
        ((server("ns1"), server("ns2", hidden=True), server("ns3")), 'signer = "ns2"'),
        ((server("ns1"), server("ns2"), Server("ns3", server("ns3").addresses, upstream=("ns2",))), 'signer = "ns2"'),
        (
            (server("ns1"), server("ns2"), server("ns3")),
            'signer = "NAME", which is the one of ns2 and ns3 that signs it, or the server they have it from',
        ),
    ],
    ids=["one", "a hidden one", "one that others follow", "any of them"],
)
def test_the_setting_names_who_signs_as_far_as_that_is_known(servers: tuple[Server, ...], setting: str) -> None:
    assert f"Say so in the zone: {setting}. Until then" in hint(*servers)


def test_the_hint_in_full() -> None:
    assert hint(server("ns1"), server("ns2")) == (
        "ns2 (192.0.2.2) serves 500, and DNSKEY records; its primary serves 10, and none of these: the zone seems to "
        'be signed on the way, under serials of its own. Say so in the zone: signer = "ns2". Until then nobody can '
        "tell how late it is. If nothing signs the zone any more, transfer it afresh there"
    )


@pytest.mark.parametrize("where", [SIGNED, zone(*BARE, primary=None), zone(server("ns1"), server("ns2", group="b"))])
def test_nobody_is_asked_for_keys_where_serials_are_not_compared(where: Zone) -> None:
    poll = checked_at(where, {one.name: "10" if one.name == "ns1" else "500" for one in where.servers}, NOON)
    assert list(SoaSerial().queries(where, poll.seen)) == []


def test_a_signer_that_is_named_takes_the_hint_back() -> None:
    """The zone state goes on from the look before; so do the versions of the primary that nobody has signed."""
    before = keyed(UNNAMED, APART, KEYS)[-1]
    does = {"ns1": "10*3 11*15", "ns2": "500*18", "ns3": "500*18"}
    pages = story(SIGNED, does, start=before.at + MINUTE, zone_state=before.zone_state)
    assert [page.said for page in pages] == [""] * 14 + ["serial-late ns2"] * 4
    assert pages[0].result.health is Health.GOOD
