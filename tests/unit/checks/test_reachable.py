"""What an address does over UDP and over TCP → what is said of it, and nothing else."""

from dataclasses import replace

import pytest

from checks.common.response_faults import ResponseFault, fault
from checks.evaluation import run_check
from checks.model import MANGLED, Health, Inconclusive, Observation, Outcome, Query, Shape, Transport, Zone
from checks.reachable import Reachable
from checks.zone_state.model import ZoneState
from tests.support.observations import NOON, gather, query, seen, server, zone

PAIR = zone()
EMPTY = ZoneState(PAIR.name)


def udp(token: str, name: str = "ns2", **fields: object) -> Observation:
    return seen(query(PAIR, name), token, **fields)


def tcp(token: str, name: str = "ns2", **fields: object) -> Observation:
    return seen(query(PAIR, name, transport=Transport.TCP), token, **fields)


# --- one answer ---

NODATA = {"authoritative": True, "rcode": "NOERROR", "soa": None, "shape": Shape.NODATA}
LAME, GONE, BAD, ODD = "zone-not-served", "zone-expired", "bad-rcode", "malformed-answer"
ANSWERS: list[tuple[str, str, dict[str, object], str | None, str | None]] = [
    # what it is, token, fields; code when it is a secondary, code when it is the primary
    ("good", "10", {}, None, None),
    ("no authority", "10", {"authoritative": False}, "not-authoritative", "not-authoritative"),
    ("REFUSED: BIND, NSD, Knot without the zone, PowerDNS never loaded", "REFUSED", {}, LAME, LAME),
    ("REFUSED with EDE 20: Knot, NSD", "REFUSED", {"ede": ("20 Not Authoritative",)}, LAME, LAME),
    ("NOTAUTH", "NOTAUTH", {}, LAME, LAME),
    ("NXDOMAIN for the apex", "NXDOMAIN", {}, LAME, LAME),
    ("empty NOERROR for the apex", "10", NODATA, LAME, LAME),
    ("upward referral", "10", {"soa": None, "shape": Shape.UPWARD}, LAME, LAME),
    ("referral", "10", {"soa": None, "shape": Shape.REFERRAL}, LAME, LAME),
    ("SERVFAIL: BIND expired or never loaded", "SERVFAIL", {}, GONE, BAD),
    ("SERVFAIL EDE 24: Knot, NSD", "SERVFAIL", {"ede": ("24 Invalid Data",)}, GONE, GONE),
    ("SERVFAIL EDE 14: NSD", "SERVFAIL", {"ede": ("14 Not Ready: Zone is configured but not loaded",)}, GONE, GONE),
    ("SERVFAIL EDE 22 of a resolver", "SERVFAIL", {"ede": ("22 No Reachable Authority",)}, GONE, BAD),
    ("FORMERR", "FORMERR", {}, BAD, BAD),
    ("NOTIMP", "NOTIMP", {}, BAD, BAD),
    ("an rcode nobody has heard of", "RCODE11", {"rcode": "RCODE11"}, BAD, BAD),
    ("CNAME at the apex", "10", {"soa": None, "shape": Shape.CNAME}, ODD, ODD),
    ("another owner", "10", {"soa": None, "shape": Shape.OTHER}, ODD, ODD),
    ("records, but no SOA", "10", {"soa": None}, ODD, ODD),
    ("no rcode", "10", {"rcode": None}, BAD, BAD),
    ("garbage", "malformed", {}, ODD, ODD),
    ("wrong id, question or source", "mismatched", {}, ODD, ODD),
    ("truncated and nothing else", "truncated-only", {}, ODD, ODD),
    ("timeout", "-", {}, None, None),
    ("unreachable", "unreachable", {}, None, None),
    ("refused connection", "refused-connection", {}, None, None),
    ("not asked", "?", {}, None, None),
]  # fmt: skip


@pytest.mark.parametrize(("title", "token", "fields", "secondary", "primary"), ANSWERS, ids=[a for a, *_ in ANSWERS])
def test_an_answer(
    title: str, token: str, fields: dict[str, object], secondary: str | None, primary: str | None
) -> None:
    if token == "RCODE11":
        token = "NOTIMP"
    one = udp(token, **fields)
    for is_primary, expected in ((False, secondary), (True, primary)):
        found = fault(one, primary=is_primary)
        assert (found.code if found is not None else None) == expected


def test_every_outcome_is_classified() -> None:
    for outcome in Outcome:
        found = fault(replace(udp("10"), outcome=outcome, soa=None), primary=False)
        assert (found is None) is (outcome.transport_failed or outcome is Outcome.UNASKED)


def test_texts_keep_what_the_server_said_of_itself() -> None:
    expired = udp("SERVFAIL", ede=("24 Invalid Data: Zone has expired",))
    assert fault(expired, primary=False) == ResponseFault(
        "zone-expired",
        "has no valid copy of the zone: expired, or never loaded (SERVFAIL) "
        "(extended error 24 Invalid Data: Zone has expired)",
    )
    refused = fault(udp("REFUSED"), primary=False)
    assert refused is not None
    assert "PowerDNS also says so of one that never loaded" in refused.text
    garbled = fault(udp("malformed", detail="compression loop"), primary=False)
    assert garbled == ResponseFault("malformed-answer", "sends an answer that cannot be understood: compression loop")


@pytest.mark.parametrize(("token", "named"), [("REFUSED", True), ("SERVFAIL", True), ("FORMERR", False), ("-", False)])
def test_a_member_that_is_not_there_is_told_of_with_its_catalog(token: str, named: bool) -> None:
    for catalog in ("", "catalog.example."):
        poll = gather(PAIR, "reachable", udp("10", "ns1"), tcp("10", "ns1"), udp(token), tcp(token))
        told = run_check(Reachable(), replace(PAIR, catalog=catalog), poll, EMPTY)
        (finding,) = told.findings
        assert ("; the zone is a member of catalog catalog.example." in finding.text) is (named and bool(catalog))


# --- both transports ---

BOTH: list[tuple[str, Observation, Observation, set[str]]] = [
    ("both well", udp("10"), tcp("10"), set()),
    ("down", udp("-"), tcp("-"), {"server-unreachable"}),
    ("port closed", udp("refused-connection"), tcp("refused-connection"), {"server-unreachable"}),
    ("hung: TCP connects, then nothing", udp("-"), tcp("-"), {"server-unreachable"}),
    ("prohibited", udp("unreachable"), tcp("unreachable"), {"server-unreachable"}),
    ("UDP filtered", udp("-"), tcp("10"), {"no-answer"}),
    ("UDP filtered and lame", udp("-"), tcp("REFUSED"), {"no-answer", "zone-not-served"}),
    ("TCP dropped", udp("10"), tcp("-"), {"tcp-unreachable"}),
    ("TCP reset", udp("10"), tcp("refused-connection"), {"tcp-unreachable"}),
    ("TCP prohibited", udp("10"), tcp("unreachable"), {"tcp-unreachable"}),
    ("TC=1 and TCP dead", udp("truncated-only"), tcp("-"), {"tcp-unreachable"}),
    ("TC=1 and TCP fine", udp("truncated-only"), tcp("10"), {"malformed-answer"}),
    ("expired and TCP dead", udp("SERVFAIL"), tcp("-"), {"tcp-unreachable", "zone-expired"}),
    ("refused on both", udp("REFUSED"), tcp("REFUSED"), {"zone-not-served"}),
    ("fine over UDP, refused over TCP", udp("10"), tcp("REFUSED"), {"zone-not-served"}),
    ("garbage over UDP, fine over TCP", udp("malformed"), tcp("10"), {"malformed-answer"}),
    ("strays over UDP, fine over TCP", udp("mismatched"), tcp("10"), {"malformed-answer"}),
    ("strays over UDP, TCP dead", udp("mismatched"), tcp("-"), {"malformed-answer", "tcp-unreachable"}),
    ("strays over UDP, expired over TCP", udp("mismatched"), tcp("SERVFAIL"), {"malformed-answer", "zone-expired"}),
    ("one thing over UDP, another over TCP", udp("REFUSED"), tcp("SERVFAIL"), {"zone-not-served", "zone-expired"}),
]


@pytest.mark.parametrize(("title", "by_udp", "by_tcp", "expected"), BOTH, ids=[title for title, *_ in BOTH])
def test_both_transports(title: str, by_udp: Observation, by_tcp: Observation, expected: set[str]) -> None:
    poll = gather(PAIR, "reachable", udp("10", "ns1"), tcp("10", "ns1"), by_udp, by_tcp)
    result = run_check(Reachable(), PAIR, poll, EMPTY)
    assert {finding.code for finding in result.findings} == expected
    assert {finding.server for finding in result.findings} <= {"ns2"}
    assert result.health is (Health.BAD if expected else Health.GOOD)


def test_drop_reset_and_prohibition_of_tcp_are_told_apart() -> None:
    texts = []
    for token in ("-", "refused-connection", "unreachable"):
        poll = gather(PAIR, "reachable", udp("10", "ns1"), tcp("10", "ns1"), udp("10"), tcp(token))
        texts.append(run_check(Reachable(), PAIR, poll, EMPTY).findings[0].text)
    assert [next(word for word in ("dropped", "reset", "prohibited") if word in text) for text in texts] == [
        "dropped", "reset", "prohibited",
    ]  # fmt: skip
    assert all("firewall" in text for text in texts)
    assert texts[0].startswith("ns2 (192.0.2.2) answers over UDP only")


@pytest.mark.parametrize(
    "observations",
    [
        (udp("?"), tcp("?")),
        (udp("10"), tcp("?")),
        (udp("?"), tcp("-")),
        (udp("10"),),
        (),
    ],
)
def test_what_could_not_be_asked_accuses_nobody(observations: tuple[Observation, ...]) -> None:
    poll = gather(PAIR, "reachable", udp("10", "ns1"), tcp("10", "ns1"), *observations)
    result = run_check(Reachable(), PAIR, poll, EMPTY)
    assert result.findings == ()
    assert result.unsure == (Inconclusive("ns2", PAIR.servers[1].addresses[0], reason="the monitor could not ask"),)
    assert result.health is Health.GOOD


def test_the_primary_is_judged_as_such_and_every_address_on_its_own() -> None:
    dual = zone(server("ns1", "192.0.2.1", "2001:db8::1"), "ns2")
    every = [
        seen(query(dual, "ns1", place=0), "SERVFAIL"),
        seen(query(dual, "ns1", place=0, transport=Transport.TCP), "SERVFAIL"),
        seen(query(dual, "ns1", place=1), "-"),
        seen(query(dual, "ns1", place=1, transport=Transport.TCP), "-"),
        udp("SERVFAIL"),
        tcp("SERVFAIL"),
    ]
    findings = run_check(Reachable(), dual, gather(dual, "reachable", *every), EMPTY).findings
    assert [(f.code, f.server, str(f.address)) for f in findings] == [
        ("bad-rcode", "ns1", "192.0.2.1"),
        ("server-unreachable", "ns1", "2001:db8::1"),
        ("zone-expired", "ns2", "192.0.2.2"),
    ]


def test_it_asks_every_address_over_both_transports_once() -> None:
    check = Reachable()
    queries = list(check.queries(PAIR, ()))
    assert [(q.server, q.transport.value, q.identify) for q in queries] == [
        ("ns1", "udp", True), ("ns1", "tcp", False), ("ns2", "udp", True), ("ns2", "tcp", False),
    ]  # fmt: skip
    assert {(q.qname, q.qtype, q.key) for q in queries} == {("example.com.", "SOA", None)}
    assert list(check.queries(PAIR, (udp("10"),))) == []
    assert check.applies(PAIR)
    assert not check.applies(Zone("example.com."))
    assert run_check(check, PAIR, gather(PAIR, "reachable", at=NOON), EMPTY).health is Health.UNKNOWN


# --- a second look: EDNS, another source, limits ---


def drop(said: str = "no answer", token: str = "10", **fields: object) -> tuple[str, dict[str, object]]:
    """Answered only without EDNS; ``said`` is what came of it with EDNS."""
    return token, {"without_edns": said, **fields}


def elsewhere(source: str = "192.0.2.77") -> tuple[str, dict[str, object]]:
    return "mismatched", {"source": source, "detail": f"answers come from {source}"}


Said = str | tuple[str, dict[str, object]]
LIMITED: Said = ("-", {"limited": True})

# what ns2 says over UDP and TCP each time it is asked, and to a question without EDNS whose answer may come from
# anywhere → what is found
LOOKS: list[tuple[str, list[Said], list[Said], Said | None, set[str]]] = [
    ("EDNS dropped, an answer at the last attempt", [drop(), drop()], ["10"], "10", {"edns-broken"}),
    ("EDNS dropped at every attempt", ["-", "-"], ["10", "10"], "10", {"edns-broken"}),
    ("EDNS dropped over both", ["-", "-"], [drop(), drop()], "10", {"edns-broken"}),
    ("EDNS dropped over TCP only", ["10"], [drop(), drop()], None, {"edns-broken"}),
    ("SERVFAIL to EDNS", [drop("SERVFAIL"), drop("SERVFAIL")], ["10"], None, {"edns-broken"}),
    ("REFUSED to EDNS, over both", [drop("REFUSED")] * 2, [drop("REFUSED")] * 2, None, {"edns-broken"}),
    ("what cannot be used to EDNS", [drop(MANGLED), drop(MANGLED)], ["10"], None, {"edns-broken"}),
    ("FORMERR to EDNS", [drop("FORMERR"), drop("FORMERR")], ["10"], None, {"edns-broken"}),
    ("FORMERR to EDNS, and lame", [drop("FORMERR", "REFUSED")] * 2, ["REFUSED"], None,
     {"edns-broken", "zone-not-served"}),
    ("EDNS dropped, and no authority", ["-", "-"], ["10", "10"], ("10", {"authoritative": False}),
     {"edns-broken", "not-authoritative"}),
    ("EDNS dropped, TCP dead", [drop(), drop()], ["-"], "10", {"edns-broken", "tcp-unreachable"}),
    ("EDNS dropped at every attempt, TCP dead", ["-", "-"], ["-"], "10", {"edns-broken", "tcp-unreachable"}),
    ("two lost packets", [drop(), "10"], ["10"], "10", set()),
    ("all lost, and then not", ["-", "10"], ["10", "10"], "10", set()),
    ("a reload in the middle", [drop("SERVFAIL"), "10"], ["10"], None, set()),
    ("a reload in the middle, over TCP", ["10"], [drop("SERVFAIL"), "10"], None, set()),
    ("gone in the middle", [drop(), "-"], ["10", "10"], "-", {"no-answer"}),
    ("another source", ["-"], ["10", "10"], elsewhere(), {"unexpected-source"}),
    ("another source, and TCP dead", ["-"], ["-"], elsewhere(), {"unexpected-source", "tcp-unreachable"}),
    ("another source, and expired over TCP", ["-"], ["SERVFAIL"] * 2, elsewhere(),
     {"unexpected-source", "zone-expired"}),
    ("another port", ["-"], ["10", "10"], elsewhere("192.0.2.2:5353"), {"unexpected-source"}),
    ("strays from anywhere", ["-"], ["10", "10"], "mismatched", {"no-answer"}),
    ("limited", ["-"], ["10", "10"], LIMITED, {"rate-limited"}),
    ("limited, and what is dropped is what has EDNS", [drop(), drop()], ["10"], ("10", {"limited": True}), set()),
    ("limited, and once answered", ["-"], ["10", "10"], ("10", {"limited": True}), set()),
    ("limited and dead", ["-"], ["-"], LIMITED, {"server-unreachable"}),
    ("limited and expired", ["-"], ["SERVFAIL"] * 2, LIMITED, {"rate-limited", "zone-expired"}),
    ("silent", ["-"], ["10", "10"], "-", {"no-answer"}),
    ("dead", ["-"], ["-"], "-", {"server-unreachable"}),
    ("it died once it had answered over TCP", ["-"], ["10", "-"], "-", {"server-unreachable"}),
    ("the same, and its port is closed", ["refused-connection"], ["10", "refused-connection"], None,
     {"server-unreachable"}),
    ("it died once it had answered over UDP", ["10", "-"], ["-"], None, {"server-unreachable"}),
    ("it came back once it was silent over TCP", ["10", "10"], ["-"], None, {"tcp-unreachable"}),
    ("lame over UDP, dead over TCP", ["REFUSED", "REFUSED"], ["-"], None, {"zone-not-served", "tcp-unreachable"}),
    ("silent, and then TCP not to be asked", ["-"], ["10", "?"], "-", {"no-answer"}),
    ("dead over TCP, and then UDP not to be asked", ["10", "?"], ["-"], None, {"tcp-unreachable"}),
    ("lame over UDP, and then not to be asked", ["REFUSED", "?"], ["-"], None, {"zone-not-served", "tcp-unreachable"}),
    ("silent, and then not to be asked", ["-"], ["10", "10"], "?", {"no-answer"}),
    ("answered without EDNS, and then not to be asked", ["-", "?"], ["10", "10"], "10", set()),
]  # fmt: skip


def told(asked: Query, said: Said) -> Observation:
    token, fields = said if isinstance(said, tuple) else (said, {})
    return seen(asked, token, **fields)


def look(zone: Zone, udp: list[Said], tcp: list[Said], anywhere: Said | None) -> tuple[Observation, ...]:
    """The check asks until it wants nothing more; whatever it asks of ns2 there must be an answer to, and none over."""
    left = {"udp": [*udp], "tcp": [*tcp], "anywhere": [] if anywhere is None else [anywhere]}
    so_far: tuple[Observation, ...] = ()
    while queries := tuple(Reachable().queries(zone, so_far)):
        for asked in queries:
            kind = "anywhere" if asked.anywhere else asked.transport.value
            so_far += (told(asked, left[kind].pop(0) if asked.server == "ns2" else "10"),)
    assert not any(left.values()), left
    return so_far


@pytest.mark.parametrize(("title", "by_udp", "by_tcp", "anywhere", "expected"), LOOKS, ids=[look[0] for look in LOOKS])
def test_looks(title: str, by_udp: list[Said], by_tcp: list[Said], anywhere: Said | None, expected: set[str]) -> None:
    result = run_check(Reachable(), PAIR, gather(PAIR, "reachable", *look(PAIR, by_udp, by_tcp, anywhere)), EMPTY)
    assert {finding.code for finding in result.findings} == expected
    assert len(result.findings) == len(expected)
    assert {finding.server for finding in result.findings} <= {"ns2"}
    for finding in result.findings:
        only = "answers over UDP only" in finding.text
        assert not only or not expected & {"unexpected-source", "no-answer", "malformed-answer"}


def text(udp: list[Said], tcp: list[Said], anywhere: Said | None) -> str:
    result = run_check(Reachable(), PAIR, gather(PAIR, "reachable", *look(PAIR, udp, tcp, anywhere)), EMPTY)
    return result.findings[0].text


def test_words_for_what_a_second_look_finds() -> None:
    ns2 = "ns2 (192.0.2.2)"
    assert text(["-"], ["10", "10"], elsewhere()) == (
        f"{ns2} is asked over UDP, and the answers come from 192.0.2.77: resolvers throw them away; "
        "look at its source address, and the routing"
    )
    assert text([drop("SERVFAIL")] * 2, ["10"], None) == (
        f"{ns2} answers a question with EDNS with SERVFAIL, and the same question without it well"
    )
    assert text([drop("FORMERR")] * 2, ["10"], None) == (
        f"{ns2} does not know EDNS (it says FORMERR), and answers without"
    )
    assert text([drop(MANGLED)] * 2, ["10"], None) == (
        f"{ns2} answers a question with EDNS with what cannot be used, and the same question without it well"
    )
    assert text(["-", "-"], ["10", "10"], "10").startswith(f"{ns2} gives no answer to a question with EDNS")
    assert "truncated ones came in place of short ones" in text(["-"], ["10", "10"], LIMITED)
    assert "filter" not in text(["-"], ["10", "10"], LIMITED)


def test_of_many_addresses_only_those_in_doubt_are_asked_again() -> None:
    """IPv6 is dead, IPv4 is well; another server knows no EDNS: each address has its own second look."""
    dual = zone(server("ns1", "192.0.2.1", "2001:db8::1"), "ns2")
    first = list(Reachable().queries(dual, ()))
    answers = {"192.0.2.1": ("10", "10"), "2001:db8::1": ("-", "-"), "192.0.2.2": (drop("FORMERR"), drop("FORMERR"))}
    so_far = tuple(told(q, answers[q.address.host][q.transport is Transport.TCP]) for q in first)
    again = [(q.address.host, q.transport.value, q.anywhere, q.identify) for q in Reachable().queries(dual, so_far)]
    assert again == [
        ("2001:db8::1", "udp", True, False), ("192.0.2.2", "udp", False, True), ("192.0.2.2", "tcp", False, False),
    ]  # fmt: skip
