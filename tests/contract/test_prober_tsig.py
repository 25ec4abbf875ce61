"""What becomes of signed questions: every shape of a wrong signature, on both sides (RFC 8945)."""

import struct
from typing import Any

import pytest

from checks.model import Outcome, Query, TransferResult, Transport
from monitor.clock import now
from tests.support.misbehaviour import TCP
from tests.support.nameserver import (
    NOTAUTH,
    REFUSED,
    TSIG,
    ZONE,
    Asked,
    Nameserver,
    Tcp,
    answering,
    good,
    name,
    opt,
    reply,
)
from tests.support.prober_observations import check
from tests.support.probers import prober_of
from tests.support.signed_transfers import all_signed, messages, signing
from tests.support.signing import KEY, OTHER_SECRET, Pen, server_time
from tests.support.transfers import ALLOWED, ENDED, PATIENT, ask, pull

BADSIG, BADKEY, BADTIME, BADALG = 16, 17, 18, 21


def none_signed(query: Asked, pen: Pen) -> list[bytes]:
    return messages(query)


def first_signed(query: Asked, pen: Pen) -> list[bytes]:
    first, *rest = messages(query)
    return [pen.sign(first), *rest]


def ends_signed(count: int) -> Any:
    def build(query: Asked, pen: Pen) -> list[bytes]:
        first, *middle, last = messages(query, count)
        return [pen.sign(first), *map(pen.skip, middle), pen.sign(last)]

    return build


def one_altered(query: Asked, pen: Pen) -> list[bytes]:
    first, middle, last = messages(query)
    pen_first, pen_middle, pen_last = pen.sign(first), pen.sign(middle), pen.sign(last)
    return [pen_first, pen_middle.replace(b"\4h1-3", b"\4h1-X"), pen_last]


def error(code: int, other: bytes = b"", question: bytes | None = None) -> Any:
    def build(query: Asked, pen: Pen) -> list[bytes]:
        return [pen.sign(reply(query, rcode=NOTAUTH, aa=False, question=question), code, other, mac=b"")]

    return build


def refused(query: Asked, pen: Pen) -> list[bytes]:
    return [pen.sign(reply(query, rcode=REFUSED, aa=False, additional=[opt((15, b"\0\x12"))]))]


def broken_record(query: Asked, pen: Pen) -> list[bytes]:
    """A TSIG whose algorithm does not even end."""
    wire = messages(query)[0]
    tail = name(KEY.wire_name) + struct.pack("!HHIH", TSIG, 255, 0, 3) + b"\x0bhm"
    return [wire[:10] + b"\0\1" + wire[12:] + tail]


def misplaced_record(query: Asked, pen: Pen) -> list[bytes]:
    """A right signature, and another record after it."""
    wire = pen.sign(messages(query)[0])
    return [wire[:10] + b"\0\2" + wire[12:] + opt()]


SIGNED: dict[str, tuple[Tcp, dict[str, Any]]] = {
    "all signed": (signing(all_signed), ALLOWED | {"records": 32}),
    "first and last signed": (signing(ends_signed(12)), ALLOWED),
    "99 in between": (signing(ends_signed(101)), ALLOWED),
    "100 in between": (signing(ends_signed(102)), ENDED | {"transfer": TransferResult.UNSIGNED}),
    "none signed": (signing(none_signed), ENDED | {"transfer": TransferResult.UNSIGNED, "records": 0, "soa": None}),
    "only the first signed": (signing(first_signed), ENDED | {"transfer": TransferResult.UNSIGNED}),
    "a broken TSIG": (signing(broken_record), ENDED | {"transfer": TransferResult.MALFORMED, "soa": None}),
    "a misplaced TSIG": (signing(misplaced_record), ENDED | {"transfer": TransferResult.UNSIGNED, "soa": None}),
    "one altered": (signing(one_altered), ENDED | {"transfer": TransferResult.BADSIG}),
    "another secret": (
        signing(all_signed, secret=OTHER_SECRET),
        ENDED | {"transfer": TransferResult.BADSIG, "soa": None},
    ),
    "another name": (signing(all_signed, name="other."), ENDED | {"transfer": TransferResult.BADKEY}),
    "another algorithm": (signing(all_signed, algorithm="hmac-sha512"), ENDED | {"transfer": TransferResult.BADALG}),
    "a clock far ahead": (signing(all_signed, ahead=1000), ENDED | {"transfer": TransferResult.BADTIME}),
    "a clock a little ahead": (signing(all_signed, ahead=290), ALLOWED),
    "BADKEY": (signing(error(BADKEY)), ENDED | {"transfer": TransferResult.BADKEY, "rcode": "NOTAUTH"}),
    "BADKEY, without question": (signing(error(BADKEY, question=b"")), ENDED | {"transfer": TransferResult.BADKEY}),
    "BADSIG": (signing(error(BADSIG)), ENDED | {"transfer": TransferResult.BADSIG}),
    "BADALG": (signing(error(BADALG)), ENDED | {"transfer": TransferResult.BADALG}),
    "BADTIME": (signing(error(BADTIME, server_time(0))), ENDED | {"transfer": TransferResult.BADTIME}),
    "BADTIME without time": (signing(error(BADTIME)), ENDED | {"transfer": TransferResult.BADTIME, "skew": None}),
    "unsigned NOTAUTH": (TCP["notauth with aa"], ENDED | {"transfer": TransferResult.NOTAUTH, "skew": None}),
    "unsigned REFUSED": (TCP["refused"], ENDED | {"transfer": TransferResult.REFUSED}),
    "signed REFUSED": (signing(refused), ENDED | {"transfer": TransferResult.REFUSED, "ede": ("18 Prohibited",)}),
}


@pytest.mark.parametrize("name", SIGNED)
async def test_signed(name: str) -> None:
    tcp, wanted = SIGNED[name]
    check(await pull(tcp, key="xfr", whole=True), wanted)


@pytest.mark.parametrize("ahead", [1000, -1000])
@pytest.mark.parametrize("question", [None, b""], ids=["with question", "without"])
async def test_the_clocks_difference_is_measured(ahead: int, question: bytes | None) -> None:
    seen = await pull(signing(error(BADTIME, server_time(ahead), question)), key="xfr")
    assert seen.skew == pytest.approx(ahead, abs=5)
    assert seen.detail.startswith("TSIG error BADTIME: its clock is ")


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP])
async def test_only_transfers_are_signed(transport: Transport) -> None:
    """Whoever asks for more is not given an unsigned answer for a signed one."""
    async with Nameserver(lambda query: [good(query)], answering) as server:
        seen = await ask(server.address, qtype="SOA", key="xfr", transport=transport)
        assert not server.asked
    check(seen, {"outcome": Outcome.UNASKED, "soa": None, "detail": "only transfers and updates are signed"})


async def test_the_secret_is_nowhere_to_be_seen() -> None:
    prober = prober_of(PATIENT, {"xfr": KEY}, now)
    async with Nameserver(None, signing(all_signed)) as server:
        query = Query(ZONE, "ns1", server.address, ZONE, "AXFR", key="xfr")
        seen = [one async for batch in prober([query]) for one in batch]
    signer = getattr(prober, "_dns", prober)._exchange._signer("xfr")
    await prober.close()
    for text in (repr(seen), repr(signer), repr(prober)):
        assert KEY.secret.reveal() not in text
        assert "0123456789abcdef" not in text
