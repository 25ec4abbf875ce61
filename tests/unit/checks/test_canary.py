"""Who takes the update of a canary, and who answers with it → what is asked next, and what is said."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from checks.canary import Canary
from checks.evaluation import run_check
from checks.model import (
    AwaitedValue,
    CanaryArrival,
    CanaryRecord,
    CanaryUpdate,
    CheckResult,
    Health,
    Observation,
    Query,
    RrSet,
    Shape,
    Transport,
    UpdateResult,
    Zone,
)
from checks.model.canary import CanaryValue, canary_value
from checks.zone_state.model import ZoneState
from tests.support.observations import NOON, gather, has, query, seen, server, zone

NAME = "_soawatch-canary.example.com."
ZONE = zone("ns1", "ns2", canary=CanaryRecord("update"))
SECOND = timedelta(seconds=1)
OLD = CanaryValue(NOON - timedelta(minutes=15), "0badcafe", 7)
NEW = CanaryValue(NOON, "0000beef", 3)


def text(value: CanaryValue) -> str:
    return f'"{value}"'


def look(watched: Zone, name: str, *rdata: str, **fields: object) -> Observation:
    return has(query(watched, name, "TXT", NAME), *rdata, **fields)


def before(watched: Zone = ZONE) -> tuple[Observation, ...]:
    return tuple(look(watched, one.name, text(OLD)) for one in watched.servers)


def update(result: UpdateResult | None, token: str = "NOERROR", watched: Zone = ZONE, **fields: object) -> Observation:
    asked = query(watched, "ns1", "TXT", NAME, transport=Transport.TCP, key="update", update=CanaryUpdate(60))
    fields.setdefault("answer", RrSet(NAME, "TXT", 60, (text(NEW),)))
    return seen(asked, token, update=result, **fields)


def after(name: str, *rdata: str, at: timedelta = SECOND, **fields: object) -> Observation:
    asked = query(ZONE, name, "TXT", NAME, until=AwaitedValue(NEW, 600))
    return has(asked, *rdata, at=NOON + at, **fields)


def asked(seen: Iterable[Observation], watched: Zone = ZONE) -> list[Query]:
    return list(Canary().queries(watched, tuple(seen)))


def judged(*seen: Observation, watched: Zone = ZONE) -> CheckResult:
    return run_check(Canary(), watched, gather(watched, "canary", *seen), ZoneState(watched.name))


# --- values ---


def test_a_value_is_read_as_it_was_written() -> None:
    assert str(NEW) == "soawatch 2026-11-20T12:00:00.000Z 0000beef 3"
    assert canary_value(text(NEW)) == NEW


@pytest.mark.parametrize(
    "rdata",
    ['"v=spf1 -all"', '"soawatch 2026-13-20T12:00:00.000Z 0000beef 3"', '"soawatch"', f"{text(NEW)} {text(NEW)}", ""],
)
def test_what_is_no_value(rdata: str) -> None:
    assert canary_value(rdata) is None


def test_a_later_value_of_the_same_process_covers_an_earlier_one() -> None:
    later = replace(NEW, number=4)
    assert (later.covers(NEW), NEW.covers(NEW), NEW.covers(later)) == (True, True, False)
    assert not replace(later, run="11111111").covers(NEW)


# --- what is asked ---


def test_only_zones_that_were_given_a_canary_are_asked() -> None:
    plain = replace(ZONE, canary=None)
    assert Canary().applies(ZONE)
    assert not Canary().applies(plain)
    assert asked((), plain) == []
    assert judged(watched=plain).health is Health.UNKNOWN
    assert Canary().standing_questions(ZONE) == ()


def test_first_every_address_is_looked_at() -> None:
    assert asked(()) == [query(ZONE, one, "TXT", NAME) for one in ("ns1", "ns2")]


def test_then_the_primary_is_told_by_a_key_over_tcp() -> None:
    (one,) = asked(before())
    assert one == update(None).query
    assert asked((look(ZONE, "ns1"), seen(query(ZONE, "ns2", "TXT", NAME), "-")))[0].update is not None


def test_it_may_be_another_server_and_have_another_name_and_ttl() -> None:
    watched = replace(ZONE, canary=CanaryRecord("update", "_x.y", "ns2", 5))
    looks = [has(one, text(OLD)) for one in asked((), watched)]
    (one,) = asked(looks, watched)
    assert (one.server, one.qname, one.update) == ("ns2", "_x.y.example.com.", CanaryUpdate(5))


@pytest.mark.parametrize("there", ['"mine"', text(OLD) + '"more"'])
def test_records_of_others_are_left_alone(there: str) -> None:
    looks = (look(ZONE, "ns1", text(OLD)), look(ZONE, "ns2", text(OLD), there))
    assert asked(looks) == []
    (one,) = judged(*looks).findings
    assert (one.code, one.server, str(one.address)) == ("canary-update-failed", "ns2", "192.0.2.2")
    assert one.text == (f"{NAME} has TXT records at ns2 (192.0.2.2) that no canary has written: nothing was changed")


def test_of_records_of_others_it_is_told_where_the_update_would_go() -> None:
    (one,) = judged(look(ZONE, "ns2", '"mine"'), look(ZONE, "ns1", '"mine"')).findings
    assert one.server == "ns1"


def test_where_nobody_answers_nothing_is_changed_and_nobody_accused() -> None:
    looks = [seen(query(ZONE, one, "TXT", NAME), "-") for one in ("ns1", "ns2")]
    assert asked(looks) == []
    found = judged(*looks)
    assert (found.health, found.findings, found.reason) == (Health.UNKNOWN, (), "no address answers")


def test_an_alias_at_the_name_is_not_taken_for_records() -> None:
    alias = look(ZONE, "ns2", "www.example.com.", shape=Shape.CNAME)
    assert asked((look(ZONE, "ns1"), alias))[0].update is not None


def delegated(watched: Zone, name: str) -> Observation:
    return look(watched, name, shape=Shape.REFERRAL, authoritative=False)


def test_a_name_below_a_delegation_is_in_another_zone() -> None:
    looks = (look(ZONE, "ns2", text(OLD)), delegated(ZONE, "ns1"))
    assert asked(looks) == []
    (one,) = judged(*looks).findings
    assert (one.code, one.server) == ("canary-update-failed", "ns1")
    assert one.text == f"{NAME} is not in example.com. at ns1 (192.0.2.1), but below a delegation: nothing was changed"
    assert asked((look(ZONE, "ns1", text(OLD)), delegated(ZONE, "ns2")))[0].update is not None


def test_without_anybody_who_takes_it_nothing_is_asked() -> None:
    assert asked((), replace(ZONE, primary=None)) == []
    assert asked((), replace(ZONE, canary=CanaryRecord("update", server="ns7"))) == []
    nobody = replace(ZONE, primary=None)
    assert asked(before(), nobody) == []
    (one,) = judged(look(nobody, "ns2", '"mine"'), watched=nobody).findings
    assert one.server == "ns2"


def test_each_address_that_answered_is_followed() -> None:
    silent = (look(ZONE, "ns1", text(OLD)), seen(query(ZONE, "ns2", "TXT", NAME), "-"))
    done = update(UpdateResult.DONE)
    assert [(one.server, one.until) for one in asked((*before(), done))] == [
        ("ns1", AwaitedValue(NEW, 600)), ("ns2", AwaitedValue(NEW, 600)),
    ]  # fmt: skip
    assert [one.server for one in asked((*silent, done))] == ["ns1"]
    assert asked((*before(), done, after("ns1", text(NEW)), after("ns2", text(NEW)))) == []
    short = replace(ZONE, canary=CanaryRecord("update", max_lag=timedelta(seconds=90)))
    assert {one.until for one in asked((*before(), done), short)} == {AwaitedValue(NEW, 90)}


def test_the_next_address_of_the_server_gets_the_same_value() -> None:
    two = zone(server("ns1", "192.0.2.1", "2001:db8::1"), "ns2", canary=CanaryRecord("update"))
    looks = tuple(look(two, one, text(OLD)) for one in ("ns1", "ns2"))
    (one,) = asked((*looks, update(UpdateResult.TIMEOUT, "-", two)), two)
    assert (str(one.address), one.update) == ("2001:db8::1", CanaryUpdate(60, NEW))
    refused = seen(one, "refused-connection", update=UpdateResult.RESET)
    assert asked((*looks, update(UpdateResult.TIMEOUT, "-", two), refused), two) == []
    unknown = update(UpdateResult.TIMEOUT, "-", two, answer=None)
    assert asked((*looks, unknown), two)[0].update == CanaryUpdate(60)
    assert asked((*looks, update(UpdateResult.REFUSED, "REFUSED", two)), two) == []


def test_only_those_are_followed_that_have_the_zone_from_there() -> None:
    others = zone(server("ns1"), server("ns2", group="b"), server("ns3", group="c"), canary=CanaryRecord("update"))
    assert [one.server for one in asked((), others)] == ["ns1"]
    signed = replace(others, signer="ns2")
    assert [one.server for one in asked((), signed)] == ["ns1", "ns2"]
    apart = replace(signed, canary=CanaryRecord("update", server="ns3"))
    assert [one.server for one in asked((), apart)] == ["ns3"]


# --- what is said ---


def test_all_have_it() -> None:
    later = replace(NEW, at=NOON + SECOND, number=4)
    found = judged(
        *before(), update(UpdateResult.DONE), after("ns1", text(NEW)), after("ns2", text(later), at=2 * SECOND)
    )
    assert (found.health, found.findings, found.unsure) == (Health.GOOD, (), ())
    ns1, ns2 = (one.addresses[0] for one in ZONE.servers)
    assert found.arrivals == (
        CanaryArrival("ns1", ns1, NOON + SECOND, 1.0), CanaryArrival("ns2", ns2, NOON + 2 * SECOND, 2.0),
    )  # fmt: skip


LATE = "ns2 (192.0.2.2) does not answer with what was written 10 min ago to _soawatch-canary.example.com.: it has"
AT = timedelta(minutes=10)


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (after("ns2", text(OLD), at=AT), f"{LATE} what was written 25 min ago"),
        (after("ns2", at=AT), f"{LATE} no such record"),
        (after("ns2", "www.example.com.", at=AT, shape=Shape.CNAME), f"{LATE} a CNAME"),
        (after("ns2", text(replace(NEW, number=2)), at=AT), f"{LATE} what was written 10 min ago"),
    ],
)
def test_one_is_late(there: Observation, said: str) -> None:
    found = judged(*before(), update(UpdateResult.DONE), after("ns1", text(NEW)), there)
    (one,) = found.findings
    assert (one.code, one.server, one.text) == ("canary-late", "ns2", said)
    assert [one.server for one in found.arrivals] == ["ns1"]


def alias(name: str) -> Observation:
    return after(name, "www.example.com.", at=AT, shape=Shape.CNAME)


def test_beside_an_alias_at_the_primary_nobody_is_late() -> None:
    found = judged(*before(), update(UpdateResult.DONE), alias("ns1"), alias("ns2"))
    (one,) = found.findings
    assert (one.code, one.server) == ("canary-update-failed", "ns1")
    assert one.text == (
        f"ns1 (192.0.2.1) says that {NAME} is updated, and has a CNAME there as before: beside one, or below a DNAME, "
        "there is no TXT record"
    )
    assert [(one.server, one.reason) for one in found.unsure] == [
        ("ns1", "has a CNAME, as ns1 has"), ("ns2", "has a CNAME, as ns1 has"),
    ]  # fmt: skip
    other = judged(*before(), update(UpdateResult.DONE), alias("ns1"), after("ns2", text(OLD), at=AT))
    assert {(one.code, one.server) for one in other.findings} == {
        ("canary-update-failed", "ns1"),
        ("canary-late", "ns2"),
    }
    handed_on = judged(
        *before(), update(UpdateResult.DONE), alias("ns1"), alias("ns2"), watched=replace(ZONE, primary="ns2")
    )
    assert {(one.code, one.server) for one in handed_on.findings} == {("canary-late", "ns1"), ("canary-late", "ns2")}


@pytest.mark.parametrize(
    ("result", "there", "may_be"),
    [
        (UpdateResult.REFUSED, Shape.CNAME, True), (UpdateResult.NOTAUTH, Shape.CNAME, False),
        (UpdateResult.REFUSED, Shape.NODATA, False),
    ],
)  # fmt: skip
def test_a_refusal_may_be_for_the_alias(result: UpdateResult, there: Shape, may_be: bool) -> None:
    (one,) = judged(look(ZONE, "ns1", shape=there), look(ZONE, "ns2"), update(result, result.value.upper())).findings
    assert one.text.endswith("; or it has a CNAME there, for which PowerDNS refuses a TXT record, too") is may_be


@pytest.mark.parametrize(
    ("there", "why"),
    [
        (seen(after("ns2").query, "-"), "no answer that says which value it has: timeout"),
        (seen(after("ns2").query, "?"), "no answer that says which value it has: unasked"),
        (seen(after("ns2").query, "SERVFAIL"), "no answer that says which value it has: SERVFAIL"),
        (after("ns2", text(NEW), authoritative=False), "no answer that says which value it has: NOERROR"),
        (
            after("ns2", text(CanaryValue(NOON + SECOND, "0badcafe", 8))),
            f"another soawatch writes {NAME} as well: each needs a name of its own",
        ),
    ],
)
def test_of_one_it_is_not_known(there: Observation, why: str) -> None:
    found = judged(*before(), update(UpdateResult.DONE), after("ns1", text(NEW)), there)
    assert (found.health, found.findings) == (Health.GOOD, ())
    assert [(one.server, one.reason) for one in found.unsure] == [("ns2", why)]


def test_who_was_silent_before_is_not_accused() -> None:
    silent = seen(query(ZONE, "ns2", "TXT", NAME), "-")
    found = judged(look(ZONE, "ns1", text(OLD)), silent, update(UpdateResult.DONE), after("ns1", text(NEW)))
    assert (found.health, [one.server for one in found.unsure]) == (Health.GOOD, ["ns2"])


FAILED = f"ns1 (192.0.2.1) does not take the update of {NAME}: "


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (update(UpdateResult.REFUSED, "REFUSED"), "the key may not change it from here (REFUSED)"),
        (
            update(UpdateResult.REFUSED, "REFUSED", detail="the answer is not signed"),
            "REFUSED, and that is not signed: the key may be",
        ),
        (update(UpdateResult.NOTIMP, "NOTIMP"), "it takes no updates at all (NOTIMP)"),
        (update(UpdateResult.RCODE, "YXRRSET"), "it answers with YXRRSET"),
        (
            update(UpdateResult.BADTIME, "NOTAUTH", skew=-400.2),
            "the clocks disagree (BADTIME): the server's is 400 s behind",
        ),
        (
            update(UpdateResult.BADTIME, "NOTAUTH", skew=400.0),
            "the clocks disagree (BADTIME): the server's is 400 s ahead of",
        ),
        (update(UpdateResult.BADTIME, "NOTAUTH"), "the clocks disagree (BADTIME)"),
        (
            update(UpdateResult.TIMEOUT, "-", detail="first octet: timed out"),
            "no answer over TCP: first octet: timed out",
        ),
        (update(UpdateResult.TIMEOUT, "-"), "no answer over TCP"),
        (update(None, "malformed", detail="strange"), "strange"),
        (update(None, "malformed"), "malformed"),
    ],
)
def test_why_the_update_is_not_taken(said: Observation, why: str) -> None:
    (one,) = judged(*before(), said).findings
    assert (one.code, one.server) == ("canary-update-failed", "ns1")
    assert one.text.startswith(FAILED + why), one.text


@pytest.mark.parametrize(
    ("detail", "why"), [("no such key", "no such key"), ("", "the monitor could not send the update")]
)
def test_what_we_could_not_send_accuses_nobody(detail: str, why: str) -> None:
    found = judged(*before(), update(None, "?", detail=detail))
    assert (found.health, found.findings, found.reason) == (Health.UNKNOWN, (), why)
