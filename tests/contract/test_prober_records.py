"""The same RRset is the same value, however it was sent, and another one is another."""

import struct
from collections.abc import Sequence

import pytest

from alerting.model import Secret
from checks.model import Observation, Outcome, Query, RrSet, Shape, TransferResult
from monitor.clock import now
from monitor.probe.settings import Probe
from monitor.probe.types import TsigKey
from tests.support.misbehaviour import TRANSFERS
from tests.support.nameserver import CH, REFUSED, ZONE, A, Asked, Connection, Nameserver, good, name, reply, rr, soa
from tests.support.prober_observations import ask, check, see
from tests.support.probers import prober_of
from tests.support.signed_transfers import all_signed, signing
from tests.support.signing import SECRET
from tests.support.transfers import ALLOWED

OWNER = b"\xc0\x0c"
MX, TXT, CNAME = 15, 16, 5


async def records(qtype: str, rows: Sequence[bytes], qname: str = ZONE) -> Observation:
    """What is seen of ``rows`` in the answer section."""
    return await see(lambda query: [reply(query, rows)], None, qname=qname, qtype=qtype)


def a(last: int, owner: bytes = OWNER, **more: int) -> bytes:
    return rr(owner, A, bytes((192, 0, 2, last)), **more)


ROWS: dict[str, tuple[str, list[bytes], tuple[str, ...]]] = {
    "in order": ("A", [a(2), a(1)], ("192.0.2.1", "192.0.2.2")),
    "each once": ("A", [a(1), a(1)], ("192.0.2.1",)),
    "names in lower case": ("MX", [rr(OWNER, MX, b"\0\x0a" + name("MAIL.Example.Net."))], ("10 mail.example.net.",)),
    "names decompressed": ("MX", [rr(OWNER, MX, b"\0\x0a\4mail\xc0\x0c")], ("10 mail.example.net.",)),
    "text as it is": ("TXT", [rr(OWNER, TXT, b'\5Hello\6W o"ld')], ('"Hello" "W o\\"ld"',)),
    "text that is none": ("TXT", [rr(OWNER, TXT, b"\4\x1b\r\n\xff")], ('"\\027\\013\\010\\255"',)),
    "no text": ("TXT", [rr(OWNER, TXT, b"\0")], ('""',)),
    "a type of no name": ("TYPE65281", [rr(OWNER, 65281, b"\1\2\xff")], ("\\# 3 0102ff",)),
    "an address that is none": ("URI", [rr(OWNER, 256, b"\0\1\0\1\xff\xfe")], ('1 1 "\\255\\254"',)),
    "only ours": ("A", [a(1), a(2, name("other.example.net.")), a(3, rclass=CH)], ("192.0.2.1",)),
}


@pytest.mark.parametrize("words", ROWS)
async def test_records_in_canonical_form(words: str) -> None:
    qtype, rows, wanted = ROWS[words]
    seen = await records(qtype, rows)
    check(seen, {"outcome": Outcome.ANSWERED, "shape": Shape.RECORDS, "soa": None, "records": len(rows)})
    assert seen.answer is not None
    assert (seen.answer.name, seen.answer.type, seen.answer.rdata) == (ZONE, qtype, wanted)


async def test_the_smallest_ttl_is_that_of_all() -> None:
    seen = await records("A", [a(1, ttl=600), a(2, ttl=60), a(3, ttl=300)])
    assert seen.answer is not None
    assert seen.answer.ttl == 60


async def test_an_alias_is_no_record_of_the_type() -> None:
    alias = rr(OWNER, CNAME, name("www.example.org."))
    led = await records("A", [alias, a(1, name("www.example.org."))])
    check(led, {"shape": Shape.CNAME, "answer": RrSet(ZONE, "CNAME", 300, ("www.example.org.",))})
    seen = await records("CNAME", [alias])
    assert seen.answer is not None
    assert seen.answer.rdata == ("www.example.org.",)


async def test_the_soa_is_a_record_too() -> None:
    seen = await see(lambda query: [good(query)], None)
    assert seen.answer is not None
    assert seen.answer.rdata == ("ns1.example.net. hostmaster.example.net. 2026112001 3600 600 86400 300",)


async def test_very_many_records_are_cut_and_still_told_apart() -> None:
    many = [rr(OWNER, A, struct.pack("!I", number)) for number in range(1000)]
    seen = [await records("A", rows) for rows in (many, many[::-1], [*many[:-1], a(1)])]
    answers = [one.answer for one in seen]
    assert answers[0] == answers[1] != answers[2]
    assert answers[0] is not None
    assert len(answers[0].rdata) == 256
    assert answers[0].rdata[-1].startswith("... 745 more, sha256:")


async def test_a_very_long_record_is_cut_and_still_told_apart() -> None:
    def long(last: bytes) -> list[bytes]:
        return [rr(OWNER, TXT, (b"\xff" + b"x" * 255) * 40 + b"\1" + last)]

    seen = [await records("TXT", long(last)) for last in (b"a", b"a", b"b")]
    assert seen[0].answer == seen[1].answer != seen[2].answer


# --- the ways less travelled ---


async def test_a_transfer_is_asked_for_without_edns_as_secondaries_do() -> None:
    """Real secondaries get what is refused for EDNS alone, so the zone is given away."""

    async def tcp(query: Asked, connection: Connection) -> None:
        given = [soa(), rr(query.name, TXT, b"\x01x")]
        await connection.send(reply(query, rcode=REFUSED, aa=False) if query.edns else reply(query, given))

    async with Nameserver(None, tcp) as server:
        seen = await ask(server.address, qtype="AXFR")
        assert [query.edns for query in server.asked_tcp] == [False]
    assert seen.transfer is TransferResult.ALLOWED


async def test_a_server_that_was_deaf_gives_its_zone_again() -> None:
    probe = Probe(timeout=0.05, attempts=2, max_qps_per_server=1e6)
    prober = prober_of(probe, {}, now)
    # An address of its own: on 127.0.0.1 somebody else may take the port between the two.
    async with Nameserver(None, deaf=True, host="127.0.0.77") as server:
        address = server.address
        asked = [Query(f"z{n}.", "ns1", address, f"z{n}.", "AXFR") for n in range(8)]
        assert {one.outcome async for batch in prober(asked) for one in batch} == {Outcome.TIMEOUT}
    async with Nameserver(None, TRANSFERS["whole"](), host=address.host, port=address.port) as server:
        asked = [Query(ZONE, "ns1", address, ZONE, "AXFR") for n in range(8)]
        seen = [one async for batch in prober(asked) for one in batch]
        assert server.address == address
    await prober.close()
    assert {one.transfer for one in seen} == {TransferResult.ALLOWED}


KEYS = {
    "an algorithm of no name": TsigKey("k", "k.", "hmac-rot13", Secret(SECRET)),
    "a secret that is not base64": TsigKey("k", "k.", "hmac-sha256", Secret("not base64 !")),
    "a name that is none": TsigKey("k", "k..", "hmac-sha256", Secret(SECRET)),
}


@pytest.mark.parametrize("words", KEYS)
async def test_a_key_that_cannot_be_used_asks_nothing_and_says_nothing_secret(words: str) -> None:
    prober = prober_of(Probe(), {"k": KEYS[words]}, now)
    async with Nameserver(lambda query: [good(query)]) as server:
        query = Query(ZONE, "ns1", server.address, ZONE, "SOA", key="k")
        (seen,) = [one async for batch in prober([query]) for one in batch]
        assert server.asked == []
    await prober.close()
    assert seen.outcome is Outcome.UNASKED
    assert seen.detail.startswith("key k: ")
    assert KEYS[words].secret.reveal() not in seen.detail


@pytest.mark.parametrize(
    "algorithm",
    ["hmac-md5", "hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "HMAC-SHA512.", "hmac-sha256-128"],
)
async def test_every_algorithm_signs(algorithm: str) -> None:
    wire = "HMAC-MD5.SIG-ALG.REG.INT" if algorithm == "hmac-md5" else algorithm
    prober = prober_of(Probe(), {"k": TsigKey("k", "xfr.example.net", algorithm, Secret(SECRET))}, now)
    async with Nameserver(None, signing(all_signed, algorithm=wire)) as server:
        query = Query(ZONE, "ns1", server.address, ZONE, "AXFR", key="k", whole=True)
        (seen,) = [one async for batch in prober([query]) for one in batch]
    await prober.close()
    check(seen, ALLOWED)
