"""A client of the pair's servers: dnspython's own, off the loop where it has no other."""

import asyncio

import dns.asyncquery
import dns.message
import dns.query
import dns.tsig
import dns.xfr
import dns.zone
from dns.edns import GenericOption, OptionType
from dns.message import Message

from monitor.pair.nameserver import Nameserver


async def ask(
    server: Nameserver,
    name: str,
    rdtype: str,
    *,
    tcp: bool = False,
    key: dns.tsig.Key | None = None,
    timeout: float = 2.0,
    edns: bool = True,
) -> Message:
    """The answer to one question, TC and all. Asks for NSID and EXPIRE unless ``edns`` is off."""
    options = [GenericOption(OptionType.NSID, b""), GenericOption(OptionType.EXPIRE, b"")]
    query = dns.message.make_query(name, rdtype, use_edns=0 if edns else -1, options=options if edns else None)
    if key is not None:
        query.use_tsig(key)
    verb = dns.asyncquery.tcp if tcp else dns.asyncquery.udp
    return await verb(query, server.address.host, timeout=timeout, port=server.address.port)


async def transfer(
    server: Nameserver, name: str, key: dns.tsig.Key | None, *, zone: dns.zone.Zone | None = None, lifetime: float = 5.0
) -> dns.zone.Zone:
    """The zone as dnspython's client pulls it; the steps from ``zone`` when given."""
    return await asyncio.to_thread(_transfer, server, name, key, zone, lifetime)


def _transfer(
    server: Nameserver, name: str, key: dns.tsig.Key | None, zone: dns.zone.Zone | None, lifetime: float
) -> dns.zone.Zone:
    found = zone or dns.zone.Zone(name, relativize=False)
    query, _ = dns.xfr.make_query(found, keyring=key)
    dns.query.inbound_xfr(
        server.address.host, found, query, port=server.address.port, timeout=lifetime, lifetime=lifetime
    )
    return found
