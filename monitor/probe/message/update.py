"""Writes the UPDATE of a canary (RFC 2136), and reads the answer to one."""

import itertools
import secrets
from dataclasses import dataclass
from datetime import datetime

import dns.exception
import dns.name
import dns.rdatatype
import dns.update

from checks.model import Query, UpdateResult
from checks.model.canary import CanaryValue
from monitor.probe.message import wire as wire_format
from monitor.probe.message.request import SOA, Question, Request, name_text, wire_name
from monitor.probe.message.response import rcode_text
from monitor.probe.message.tsig import TsigFault, Verifier
from monitor.probe.message.wire import HEADER

_RESPONSE = 0x8000 | 5 << 11
"""QR and the opcode of UPDATE (RFC 2136 section 1.3), of the flags that tell what a message is …"""
_KIND = 0xF800
"""… which are these."""

_RCODES = {
    "REFUSED": UpdateResult.REFUSED,
    "NOTAUTH": UpdateResult.NOTAUTH,
    "NOTZONE": UpdateResult.NOTZONE,
    "NOTIMP": UpdateResult.NOTIMP,
    "SERVFAIL": UpdateResult.SERVFAIL,
}
_TSIG_ERRORS = {
    "BADKEY": UpdateResult.BADKEY,
    "BADSIG": UpdateResult.BADSIG,
    "BADTIME": UpdateResult.BADTIME,
    "BADALG": UpdateResult.BADALG,
    "BADTRUNC": UpdateResult.BADALG,
    "UNSIGNED": UpdateResult.UNSIGNED,
}

_RUN = secrets.token_hex(4)
"""Tells this process from others that write canaries."""
_numbers = itertools.count(1)


def new_value(at: datetime) -> CanaryValue:
    """A value that this process has not written before, later than all others."""
    return CanaryValue(at, _RUN, next(_numbers))


def make_update(query: Query, ttl: int, value: CanaryValue) -> Request:
    """All TXT records of the name are deleted, and one is added (RFC 2136 sections 2.5.2 and 2.5.1): however often it
    is carried out, the same is there. Raises ValueError when it cannot be written.
    """
    try:
        zone = dns.name.from_text(query.zone)
        message = dns.update.UpdateMessage(zone)
        message.replace(dns.name.from_text(query.qname), ttl, dns.rdatatype.TXT, f'"{value}"')
        number = secrets.randbits(16)
        message.id = number
        section = wire_name(query.zone)
        asked = Question(name_text(section), section, section, SOA, b"", ())
        return Request(asked, number, message.to_wire(), edns=False)
    except dns.exception.DNSException as error:
        raise ValueError(f"{query.qname} cannot be updated: {error}") from None


@dataclass(frozen=True, slots=True)
class UpdateAnswer:
    """What the answer to an update says."""

    result: UpdateResult
    rcode: str
    detail: str = ""
    skew: float | None = None


class NotThatUpdate(Exception):
    """A message that is no answer to the update."""


def read_answer(wire: bytes, request: Request, verifier: Verifier) -> UpdateAnswer:
    """That it is done counts only if it is signed; an error may well come unsigned (RFC 8945 section 5.3).

    Raises Malformed, and NotThatUpdate for another id or no answer at all.
    """
    if len(wire) >= HEADER.size and (
        wire[:2] != request.id.to_bytes(2, "big") or int.from_bytes(wire[2:4], "big") & _KIND != _RESPONSE
    ):
        raise NotThatUpdate
    outline = wire_format.outline(wire)
    rcode = rcode_text(outline.header.rcode)
    tsig = wire_format.record(wire, outline.tsig) if outline.tsig is not None else None
    fault = verifier.verify(wire, tsig)
    if fault is not None and not (outline.header.rcode and fault.error in ("", "UNSIGNED")):
        return _not_believed(fault, rcode)
    if not outline.header.rcode:
        return UpdateAnswer(UpdateResult.DONE, rcode)
    return UpdateAnswer(_RCODES.get(rcode, UpdateResult.RCODE), rcode, fault.text if fault is not None else "")


def _not_believed(fault: TsigFault, rcode: str) -> UpdateAnswer:
    result = _TSIG_ERRORS.get(fault.error, UpdateResult.RCODE) if fault.error else UpdateResult.MALFORMED
    return UpdateAnswer(result, rcode, fault.text, fault.skew)
