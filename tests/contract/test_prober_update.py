"""What becomes of an UPDATE, whatever comes back: it is done only if somebody with the key has signed that."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import dns.message
import dns.opcode
import dns.rdataclass
import dns.rdatatype
import dns.update
import pytest

from checks.model import CanaryUpdate, Observation, Outcome, Query, Transport, UpdateResult
from checks.model.canary import CanaryValue, canary_value
from monitor.clock import now
from monitor.probe.settings import Probe
from tests.support.nameserver import NOTAUTH, NOTIMP, REFUSED, SERVFAIL, ZONE, Asked, Connection, Nameserver, Tcp, reply
from tests.support.probers import prober_of
from tests.support.signing import KEY, OTHER_SECRET, SECRET, Pen, server_time

NAME = f"_soawatch-canary.{ZONE}"
UPDATE = 5 << 11
YXRRSET = 7
BADSIG, BADKEY, BADTIME, BADTRUNC = 16, 17, 18, 22
VALUE = CanaryValue(now().replace(microsecond=0), "0000beef", 3)


def told(query: Asked, rcode: int = 0, flags: int = UPDATE, **how: int) -> bytes:
    return reply(query, rcode=rcode, aa=False, flags=flags, **how)  # type: ignore[arg-type]


def signed(query: Asked, rcode: int = 0, secret: str = SECRET, ahead: int = 0) -> bytes:
    return Pen(query, secret, ahead=ahead).sign(told(query, rcode))


def error(code: int, other: bytes = b"") -> Callable[[Asked], bytes]:
    return lambda query: Pen(query).sign(told(query, NOTAUTH), code, other, mac=b"")


def another_clock(query: Asked) -> bytes:
    """A server whose clock is 900 s behind when it is asked."""
    return error(BADTIME, server_time(-900))(query)


def says(build: Callable[[Asked], bytes]) -> Tcp:
    async def tcp(query: Asked, connection: Connection) -> None:
        await connection.send(build(query))
        await connection.stall()

    return tcp


async def closes(query: Asked, connection: Connection) -> None:
    pass


async def stalls(query: Asked, connection: Connection) -> None:
    await connection.stall()


async def drips(query: Asked, connection: Connection) -> None:
    await connection.raw(b"\0\x20\x01")
    await connection.stall()


def update(address: object, **how: object) -> Query:
    one = Query(ZONE, "ns1", address, NAME, "TXT", Transport.TCP, "xfr", update=CanaryUpdate(60))  # type: ignore[arg-type]
    return replace(one, **how)  # type: ignore[arg-type]


async def sent(tcp: Tcp | None, **how: object) -> tuple[Observation, list[bytes]]:
    """What it came to, and the updates as they came."""
    prober = prober_of(Probe(timeout=0.2, attempts=1), {"xfr": KEY}, now)
    try:
        async with Nameserver(None, tcp) as server:
            (seen,) = [one async for batch in prober([update(server.address, **how)]) for one in batch]
            assert not server.asked
            return seen, [one.wire for one in server.asked_tcp]
    finally:
        await prober.close()


R = UpdateResult
CASES: dict[str, tuple[Tcp, UpdateResult | None, Outcome]] = {
    "signed": (says(signed), R.DONE, Outcome.ANSWERED),
    "not signed": (says(told), R.UNSIGNED, Outcome.ANSWERED),
    "signed by another": (says(lambda query: signed(query, secret=OTHER_SECRET)), R.BADSIG, Outcome.ANSWERED),
    "signed at another time": (says(lambda query: signed(query, ahead=4000)), R.BADTIME, Outcome.ANSWERED),
    "an unsigned refusal": (says(lambda query: told(query, REFUSED)), R.REFUSED, Outcome.ANSWERED),
    "a signed refusal": (says(lambda query: signed(query, REFUSED)), R.REFUSED, Outcome.ANSWERED),
    "a refusal signed by another": (
        says(lambda query: signed(query, REFUSED, OTHER_SECRET)), R.BADSIG, Outcome.ANSWERED,
    ),
    "no updates": (says(lambda query: told(query, NOTIMP)), R.NOTIMP, Outcome.ANSWERED),
    "another zone": (says(lambda query: signed(query, 10)), R.NOTZONE, Outcome.ANSWERED),
    "a prerequisite that nobody has set": (says(lambda query: signed(query, YXRRSET)), R.RCODE, Outcome.ANSWERED),
    "no such key": (says(error(BADKEY)), R.BADKEY, Outcome.ANSWERED),
    "no such secret": (says(error(BADSIG)), R.BADSIG, Outcome.ANSWERED),
    "cut too short": (says(error(BADTRUNC)), R.BADALG, Outcome.ANSWERED),
    "another clock": (says(another_clock), R.BADTIME, Outcome.ANSWERED),
    "not authoritative": (says(lambda query: told(query, NOTAUTH)), R.NOTAUTH, Outcome.ANSWERED),
    "it fails, twice": (says(lambda query: told(query, SERVFAIL)), R.SERVFAIL, Outcome.ANSWERED),
    "the answer to a query": (says(lambda query: told(query, flags=0)), R.MALFORMED, Outcome.MISMATCHED),
    "another id": (says(lambda query: told(query, id=query.id ^ 1)), R.MALFORMED, Outcome.MISMATCHED),
    "the request itself": (says(lambda query: query.wire), R.MALFORMED, Outcome.MISMATCHED),
    "too short": (says(lambda query: query.wire[:11]), R.MALFORMED, Outcome.MALFORMED),
    "cut off": (says(lambda query: signed(query)[:-9]), R.MALFORMED, Outcome.MALFORMED),
    "more than it says": (says(lambda query: told(query) + b"more"), R.MALFORMED, Outcome.MALFORMED),
    "closed": (closes, R.RESET, Outcome.REFUSED_CONNECTION),
    "silent": (stalls, R.TIMEOUT, Outcome.TIMEOUT),
    "half of it": (drips, R.TIMEOUT, Outcome.TIMEOUT),
}  # fmt: skip


@pytest.mark.parametrize("words", CASES)
async def test_what_comes_back(words: str) -> None:
    tcp, result, outcome = CASES[words]
    seen, wires = await sent(tcp)
    assert (seen.update, seen.outcome) == (result, outcome), seen
    assert seen.answer is not None
    (rdata,) = seen.answer.rdata
    assert canary_value(rdata) is not None
    again = result in (R.TIMEOUT, R.RESET, R.SERVFAIL)
    assert len(wires) == 1 + again
    assert all(rdata.strip('"').encode() in wire for wire in wires), "the same value, however often it is sent"
    assert SECRET not in repr(seen)
    if words == "another clock":
        assert seen.skew is not None
        assert abs(seen.skew + 900) < 60


async def test_all_that_is_there_is_deleted_and_one_is_added() -> None:
    seen, (wire,) = await sent(says(signed), update=CanaryUpdate(7, VALUE))
    assert seen.update is R.DONE
    message = dns.message.from_wire(wire, keyring=False)
    assert isinstance(message, dns.update.UpdateMessage)
    assert (message.opcode(), message.had_tsig, message.prerequisite) == (dns.opcode.UPDATE, True, [])
    assert [str(one.name) for one in message.zone] == [ZONE]
    gone, there = message.update
    assert (str(gone.name), gone.rdtype, gone.deleting) == (NAME, dns.rdatatype.TXT, dns.rdataclass.ANY)
    assert (str(there.name), there.ttl, [str(one) for one in there]) == (NAME, 7, [f'"{VALUE}"'])


async def test_each_value_is_one_that_was_not_there_before() -> None:
    values = []
    for _ in range(2):
        seen, _ = await sent(says(signed))
        assert seen.answer is not None
        values.append(canary_value(seen.answer.rdata[0]))
    first, second = values
    assert first is not None
    assert second is not None
    assert second.covers(first)
    assert not first.covers(second)
    assert now() - second.at < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"key": None}, "nothing is changed without a key"),
        ({"key": "other"}, "there is no key other in the configuration"),
        ({"qname": f"{'x' * 64}.{ZONE}"}, "cannot be"),
    ],
)
async def test_what_cannot_be_sent_is_not(how: dict[str, object], why: str) -> None:
    seen, wires = await sent(says(signed), **how)
    assert (seen.outcome, seen.update, wires) == (Outcome.UNASKED, None, [])
    assert why in seen.detail


async def test_nobody_listens() -> None:
    async with Nameserver(None, says(signed)) as server:
        address = server.address
    prober = prober_of(Probe(timeout=0.2, attempts=1), {"xfr": KEY}, now)
    try:
        (seen,) = [one async for batch in prober([update(address)]) for one in batch]
    finally:
        await prober.close()
    assert (seen.outcome, seen.update) == (Outcome.REFUSED_CONNECTION, R.RESET)
