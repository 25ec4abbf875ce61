"""A record in canonical wire form as a line of a zone file."""

from dns.rdataclass import RdataClass
from dns.rdatatype import RdataType

from monitor.probe.message import wire as wire_format
from monitor.probe.message.canonical import rdata_text
from monitor.probe.message.request import name_text


def zone_line(record: bytes) -> str:
    r"""``www.example.com. 300 IN A 192.0.2.1``: printable ASCII, whole.

    What cannot be written in its own syntax is written as RFC 3597 says (``\# 2 abcd``).
    """
    one = wire_format.record(record, 0)
    rclass, rtype = RdataClass.make(one.rclass), RdataType.make(one.type)
    rdata = rdata_text(rclass, rtype, record[one.rdata :])
    return f"{name_text(one.owner)} {one.ttl} {RdataClass.to_text(rclass)} {RdataType.to_text(rtype)} {rdata}"
