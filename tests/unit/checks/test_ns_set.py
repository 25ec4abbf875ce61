"""Which names the NS set has, and who is watched → which of them lead nowhere, and which nobody watches.

The kind: what the zone says of its own servers, against what the operator has listed and what resolvers can find.
"""

from dataclasses import replace

import pytest

from checks.evaluation import run_check
from checks.model import CheckResult, Health, RememberedRecords, Server, WantedRecord, Zone, ZonePoll
from checks.model.resolution import Resolution
from checks.ns_set import NsSet, names_given
from checks.zone_state.model import ZoneState
from tests.support.observations import gather, has, query, seen, server, zone
from tests.support.record_observations import NOW, known, read

NS = WantedRecord("example.com.", "NS", ttl=False)
GONE = Resolution(reason="there is no such name")
BARE = Resolution(reason="it has no address")
FAILS = Resolution(reason="the resolver says SERVFAIL", certain=False)
LATE = Resolution(("192.0.2.1",), reason="the resolver does not answer", certain=False)
ELSEWHERE = Resolution(("203.0.113.9",))
ALIASED = Resolution(("192.0.2.2",), alias="host.example.net")
AT_NS1, AT_NS2 = Resolution(("192.0.2.1",)), Resolution(("2001:db8::9", "192.0.2.2"))

ONE = zone("ns1")
PAIR = zone("ns1", "ns2")
OTHER = zone(server("alpha", "192.0.2.1"), server("beta", "192.0.2.2"), primary=None)
HIDDEN = zone("ns1", replace(server("stealth", "192.0.2.3"), hidden=True))
IGNORING = replace(ONE, ignored=("ns2.example.com",))
FOUND = zone(server("ns1.example.com", "192.0.2.1"), Server("ns2.example.com"), primary=None, discovered=True)
NOBODY = zone(Server("ns1.example.com"), Server("ns2.example.com"), primary=None, discovered=True)

BOTH = "ns1.example.com.+ns2.example.com."
MISSING = {"unwatched-server ns2.example.com"}
LOST = {"ns-unresolvable ns2.example.com"}

ROWS: list[tuple[str, Zone, str, dict[str, Resolution], set[str]]] = [
    ("both are listed, by their first labels", PAIR, BOTH, {}, set()),
    ("as they are called in the NS set", zone("ns1.example.com", "ns2.example.com"), BOTH, {}, set()),
    ("one is not listed, and is elsewhere", ONE, BOTH, {"ns2.example.com": ELSEWHERE}, MISSING),
    ("in another case", ONE, BOTH.title(), {"ns2.example.com": ELSEWHERE}, MISSING),
    ("it is the listed one under another name", ONE, BOTH, {"ns2.example.com": AT_NS1}, set()),
    ("it is not known yet where it is", ONE, BOTH, {}, set()),
    ("it cannot be known, and the listed one is another", ONE, BOTH, {"ns2.example.com": FAILS}, MISSING),
    ("it is known from before", ONE, BOTH, {"ns2.example.com": LATE}, set()),
    ("it does not exist", ONE, BOTH, {"ns2.example.com": GONE}, LOST),
    ("it is to be ignored", IGNORING, BOTH, {"ns2.example.com": ELSEWHERE}, set()),
    ("it is to be ignored, and does not exist", IGNORING, BOTH, {"ns2.example.com": GONE}, set()),
    ("all are to be ignored", replace(ONE, ignored=("*",)), BOTH, {"ns2.example.com": GONE}, set()),
    ("a hidden server is nobody in the NS set", HIDDEN, BOTH, {"ns2.example.com": FAILS}, MISSING),
    ("operators have names of their own", OTHER, BOTH, {"ns1.example.com": AT_NS1, "ns2.example.com": AT_NS2}, set()),
    ("and their resolver knows none", OTHER, BOTH, {"ns1.example.com": FAILS, "ns2.example.com": FAILS}, set()),
    ("or one of them", OTHER, BOTH, {"ns1.example.com": AT_NS1, "ns2.example.com": FAILS}, set()),
    ("or says that one is not there", OTHER, BOTH, {"ns1.example.com": AT_NS1, "ns2.example.com": GONE}, LOST),
    ("all are met, and there is one more", OTHER, f"{BOTH}+ns3.example.com.",
     {"ns1.example.com": AT_NS1, "ns2.example.com": AT_NS2, "ns3.example.com": FAILS},
     {"unwatched-server ns3.example.com"}),
    ("two begin alike, so their addresses tell", ONE, "ns1.a.example.+ns1.b.example.",
     {"ns1.a.example": AT_NS1, "ns1.b.example": ELSEWHERE}, {"unwatched-server ns1.b.example"}),
    ("of a found NS set one does not exist", FOUND, BOTH, {"ns2.example.com": GONE}, LOST),
    ("or has no address", FOUND, BOTH, {"ns2.example.com": BARE}, LOST),
    ("or cannot be resolved", FOUND, BOTH, {"ns2.example.com": FAILS}, set()),
    ("a found set has grown, and the resolver will say so", FOUND, f"{BOTH}+ns3.example.com.",
     {"ns3.example.com": ELSEWHERE}, set()),
    ("a found set has grown by what does not exist", FOUND, f"{BOTH}+192.0.2.3.",
     {"192.0.2.3": GONE}, {"ns-unresolvable 192.0.2.3"}),
    ("of a found NS set one is an alias", FOUND, BOTH, {"ns2.example.com": ALIASED}, {"ns-alias ns2.example.com"}),
    ("one that is not listed is an alias", ONE, BOTH, {"ns2.example.com": replace(ALIASED, addresses=("203.0.113.9",))},
     {"ns-alias ns2.example.com", *MISSING}),
    ("an alias for one that is listed", OTHER, BOTH, {"ns1.example.com": AT_NS1, "ns2.example.com": ALIASED},
     {"ns-alias ns2.example.com"}),
    ("an alias is to be ignored", IGNORING, BOTH, {"ns2.example.com": ALIASED}, set()),
    ("all aliases are", replace(ONE, ignored=("*",)), BOTH, {"ns2.example.com": ALIASED}, set()),
    ("a server that is in no NS set may be one", zone(server("ns1"), server("ns2", "192.0.2.2")), BOTH,
     {"ns2": ALIASED}, set()),
    ("a listed host does not exist", PAIR, BOTH, {"ns2": GONE}, {"ns-unresolvable ns2"}),
]  # fmt: skip


def said(result: CheckResult) -> set[str]:
    return {f"{finding.code} {finding.server}" for finding in result.findings}


def reading(where: Zone, text: str) -> ZonePoll:
    """What all addresses give; one alone is asked for nothing but the RRset."""
    every = [one for name, _ in _addresses(where) for one in read(where, name, f"10 {text}", NS)]
    if len(_addresses(where)) == 1:
        every = [one for one in every if one.query.qtype == "NS"]
    return gather(where, "ns-set", *every, at=NOW)


def _addresses(where: Zone) -> list[tuple[str, str]]:
    return [(server.name, str(address)) for server, address in where.server_addresses()]


@pytest.mark.parametrize(("title", "where", "text", "names", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_row(title: str, where: Zone, text: str, names: dict[str, Resolution], expected: set[str]) -> None:
    gives = {name: "10" for name, _ in _addresses(where)}
    zone_state = known(where, gives, 60) if len(gives) > 1 else ZoneState(where.name)
    result = run_check(NsSet(names=names), where, reading(where, text), zone_state)
    assert said(result) == expected
    assert result.health is (Health.BAD if expected else Health.GOOD)
    assert all(finding.address is None for finding in result.findings)


def test_the_words() -> None:
    names = {"ns2.example.com": ELSEWHERE}
    (found,) = run_check(NsSet(names=names), ONE, reading(ONE, BOTH), ZoneState(ONE.name)).findings
    assert found.text == (
        "ns2.example.com (203.0.113.9) is in the NS set, but not among the servers watched; "
        'add "ns2.example.com" to servers, or to ignore_servers'
    )
    names = {"ns2.example.com": GONE}
    (lost,) = run_check(NsSet(names=names), ONE, reading(ONE, BOTH), ZoneState(ONE.name)).findings
    assert lost.text == "ns2.example.com is a nameserver of the zone, but there is no such name"
    given = reading(ONE, "ns1.example.com.+.")
    (root,) = run_check(NsSet(names={".": BARE}), ONE, given, ZoneState(ONE.name)).findings
    assert (root.server, root.text) == (".", ". is a nameserver of the zone, but it has no address")


def test_an_alias_that_cannot_be_looked_up_now_stays_one() -> None:
    (alias,) = run_check(
        NsSet(names={"ns2.example.com": ALIASED}), FOUND, reading(FOUND, BOTH), ZoneState(FOUND.name)
    ).findings
    assert alias.text == "ns2.example.com is a nameserver of the zone, but an alias (CNAME) for host.example.net"
    later = run_check(NsSet(names={"ns2.example.com": LATE}), FOUND, reading(FOUND, BOTH), ZoneState(FOUND.name))
    assert any(one.covers(alias.server, alias.address, alias.subject) for one in later.unsure)


def test_what_is_not_known_yet_stays_as_it_was() -> None:
    result = run_check(NsSet(), ONE, reading(ONE, BOTH), ZoneState(ONE.name))
    assert [(one.server, one.address) for one in result.unsure] == [("ns2.example.com", None)]
    result = run_check(NsSet(full=True), ONE, reading(ONE, BOTH), ZoneState(ONE.name))
    assert (result.health, result.unsure) == (Health.GOOD, ())  # it will never be known: nothing is to be kept


def test_a_zone_without_any_address_is_told_why() -> None:
    names = {"ns1.example.com": GONE, "ns2.example.com": BARE}
    result = run_check(NsSet(names=names), NOBODY, gather(NOBODY, "ns-set"), ZoneState(NOBODY.name))
    assert said(result) == {"ns-unresolvable ns1.example.com", "ns-unresolvable ns2.example.com"}
    failing = run_check(
        NsSet(names={"ns1.example.com": FAILS}), NOBODY, gather(NOBODY, "ns-set"), ZoneState(NOBODY.name)
    )
    assert failing.health is Health.UNKNOWN


def test_a_name_that_leads_somewhere_again_is_good_though_nobody_is_there() -> None:
    """There is one answer and so nothing to compare, but the names in it are evaluated."""
    where = zone("ns1.example.com", "ns2.example.com", primary=None, discovered=True)
    poll = gather(where, "ns-set", *read(where, "ns1.example.com", f"10 {BOTH}", NS))
    result = run_check(NsSet(names={"ns2.example.com": ELSEWHERE}), where, poll, ZoneState(where.name))
    assert result.health is Health.GOOD
    assert not any(unsure.covers("ns2.example.com", None, "") for unsure in result.unsure)


def test_what_leads_nowhere_is_told_though_the_others_do_not_answer() -> None:
    three = replace(
        FOUND, servers=(*FOUND.servers, server("ns3.example.com", "192.0.2.3"), server("ns4.example.com", "192.0.2.4"))
    )
    silent = [seen(query(three, name), "-") for name in ("ns1.example.com", "ns3.example.com", "ns4.example.com")]
    poll = gather(three, "ns-set", *silent)
    result = run_check(NsSet(names={"ns2.example.com": GONE}), three, poll, ZoneState(three.name))
    assert said(result) == LOST
    assert {one.server for one in result.unsure} == {"ns1.example.com", "ns3.example.com", "ns4.example.com"}
    assert (
        run_check(NsSet(names={"ns2": GONE}), PAIR, gather(PAIR, "ns-set"), ZoneState(PAIR.name)).health
        is Health.UNKNOWN
    )


@pytest.mark.parametrize("token", ["-", "REFUSED"])
def test_without_a_believable_set_nothing_is_said_of_it(token: str) -> None:
    asked = query(ONE, "ns1", "NS")
    result = run_check(NsSet(), ONE, gather(ONE, "ns-set", seen(asked, token)), ZoneState(ONE.name))
    assert result.health is Health.UNKNOWN


def test_a_server_that_lags_behind_may_name_whom_it_wants() -> None:
    """The set is that of the zone's newest version: who was just taken out of it is not missed."""
    gives = {"ns1": "11 ns1.example.com.+ns2.example.com.", "ns2": "10 old.example.com.+ns1.example.com."}
    every = [one for name, token in gives.items() for one in read(PAIR, name, token, NS)]
    poll = gather(PAIR, "ns-set", *every, at=NOW)
    result = run_check(NsSet(names={"old.example.com": ELSEWHERE}), PAIR, poll, known(PAIR, gives, 1))
    assert said(result) == set()
    assert names_given(PAIR, poll) == {"old.example.com"}


def test_a_single_address_is_asked_one_question_and_none_where_nobody_wants_to_know() -> None:
    (asked,) = NsSet().queries(ONE, ())
    assert (asked.server, asked.qtype) == ("ns1", "NS")
    assert list(NsSet().queries(ONE, (has(asked, "ns1.example.com."),))) == []
    assert NsSet().applies(ONE)
    assert not NsSet().applies(replace(ONE, ignored=("*",)))
    assert NsSet().applies(replace(PAIR, ignored=("*",)))
    assert not NsSet().applies(replace(ONE, servers=()))


def test_what_names_resolve_to_makes_no_other_check_of_it() -> None:
    """A check that changed is asked of all zones anew, at once: that is not to happen whenever a name moves."""
    assert NsSet(names={"ns2.example.com": GONE}) == NsSet()


def test_an_edit_of_the_ns_set_without_a_new_serial_is_told_as_that() -> None:
    remembered: RememberedRecords | None = None
    told = []
    for mine in (BOTH, f"{BOTH}+ns3.example.com.", BOTH):
        gives = {"ns1": f"10 {mine}", "ns2": f"10 {BOTH}"}
        every = [one for name, token in gives.items() for one in read(PAIR, name, token, NS)]
        poll = replace(gather(PAIR, "ns-set", *every, at=NOW), remembered=remembered)
        result = run_check(NsSet(), PAIR, poll, known(PAIR, gives, 60))
        remembered = result.remembered
        told.append([f"{one.code} {one.server}" for one in result.findings])
    assert told == [[], ["serial-unbumped ns1"], []]
