"""Replies to one packet: octets in, octets out, and no socket."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import dns.flags
from dns.message import Message
from dns.name import Name
from dns.opcode import Opcode
from dns.rcode import Rcode
from dns.rdatatype import RdataType

from monitor.pair.answer import PAYLOAD, ParsedRequest, answer, bare, read, reply
from monitor.pair.behaviour import Answers, Behaviour, Edns, TransferStream, alter, alter_stream
from monitor.pair.transfer import LONGEST, messages, permit, records, render
from monitor.pair.zonedata import ZoneLookup
from monitor.probe.message import tsig_server as tsig
from monitor.probe.message.tsig_server import BadTsig, Keys, Signed

_WITHOUT_EDNS = 512
_NO_TRANSFER = {Answers.SERVFAIL: Rcode.SERVFAIL, Answers.UPWARD: Rcode.NOTAUTH}
"""Who answers so does not give the zone away either."""

_NO_EDNS = {Edns.SERVFAIL: Rcode.SERVFAIL, Edns.REFUSED: Rcode.REFUSED}


@dataclass(frozen=True, slots=True)
class Context:
    """What a server knows at the moment of a question. ``now`` is its own idea of seconds since 1970."""

    nsid: str
    zones: ZoneLookup
    keys: Keys = field(repr=False)
    behaviour: Behaviour
    now: int
    upstreams: frozenset[str] = frozenset()
    """The hosts whose NOTIFY is accepted; empty at a primary."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The messages to send, in order; over UDP one at most. ``kind`` is what to count it as."""

    kind: str
    messages: Iterable[bytes] = ()
    hang_up: bool = False
    pause: float = 0.0
    """Seconds between messages of a transfer that never ends, so that it costs little."""
    notified: Name | None = None
    """The zone whose primary says that it has changed."""


def exchange(wire: bytes, context: Context, peer: str, *, udp: bool) -> Reply:
    """The reply to whatever octets came from the host ``peer``."""
    request = read(wire)
    if request is None:
        return Reply("ignored")
    if isinstance(request, Rcode):
        return Reply("malformed", [bare(wire, request)])
    try:
        signed = tsig.verify(request.message, wire, context.keys, context.now)
    except BadTsig:
        return Reply("malformed", [bare(wire, Rcode.FORMERR)])
    limit = _limit(request, udp=udp)

    def single(kind: str, message: Message, notified: Name | None = None) -> Reply:
        return Reply(kind, [render(message, signed, context.now, limit)], notified=notified)

    edns, behaviour = request.message.edns, context.behaviour
    if signed is not None and signed.error != Rcode.NOERROR:
        return single("badly-signed", reply(request, Rcode.NOTAUTH))
    if request.opcode == Opcode.QUERY and edns == 0 and behaviour.edns is not Edns.KNOWN:
        rcode = _NO_EDNS.get(behaviour.edns)
        return Reply("dropped") if rcode is None else single("query", reply(request, rcode))
    if request.opcode == Opcode.NOTIFY and edns <= 0:
        return single("notify", *_notified(request, context, peer, signed))
    if request.rdtype in (RdataType.AXFR, RdataType.IXFR) and edns <= 0:
        found = _transfer(request, context, signed, udp=udp)
        return single("transfer-refused", found) if isinstance(found, Message) else found
    message = answer(request, context.zones, context.nsid)
    if edns <= 0:
        alter(message, behaviour.answers)
    return single("query", message)


def _limit(request: ParsedRequest, *, udp: bool) -> int:
    """How long the answer may be: RFC 6891 sections 6.2.3 and 6.2.5."""
    if not udp:
        return LONGEST
    return min(PAYLOAD, max(_WITHOUT_EDNS, request.message.payload if request.message.edns >= 0 else 0))


def _notified(
    request: ParsedRequest, context: Context, peer: str, signed: Signed | None
) -> tuple[Message, Name | None]:
    """NOTIFY (RFC 1996): from the zone's primary, known by its address or its key, or from nobody."""
    if request.rdtype != RdataType.SOA or context.zones(request.name) is None or not context.upstreams:
        return reply(request, Rcode.NOTAUTH), None
    if signed is None and peer not in context.upstreams:
        return reply(request, Rcode.REFUSED), None
    message = reply(request)
    message.flags |= dns.flags.AA
    ignored = context.behaviour.notify_ignored or context.behaviour.refresh_stopped
    return message, None if ignored else request.name


def _transfer(request: ParsedRequest, context: Context, signed: Signed | None, *, udp: bool) -> Reply | Message:
    """The transfer, or the refusal."""
    behaviour = context.behaviour
    if behaviour.answers in _NO_TRANSFER:
        return reply(request, _NO_TRANSFER[behaviour.answers])
    permitted = permit(request, context.zones, behaviour.transfers, signed, udp=udp)
    if isinstance(permitted, Message):
        return permitted
    served, data = permitted
    first = answer(replace(request, rdtype=RdataType.SOA), {served.origin: served}.get, context.nsid)
    first.answer, first.authority, first.additional = [], [], []
    rrs = alter_stream(records(request, served, data, udp=udp), behaviour.stream)
    signer = None if behaviour.stream is TransferStream.UNSIGNED else signed
    sent: Iterator[bytes] = messages(rrs, first, signer, context.now)
    if udp:
        sent = iter([next(sent)])  # a lone SOA always fits one message
    pause = 0.01 if behaviour.stream is TransferStream.ENDLESS else 0.0
    return Reply("transfer", sent, hang_up=behaviour.stream is TransferStream.TRUNCATED, pause=pause)
