"""Makes opaque what dnspython must not look into, octet by octet, so that ``dns.message`` can read the rest.

Of each class and type that it does not know it looks for a module, and remembers that there is none
(``dns.rdata.get_rdata_class``): a server could name 2^32 of them. It refuses a whole message for an EDNS option of
which we have no use, or for a text in it that is no UTF-8. A TSIG record is for ``message/tsig.py`` to judge.
"""

from struct import Struct
from types import MappingProxyType

import dns.rdataclass
import dns.rdatatype

from monitor.probe.message import wire as wire_format
from monitor.probe.message.edns import EDE, EXPIRE, NSID
from monitor.probe.message.request import IN
from monitor.probe.message.wire import OPT, TSIG, Malformed

OPAQUE_EDE = 65001
"""Stands for an extended error: a code for local use (RFC 6891 section 9), which dnspython knows nothing of."""

_TYPE_CLASS = Struct("!HH")
_OPAQUE_RECORD = _TYPE_CLASS.pack(dns.rdatatype.NULL, dns.rdataclass.CH)
"""Anything at all may be the rdata of type NULL (RFC 1035 section 3.3.10), and nothing is asked in class CH."""

_ANY = int(dns.rdataclass.ANY)
_KNOWN = frozenset(int(known) for known in dns.rdatatype.RdataType)

_OPTION = Struct("!HH")
_OPAQUE_OPTION = 65535
"""Reserved (RFC 6891 section 9)."""

_CODES = MappingProxyType({NSID: NSID, EXPIRE: EXPIRE, EDE: OPAQUE_EDE})


def shield(wire: bytes, asked: int) -> bytes:
    """The message as dnspython may read it; ``asked`` is the type in question, which is looked into, known or not.

    Raises Malformed where a record runs out of the message, or a TSIG record is not the last (RFC 8945 section 5.1).
    """
    head = wire_format.header(wire)
    additionals = head.answers + head.authorities
    last = additionals + head.additionals - 1
    octets = bytearray(wire)
    for number, (_, fixed, end) in enumerate(wire_format.frames(wire, head)):
        rtype, rclass = _TYPE_CLASS.unpack_from(wire, fixed)
        if rtype == OPT:
            _shield_options(octets, fixed + wire_format.FIXED.size, end)
            continue
        if rtype == TSIG and (number < additionals or number != last or rclass != _ANY):
            raise Malformed("a TSIG record where none may be")
        if rtype == TSIG or rclass != IN or (rtype not in _KNOWN and rtype != asked):
            octets[fixed : fixed + _TYPE_CLASS.size] = _OPAQUE_RECORD
    return bytes(octets)


def _shield_options(octets: bytearray, position: int, end: int) -> None:
    """Whether options fit into their record is for dnspython to say."""
    while position + _OPTION.size <= end:
        code, length = _OPTION.unpack_from(octets, position)
        _OPTION.pack_into(octets, position, _CODES.get(code, _OPAQUE_OPTION), length)
        position += _OPTION.size + length
