"""What an address gives of a zone that was signed by hand, read off the octets of its answers."""

from dataclasses import replace
from datetime import datetime, timedelta

import dns.flags
import dns.message
import dns.name
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.zone

from checks.model import Observation, Query, Transport, Zone
from checks.signatures import Signatures
from monitor.probe.client.observations import answered
from monitor.probe.message import response
from monitor.probe.message.request import make_request, question
from tests.support.lab.model import Content
from tests.support.observations import NOON, seen
from tests.support.signed_zones import ZoneKey, signed

DAY = timedelta(days=1)


def made(
    key: ZoneKey, left: timedelta = 29 * DAY, life: timedelta = 30 * DAY, at: datetime = NOON, **fields: object
) -> Content:
    """A signed version of example.com., by serial 10 unless another is said."""
    content = Content(**{"zone": "example.com.", "serial": 10, "expire": 604800, **fields})  # type: ignore[arg-type]
    return signed(content, key, at + left - life, at + left)


def asked(where: Zone, *gives: tuple[str, Content | str], at: datetime = NOON, **fields: object) -> list[Observation]:
    """All that the check asks of these servers, and what they answer: from this version of the zone, or by a token."""
    copies = {name: parsed(one) if isinstance(one, Content) else one for name, one in gives}
    every: tuple[Observation, ...] = ()
    while queries := tuple(q for q in Signatures().queries(where, every) if q.server in copies):
        every += tuple(answer(query, copies[query.server], at, **fields) for query in queries)
    return list(every)


def parsed(content: Content) -> dns.zone.Zone:
    return content.parsed()


def answer(query: Query, copy: dns.zone.Zone | str, at: datetime = NOON, **fields: object) -> Observation:
    if isinstance(copy, str):
        return seen(query, copy, at)
    read = response.read(wire(query, copy), question(query))
    return replace(answered(query, read, 0.01, Transport.UDP, 512, at), **fields)  # type: ignore[arg-type]


def wire(query: Query, copy: dns.zone.Zone) -> bytes:
    """The octets that a server with this version answers."""
    request = dns.message.from_wire(make_request(question(query), edns=True).wire)
    reply = dns.message.make_response(request)
    reply.flags |= dns.flags.AA
    name, rtype = dns.name.from_text(query.qname), dns.rdatatype.from_text(query.qtype)
    if copy.get_rdataset(name, rtype) is None and copy.get_rdataset(name, dns.rdatatype.CNAME) is not None:
        rtype = dns.rdatatype.CNAME
    found, sigs = copy.get_rdataset(name, rtype), copy.get_rdataset(name, dns.rdatatype.RRSIG, rtype)
    for rdataset in filter(None, (found, sigs if query.dnssec else None)):
        rrset = dns.rrset.RRset(name, dns.rdataclass.IN, rdataset.rdtype, rdataset.covers)
        rrset.update(rdataset)
        reply.answer.append(rrset)
    if not reply.answer:
        soa = copy.get_rrset(copy.origin, dns.rdatatype.SOA)
        assert soa is not None
        reply.authority.append(soa)
    return reply.to_wire()
