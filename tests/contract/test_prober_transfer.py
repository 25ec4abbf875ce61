"""Why a transfer is refused, or breaks off: every reason is typed, and every limit holds."""

import asyncio
import resource
from time import process_time
from typing import Any

import pytest

from checks.model import Outcome, Query, TransferResult
from monitor.clock import monotonic, now
from monitor.probe.client.exchange import RETRANSFER_DELAY
from monitor.probe.settings import Probe, TransferLimits
from tests.support.misbehaviour import TCP, TRANSFERS, drip
from tests.support.nameserver import (
    NS,
    SERIAL,
    A,
    Asked,
    Connection,
    Nameserver,
    answering,
    good,
    reply,
    rr,
    soa,
)
from tests.support.prober_observations import CLOSED, check
from tests.support.probers import prober_of
from tests.support.transfers import ALLOWED, ENDED, PATIENT, ask, pull

QUICK = Probe(timeout=0.1, attempts=2, max_qps_per_server=1e6, transfer=TransferLimits(deadline=0.6))
"""For what ends only when patience, or a limit, does."""

DEADLINE = 30
"""Seconds for what would last for ever otherwise."""

NEVER = frozenset(
    {
        "stall",
        "length, then silence",
        "drip",
        "endless",
        "no final SOA, then silence",
        "soa alone, then silence",
        "right",
        "servfail to EDNS",
        "EDNS dropped",
        "silence to EDNS",
    }
)


def patience(name: str) -> Probe:
    return QUICK if name in NEVER else PATIENT


EMPTY = ENDED | {"transfer": TransferResult.EMPTY}

# what is known once a record beside the SOA has been read
GIVEN = (
    "whole",
    "whole, in one message",
    "whole, SOA alone first and last",
    "no final SOA",
    "no final SOA, then silence",
    "serial moved",
    "endless",
    "dropped once",
    "servfail once",
    "formerr to EDNS, then servfail once",
    "servfail to EDNS",
    "refused to EDNS",
    "notauth to EDNS",
    "silence to EDNS",
    "soa alone once",
)
TWICE = "the zone's SOA twice, and nothing else; BIND would refuse the zone"
NOTHING_GIVEN: dict[str, dict[str, Any]] = {
    "soa only": EMPTY | {"records": 2, "detail": TWICE},
    "soa only, in two messages": EMPTY | {"records": 2},
    "soas of two serials": ENDED | {"transfer": TransferResult.SERIAL_MOVED, "records": 2},
    "soas of two primaries": ENDED | {"transfer": TransferResult.MALFORMED, "records": 2},
    "three soas": ENDED | {"transfer": TransferResult.MALFORMED, "records": 3},
    "soa alone": EMPTY | {"records": 1, "detail": "the zone's SOA alone, then closed"},
    "soa alone, then empty messages": EMPTY | {"records": 1},
    "soa alone, then silence": ENDED | {"transfer": TransferResult.TIMEOUT, "records": 1},
    "soa alone, then reset": ENDED | {"transfer": TransferResult.RESET, "records": 1},
    "soa alone, then refused": ENDED | {"transfer": TransferResult.REFUSED, "detail": "REFUSED after 1 record"},
}
PERMISSION: dict[str, dict[str, Any]] = {
    **dict.fromkeys(GIVEN, ALLOWED),
    **NOTHING_GIVEN,
    "whole, aa=0": ALLOWED | {"authoritative": False},
    "empty": ENDED | {"transfer": TransferResult.EMPTY},
    "no SOA first": ENDED | {"transfer": TransferResult.MALFORMED},
    "SOA of another zone": ENDED | {"transfer": TransferResult.MALFORMED},
}


@pytest.mark.parametrize("name", PERMISSION)
async def test_permission(name: str) -> None:
    seen = await pull(TRANSFERS[name](), patience(name))
    check(seen, PERMISSION[name])
    assert (seen.given > 0) is (seen.transfer is TransferResult.ALLOWED)


@pytest.mark.parametrize("whole", [False, True])
async def test_only_what_comes_to_a_good_end_is_measured(whole: bool) -> None:
    """Of many messages; without ``whole`` the second is the last that is read, if the first was not."""
    for name in ("whole", "whole, in one message", "serial moved", "no final SOA", "soa only", "servfail once"):
        script = TRANSFERS[name]()
        seen = await pull(script, PATIENT, whole=whole)
        read = seen.transfer is TransferResult.ALLOWED and (whole or name == "whole, in one message")
        assert (seen.took is not None) is read, name
        if seen.took is not None and seen.rtt is not None:
            assert seen.rtt <= seen.took < PATIENT.transfer.deadline
            assert seen.messages >= 1
            assert seen.octets > 12 * seen.records


ADDRESS = rr(b"\xc0\x0c", A, b"\xc0\0\2\1")
MALFORMED = ENDED | {"transfer": TransferResult.MALFORMED}

WHOLE: dict[str, dict[str, Any]] = {
    "whole": ALLOWED | {"records": 32, "serial": SERIAL},
    "whole, aa=0": ALLOWED | {"records": 32, "serial": None},
    "whole, in one message": ALLOWED | {"records": 3},
    "whole, SOA alone first and last": ALLOWED | {"records": 13},
    **NOTHING_GIVEN,
    "soa alone, then silence": ENDED | {"transfer": TransferResult.LIMIT, "records": 1},
    "soa alone once": ALLOWED,
    "servfail once": ALLOWED,
    "formerr to EDNS, then servfail once": ALLOWED,
    "servfail to EDNS": ALLOWED,
    "refused to EDNS": ALLOWED,
    "notauth to EDNS": ALLOWED,
    "silence to EDNS": ALLOWED,
    "empty": ENDED | {"transfer": TransferResult.EMPTY, "records": 0},
    "no SOA first": MALFORMED | {"detail": "the first record is not a SOA"},
    "SOA of another zone": MALFORMED | {"detail": "the first record is the SOA of another zone"},
    "SOA in the middle": MALFORMED
    | {"detail": "sub.example.net. SOA inside the zone; BIND and NSD would refuse the zone"},
    "no final SOA": ENDED
    | {
        "transfer": TransferResult.TRUNCATED,
        "records": 21,
        "detail": "first octet: closed after connect, after 21 records",
    },
    "no final SOA, then silence": ENDED | {"transfer": TransferResult.LIMIT, "records": 21},
    "no final SOA, then reset": ENDED | {"transfer": TransferResult.RESET, "records": 21},
    "serial moved": ENDED | {"transfer": TransferResult.SERIAL_MOVED},
    "serial moved once": ALLOWED,
    "dropped once": ALLOWED,
    "no final SOA once": ALLOWED,
    "final mname": MALFORMED | {"detail": "the first and the last SOA differ; BIND would refuse the zone"},
    "records after the final SOA": MALFORMED
    | {"detail": "1 record after the final SOA; BIND and NSD would refuse the zone"},
    "messages after the final SOA": ALLOWED | {"records": 32},
    "broken message": MALFORMED | {"records": 21},
    "endless": ENDED | {"transfer": TransferResult.LIMIT},
}


@pytest.mark.parametrize("name", TRANSFERS)
async def test_the_whole_zone(name: str) -> None:
    seen = await pull(TRANSFERS[name](), patience(name), whole=True)
    check(seen, WHOLE[name])
    if name in NOTHING_GIVEN:
        assert seen.given == 0
    elif seen.transfer is TransferResult.ALLOWED:
        assert seen.given == seen.records - 2


UNANSWERED: dict[str, dict[str, Any]] = {
    "refused": ENDED | {"transfer": TransferResult.REFUSED, "rcode": "REFUSED", "ede": ("18 Prohibited",)},
    "notauth": ENDED | {"transfer": TransferResult.NOTAUTH, "rcode": "NOTAUTH"},
    "notauth with aa": ENDED | {"transfer": TransferResult.NOTAUTH, "authoritative": True},
    "servfail": ENDED | {"transfer": TransferResult.SERVFAIL},
    "notimp": ENDED | {"transfer": TransferResult.RCODE, "rcode": "NOTIMP"},
    "reset": {"outcome": Outcome.REFUSED_CONNECTION, "transfer": TransferResult.RESET},
    "closed at once": {"outcome": Outcome.REFUSED_CONNECTION, "transfer": TransferResult.RESET},
    "stall": {
        "outcome": Outcome.TIMEOUT,
        "transfer": TransferResult.TIMEOUT,
        "detail": "first octet: timed out",
    },
    "length, then silence": {
        "outcome": Outcome.TIMEOUT,
        "transfer": TransferResult.TIMEOUT,
        "detail": "body: timed out",
    },
    "drip": {"outcome": Outcome.TIMEOUT, "transfer": TransferResult.TIMEOUT, "detail": "body: timed out"},
    "length zero": {"outcome": Outcome.MALFORMED, "transfer": TransferResult.MALFORMED},
    "wrong id": {"outcome": Outcome.MISMATCHED, "transfer": TransferResult.MALFORMED},
    "noise under our id": {"outcome": Outcome.MALFORMED, "transfer": TransferResult.MALFORMED},
    "truncated": ENDED | {"transfer": TransferResult.EMPTY},
    "half": {"outcome": Outcome.REFUSED_CONNECTION, "transfer": TransferResult.RESET},
    # a SOA and no more is the answer to another question
    "right": ENDED | {"transfer": TransferResult.TIMEOUT, "records": 1},
}


@pytest.mark.parametrize("name", TCP)
async def test_what_is_no_transfer(name: str) -> None:
    check(await pull(TCP[name], patience(name)), UNANSWERED[name])


async def test_without_tcp_nothing_is_known_of_the_transfer() -> None:
    check(await ask(CLOSED["127.0.0.1"]), {"outcome": Outcome.REFUSED_CONNECTION, "transfer": None})


async def test_a_transfer_is_always_asked_over_tcp() -> None:
    async with Nameserver(lambda query: [good(query)], TRANSFERS["whole"]()) as server:
        await ask(server.address)
        assert (len(server.asked), len(server.asked_tcp)) == (0, 1)


async def test_a_server_that_fails_for_good_is_asked_twice_and_no_more() -> None:
    """A passing trouble is told from a lasting one by asking once more, after a little; the kind is every ending that
    a reload, or a limit on transfers under way, brings about.
    """
    for name in ("servfail", "empty", "soa alone", "no final SOA", "closed at once"):
        async with Nameserver(None, TCP[name] if name in TCP else TRANSFERS[name]()) as server:
            before = monotonic()
            seen = await ask(server.address, whole=True)
            assert seen.transfer is not TransferResult.ALLOWED
            assert len(server.asked_tcp) == 2, name
            assert monotonic() - before >= PATIENT.timeout * RETRANSFER_DELAY
    for name in ("refused", "notauth", "notimp", "wrong id"):  # a refusal is an answer, not an accident
        async with Nameserver(None, TCP[name]) as server:
            await ask(server.address)
            assert len(server.asked_tcp) == 1, name


async def test_permission_leaves_with_the_first_record_beside_the_soa() -> None:
    """The zone is not taken where only the right to take it is asked for."""
    gone = asyncio.Event()

    async def tcp(query: Asked, connection: Connection) -> None:
        await connection.send(reply(query, [soa()]))
        await connection.send(reply(query, [ADDRESS]))
        await connection.stall()
        gone.set()

    async with Nameserver(None, tcp) as server:
        check(await ask(server.address), ALLOWED)
        await asyncio.wait_for(gone.wait(), 5)


LIMITS = {
    "deadline": (TransferLimits(deadline=0.2), "not finished within 0.2 s"),
    "octets": (TransferLimits(max_octets=200_000), "more than 200000 octets"),
    "messages": (TransferLimits(max_messages=5), "more than 5 messages"),
    "records": (TransferLimits(max_records=3000), "more than 3000 records"),
}


@pytest.mark.parametrize("name", LIMITS)
async def test_an_endless_transfer_ends(name: str) -> None:
    limits, text = LIMITS[name]
    async with asyncio.timeout(DEADLINE):
        seen = await pull(TRANSFERS["endless"](), Probe(transfer=limits), whole=True)
    check(seen, ENDED | {"transfer": TransferResult.LIMIT, "detail": text})
    assert seen.octets < 2_000_000 or name == "deadline"


async def test_a_dripping_transfer_ends_at_the_deadline() -> None:
    seen = await pull(drip, Probe(timeout=5, transfer=TransferLimits(deadline=0.2)), whole=True)
    check(seen, {"transfer": TransferResult.TIMEOUT, "detail": "body: timed out"})


async def test_a_big_transfer_keeps_nothing_and_holds_up_nobody() -> None:
    """Four hundred thousand records: the loop never works for long at a stretch, and memory stays what it was."""
    head, tail = [soa(), rr(b"\xc0\x0c", NS, b"\xc0\x0c")], [soa()]
    body = b"".join([rr(b"\xc0\x0c", A, b"\xc0\0\2\1")] * 4000)

    async def tcp(query: Asked, connection: Connection) -> None:
        await connection.send(reply(query, head))
        wire = reply(query, [body], counts=(1, 4000, 0, 0))
        for _ in range(100):
            await connection.send(wire)
        await connection.send(reply(query, tail))

    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            before = process_time()
            await asyncio.sleep(0.001)
            longest = max(longest, process_time() - before)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    watching = asyncio.create_task(watch())
    seen = await pull(tcp, Probe(timeout=5), whole=True)
    watching.cancel()
    check(seen, ALLOWED | {"records": 400_003})
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32_000
    assert longest < 0.5


async def test_two_transfers_at_a_time_and_others_are_not_held_up() -> None:
    async def tcp(query: Asked, connection: Connection) -> None:
        await (connection.stall() if query.type == 252 else answering(query, connection))

    async with Nameserver(lambda query: [good(query)], tcp) as server:
        prober = prober_of(QUICK, {}, now)
        transfers = [Query(f"z{n}.", "ns1", server.address, f"z{n}.", "AXFR") for n in range(6)]
        others = [Query(f"z{n}.", "ns1", server.address, f"z{n}.", "SOA") for n in range(40)]
        seen = [one async for batch in prober([*transfers, *others]) for one in batch]
        await prober.close()
        assert server.most_at_once == 2
    assert [one.query.qtype for one in seen] == ["SOA"] * 40 + ["AXFR"] * 6
