"""What no rule speaks of: who is asked, and what is said of what was given."""

from dataclasses import replace

import pytest

from checks.evaluation import run_check
from checks.model import CheckResult, Expectation, Health, Query, TransferResult, TransferRule, Transport, Zone
from checks.open_transfer import OpenTransfer
from checks.zone_state.model import ZoneState
from tests.support.observations import gather, pulled, seen, server, zone

R = TransferResult
TWO = (server("ns1"), server("ns2", "192.0.2.2", "2001:db8::2"))


def rule(name: str, key: str | None = None, expect: Expectation = Expectation.ALLOWED) -> TransferRule:
    return TransferRule(name, expect, key)


def asked(where: Zone) -> list[str]:
    return [str(query.address) for query in OpenTransfer().queries(where, ())]


EVERY = ["192.0.2.1", "192.0.2.2", "2001:db8::2"]
ASKED = [
    ((), EVERY),
    ((rule("*", "xfr"),), EVERY),  # a rule with a key says nothing of those without one
    ((rule("ns1"),), EVERY[1:]),
    ((rule("ns1", expect=Expectation.REFUSED),), EVERY[1:]),  # the check transfer asks it, more often
    ((rule("ns1"), rule("*", "xfr")), EVERY[1:]),
    ((rule("ns1"), rule("ns2")), []),
    ((rule("*"),), []),
    ((rule("ns9"),), EVERY),
    ((replace(rule("*"), transport="tls"), replace(rule("*"), source="192.0.2.200")), EVERY),
]


@pytest.mark.parametrize(("rules", "addresses"), ASKED)
def test_every_address_is_asked_without_a_key_that_no_rule_without_one_is_for(
    rules: tuple[TransferRule, ...], addresses: list[str]
) -> None:
    where = zone(*TWO, transfers=rules)
    assert asked(where) == addresses
    assert OpenTransfer().applies(where) == bool(addresses)


def test_the_first_message_is_enough_and_nothing_is_asked_twice() -> None:
    where = zone(*TWO)
    queries = list(OpenTransfer().queries(where, ()))
    assert {(q.qtype, q.transport, q.key, q.whole) for q in queries} == {("AXFR", Transport.TCP, None, False)}
    assert list(OpenTransfer().queries(where, (pulled(queries[0], R.REFUSED),))) == []
    assert OpenTransfer().standing_questions(where) == ()
    assert not OpenTransfer().applies(Zone("example.com."))


ONE = zone("ns1")
(QUERY,) = OpenTransfer().queries(ONE, ())
assert isinstance(QUERY, Query)


def look(result: TransferResult, records: int = 0, given: int | None = None) -> CheckResult:
    ended = pulled(QUERY, result, records=records, given=max(0, records - 1) if given is None else given)
    return run_check(OpenTransfer(), ONE, gather(ONE, "open-transfer", ended), ZoneState(ONE.name))


ENDINGS = {
    R.ALLOWED: Health.BAD,
    R.REFUSED: Health.GOOD,
    R.NOTAUTH: Health.GOOD,
    R.BADKEY: Health.GOOD,
    R.BADSIG: Health.GOOD,
    R.BADTIME: Health.GOOD,
    R.BADALG: Health.GOOD,
    R.RCODE: Health.GOOD,
    R.RESET: Health.GOOD,
    R.EMPTY: Health.GOOD,
    R.UNSIGNED: Health.UNKNOWN,
    R.SERVFAIL: Health.UNKNOWN,
    R.TIMEOUT: Health.UNKNOWN,
    R.TRUNCATED: Health.UNKNOWN,
    R.MALFORMED: Health.UNKNOWN,
    R.SERIAL_MOVED: Health.UNKNOWN,
    R.LIMIT: Health.UNKNOWN,
    R.TLS: Health.UNKNOWN,
}


@pytest.mark.parametrize("result", R)
def test_an_ending_that_gave_nothing_away_accuses_nobody(result: TransferResult) -> None:
    assert look(result).health is ENDINGS[result]


@pytest.mark.parametrize("result", R)
def test_whatever_the_ending_what_was_given_was_given(result: TransferResult) -> None:
    found = look(result, records=40)
    assert [(one.code, one.server, str(one.address), one.subject) for one in found.findings] == [
        ("transfer-open", "ns1", "192.0.2.1", "")
    ]


def test_soas_alone_are_no_zone() -> None:
    assert look(R.EMPTY, records=1).health is Health.GOOD
    assert look(R.SERIAL_MOVED, records=2, given=0).health is Health.GOOD
    assert look(R.MALFORMED, records=3, given=0).health is Health.GOOD


def test_it_says_from_where_it_was_seen() -> None:
    (finding,) = look(R.ALLOWED, records=2).findings
    assert finding.text == (
        "ns1 (192.0.2.1) gives the zone away without a key, as asked from this monitor's address, "
        "and no rule says that it may"
    )


def test_of_who_is_not_heard_nothing_is_known() -> None:
    where = zone(*TWO)
    first, second, third = OpenTransfer().queries(where, ())
    poll = gather(where, "open-transfer", pulled(first, R.ALLOWED, records=9, given=8), seen(second, "-"))
    found = run_check(OpenTransfer(), where, poll, ZoneState(where.name))
    assert [(one.code, one.server) for one in found.findings] == [("transfer-open", "ns1")]
    assert [(one.server, one.address) for one in found.unsure] == [("ns2", second.address), ("ns2", third.address)]
    assert {one.reason for one in found.unsure} == {"no TCP, or the monitor could not ask"}
    why = "no socket is to be had: too many open files"
    unasked = seen(QUERY, "?", detail=why)
    ours = run_check(OpenTransfer(), ONE, gather(ONE, "open-transfer", unasked), ZoneState(ONE.name))
    assert (ours.health, [one.reason for one in ours.unsure]) == (Health.UNKNOWN, [why])
