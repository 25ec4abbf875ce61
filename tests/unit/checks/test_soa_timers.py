"""Which timers a zone has, by which profile → what is said of them, once for the zone."""

from dataclasses import replace
from datetime import timedelta

import pytest

from checks.common.soa_advice import PROFILES
from checks.evaluation import run_check
from checks.model import CheckResult, Health, Observation, TimerLimits, Zone
from checks.model.timers import TIMERS, TimerProfile
from checks.soa_timers import SoaTimers
from checks.zone_state.model import ZoneState
from tests.support.observations import SOA, gather, has, query, seen, zone

TRIO = zone("ns1", "ns2", "ns3")
CONFLICT, UNUSUAL = "soa-timers-conflict", "soa-timer-unusual"
MINUTE, HOUR, DAY = 60, 3600, 86400
RIPE203 = {"refresh": DAY, "retry": 2 * HOUR, "expire": 1000 * HOUR, "minimum": 2 * DAY, "ttl": 2 * DAY}
DNSCALE = {"refresh": HOUR, "retry": 15 * MINUTE, "expire": 14 * DAY, "minimum": 5 * MINUTE, "ttl": HOUR}
CLASSIC = {"refresh": 4 * HOUR, "retry": HOUR, "expire": 21 * DAY, "minimum": HOUR, "ttl": HOUR}


def gives(name: str, token: str = "10", where: Zone = TRIO, **fields: int) -> Observation:
    return seen(query(where, name), token, like=replace(SOA, **fields))  # type: ignore[arg-type]


def judged(check: SoaTimers, where: Zone = TRIO, **fields: int) -> CheckResult:
    every = [gives(name, where=where, **fields) for name in ("ns1", "ns2", "ns3")]
    return run_check(check, where, gather(where, "soa-timers", *every), ZoneState(where.name))


def subjects(result: CheckResult, code: str) -> set[str]:
    return {found.subject for found in result.findings if found.code == code}


CONFLICTS: list[tuple[str, dict[str, int], set[str]]] = [
    ("as they should be", CLASSIC, set()),
    ("retry like refresh", {**CLASSIC, "retry": 4 * HOUR}, {"retry"}),
    ("retry longer than refresh", {**CLASSIC, "retry": 5 * HOUR}, {"retry"}),
    ("retry a second less", {**CLASSIC, "retry": 4 * HOUR - 1}, set()),
    ("expire less than refresh", {**CLASSIC, "expire": 3 * HOUR}, {"expire"}),
    ("expire a second less than refresh and retry", {**CLASSIC, "expire": 5 * HOUR - 1}, {"expire"}),
    ("expire like refresh and retry", {**CLASSIC, "expire": 5 * HOUR}, set()),
    ("expire less than max_lag", {"refresh": 60, "retry": 30, "expire": 599}, {"max_lag"}),
    ("expire like max_lag", {"refresh": 60, "retry": 30, "expire": 600}, set()),
    ("all of them zero", {"refresh": 0, "retry": 0, "expire": 0}, {"retry", "max_lag"}),
    ("all of them as large as can be", dict.fromkeys(TIMERS[:5], 2**32 - 1), {"retry", "expire"}),
]


@pytest.mark.parametrize(("fields", "expected"), [row[1:] for row in CONFLICTS], ids=[row[0] for row in CONFLICTS])
def test_what_contradicts_itself_is_told_without_any_profile(fields: dict[str, int], expected: set[str]) -> None:
    result = judged(SoaTimers(), **fields)
    assert subjects(result, CONFLICT) == expected
    assert len(result.findings) == len(expected)


PROFILED: list[tuple[str, TimerProfile, dict[str, int], set[str]]] = [
    ("nobody's advice", "none", {"refresh": 900, "retry": 300, "expire": DAY, "minimum": 7 * DAY}, set()),
    ("RFC 1912", "rfc1912", CLASSIC, set()),
    ("RFC 1912, refreshed by NOTIFY", "rfc1912", {**CLASSIC, "refresh": 2 * DAY}, set()),
    ("RFC 1912: refresh", "rfc1912", {**CLASSIC, "refresh": 1199, "retry": 60}, {"refresh"}),
    ("RFC 1912: expire too short", "rfc1912", {**CLASSIC, "expire": 7 * DAY}, {"expire"}),
    ("RFC 1912: expire too long", "rfc1912", {**CLASSIC, "expire": 28 * DAY + 1}, {"expire"}),
    (
        "RFC 2308: two days of a negative answer",
        "rfc1912",
        {**CLASSIC, "minimum": 2 * DAY, "ttl": 2 * DAY},
        {"minimum"},
    ),
    ("RFC 2308: the TTL holds where it is less", "rfc1912", {**CLASSIC, "minimum": 2 * DAY, "ttl": HOUR}, set()),
    ("RIPE-203", "ripe-203", RIPE203, set()),
    ("RIPE-203: all others", "ripe-203", CLASSIC, {"refresh", "retry", "expire", "minimum"}),
    ("DNScale", "dnscale", DNSCALE, set()),
    ("DNScale: all others", "dnscale", RIPE203, {"refresh", "retry", "expire", "minimum"}),
    ("DNScale's by Zonemaster", "zonemaster", DNSCALE, {"refresh", "retry"}),
    ("Zonemaster", "zonemaster", CLASSIC, set()),
    ("Zonemaster: expire, minimum", "zonemaster", {**CLASSIC, "expire": 6 * DAY, "minimum": 60}, {"expire", "minimum"}),
]


@pytest.mark.parametrize(
    ("profile", "fields", "expected"), [row[1:] for row in PROFILED], ids=[row[0] for row in PROFILED]
)
def test_profile(profile: TimerProfile, fields: dict[str, int], expected: set[str]) -> None:
    result = judged(SoaTimers(profile), **fields)
    assert subjects(result, UNUSUAL) == expected
    assert len(result.findings) == len(expected)


def test_each_profile_has_ranges_for_timers_alone() -> None:
    assert all(set(ranges) <= set(TIMERS) for ranges in PROFILES.values())


def test_ones_own_ranges_come_before_those_of_the_profile_and_the_zones_before_those_of_the_check() -> None:
    own = SoaTimers("rfc1912", expire=(timedelta(days=7),), ttl=(timedelta(minutes=5), timedelta(minutes=10)))
    assert subjects(judged(own, **{**CLASSIC, "expire": 7 * DAY}), UNUSUAL) == {"ttl"}
    assert subjects(judged(own, **{**CLASSIC, "expire": 90 * DAY, "ttl": 600}), UNUSUAL) == set()
    of_zone = replace(TRIO, timers=TimerLimits("dnscale"))
    assert judged(own, of_zone, **DNSCALE).health is Health.GOOD
    assert subjects(judged(own, of_zone, **CLASSIC), UNUSUAL) == {"refresh", "retry", "expire", "minimum"}


def test_texts_name_the_value_the_range_its_source_what_it_means_and_what_to_set() -> None:
    texts = {one.subject: one.text for one in judged(SoaTimers("dnscale"), **RIPE203).findings}
    assert texts == {
        "refresh": "refresh is 86400 s (1 d), and DNScale's guide to secondary DNS has 3600 s (1 h): so often does a "
        "secondary that hears no NOTIFY ask for a new version; set it to 3600",
        "retry": "retry is 7200 s (2 h), and DNScale's guide to secondary DNS has 900 s (15 min): so often does a "
        "secondary try again while its primary does not answer, and 488 tries fit in before the zone ends there; set "
        "it to 900",
        "expire": "expire is 3600000 s (41 d 16 h), and DNScale's guide to secondary DNS has 1209600 s (14 d): a "
        "secondary goes on for at least 40 d 16 h after its primary is gone, and 488 tries fit in before the zone ends "
        "there; set it to 1209600",
        "minimum": "minimum is 172800 s (2 d), and DNScale's guide to secondary DNS has 300 s (5 min): resolvers "
        "remember for 172800 s (2 d) that a name does not exist; set it to 300",
    }
    own = SoaTimers("rfc1912", ttl=(timedelta(0), timedelta(seconds=30)), minimum=(timedelta(hours=3),))
    short = {"refresh": 600, "retry": 0, "expire": 60, "minimum": 2 * DAY, "ttl": 45}
    said = {one.subject: one.text for one in judged(own, **short).findings if one.code == UNUSUAL}
    assert said["refresh"].endswith("set at least 1200")
    assert "at least 0 s after its primary is gone, and there is no pause between its tries" in said["expire"]
    assert said["minimum"].startswith("the TTL of the SOA is 45 s, less than its minimum, 172800 s (2 d), and the conf")
    assert said["ttl"] == (
        "the TTL of the SOA is 45 s, and the configuration has at most 30 s: resolvers keep the SOA for so long; set "
        "at most 30"
    )
    once = judged(SoaTimers("rfc1912"), refresh=HOUR, retry=HOUR // 2, expire=2 * HOUR - 1).findings
    assert "1 try fits in" in next(one.text for one in once if one.subject == "expire")


def test_servers_are_named_only_where_they_differ_and_the_zone_has_one_finding() -> None:
    same = judged(SoaTimers(), **{**CLASSIC, "retry": DAY}).findings
    assert [(one.server, one.address, "ns" in one.text) for one in same] == [("ns1", None, False)]
    check = SoaTimers()
    some = (gives("ns1", **CLASSIC), gives("ns2", **{**CLASSIC, "retry": DAY}), gives("ns3", "11", **CLASSIC))
    (one,) = run_check(check, TRIO, gather(TRIO, "soa-timers", *some), ZoneState(TRIO.name)).findings
    assert (one.server, one.text.endswith("(so at ns2 (192.0.2.2))")) == ("ns1", True)
    each = (gives("ns1", **{**CLASSIC, "retry": DAY}), gives("ns2", **{**CLASSIC, "retry": 2 * DAY}), gives("ns3", "-"))
    (one,) = run_check(check, TRIO, gather(TRIO, "soa-timers", *each), ZoneState(TRIO.name)).findings
    assert one.text.count("(so at ns") == 2


def test_a_zone_without_a_primary_has_its_finding_at_no_server() -> None:
    nameless = zone("ns1", "ns2", "ns3", primary=None)
    assert [one.server for one in judged(SoaTimers(), nameless, **{**CLASSIC, "retry": DAY}).findings] == [None]


REGISTRY = SoaTimers("isnic")


def with_ns(ttl: int, *names: str) -> list[Observation]:
    every = [gives(name, **CLASSIC) for name in ("ns1", "ns2", "ns3")]
    return every + [has(query(TRIO, name, "NS"), "ns1.example.com.", ttl=ttl) for name in names]


def test_the_ttl_of_the_ns_records_is_asked_for_where_it_has_a_range_and_nowhere_else() -> None:
    assert [one.type for one in REGISTRY.standing_questions(TRIO)] == ["SOA", "NS"]
    assert [(one.server, one.qtype) for one in REGISTRY.queries(TRIO, ())][:3] == [
        ("ns1", "SOA"), ("ns1", "NS"), ("ns2", "SOA"),
    ]  # fmt: skip
    own = replace(TRIO, timers=TimerLimits(ns_ttl=(timedelta(hours=1), timedelta(days=7))))
    assert len(SoaTimers().standing_questions(own)) == 2
    assert len(REGISTRY.standing_questions(replace(TRIO, timers=TimerLimits("rfc1912")))) == 1


def test_the_ttl_of_the_ns_records() -> None:
    def told(*seen_: Observation) -> list[tuple[str, str]]:
        result = run_check(REGISTRY, TRIO, gather(TRIO, "soa-timers", *seen_), ZoneState(TRIO.name))
        return [(one.subject, one.text) for one in result.findings]

    assert told(*with_ns(DAY, "ns1", "ns2", "ns3")) == []
    ((subject, text),) = told(*with_ns(DAY - 1, "ns1", "ns2", "ns3"))
    assert subject == "ns_ttl"
    assert text == (
        "the TTL of the NS records is 86399 s (23 h 59 min), and ISNIC has at least 86400 s (1 d): resolvers look for "
        "the zone's servers again so often; set at least 86400"
    )
    ((_, text),) = told(*with_ns(DAY, "ns1"), *with_ns(HOUR, "ns2", "ns3")[3:])
    assert text.endswith("(so at ns2 (192.0.2.2) and ns3 (192.0.2.3))")
    nothing = [*with_ns(DAY), seen(query(TRIO, "ns1", "NS"), "-")]
    result = run_check(REGISTRY, TRIO, gather(TRIO, "soa-timers", *nothing), ZoneState(TRIO.name))
    assert [(one.server, one.subject) for one in result.unsure] == [("ns1", "ns_ttl")]
    nameless = zone("ns1", "ns2", "ns3", primary=None)
    result = run_check(REGISTRY, nameless, gather(nameless, "soa-timers", *nothing), ZoneState(nameless.name))
    assert (result.findings, result.unsure) == ((), ())


def test_what_nobody_serves_is_not_judged() -> None:
    silent = gather(TRIO, "soa-timers", *(gives(name, "-") for name in ("ns1", "ns2", "ns3")))
    result = run_check(SoaTimers(), TRIO, silent, ZoneState(TRIO.name))
    assert (result.health, result.reason) == (Health.UNKNOWN, "no server serves a version now")
    one = gather(TRIO, "soa-timers", gives("ns1", "-"), gives("ns2", **CLASSIC), gives("ns3", "REFUSED"))
    assert run_check(SoaTimers(), TRIO, one, ZoneState(TRIO.name)).health is Health.GOOD


def test_it_asks_each_address_once() -> None:
    check = SoaTimers()
    assert [(q.server, q.qtype) for q in check.queries(TRIO, ())] == [("ns1", "SOA"), ("ns2", "SOA"), ("ns3", "SOA")]
    assert list(check.queries(TRIO, (gives("ns1"),))) == []
    assert check.applies(TRIO)
    assert not check.applies(replace(TRIO, servers=()))


@pytest.mark.parametrize(
    ("own", "why"),
    [
        ((timedelta(1), timedelta(2), timedelta(3)), "retry has more than two values"),
        ((timedelta(2), timedelta(1)), "the least of retry, 2 d, is more than its most, 1 d"),
    ],
)
def test_a_range_has_a_least_and_a_most(own: tuple[timedelta, ...], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        TimerLimits(retry=own)
