"""What an authoritative server answers, question by question."""

import dns.flags
import dns.name
import pytest

from monitor.pair import zonedata
from tests.integration.pair.responses import ORIGIN, data, query, response_to, server_context, summary, zone_copy

SOA = ["@ SOA ns1 hostmaster 1000 2 1 600 5"]
GLUE = ["ns1 A 192.0.2.1", "ns2 A 192.0.2.2"]

MORE = (
    "deep.er.tree 300 TXT x",
    "loop 300 CNAME pool",
    "pool 300 CNAME loop",
    "out 300 CNAME www.elsewhere.example.",
    "gone 300 CNAME nowhere",
    "below 300 CNAME host.child",
    "chain 300 CNAME alias",
    "x.wild 300 A 192.0.2.9",
    "child 300 DS 1 13 2 0000000000000000000000000000000000000000000000000000000000000000",
    "_dns._udp 300 SRV 0 0 53 ns1",
    "moved 60 DNAME tree",
    f"long 60 DNAME {'a' * 60}.{'b' * 60}.{'c' * 60}.x",
)
DS = "child DS 1 13 2 0000000000000000000000000000000000000000000000000000000000000000"
TO_CHILD = ["child NS ns.child", DS]

ANSWERS = [
    # question, rcode, AA, answer, authority, additional
    ("@ SOA", "NOERROR", True, SOA, [], []),
    ("@ NS", "NOERROR", True, ["@ NS ns1", "@ NS ns2"], [], GLUE),
    ("@ MX", "NOERROR", True, ["@ MX 10 mail"], [], ["mail A 192.0.2.25"]),
    ("_dns._udp SRV", "NOERROR", True, ["_dns._udp SRV 0 0 53 ns1"], [], ["ns1 A 192.0.2.1"]),
    ("www A", "NOERROR", True, ["www A 192.0.2.80"], [], []),
    ("www MX", "NOERROR", True, [], SOA, []),
    ("www ANY", "NOERROR", True, ["www A 192.0.2.80"], [], []),
    ("nope A", "NXDOMAIN", True, [], SOA, []),
    ("not.nope A", "NXDOMAIN", True, [], SOA, []),
    ("tree A", "NOERROR", True, [], SOA, []),  # an empty non-terminal exists
    ("er.tree ANY", "NOERROR", True, [], SOA, []),
    ("alias A", "NOERROR", True, ["alias CNAME www", "www A 192.0.2.80"], [], []),
    ("alias CNAME", "NOERROR", True, ["alias CNAME www"], [], []),
    ("alias MX", "NOERROR", True, ["alias CNAME www"], SOA, []),
    ("chain A", "NOERROR", True, ["chain CNAME alias", "alias CNAME www", "www A 192.0.2.80"], [], []),
    ("gone A", "NXDOMAIN", True, ["gone CNAME nowhere"], SOA, []),
    ("out A", "NOERROR", True, ["out CNAME www.elsewhere.example."], [], []),
    ("loop A", "NOERROR", True, ["loop CNAME pool", "pool CNAME loop"], [], []),
    ("below A", "NOERROR", True, ["below CNAME host.child"], TO_CHILD, ["ns.child A 192.0.2.53"]),
    ("any.wild TXT", "NOERROR", True, ['any.wild TXT "any name under wild"'], [], []),
    ("any.wild A", "NOERROR", True, [], SOA, []),
    ("x.wild TXT", "NOERROR", True, [], SOA, []),  # a name that exists is no wildcard's
    ("y.x.wild TXT", "NXDOMAIN", True, [], SOA, []),  # nor is one below it
    ("moved A", "NOERROR", True, [], SOA, []),  # the owner of a DNAME itself is not moved
    ("moved DNAME", "NOERROR", True, ["moved DNAME tree"], [], []),
    (
        "deep.er.moved TXT",
        "NOERROR",
        True,
        ["moved DNAME tree", "deep.er.moved CNAME deep.er.tree", 'deep.er.tree TXT "x"'],
        [],
        [],
    ),
    ("er.moved TXT", "NOERROR", True, ["moved DNAME tree", "er.moved CNAME er.tree"], SOA, []),
    ("er.moved CNAME", "NOERROR", True, ["moved DNAME tree", "er.moved CNAME er.tree"], [], []),
    ("no.moved TXT", "NXDOMAIN", True, ["moved DNAME tree", "no.moved CNAME no.tree"], SOA, []),
    (f"{'d' * 60}.long A", "YXDOMAIN", True, [f"long DNAME {'a' * 60}.{'b' * 60}.{'c' * 60}.x"], [], []),
    ("child A", "NOERROR", False, [], TO_CHILD, ["ns.child A 192.0.2.53"]),
    ("child NS", "NOERROR", False, [], TO_CHILD, ["ns.child A 192.0.2.53"]),
    ("child DS", "NOERROR", True, [DS], [], []),
    ("ns.child A", "NOERROR", False, [], TO_CHILD, ["ns.child A 192.0.2.53"]),
    ("a.b.child DS", "NOERROR", False, [], TO_CHILD, ["ns.child A 192.0.2.53"]),
]


@pytest.mark.parametrize(("question", "rcode", "aa", "answer", "authority", "additional"), ANSWERS)
def test_questions(
    question: str, rcode: str, aa: bool, answer: list[str], authority: list[str], additional: list[str]
) -> None:
    name, rdtype = question.split()
    full = dns.name.from_text(name, ORIGIN).to_text()
    where = server_context(zone_copy(data(1000, *MORE)))
    assert summary(response_to(query(full, rdtype).to_wire(), where)) == (rcode, aa, answer, authority, additional)


def test_a_denial_may_be_kept_for_the_soa_minimum() -> None:
    answer = response_to(query("nope.pair.example.", "A").to_wire())
    assert answer.authority[0].ttl == 5


def test_the_letters_of_the_question_come_back_as_they_were() -> None:
    answer = response_to(query("wWw.PaIr.eXample.", "A").to_wire())
    assert answer.question[0].name.labels[0] == b"wWw"
    assert answer.answer[0].name.labels == (b"wWw", b"PaIr", b"eXample", b"")


def test_a_zone_inside_another_is_nearer() -> None:
    inner = dns.name.from_text("sub.pair.example.")
    outside, inside = server_context(), server_context()
    zone = zonedata.parse(inner, "@ SOA ns h 7 1 1 1 1\n@ NS ns\nns A 192.0.2.7")
    served = outside.zones(ORIGIN)
    assert served is not None
    zones = {ORIGIN: served, inner: type(served)(inner, served.condition, zone)}
    where = type(inside)("ns1", zones.get, {}, inside.behaviour, inside.now)
    assert response_to(query("sub.pair.example.", "SOA").to_wire(), where).answer[0][0].serial == 7
    assert response_to(query("pair.example.", "SOA").to_wire(), where).answer[0][0].serial == 1000


def test_what_does_not_fit_is_left_out_by_whole_rrsets_and_tc_says_so() -> None:
    many = [f"many 300 A 192.0.2.{n}" for n in range(1, 101)]
    where = server_context(zone_copy(data(1000, *many)))
    for fields, most in (({"use_edns": -1}, 512), ({"payload": 100}, 512), ({"payload": 4096}, 1232)):
        question = query("many.pair.example.", "A", **fields)
        answer = response_to(question.to_wire(), where)
        assert answer.flags & dns.flags.TC
        assert answer.answer == []
        assert len(answer.to_wire()) <= most
        assert len(response_to(question.to_wire(), where, udp=False).answer[0]) == 100


def test_missing_additional_records_are_no_truncation() -> None:
    many = [f"ns1 300 A 192.0.2.{n}" for n in range(1, 41)]
    answer = response_to(
        query("pair.example.", "NS", use_edns=-1).to_wire(), server_context(zone_copy(data(1000, *many)))
    )
    assert not answer.flags & dns.flags.TC
    assert len(answer.answer[0]) == 2
