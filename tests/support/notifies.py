"""NOTIFY messages, as primaries and strangers send them."""

import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rrset
import dns.tsig
from dns.rdatatype import RdataType

ZONE = "example.com."


def notify(
    zone: str = ZONE,
    *,
    serial: int | None = None,
    rdtype: str = "SOA",
    rdclass: str = "IN",
    edns: int | bool = False,
    key: dns.tsig.Key | None = None,
    id: int = 4711,
) -> bytes:
    """A NOTIFY as BIND sends it: AA, and the new SOA where ``serial`` is given."""
    message = dns.message.make_query(zone, rdtype, rdclass, use_edns=edns, flags=dns.flags.AA, id=id)
    message.set_opcode(dns.opcode.NOTIFY)
    if serial is not None:
        rdata = f"ns1.example.net. host.example.net. {serial} 7200 900 604800 300"
        message.answer = [dns.rrset.from_text(zone, 3600, "IN", "SOA", rdata)]
    if key is not None:
        message.use_tsig(key, fudge=300)
    return message.to_wire()


def soa_serial(message: dns.message.Message) -> int | None:
    """That of a SOA record of the zone in question, among the answers."""
    name = message.question[0].name
    found = [rrset for rrset in message.answer if (rrset.name, rrset.rdtype) == (name, RdataType.SOA)]
    return found[0][0].serial if found else None
