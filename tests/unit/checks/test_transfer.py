"""The matrix: expectation x how the transfer ended x what the SOA beside it says → what is said."""

from dataclasses import replace
from datetime import timedelta

import pytest

from checks.evaluation import run_check
from checks.model import (
    CheckResult,
    Expectation,
    Health,
    Observation,
    Server,
    TransferResult,
    TransferRule,
    Transport,
    Zone,
    ZonePoll,
)
from checks.transfer import Transfer
from checks.zone_state.model import ZoneState
from tests.support.observations import SOA, gather, pulled, query, seen, server, zone

OPEN = TransferRule("ns1", Expectation.ALLOWED)
KEYED = TransferRule("ns1", Expectation.ALLOWED, key="xfr")
CLOSED = TransferRule("ns1", Expectation.REFUSED)
WRONG = TransferRule("ns1", Expectation.REFUSED, key="stranger")
R = TransferResult


def matrix(*rules: TransferRule, servers: tuple[str | Server, ...] = ("ns1",)) -> Zone:
    return zone(*servers, transfers=rules)


def tried(
    where: Zone, rule: TransferRule, result: TransferResult | None, soa: str = "10", **fields: object
) -> ZonePoll:
    beside = seen(query(where, "ns1", transport=Transport.TCP), soa)
    asked = query(where, "ns1", "AXFR", transport=Transport.TCP, key=rule.key)
    records = fields.get("records", 0)
    given = 0 if result is R.EMPTY or not isinstance(records, int) else max(0, records - 1)
    ended = seen(asked, "-") if result is None else pulled(asked, result, **{"given": given, **fields})
    return gather(where, "transfer", beside, ended)


def check_result(rule: TransferRule, result: TransferResult | None, soa: str = "10", **fields: object) -> CheckResult:
    where = matrix(rule)
    return run_check(Transfer(), where, tried(where, rule, result, soa, **fields), ZoneState(where.name))


REFUSED, FAILED, GIVEN, UNSURE, FINE = "transfer-refused", "transfer-failed", "transfer-open", "?", ""
ENDINGS: list[tuple[TransferResult, int, str, str]] = [
    # how it ended, after how many records → must be allowed, must be refused
    (R.ALLOWED, 1, FINE, GIVEN),
    (R.ALLOWED, 500, FINE, GIVEN),
    (R.REFUSED, 0, REFUSED, FINE),
    (R.NOTAUTH, 0, REFUSED, FINE),
    (R.BADKEY, 0, REFUSED, FINE),
    (R.BADSIG, 0, REFUSED, FINE),
    (R.BADTIME, 0, REFUSED, FINE),
    (R.BADALG, 0, REFUSED, FINE),
    (R.RCODE, 0, FAILED, FINE),
    (R.RESET, 0, FAILED, FINE),
    (R.EMPTY, 0, FAILED, FINE),
    (R.EMPTY, 1, FAILED, FINE),  # the SOA alone
    (R.EMPTY, 2, FAILED, FINE),  # the SOA twice
    (R.RESET, 1, FAILED, FINE),
    (R.REFUSED, 1, REFUSED, FINE),
    (R.REFUSED, 2, REFUSED, GIVEN),
    (R.TIMEOUT, 1, FAILED, UNSURE),
    (R.SERVFAIL, 0, FAILED, UNSURE),
    (R.TIMEOUT, 0, FAILED, UNSURE),
    (R.MALFORMED, 0, FAILED, UNSURE),
    (R.UNSIGNED, 0, FAILED, UNSURE),
    (R.TLS, 0, FAILED, UNSURE),  # a certificate that is not taken shows nothing of who may have the zone
    (R.TRUNCATED, 1, FAILED, UNSURE),
    (R.TRUNCATED, 40, FAILED, GIVEN),
    (R.TIMEOUT, 40, FAILED, GIVEN),
    (R.RESET, 40, FAILED, GIVEN),
    (R.LIMIT, 5_000_000, FAILED, GIVEN),
    (R.SERIAL_MOVED, 40, FAILED, GIVEN),
    (R.UNSIGNED, 40, FAILED, GIVEN),
]


def word(found: CheckResult) -> str:
    if found.health is Health.UNKNOWN:
        return UNSURE
    return ", ".join(finding.code for finding in found.findings)


@pytest.mark.parametrize(("result", "records", "allowed", "refused"), ENDINGS)
def test_ending(result: TransferResult, records: int, allowed: str, refused: str) -> None:
    assert word(check_result(OPEN, result, records=records)) == allowed
    assert word(check_result(KEYED, result, records=records)) == allowed
    assert word(check_result(CLOSED, result, records=records)) == refused
    assert word(check_result(WRONG, result, records=records)) == refused


@pytest.mark.parametrize(
    ("result", "records", "refused"),
    [
        (R.SERIAL_MOVED, 2, FINE),
        (R.MALFORMED, 2, FINE),
        (R.MALFORMED, 3, FINE),
        (R.MALFORMED, 1, UNSURE),  # what follows could not be read
        (R.TIMEOUT, 3, UNSURE),
        (R.LIMIT, 90, UNSURE),
    ],
)
def test_whoever_gives_soas_and_no_more_gives_nothing_away(result: TransferResult, records: int, refused: str) -> None:
    assert word(check_result(CLOSED, result, records=records, given=0)) == refused
    assert word(check_result(OPEN, result, records=records, given=0)) == FAILED


TIMED = {"records": 5, "octets": 3000, "messages": 1, "took": 12.0}


@pytest.mark.parametrize(
    ("limit", "took", "found"),
    [(10, 12.0, "transfer-slow"), (12, 12.0, FINE), (10, None, FINE), (None, 4000.0, FINE), (60, 12.0, FINE)],
)
def test_slow_is_what_took_longer_than_its_rule_allows(limit: int | None, took: float | None, found: str) -> None:
    longest = None if limit is None else timedelta(seconds=limit)
    rule = TransferRule("ns1", Expectation.ALLOWED, key="xfr", whole=True, max_duration=longest)
    result = check_result(rule, R.ALLOWED, **{**TIMED, "took": took})
    assert word(result) == found
    if found:
        assert result.findings[0].text == (
            "ns1 (192.0.2.1) took 12.0 s to give the zone with key xfr: 3000 octets with 5 records in 1 message; "
            "10 s are allowed"
        )


def test_only_a_transfer_that_was_to_be_read_whole_and_was_is_measured() -> None:
    whole = TransferRule("ns1", Expectation.ALLOWED, key="xfr", whole=True)
    where = matrix(whole)
    poll = tried(where, whole, R.ALLOWED, **TIMED)
    given = replace(poll.seen[1], soa=replace(SOA, serial=10))
    poll = replace(poll, seen=(poll.seen[0], given))
    read = replace(poll, seen=(poll.seen[0], replace(given, query=replace(given.query, whole=True))))
    (one,) = run_check(Transfer(), where, read, ZoneState(where.name)).transfers
    assert (one.seconds, one.octets, one.messages, one.records, one.serial, one.key) == (12.0, 3000, 1, 5, 10, "xfr")
    assert (one.rate, replace(one, seconds=0.0).rate) == (250.0, None)
    assert one.way == replace(one, seconds=3.0, serial=11).way != replace(one, key=None).way
    assert not run_check(Transfer(), where, poll, ZoneState(where.name)).transfers
    for lacking in ({"took": None}, {"soa": None}):
        cut = replace(read, seen=(read.seen[0], replace(read.seen[1], **lacking)))  # type: ignore[arg-type]
        assert not run_check(Transfer(), where, cut, ZoneState(where.name)).transfers


def test_a_limit_is_for_a_zone_that_is_pulled_to_its_end() -> None:
    for expect, whole in ((Expectation.ALLOWED, False), (Expectation.REFUSED, True)):
        with pytest.raises(ValueError, match="max_duration is for a zone that is pulled to its end"):
            TransferRule("ns1", expect, whole=whole, max_duration=timedelta(seconds=1))


def test_every_ending_has_its_row() -> None:
    assert {result for result, *_ in ENDINGS} == set(TransferResult)


@pytest.mark.parametrize(
    "soa", ["-", "refused-connection", "unreachable", "?", "REFUSED", "NOTAUTH", "SERVFAIL", "malformed"]
)
@pytest.mark.parametrize("rule", [OPEN, CLOSED, KEYED, WRONG])
@pytest.mark.parametrize("result", [R.REFUSED, R.NOTAUTH, R.BADKEY, R.TIMEOUT, R.RESET])
def test_without_tcp_or_without_the_zone_a_refusal_proves_nothing(
    soa: str, rule: TransferRule, result: TransferResult
) -> None:
    assert word(check_result(rule, result, soa)) == UNSURE


def test_no_tcp_is_never_refused_and_therefore_good() -> None:
    found = check_result(CLOSED, None, "-")
    assert (found.health, found.reason) == (Health.UNKNOWN, "no TCP, or the monitor could not ask")
    assert check_result(CLOSED, R.RESET, "refused-connection").reason == "no TCP: refused-connection"


def test_an_expired_zone_that_is_still_given_away_is_given_away() -> None:
    assert word(check_result(CLOSED, R.ALLOWED, "SERVFAIL", records=9)) == GIVEN  # NSD 4.6


DENIES, FAILS = "refuses the transfer with", "fails at the transfer with"
TEXTS: list[tuple[TransferRule, TransferResult, dict[str, object], str]] = [
    (KEYED, R.BADTIME, {"skew": -1000.4},
     f"{DENIES} key xfr: the clocks disagree (BADTIME): the server's is 1000 s behind the monitor's"),
    (KEYED, R.BADTIME, {"skew": 600.0},
     f"{DENIES} key xfr: the clocks disagree (BADTIME): the server's is 600 s ahead of the monitor's"),
    (KEYED, R.BADTIME, {}, f"{DENIES} key xfr: the clocks disagree (BADTIME)"),
    (KEYED, R.NOTAUTH, {},
     f"{DENIES} key xfr: not allowed, or TSIG rejected and no reason given, as PowerDNS does (NOTAUTH)"),
    (OPEN, R.NOTAUTH, {}, f"{DENIES} no key: not allowed (NOTAUTH)"),
    (OPEN, R.RCODE, {"rcode": "NOTIMP"}, f"{FAILS} no key: the server answers with an error (NOTIMP)"),
    (OPEN, R.RCODE, {}, f"{FAILS} no key: the server answers with an error"),
    (OPEN, R.TRUNCATED, {"records": 1}, f"{FAILS} no key: it broke off before its end, after 1 record"),
    (OPEN, R.TIMEOUT, {"records": 7, "rtt": 60.0},
     f"{FAILS} no key: it did not come to an end in time, after 7 records (1 min)"),
    (OPEN, R.EMPTY, {"records": 2}, f"{FAILS} no key: it gives nothing but the zone's SOA, if that"),
    (OPEN, R.MALFORMED, {"records": 9, "detail": "w.example. MX: no name; BIND would refuse the zone"},
     f"{FAILS} no key: it is malformed: w.example. MX: no name; BIND would refuse the zone"),
    (OPEN, R.MALFORMED, {"records": 1}, f"{FAILS} no key: it is malformed, after 1 record"),
    (OPEN, R.TIMEOUT, {"rtt": None}, f"{FAILS} no key: it did not come to an end in time"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "result", "fields", "text"), TEXTS)
def test_text(rule: TransferRule, result: TransferResult, fields: dict[str, object], text: str) -> None:
    finding = check_result(rule, result, **fields).findings[0]
    assert finding.text == f"ns1 (192.0.2.1) {text}"


def test_subjects_tell_rules_apart() -> None:
    assert check_result(KEYED, R.BADKEY).findings[0].subject == "key xfr, must be allowed"
    given = check_result(CLOSED, R.ALLOWED).findings[0]
    assert given.subject == "no key, must be refused"
    assert given.text == "ns1 (192.0.2.1) gives the zone away to anyone with no key"


# --- who is asked what ---

ANYONE = TransferRule("*", Expectation.REFUSED)
TWO = (server("ns1"), server("ns2", "192.0.2.2", "2001:db8::2"))


def test_a_star_is_everybody_no_other_rule_with_that_key_names() -> None:
    where = matrix(OPEN, ANYONE, replace(KEYED, server="*"), servers=TWO)
    queries = list(Transfer().queries(where, ()))
    soas = [str(q.address) for q in queries if q.qtype == "SOA"]
    axfrs = [(str(q.address), q.key) for q in queries if q.qtype == "AXFR"]
    assert soas == ["192.0.2.1", "192.0.2.2", "2001:db8::2"]
    assert axfrs == [
        ("192.0.2.1", None), ("192.0.2.2", None), ("2001:db8::2", None),
        ("192.0.2.1", "xfr"), ("192.0.2.2", "xfr"), ("2001:db8::2", "xfr"),
    ]  # fmt: skip
    assert {q.transport for q in queries} == {Transport.TCP}
    assert not any(q.key for q in queries if q.qtype == "SOA")
    assert list(Transfer().queries(where, (seen(queries[0], "10"),))) == []


def test_a_whole_transfer_is_asked_once_for_all_rules_that_share_it() -> None:
    where = matrix(OPEN, replace(OPEN, whole=True))
    assert [(q.qtype, q.whole) for q in Transfer().queries(where, ())] == [("SOA", False), ("AXFR", True)]


def observations(where: Zone, results: dict[tuple[str, str | None], TransferResult]) -> list[Observation]:
    names = {name for name, _ in results}
    soas = [seen(query(where, name, transport=Transport.TCP), "10") for name in sorted(names)]
    return soas + [
        pulled(query(where, name, "AXFR", transport=Transport.TCP, key=key), result)
        for (name, key), result in results.items()
    ]


def test_each_row_is_judged_on_its_own() -> None:
    where = matrix(KEYED, WRONG, ANYONE, servers=("ns1", "ns2"))
    results = {
        ("ns1", "xfr"): R.BADKEY,
        ("ns1", "stranger"): R.BADKEY,
        ("ns1", None): R.ALLOWED,
        ("ns2", None): R.REFUSED,
    }
    found = run_check(
        Transfer(), where, gather(where, "transfer", *observations(where, results)), ZoneState(where.name)
    )
    assert [(f.code, f.server, f.subject) for f in found.findings] == [
        ("transfer-open", "ns1", "no key, must be refused"),
        ("transfer-refused", "ns1", "key xfr, must be allowed"),
    ]


def test_a_row_that_was_not_answered_is_unsure_and_the_others_stand() -> None:
    where = matrix(KEYED, ANYONE, servers=("ns1", "ns2"))
    results = {("ns1", "xfr"): R.ALLOWED, ("ns1", None): R.REFUSED, ("ns2", None): R.TIMEOUT}
    found = run_check(
        Transfer(), where, gather(where, "transfer", *observations(where, results)), ZoneState(where.name)
    )
    assert found.health is Health.GOOD
    assert [(one.server, one.subject, one.reason) for one in found.unsure] == [
        ("ns2", "no key, must be refused", "it did not come to an end in time")
    ]


def test_it_applies_where_a_rule_meets_an_address() -> None:
    assert Transfer().applies(matrix(ANYONE))
    assert not Transfer().applies(zone())
    assert not Transfer().applies(matrix(TransferRule("ns9", Expectation.REFUSED)))
    none = run_check(Transfer(), zone(), gather(zone(), "transfer"), ZoneState("example.com."))
    assert (none.health, none.reason) == (Health.UNKNOWN, "there are no rules")


# --- over TLS, and from another address ---

PRIVATE = replace(KEYED, transport="tls")
SAFE = replace(server("ns1"), tls=True)
FROM = replace(CLOSED, server="*", source="2001:db8::200")


def test_rules_over_tls_and_from_other_addresses_are_rows_of_their_own() -> None:
    where = matrix(replace(PRIVATE, server="*"), KEYED, FROM, servers=(SAFE, TWO[1]))
    axfrs = [q for q in Transfer().queries(where, ()) if q.qtype == "AXFR"]
    assert [(str(q.address), q.key, q.transport, q.source) for q in axfrs] == [
        ("192.0.2.1", "xfr", Transport.TLS, None),
        ("192.0.2.1", "xfr", Transport.TCP, None),
        ("2001:db8::2", None, Transport.TCP, "2001:db8::200"),
    ]


TLS_ROWS: list[tuple[Expectation, str, TransferResult | None, str]] = [
    # what is expected, what became of the question, how the transfer ended → what is said
    (Expectation.ALLOWED, "answered", R.ALLOWED, FINE),
    (Expectation.REFUSED, "answered", R.ALLOWED, GIVEN),
    (Expectation.REFUSED, "answered", R.REFUSED, FINE),
    (Expectation.ALLOWED, "refused-connection", R.TLS, FAILED),
    (Expectation.REFUSED, "refused-connection", R.TLS, UNSURE),
    (Expectation.ALLOWED, "refused-connection", None, FAILED),
    (Expectation.REFUSED, "refused-connection", None, FINE),  # nothing listens there
    (Expectation.ALLOWED, "-", None, FAILED),
    (Expectation.REFUSED, "-", None, UNSURE),
    (Expectation.ALLOWED, "?", None, UNSURE),
]


@pytest.mark.parametrize(("expect", "outcome", "result", "said"), TLS_ROWS)
def test_a_row_over_tls(expect: Expectation, outcome: str, result: TransferResult | None, said: str) -> None:
    rule = replace(PRIVATE, expect=expect)
    where = matrix(rule, servers=(SAFE,))
    asked = query(where, "ns1", "AXFR", transport=Transport.TLS, key="xfr")
    given = 3 if result is R.ALLOWED else 0
    one = seen(asked, outcome) if outcome != "answered" else pulled(asked, R.ALLOWED)
    one = replace(one, transfer=result, given=given, detail="certificate: certificate has expired")
    beside = seen(query(where, "ns1", transport=Transport.TCP), "10")
    found = run_check(Transfer(), where, gather(where, "transfer", beside, one), ZoneState(where.name))
    assert word(found) == said
    if said == FAILED:
        assert found.findings[0].subject == "key xfr, must be allowed over TLS"
        assert found.findings[0].text == (
            f"ns1 (192.0.2.1) {FAILS} key xfr over TLS: "
            "there is no TLS over which it could be asked for: certificate: certificate has expired"
        )


# --- a zone that is older than the SOA says ---

WHEN = replace(OPEN, whole=True)


def given(where: Zone, serial: int | None, result: TransferResult = R.ALLOWED, key: str | None = None) -> Observation:
    asked = query(where, "ns1", "AXFR", transport=Transport.TCP, key=key, whole=True)
    return pulled(asked, result, soa=replace(SOA, serial=serial) if serial is not None else None, records=9)


def story(soa: str, *serials: int | None, rule: TransferRule = WHEN) -> tuple[int, CheckResult]:
    """What the check asks again after the first look, and what it says after all of them."""
    where = matrix(rule)
    beside = seen(query(where, "ns1", transport=Transport.TCP), soa)
    first = (beside, given(where, serials[0]))
    every = (beside, *(given(where, serial) for serial in serials))
    assert list(Transfer().queries(where, (*every, *every))) == []
    found = run_check(Transfer(), where, gather(where, "transfer", *every), ZoneState(where.name))
    return len(list(Transfer().queries(where, first))), found


OLDER = [
    # what the SOA says, what is given first, and then → asked again, findings
    ("12", (12,), 0, ""),
    ("12", (13,), 0, ""),  # it changed between the two questions
    ("12", (11, 12), 1, ""),  # and here, too, the other way round
    ("12", (11, 13), 1, ""),
    ("12", (11, 11), 1, FAILED),
    ("12", (9, 10), 1, FAILED),
    ("5", (4294967290, 4294967290), 1, FAILED),  # older by RFC 1982, though the greater number
    ("4294967290", (5,), 0, ""),
    ("10", (2147483658,), 0, ""),  # exactly 2^31 apart: neither is older
    ("12", (None,), 0, ""),
    ("-", (11,), 0, ""),
    ("REFUSED", (11,), 0, ""),
]


@pytest.mark.parametrize(("soa", "serials", "again", "codes"), OLDER)
def test_a_zone_older_than_the_soa_beside_it(soa: str, serials: tuple[int | None, ...], again: int, codes: str) -> None:
    """The kind is a server that answers with one version and gives away another: nobody gets what it announces.

    One look proves nothing, for the zone may change between two questions; the second transfer comes after the SOA.
    """
    asked, found = story(soa, *serials)
    assert (asked, word(found)) == (again, codes)


def test_it_says_both_serials() -> None:
    _, found = story("12", 9, 9)
    assert found.findings[0].text == (
        "ns1 (192.0.2.1) gives an old zone with no key: serial 9, twice, where its SOA says 12; "
        "whoever transfers from it stays behind"
    )


def test_an_old_zone_that_must_not_be_given_is_given_all_the_same() -> None:
    assert word(story("12", 9, 9, rule=CLOSED)[1]) == GIVEN


def test_a_transfer_that_fails_is_not_asked_again_for_its_serial() -> None:
    where = matrix(WHEN)
    beside = seen(query(where, "ns1", transport=Transport.TCP), "12")
    assert list(Transfer().queries(where, (beside, given(where, 9, R.TRUNCATED)))) == []
