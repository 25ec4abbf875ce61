"""Sends NOTIFY to secondaries (RFC 1996)."""

import secrets
from collections.abc import Sequence

import dns.flags
import dns.message
import dns.opcode
import dns.rrset
import dns.tsig
import structlog
from dns.opcode import Opcode
from dns.rcode import Rcode
from dns.rcode import to_text as rcode_text
from dns.rdatatype import RdataType

from checks.model import Address
from monitor.pair import client as ask
from monitor.pair import tsig
from monitor.pair.client import NoAnswer
from monitor.pair.zonedata import ZoneData

log = structlog.get_logger(__name__)

WAITS = (0.5, 1.0, 2.0)
"""Seconds to wait for the answer, attempt by attempt."""


async def notify(
    address: Address, data: ZoneData, key: dns.tsig.Key | None, now: int, *, waits: Sequence[float] = WAITS
) -> bool:
    """Tells the server at that address; whether it said that it heard. ``now`` is in seconds since 1970."""
    query = dns.message.make_query(data.origin, RdataType.SOA)
    query.flags = dns.flags.AA | dns.opcode.to_flags(Opcode.NOTIFY)
    query.id = secrets.randbits(16)
    query.answer = [dns.rrset.from_rdata(data.origin, 0, data.soa)]
    wire, mac = query.to_wire(), b""
    if key is not None:
        wire, mac = tsig.sign_request(wire, key, now)
    for wait in waits:
        try:
            heard = await ask.over_udp(address, wire, lambda octets: ask.understood(query, octets, key, mac), wait)
        except NoAnswer:
            continue
        if heard.rcode() != Rcode.NOERROR:
            log.info("notify refused", zone=str(data.origin), address=str(address), rcode=rcode_text(heard.rcode()))
        return heard.rcode() == Rcode.NOERROR
    log.info("notify not answered", zone=str(data.origin), address=str(address))
    return False
