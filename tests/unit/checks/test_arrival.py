"""What one look at one address says of what is waited for: tables of answers, and what they come to."""

from dataclasses import replace

import pytest

from checks.common.arrival import MAX_TOLD, Look, judge_look
from checks.model import Observation, Outcome, Shape
from checks.model.awaited import Awaited, AwaitedRecord, Presence
from tests.support.observations import has, query, seen, zone

ZONE = zone()
WWW = AwaitedRecord("www.example.com.", "A", ("192.0.2.1",))
UNORDERED = "serves 2147483649, of which nobody can tell whether it is newer than 1: they are 2^31 apart"
REFUSES = "refuses: not configured for the zone (PowerDNS also says so of one that never loaded) (REFUSED)"
CHALLENGE = "_acme-challenge.example.com."


def of_soa(awaited: Awaited, token: str | int, **fields: object) -> Look:
    return judge_look(awaited, [seen(query(ZONE, "ns2"), token, **fields)])


@pytest.mark.parametrize(
    ("wanted", "served", "good", "text"),
    [
        (10, 10, True, "serves 10"),
        (10, 11, True, "serves 11, newer than 10"),
        (10, 9, False, "serves 9, older than 10"),
        (5, 4294967290, False, "serves 4294967290, older than 5"),
        (4294967290, 5, True, "serves 5, newer than 4294967290"),
        (1, 2147483649, False, UNORDERED),
        (0, 0, True, "serves 0"),
        (None, 9, True, "serves 9"),
    ],
)  # fmt: skip
def test_a_serial_is_there_when_it_or_a_newer_one_is_served(
    wanted: int | None, served: int, good: bool, text: str
) -> None:
    assert of_soa(Awaited(wanted), served) == Look(good, text, served)


@pytest.mark.parametrize(
    ("token", "fields", "text"),
    [
        ("-", {}, "does not answer"),
        ("unreachable", {"detail": "no route to host"}, "cannot be reached (no route to host)"),
        ("refused-connection", {}, "refuses the connection"),
        ("malformed", {"detail": "too short"}, "sends an answer that cannot be understood: too short"),
        ("truncated-only", {}, "sends nothing but truncated answers"),
        ("SERVFAIL", {}, "has no valid copy of the zone: expired, or never loaded (SERVFAIL)"),
        ("NOTAUTH", {}, "says that it is not authoritative for the zone (NOTAUTH)"),
        (10, {"authoritative": False}, "answers without authority (AA=0): a resolver or forwarder"),
        ("NXDOMAIN", {}, "says that the zone's own name does not exist (NXDOMAIN)"),
    ],
)
def test_no_serial_that_could_not_be_had_is_there(token: str | int, fields: dict[str, object], text: str) -> None:
    for awaited in (Awaited(10), Awaited()):
        assert of_soa(awaited, token, **fields) == Look(False, text)


def test_one_that_could_not_be_asked_does_not_have_it_and_is_not_accused() -> None:
    look = of_soa(Awaited(10), "?", detail="network is unreachable")
    assert look == Look(False, "could not be asked (network is unreachable)", asked=False)


def test_a_primary_that_fails_has_not_expired() -> None:
    look = judge_look(Awaited(1), [seen(query(ZONE, "ns1"), "SERVFAIL")], primary=True)
    assert look.text == "is the primary and fails to answer (SERVFAIL)"


def ask(record: AwaitedRecord) -> Observation:
    """What is good so far: no such record, with authority."""
    return has(query(ZONE, "ns2", record.type, record.name))


@pytest.mark.parametrize(
    ("presence", "wanted", "there", "good"),
    [
        (Presence.CONTAINS, ["a"], ["a"], True),
        (Presence.CONTAINS, ["a"], ["a", "b"], True),
        (Presence.CONTAINS, ["a", "b"], ["a"], False),
        (Presence.CONTAINS, ["a"], [], False),
        (Presence.CONTAINS, [], ["b"], True),
        (Presence.CONTAINS, [], [], False),
        (Presence.EXACT, ["a"], ["a"], True),
        (Presence.EXACT, ["a"], ["a", "b"], False),
        (Presence.EXACT, ["a"], [], False),
        (Presence.ABSENT, [], [], True),
        (Presence.ABSENT, [], ["b"], False),
        (Presence.ABSENT, ["a"], [], True),
        (Presence.ABSENT, ["a"], ["b"], True),
        (Presence.ABSENT, ["a"], ["a", "b"], False),
    ],
)
def test_an_rrset_contains_is_or_lacks_values(
    presence: Presence, wanted: list[str], there: list[str], good: bool
) -> None:
    record = AwaitedRecord("x.example.com.", "TXT", tuple(wanted), presence)
    look = judge_look(Awaited(records=(record,)), [has(query(ZONE, "ns2", "TXT", record.name), *there)])
    words = " and ".join(there) or "nothing (NODATA)"
    assert look == Look(good, f"has {words} for x.example.com. TXT")


@pytest.mark.parametrize("presence", Presence)
def test_a_cname_or_a_delegation_is_neither_there_nor_absent(presence: Presence) -> None:
    record = AwaitedRecord("www.example.com.", "A", ("192.0.2.1",), presence)
    one = ask(record)
    alias = has(one.query, "other.example.net.")
    look = judge_look(Awaited(records=(record,)), [replace(alias, shape=Shape.CNAME)])
    assert look == Look(False, "has a CNAME to other.example.net. for www.example.com. A")
    look = judge_look(Awaited(records=(record,)), [replace(one, shape=Shape.REFERRAL, authoritative=False)])
    assert look == Look(False, "has a delegation for www.example.com. A")


def test_no_such_name_is_absent_and_no_such_type_is() -> None:
    gone = AwaitedRecord(CHALLENGE, "TXT", (), Presence.ABSENT)
    nxdomain = judge_look(Awaited(records=(gone,)), [replace(ask(gone), rcode="NXDOMAIN")])
    assert nxdomain == Look(True, f"has nothing (NXDOMAIN) for {CHALLENGE} TXT")
    assert judge_look(Awaited(records=(gone,)), [ask(gone)]).good


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"authoritative": False}, "answers without authority (AA=0): a resolver or forwarder"),
        ({"authoritative": False, "rcode": "NXDOMAIN"}, "answers without authority (AA=0): a resolver or forwarder"),
        ({"shape": Shape.UPWARD, "authoritative": False}, "refers upwards, to the root or a parent: a lame delegation"),
        ({"shape": Shape.OTHER}, "answers with records of another owner, class or type"),
        ({"rcode": "REFUSED"}, REFUSES),
        ({"rcode": "NOTIMP"}, "answers with the error NOTIMP"),
        ({"outcome": Outcome.TIMEOUT}, "does not answer"),
        ({"outcome": Outcome.MISMATCHED}, "sends answers that do not fit the question"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_neither_there_nor_absent(fields: dict[str, object], text: str) -> None:
    for presence in Presence:
        record = AwaitedRecord("www.example.com.", "A", ("192.0.2.1",), presence)
        look = judge_look(Awaited(records=(record,)), [replace(ask(record), **fields)])
        assert look == Look(False, text)


def test_all_that_is_waited_for_must_be_there_and_what_lacks_is_told() -> None:
    awaited = Awaited(10, (WWW, AwaitedRecord(CHALLENGE, "TXT", (), Presence.ABSENT)))
    soa = seen(query(ZONE, "ns2"), "10@fra")
    www = has(query(ZONE, "ns2", "A", WWW.name), "192.0.2.1", nsid="ams")
    challenge = has(query(ZONE, "ns2", "TXT", CHALLENGE), '"token"', nsid="fra")
    assert judge_look(awaited, [soa, www, challenge]) == Look(
        False, f'has "token" for {CHALLENGE} TXT', 10, ("fra", "ams")
    )
    gone = has(challenge.query, nsid="fra")
    look = judge_look(awaited, [gone, www, soa])
    assert look.good
    assert look.text.startswith("serves 10; ")


def test_two_conditions_on_one_rrset_are_one_question() -> None:
    added = AwaitedRecord("x.example.com.", "TXT", ('"new"',))
    gone = AwaitedRecord("x.example.com.", "TXT", ('"old"',), Presence.ABSENT)
    awaited = Awaited(records=(added, gone))
    assert awaited.questions("example.com.") == (("x.example.com.", "TXT"),)
    one = query(ZONE, "ns2", "TXT", "x.example.com.")
    assert not judge_look(awaited, [has(one, '"new"', '"old"')]).good
    assert judge_look(awaited, [has(one, '"new"')]).good
    assert Awaited(3, (added,)).questions("example.com.")[0] == ("example.com.", "SOA")
    assert Awaited().questions("example.com.") == (("example.com.", "SOA"),)


def test_of_very_many_a_few_are_told() -> None:
    records = tuple(AwaitedRecord(f"n{number}.example.com.", "A") for number in range(MAX_TOLD + 2))
    look = judge_look(Awaited(records=records), [ask(record) for record in records])
    assert look.text.count("has nothing") == MAX_TOLD
    assert look.text.endswith("; and 2 more")


def test_an_answer_that_only_looks_right_is_not_used() -> None:
    """A shape without the records: no reader makes it, and nobody is said to have anything by it."""
    record = replace(WWW, type="SOA", name=ZONE.name)
    one = replace(ask(record), shape=Shape.RECORDS, soa=seen(query(ZONE, "ns2"), 10).soa)
    look = judge_look(Awaited(records=(record,)), [one])
    assert not look.good
    assert "sends an answer that cannot be used" in look.text
