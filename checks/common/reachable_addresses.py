"""Which addresses the Internet reaches, and which may be asked because somebody named them."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

_NAT64 = ip_network("64:ff9b::/96")
_NOBODY = frozenset({"255.255.255.255"})


@lru_cache(maxsize=4096)
def is_public(host: str) -> bool:
    """Whether it is the address of one host of the Internet: none of a private network, of this machine, or of an
    example; nor one that stands for such an IPv4 address (RFC 3056, RFC 6052).
    """
    found = ip_address(host)
    inner = _embedded(found)
    return found.is_global and not found.is_multicast and (inner is None or is_public(str(inner)))


def may_be_asked(host: str, told_by: str) -> bool:
    """Whether a server at ``host`` may be asked because the server at ``told_by`` named it. Whatever the Internet says
    leads nobody into the monitor's own networks; private servers may name private ones.
    """
    found = ip_address(host)
    if found.is_unspecified or found.is_multicast or host in _NOBODY:
        return False
    return is_public(host) or not is_public(told_by)


def _embedded(found: IPv4Address | IPv6Address) -> IPv4Address | None:
    if isinstance(found, IPv4Address):
        return None
    if found in _NAT64:
        return IPv4Address(int(found) & 0xFFFFFFFF)
    return found.sixtofour
