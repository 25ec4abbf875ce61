"""Renders an answer into octets that fit."""

import dns.exception
import dns.flags
import dns.rdataset
import dns.renderer
import dns.rrset
from dns.message import Message
from dns.name import Name

from monitor.pair.zonedata import Rr

_OPT = 11
_OPTION = 4


def render(message: Message, limit: int, reserve: int = 0) -> bytes:
    """At most ``limit`` octets, of which ``reserve`` stay free for a signature.

    What does not fit is left out by whole RRsets; TC says so unless only additional data is missing
    (RFC 2181 section 9). A question that alone is too long for the limit leaves a bare header with TC.
    """
    out = dns.renderer.Renderer(message.id, message.flags, limit)
    out.reserve(min(limit, reserve + _opt_size(message)))
    try:
        for question in message.question:
            out.add_question(question.name, question.rdtype, question.rdclass)
        for number, section in ((1, message.answer), (2, message.authority), (3, message.additional)):
            for rrset in section:
                out.add_rrset(number, rrset, want_shuffle=False)
    except dns.exception.TooBig:
        if out.section < dns.renderer.ADDITIONAL:
            out.flags |= dns.flags.TC
    out.release_reserved()
    if message.opt is not None:
        out.add_opt(message.opt)
    out.write_header()
    return bytes(out.get_wire())


def _opt_size(message: Message) -> int:
    if message.opt is None:
        return 0
    return _OPT + sum(_OPTION + len(option.to_wire() or b"") for option in message.options)


class Page:
    """One message of a transfer, filled record by record until it is full."""

    def __init__(self, message: Message, limit: int, reserve: int) -> None:
        self._message = message
        self._out = dns.renderer.Renderer(message.id, message.flags, limit)
        self._out.reserve(reserve + _opt_size(message))
        for question in message.question:
            self._out.add_question(question.name, question.rdtype, question.rdclass)

    @property
    def empty(self) -> bool:
        return self._out.counts[dns.renderer.ANSWER] == 0

    def take(self, rr: Rr) -> bool:
        """Whether the record still fitted."""
        name, ttl, rdata = rr
        try:
            self._out.add_rrset(dns.renderer.ANSWER, dns.rrset.from_rdata(name, ttl, rdata))
        except dns.exception.TooBig:
            return False
        return True

    def wire(self) -> bytes:
        self._out.release_reserved()
        if self._message.opt is not None:
            self._out.add_opt(self._message.opt)
        self._out.write_header()
        return bytes(self._out.get_wire())


def rrset(name: Name, rdataset: dns.rdataset.Rdataset) -> dns.rrset.RRset:
    """An RRset under the owner name it is asked by, so that its letters are those of the question."""
    return dns.rrset.from_rdata_list(name, rdataset.ttl, list(rdataset))
