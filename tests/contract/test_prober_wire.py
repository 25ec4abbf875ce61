"""What is seen of each thing that a nameserver may send: one row per fault of the field."""

import asyncio
from collections import Counter
from typing import Any

import dns.name
import pytest

from checks.model import Outcome, Query, RrSet, Shape, Transport
from monitor.clock import now
from monitor.probe.bulk.target import MAX_QUERIES_PER_SOCKET
from monitor.probe.settings import Probe
from tests.support.misbehaviour import PLAIN_TCP, SCRIPT, TCP, UDP, drip, once_dropped
from tests.support.nameserver import (
    FORGED,
    SERIAL,
    ZONE,
    Asked,
    Connection,
    Nameserver,
    answering,
    good,
    reply,
    rr,
    soa,
)
from tests.support.prober_observations import CLOSED, HOSTS, PATIENT, QUICK, ask, check, see
from tests.support.probers import prober_of

MISMATCHED = ("wrong id", "wrong question", "wrong type", "two questions", "no question", "our own query", "a NOTIFY")
NEVER = frozenset(
    {"silence", "EDNS dropped", "stall", "length, then silence", "drip", "noise", "empty", "five octets", *MISMATCHED}
)


def patience(name: str) -> Probe:
    return QUICK if name in NEVER else PATIENT


GOOD = {"outcome": Outcome.ANSWERED, "rcode": "NOERROR", "serial": SERIAL, "shape": Shape.RECORDS}
CLEAN = {**GOOD, "transport": Transport.UDP, "discarded": 0, "detail": "", "evidence": "", "without_edns": ""}
BY_TCP = {**GOOD, "transport": Transport.TCP}
NO_DATA = {"outcome": Outcome.ANSWERED, "serial": None, "soa": None, "answer": None}

STRAY = ("wrong id, then right", "wrong question, then right")


class AtLeast(int):
    """Those who ask once more over UDP may meet one more stray."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, int) and other >= int(self)

    __hash__ = int.__hash__


# what the server sends over UDP, while its TCP is as it should be → what is seen
WITH_TCP: dict[str, dict[str, Any]] = {
    "right": CLEAN,
    "twice": CLEAN,
    "right, then wrong id": CLEAN,
    "lower-case owner": CLEAN,
    "silence": {
        "outcome": Outcome.TIMEOUT,
        "rtt": None,
        "discarded": 0,
        "detail": "no answer to 3 attempts within 0.3 s",
    },
    "truncated in the middle of a record": BY_TCP | {"discarded": 0},
    "wrong id, then right": BY_TCP,
    "500 forged, then right": BY_TCP,
    "wrong question, then right": BY_TCP,
    "truncated": BY_TCP | {"discarded": 0},
    "truncated, without question": BY_TCP | {"discarded": 0},
    # nothing that can be used, at any attempt: that TCP is fine does not excuse it
    **{name: {"outcome": Outcome.MISMATCHED, "discarded": AtLeast(2), "soa": None} for name in MISMATCHED},
    **{name: {"outcome": Outcome.MALFORMED, "discarded": AtLeast(2), "soa": None} for name in ("empty", "five octets")},
    "noise": {"outcome": Outcome.MISMATCHED, "discarded": AtLeast(2), "soa": None},
    # with our id, and broken
    **{
        name: {"outcome": Outcome.MALFORMED, "discarded": 3, "soa": None}
        for name in (
            "noise under our id",
            "pointer loop",
            "forward pointer",
            "label of 64",
            "long name",
            "65535 answers",
            "rdlength lies",
            "short SOA",
            "broken TXT",
            "broken glue",
            "trailing octets",
            "two OPT",
            "OPT as answer",
            "broken option",
            "two different SOA",
        )
    },
    # errors are answers
    "refused": NO_DATA | {"rcode": "REFUSED", "shape": None, "ede": ("20 Not Authoritative",)},
    "servfail": NO_DATA | {"rcode": "SERVFAIL", "ede": ("24 Invalid Data: Zone has expired",)},
    "notauth, without question": NO_DATA | {"rcode": "NOTAUTH", "discarded": 0},
    "nxdomain": NO_DATA | {"rcode": "NXDOMAIN", "shape": Shape.NODATA},
    "rcode 11": NO_DATA | {"rcode": "DSOTYPENI"},
    "rcode 14": NO_DATA | {"rcode": "RCODE14"},
    "formerr to EDNS": GOOD | {"transport": Transport.UDP, "without_edns": "FORMERR"},
    "notimp to EDNS": GOOD | {"without_edns": "NOTIMP"},
    "badvers": GOOD | {"without_edns": "BADVERS"},
    "formerr always": NO_DATA | {"rcode": "FORMERR"},
    "servfail to EDNS": GOOD | {"transport": Transport.UDP, "without_edns": "SERVFAIL"},
    "refused to EDNS": GOOD | {"transport": Transport.UDP, "without_edns": "REFUSED"},
    "notauth to EDNS": GOOD | {"transport": Transport.UDP, "without_edns": "NOTAUTH"},
    "noise to EDNS": GOOD | {"transport": Transport.UDP, "discarded": 2},
    "EDNS dropped": GOOD | {"without_edns": "no answer", "detail": "asked without EDNS: with it, no answer"},
    # lame, and odd
    "aa=0": {"outcome": Outcome.ANSWERED, "authoritative": False, "serial": None, "shape": Shape.RECORDS},
    "nodata": NO_DATA | {"rcode": "NOERROR", "shape": Shape.NODATA},
    "nothing": NO_DATA | {"rcode": "NOERROR", "shape": Shape.NODATA},
    "sideways referral": NO_DATA | {"shape": Shape.REFERRAL, "authoritative": False},
    "referral": NO_DATA | {"shape": Shape.REFERRAL, "authoritative": False},
    "upward referral": NO_DATA | {"shape": Shape.UPWARD, "authoritative": False},
    "cname": NO_DATA | {"shape": Shape.CNAME, "answer": RrSet(ZONE, "CNAME", 300, ("www.example.org.",))},
    "other owner": NO_DATA | {"shape": Shape.OTHER},
    "class CH": NO_DATA | {"shape": Shape.OTHER},
    "unknown class and type": GOOD,
    "ttl with the high bit": GOOD,
    "65 kB": GOOD | {"transport": Transport.UDP},
    "script as mname": GOOD,
    "control characters": GOOD | {"expire": 256},
    "script as identity": GOOD | {"nsid": SCRIPT.decode(), "expire": None},
}


@pytest.mark.parametrize("name", UDP)
async def test_over_udp(name: str) -> None:
    check(await see(UDP[name], answering, probe=patience(name)), WITH_TCP[name])


# the same, while TCP is closed
WITHOUT_TCP: dict[str, dict[str, Any]] = {
    **{name: GOOD | {"transport": Transport.UDP, "discarded": AtLeast(1)} for name in STRAY},
    **{name: {"outcome": Outcome.MISMATCHED, "discarded": AtLeast(1), "soa": None} for name in MISMATCHED},
    **{name: {"outcome": Outcome.MALFORMED, "soa": None} for name in ("noise under our id", "empty", "five octets")},
    "noise": {"outcome": Outcome.MISMATCHED, "soa": None},
    "500 forged, then right": {"outcome": Outcome.MISMATCHED, "soa": None},
    "truncated in the middle of a record": {"outcome": Outcome.TRUNCATED_ONLY, "rcode": "NOERROR", "discarded": 0},
    "truncated": {"outcome": Outcome.TRUNCATED_ONLY, "soa": None, "rcode": "NOERROR"},
    "silence": {"outcome": Outcome.TIMEOUT},
    "right": CLEAN,
}


@pytest.mark.parametrize("name", WITHOUT_TCP)
async def test_over_udp_while_tcp_is_closed(name: str) -> None:
    check(await see(UDP[name], None, probe=patience(name)), WITHOUT_TCP[name])


OVER_TCP: dict[str, dict[str, Any]] = {
    "right": BY_TCP | {"discarded": 0, "detail": ""},
    "reset": {"outcome": Outcome.REFUSED_CONNECTION, "detail": "first octet: reset after connect"},
    "closed at once": {"outcome": Outcome.REFUSED_CONNECTION, "detail": "first octet: closed after connect"},
    "stall": {"outcome": Outcome.TIMEOUT, "detail": "first octet: timed out"},
    "length zero": {"outcome": Outcome.MALFORMED},
    "length, then silence": {"outcome": Outcome.TIMEOUT, "detail": "body: timed out"},
    "half": {"outcome": Outcome.REFUSED_CONNECTION, "detail": "body: closed after connect"},
    "drip": {"outcome": Outcome.TIMEOUT, "detail": "body: timed out"},
    "wrong id": {"outcome": Outcome.MISMATCHED, "discarded": 1},
    "noise under our id": {"outcome": Outcome.MALFORMED},
    "refused": NO_DATA | {"rcode": "REFUSED", "ede": ("18 Prohibited",)},
    "notauth": NO_DATA | {"rcode": "NOTAUTH"},
    "notauth with aa": NO_DATA | {"rcode": "NOTAUTH", "authoritative": True},
    "servfail": NO_DATA | {"rcode": "SERVFAIL"},
    "notimp": NO_DATA | {"rcode": "NOTIMP"},
    "truncated": NO_DATA | {"rcode": "NOERROR", "shape": Shape.NODATA},
}


@pytest.mark.parametrize("name", TCP)
async def test_over_tcp(name: str) -> None:
    check(await see(None, TCP[name], probe=patience(name), transport=Transport.TCP), OVER_TCP[name])


@pytest.mark.parametrize("name", PLAIN_TCP)
async def test_over_tcp_to_one_that_answers_well_only_without_edns(name: str) -> None:
    said = {"servfail to EDNS": "SERVFAIL", "refused to EDNS": "REFUSED"}.get(name, "no answer")
    seen = await see(None, PLAIN_TCP[name], probe=Probe(timeout=0.4, attempts=3), transport=Transport.TCP)
    check(seen, BY_TCP | {"without_edns": said})


async def test_one_that_is_slow_over_tcp_is_asked_without_edns_as_well_and_its_first_answer_counts() -> None:
    async def slow(query: Asked, connection: Connection) -> None:
        await asyncio.sleep(0.4)
        await connection.send(good(query))

    async with Nameserver(None, slow) as server:
        seen = await ask(server.address, Probe(timeout=0.4, attempts=3), transport=Transport.TCP)
        assert [query.edns for query in server.asked_tcp] == [True, False]
    check(seen, BY_TCP | {"without_edns": "", "detail": ""})


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP])
@pytest.mark.parametrize("host", HOSTS)
async def test_either_family_over_either_transport(host: str, transport: Transport) -> None:
    seen = await see(good_udp, answering, host, transport=transport)
    check(seen, GOOD | {"transport": transport})


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP])
@pytest.mark.parametrize("host", HOSTS)
async def test_a_closed_port_refuses_and_is_not_silent(host: str, transport: Transport) -> None:
    seen = await ask(CLOSED[host], transport=transport)
    check(seen, {"outcome": Outcome.REFUSED_CONNECTION, "rtt": None})


@pytest.mark.parametrize("name", ["reset", "closed at once", "stall", "wrong id", "noise under our id"])
async def test_truncated_over_udp_and_broken_over_tcp(name: str) -> None:
    seen = await see(UDP["truncated"], TCP[name], probe=patience(name))
    check(seen, {"outcome": Outcome.TRUNCATED_ONLY, "soa": None})
    assert seen.detail.startswith("truncated over UDP; over TCP: ")


def good_udp(query: Asked) -> list[bytes]:
    return [good(query)]


async def test_forged_answers_are_counted_and_never_believed() -> None:
    async with Nameserver(UDP["500 forged, then right"], answering) as server:
        for _ in range(20):
            seen = await ask(server.address)
            assert seen.serial == SERIAL != FORGED
            assert seen.discarded >= 1


async def test_a_late_answer_is_still_an_answer() -> None:
    """With a delay longer than the first wait, the answer comes to the first attempt while the second is out."""
    waiting: list[asyncio.TimerHandle] = []

    async with Nameserver(lambda query: []) as server:

        def late(query: Asked) -> list[bytes]:
            loop, source = asyncio.get_running_loop(), server.sources[-1]
            waiting.append(loop.call_later(0.25, server.send, good(query), ("127.0.0.1", source)))
            return []

        server._udp = late
        seen = await ask(server.address, Probe(timeout=0.3, attempts=3))
        for handle in waiting:
            handle.cancel()
    check(seen, CLEAN)
    assert seen.rtt is not None
    assert seen.rtt >= 0.24
    assert len(server.asked) >= 2


async def test_every_asking_has_its_own_port_and_id(kind: str) -> None:
    """Or, of very many, shares a random port with a few others for a short while."""
    async with Nameserver(lambda query: [] if len(server.asked) % 2 else [good(query)]) as server:
        prober = prober_of(Probe(timeout=0.05, attempts=2, max_qps_per_server=1e6), {}, now)
        names = [f"z{number}.example.net." for number in range(500)]
        asked = [Query(name, "ns1", server.address, name, "SOA") for name in names]
        seen = [one async for batch in prober(asked) for one in batch]
        await prober.close()
    assert len(seen) == 500
    ids = Counter(query.id for query in server.asked)
    ports = Counter(server.sources)
    # of n draws out of 65536 ids (about 28000 ports), hardly any repeat, and they spread over the whole range
    assert len(ids) > 0.97 * len(server.asked)
    if kind == "dnspython":
        assert len(ports) > 0.95 * len(server.asked)
    else:
        assert max(ports.values()) <= MAX_QUERIES_PER_SOCKET
    quarters = Counter(number >> 14 for number in ids)
    assert min(quarters.values()) > 0.15 * len(ids)


async def test_a_query_asks_for_nothing_it_does_not_need() -> None:
    async with Nameserver(good_udp) as server:
        await ask(server.address)
        await ask(server.address, identify=True)
        await ask(server.address, identify=True, qtype="NS")
    plain, identified, without_soa = (query.wire for query in server.asked)
    for wire in (plain, identified, without_soa):
        assert wire[2:4] == b"\0\0"  # opcode QUERY, no RD
        assert wire[4:12] == b"\0\1\0\0\0\0\0\1"
    tail = plain[12:].index(b"\0\0\x29") + 12
    assert plain[tail:] == b"\0\0\x29\x04\xd0\0\0\0\0\0\0"
    assert identified[tail:] == b"\0\0\x29\x04\xd0\0\0\0\0\0\x08\0\3\0\0\0\x09\0\0"
    assert without_soa[tail:] == b"\0\0\x29\x04\xd0\0\0\0\0\0\4\0\3\0\0"


async def test_a_query_asked_in_capitals_is_asked_in_lower_case() -> None:
    seen = await see(good_udp, None, qname="EXAMPLE.Net.")
    check(seen, CLEAN)
    assert seen.answer is not None
    assert seen.answer.name == ZONE


async def test_the_root_is_a_zone_like_any_other() -> None:
    def udp(query: Asked) -> list[bytes]:
        return [reply(query, [soa(owner=b"\0")])]

    check(await see(udp, None, zone=".", qname="."), CLEAN)
    seen = await see(lambda q: [reply(q, [], [rr(b"\0", 2, b"\0")], aa=False)], None, zone=".", qname=".")
    check(seen, NO_DATA | {"shape": Shape.REFERRAL})


@pytest.mark.parametrize("label", [b"a.b", b"a b", b"\xff", b'"\\', b"*"])
async def test_odd_labels_come_back_as_they_were_asked(label: bytes) -> None:
    qname = dns.name.Name([label, b"example", b"net", b""]).to_text()
    seen = await see(good_udp, None, qname=qname)
    check(seen, CLEAN)
    assert seen.answer is not None
    assert seen.answer.name == qname


async def test_a_connection_dropped_once_is_made_again() -> None:
    check(await see(None, once_dropped(answering), transport=Transport.TCP), BY_TCP | {"detail": ""})
    check(await see(UDP["truncated"], once_dropped(answering)), BY_TCP)


async def test_one_drip_does_not_hold_up_another() -> None:
    async def two_faced(query: Asked, connection: Connection) -> None:
        await (drip if query.name.startswith(b"\4slow") else answering)(query, connection)

    async with Nameserver(None, two_faced) as server:
        prober = prober_of(Probe(timeout=0.3, attempts=2), {}, now)
        names = ["slow.example.net.", *(f"z{number}.example.net." for number in range(20))]
        asked = [Query(name, "ns1", server.address, name, "SOA", Transport.TCP) for name in names]
        order = [one async for batch in prober(asked) for one in batch]
        await prober.close()
    assert [one.outcome for one in order] == [Outcome.ANSWERED] * 20 + [Outcome.TIMEOUT]
