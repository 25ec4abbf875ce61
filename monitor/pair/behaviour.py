"""The behaviour of a server: the settings that a fault changes, and what each does to zones, answers and packets."""

import random
import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import count
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdataclass
import dns.rdataset
import dns.rrset
from dns.message import Message
from dns.name import Name
from dns.rcode import Rcode
from dns.rdata import GenericRdata, from_text
from dns.rdatatype import RdataType

from monitor.pair import zonedata
from monitor.pair.zonedata import Condition, Rr, Served, ZoneCopy


class Transfers(StrEnum):
    """Who is given the zone."""

    KEYED = "keyed"
    OPEN = "open"
    NONE = "none"


class Answers(StrEnum):
    """What becomes of an answer before it is sent."""

    TRUE = "true"
    SERVFAIL = "servfail"
    WITHOUT_AA = "without-aa"
    UPWARD = "upward"
    """A referral to the root, as a server gives that was never told about the zone."""


class TransferStream(StrEnum):
    """How a transfer that was allowed goes on."""

    WHOLE = "whole"
    ENDLESS = "endless"
    TRUNCATED = "truncated"
    UNSIGNED = "unsigned"
    MALFORMED = "malformed"
    """With a record that no secondary takes."""


class Tcp(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    """Connections are refused."""
    SILENT = "silent"
    """Connections are accepted, and nothing is ever sent on them."""


class Wire(StrEnum):
    """What is sent in place of, or before, the answer."""

    CLEAN = "clean"
    GARBAGE = "garbage"
    FORGED = "forged"
    STRAYS = "strays"
    """Over UDP, answers under another id than was asked."""
    ELSEWHERE = "elsewhere"
    """Over UDP, answers from another address than was asked."""


class Edns(StrEnum):
    """What becomes of a question with EDNS (RFC 6891)."""

    KNOWN = "known"
    DROPPED = "dropped"
    SERVFAIL = "servfail"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """A server as it should be, unless a field says otherwise. Seconds, and shares between 0 and 1."""

    transfers: Transfers = Transfers.KEYED
    answers: Answers = Answers.TRUE
    condition: Condition = Condition.SERVED
    stream: TransferStream = TransferStream.WHOLE
    tcp: Tcp = Tcp.OPEN
    udp: bool = True
    wire: Wire = Wire.CLEAN
    edns: Edns = Edns.KNOWN
    delay: float = 0.0
    loss: float = 0.0
    clock_skew: float = 0.0
    """How far the server's clock is ahead."""
    clients_key_missing: bool = False
    clients_key_wrong: bool = False
    """The clients' keys are there with another secret."""
    own_key_unknown: bool = False
    """It transfers from its primary with a key that the primary does not know."""
    own_key_wrong: bool = False
    refresh_stopped: bool = False
    """It neither refreshes nor follows NOTIFY."""
    notify_ignored: bool = False
    """It does not follow NOTIFY, but refreshes."""
    serve_delay: float = 0.0
    """How long after it fetched a version it begins to serve it, once it has fallen behind."""
    expire_share: float = 1.0
    """Which share of its real EXPIRE it gives."""
    serial_offset: int = 0
    edits: tuple[str, ...] = ()
    """Records that differ from the zone's, under the same serial."""
    soa_edit: bool = False
    """Another contact and other timers in the SOA, under the same serial."""

    @property
    def alters_zones(self) -> bool:
        """Whether it serves anything else than the zone it has."""
        return bool(self.serial_offset or self.edits or self.soa_edit)


# --- zones ---

_OTHER_CONTACT = dns.name.from_text("somebody.else.invalid.")


def altered(copy: ZoneCopy, behaviour: Behaviour) -> ZoneCopy:
    """The copy with the serial and the records that the behaviour puts in their place.

    Its journal goes: steps between other serials would not fit.
    """
    data = copy.data
    if data is None or not behaviour.alters_zones:
        return copy
    soa: dict[str, Any] = {"serial": data.serial}
    if behaviour.soa_edit:
        soa |= {"rname": _OTHER_CONTACT, "refresh": data.soa.refresh + 1}
    if behaviour.serial_offset:
        soa["serial"] = zonedata.stepped(data.serial, behaviour.serial_offset)
    return replace(copy, data=zonedata.edit(data, behaviour.edits, **soa), journal=())


def serve(copy: ZoneCopy, behaviour: Behaviour, now: float) -> Served | None:
    """What is answered from that copy at ``now`` (the loop's clock); None when the server denies having the zone."""
    condition = _condition(copy, behaviour, now)
    if condition is Condition.ABSENT:
        return None
    if condition is not Condition.SERVED or copy.data is None:
        return Served(copy.origin, condition, None)
    left = copy.data.soa.expire if copy.expires is None else int(copy.expires - now)
    return Served(copy.origin, condition, copy.data, copy.journal, int(max(0, left) * behaviour.expire_share))


def _condition(copy: ZoneCopy, behaviour: Behaviour, now: float) -> Condition:
    if behaviour.condition is not Condition.SERVED:
        return behaviour.condition
    if copy.data is None:
        return Condition.NOT_LOADED
    return Condition.EXPIRED if copy.expires is not None and copy.expires <= now else Condition.SERVED


# --- answers and transfers ---


def alter(message: Message, answers: Answers) -> None:
    """Makes the answer what the behaviour wants."""
    if answers is Answers.TRUE:
        return
    message.flags &= ~dns.flags.AA
    if answers is Answers.WITHOUT_AA:
        return
    message.answer, message.authority, message.additional = [], [], []
    message.set_rcode(Rcode.SERVFAIL if answers is Answers.SERVFAIL else Rcode.NOERROR)
    if answers is Answers.UPWARD:
        servers = [f"{letter}.root-servers.net." for letter in "abcdefghijklm"]
        message.authority = [dns.rrset.from_text(".", 518400, "IN", "NS", *servers)]


_MALFORMED_A = GenericRdata(dns.rdataclass.IN, RdataType.A, b"\xc0\0\2\1\0\0\0")
_FILLING = " and so on" * 20


def alter_stream(records: Iterable[Rr], stream: TransferStream) -> Iterable[Rr]:
    """The records of a transfer as the behaviour sends them."""
    if stream not in (TransferStream.TRUNCATED, TransferStream.ENDLESS, TransferStream.MALFORMED):
        return records
    *first, last = records
    origin, ttl, _ = last
    if stream is TransferStream.TRUNCATED:
        return first
    if stream is TransferStream.MALFORMED:
        return [*first, (Name((b"broken", *origin.labels)), ttl, _MALFORMED_A), last]
    return _endless(first, Name((b"endless", *origin.labels)), ttl)


def _endless(first: Iterable[Rr], owner: Name, ttl: int) -> Iterable[Rr]:
    yield from first
    for number in count():
        text = f'"record {number} of a zone without end{_FILLING}"'
        yield owner, ttl, from_text(dns.rdataclass.IN, RdataType.TXT, text)


# --- packets: octets that no library writes ---

FORGERIES = 40
FALSE_SERIAL = 666


def garbage(wire: bytes, rng: random.Random) -> bytes:
    """The header's first four octets, so that it counts as an answer to the question, and noise after them."""
    return wire[:4] + bytes((0, 1, 0, 1, 0, 0, 0, 0)) + rng.randbytes(max(16, len(wire) - 12))


def forged(wire: bytes, rng: random.Random) -> list[bytes]:
    """Answers with wrong ids and false serials, as one sends who does not see the question (RFC 5452 section 3)."""
    false = with_false_serial(wire)
    true_id = int.from_bytes(wire[:2], "big")
    ids = (n for n in iter(lambda: rng.getrandbits(16), None) if n != true_id)
    return [struct.pack("!H", next(ids)) + false[2:] for _ in range(FORGERIES)]


def with_false_serial(wire: bytes) -> bytes:
    """The answer with another serial, where it has one, and without a signature."""
    try:
        message = dns.message.from_wire(wire, keyring=lambda *_: False)
    except (dns.exception.DNSException, ValueError):
        return wire
    for rrset in message.answer:
        if rrset.rdtype == RdataType.SOA:
            rrset.update(dns.rdataset.from_rdata(rrset.ttl, rrset[0].replace(serial=FALSE_SERIAL)))
    message.tsig = None
    return message.to_wire()
