"""Addresses that a receiver may not have, evaluated by where packets really go (IPv6 may have IPv4 inside)."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

IpAddress = IPv4Address | IPv6Address

METADATA = frozenset(map(ip_address, ("169.254.169.254", "fd00:ec2::254", "100.100.100.200")))
"""Where clouds hand out credentials to whoever asks from inside: never a receiver."""

UNICAST = IPv6Network("2000::/3")
"""The only part of IPv6 that is handed out for use on the Internet (RFC 4291 section 2.4, IANA's registry)."""

DOCUMENTATION = IPv6Network("3fff::/20")
"""RFC 9637; younger than the registry that Python knows."""

NAT64 = IPv6Network("64:ff9b::/96")
"""RFC 6052 section 2.1."""

LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
"""RFC 8215: translation inside one network, with prefixes of any length."""

TRANSLATED = IPv6Network("::ffff:0:0:0/96")
"""IPv4-translated addresses of SIIT (RFC 2765 section 2.1)."""

COMPATIBLE = IPv6Network("::/96")
"""IPv4-compatible addresses (RFC 4291 section 2.5.5.1); :: and ::1 are none."""

ISATAP = (b"\x00\x00\x5e\xfe", b"\x02\x00\x5e\xfe")
"""How the interface identifier of ISATAP begins (RFC 5214 section 6.1)."""


def blocked_reason(address: IpAddress, *, allow_private: bool) -> str | None:
    """Why an address may not be connected to; None if it may.

    A prefix of its own that a network translates with (RFC 7050) cannot be told from any other and is not looked into.
    """
    told = _same(address)
    inside = tuple(_inside(told)) if isinstance(told, IPv6Address) else ()
    if any(each in METADATA or each.is_link_local for each in (told, *inside)):
        return "a link-local or metadata address"
    if told.is_multicast or told.is_unspecified:
        return "not the address of one machine"
    if not allow_private and not all(map(_public, (told, *inside))):
        return "a private or loopback address (allow_private = true would permit it)"
    return None


def _same(address: IpAddress) -> IpAddress:
    """The IPv4 address that an IPv6 address is another spelling of: mapped, 6to4 (RFC 3056), NAT64; else itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return _last(address)
    return address.ipv4_mapped or address.sixtofour or address


def _inside(address: IPv6Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses to which a translator or the end of a tunnel may send what goes to this address."""
    octets = address.packed
    if address in TRANSLATED or (address in COMPATIBLE and int(address) > 1):
        yield _last(address)
    elif address in LOCAL_NAT64:  # RFC 6052 section 2.2, for prefixes of 48, 56, 64 and 96 bits; octet 8 is left out
        for found in (octets[6:8] + octets[9:11], octets[7:8] + octets[9:12], octets[9:13], octets[12:]):
            yield IPv4Address(found)
    elif address.teredo is not None:
        yield from address.teredo
    elif octets[8:12] in ISATAP:
        yield _last(address)


def _last(address: IPv6Address) -> IPv4Address:
    return IPv4Address(address.packed[12:])


def _public(address: IpAddress) -> bool:
    if isinstance(address, IPv6Address) and (address not in UNICAST or address in DOCUMENTATION):
        return False
    return address.is_global
