"""Replies to one packet: everything between the octets, and no socket."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import dns.flags
from dns.message import Message
from dns.name import Name
from dns.opcode import Opcode
from dns.rcode import Rcode
from dns.rdatatype import RdataType

from monitor.pair import tsig
from monitor.pair.answer import answer, unknown_version, upward
from monitor.pair.behaviour import Answers, Conduct, Edns, Stream
from monitor.pair.render import render
from monitor.pair.request import PAYLOAD, Request, bare, read, reply
from monitor.pair.transfer_out import Refusal, bent, pages, permit, records, refuse
from monitor.pair.tsig import BadTsig, Keys, Signed
from monitor.pair.zone_copy import Zones

_PLAIN = 512
_MOST = 65_535
_NO_TRANSFER = {Answers.SERVFAIL: Rcode.SERVFAIL, Answers.UPWARD: Rcode.NOTAUTH}
"""Who answers so does not give the zone away either."""

_NO_EDNS = {Edns.SERVFAIL: Rcode.SERVFAIL, Edns.REFUSED: Rcode.REFUSED}


@dataclass(frozen=True, slots=True)
class Position:
    """What a server knows at the moment of a question. ``now`` is its own idea of seconds since 1970."""

    nsid: str
    zones: Zones
    keys: Keys = field(repr=False)
    conduct: Conduct
    now: int
    upstreams: frozenset[str] = frozenset()
    """The hosts whose NOTIFY is believed; empty at a primary."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The messages to send, in order; over UDP one at most. ``kind`` is what to count it as."""

    kind: str
    messages: Iterable[bytes] = ()
    hang_up: bool = False
    pause: float = 0.0
    """Seconds between messages of a transfer that never ends, so that it does not eat the machine."""
    notified: Name | None = None
    """The zone whose primary says that it has changed."""


def exchange(wire: bytes, position: Position, peer: str, *, udp: bool) -> Reply:
    """The reply to whatever octets came from the host ``peer``."""
    request = read(wire)
    if request is None:
        return Reply("ignored")
    if isinstance(request, Rcode):
        return Reply("malformed", [bare(wire, request)])
    try:
        signed = tsig.verify(request.message, wire, position.keys, position.now)
    except BadTsig:
        return Reply("malformed", [bare(wire, Rcode.FORMERR)])
    limit = _limit(request, udp=udp)
    if signed is not None and signed.error != Rcode.NOERROR:
        return Reply("badly-signed", [_seal(reply(request, Rcode.NOTAUTH), signed, position.now, limit)])
    if request.message.edns > 0:
        return Reply("query", [_seal(unknown_version(request, position.nsid), signed, position.now, limit)])
    if request.opcode == Opcode.QUERY and request.message.edns == 0 and position.conduct.edns is not Edns.KNOWN:
        return _without_edns(request, position, signed, limit)
    if request.opcode == Opcode.NOTIFY:
        message, notified = _hear(request, position, peer, signed)
        return Reply("notify", [_seal(message, signed, position.now, limit)], notified=notified)
    if request.rdtype in (RdataType.AXFR, RdataType.IXFR):
        return _transfer(request, position, signed, udp=udp)
    message = _colour(answer(request, position.zones, position.nsid), position.conduct)
    return Reply("query", [_seal(message, signed, position.now, limit)])


def _without_edns(request: Request, position: Position, signed: Signed | None, limit: int) -> Reply:
    """What one says, or does not, that cannot bear EDNS."""
    rcode = _NO_EDNS.get(position.conduct.edns)
    if rcode is None:
        return Reply("dropped")
    return Reply("query", [_seal(reply(request, rcode), signed, position.now, limit)])


def _limit(request: Request, *, udp: bool) -> int:
    """How long the answer may be: RFC 6891 sections 6.2.3 and 6.2.5."""
    if not udp:
        return _MOST
    return _PLAIN if request.message.edns < 0 else min(PAYLOAD, max(_PLAIN, request.message.payload))


def _seal(message: Message, signed: Signed | None, now: int, limit: int) -> bytes:
    wire = render(message, limit, tsig.reserve(signed))
    return wire if signed is None else tsig.sign(wire, signed, now)[0]


def _hear(request: Request, position: Position, peer: str, signed: Signed | None) -> tuple[Message, Name | None]:
    """NOTIFY (RFC 1996): from the zone's primary, known by its address or its key, or from nobody."""
    if request.rdtype != RdataType.SOA or position.zones(request.name) is None or not position.upstreams:
        return reply(request, Rcode.NOTAUTH), None
    if signed is None and peer not in position.upstreams:
        return reply(request, Rcode.REFUSED), None
    message = reply(request)
    message.flags |= dns.flags.AA
    deaf = position.conduct.deaf or position.conduct.frozen
    return message, None if deaf else request.name


def _colour(message: Message, conduct: Conduct) -> Message:
    """The answer as the conduct wants it."""
    match conduct.answers:
        case Answers.SERVFAIL:
            message.answer, message.authority, message.additional = [], [], []
            message.flags &= ~dns.flags.AA
            message.set_rcode(Rcode.SERVFAIL)
        case Answers.WITHOUT_AA:
            message.flags &= ~dns.flags.AA
        case Answers.UPWARD:
            message = upward(message)
        case Answers.TRUE:
            return message
    return message


def _transfer(request: Request, position: Position, signed: Signed | None, *, udp: bool) -> Reply:
    conduct, limit = position.conduct, _limit(request, udp=udp)
    if conduct.answers in _NO_TRANSFER:
        message = reply(request, _NO_TRANSFER[conduct.answers])
        return Reply("transfer-refused", [_seal(message, signed, position.now, limit)])
    permitted = permit(request, position.zones, conduct.transfers, signed, udp=udp)
    if isinstance(permitted, Refusal):
        return Reply("transfer-refused", [_seal(refuse(request, permitted), signed, position.now, limit)])
    served, data = permitted
    signer = None if conduct.stream is Stream.UNSIGNED else signed
    first = answer(replace(request, rdtype=RdataType.SOA), {served.origin: served}.get, position.nsid)
    first.answer, first.authority, first.additional = [], [], []
    rrs = bent(records(request, served, data, udp=udp), conduct.stream)
    messages: Iterator[bytes] = pages(request, rrs, first, signer, position.now)
    if udp:
        messages = iter([next(messages)])  # a lone SOA always fits one message
    endless = conduct.stream is Stream.ENDLESS
    return Reply("transfer", messages, hang_up=conduct.stream is Stream.TRUNCATED, pause=0.01 if endless else 0.0)
