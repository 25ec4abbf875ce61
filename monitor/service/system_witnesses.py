"""The witnesses where none are named: the resolvers of this machine, and its default gateways."""

import ipaddress
import socket
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from checks.model import Address
from checks.zone_state.witness import Witness

GATEWAY, RESOLVER = "the default gateway", "the resolver"
MAX_RESOLVERS = 3
"""As many as the resolver of the system uses (resolv.conf(5))."""

_ROUTE, _ROUTE6 = Path("/proc/net/route"), Path("/proc/net/ipv6_route")
_UP_GATEWAY = 0x3
"""RTF_UP and RTF_GATEWAY of a route."""


def system_witnesses(resolvers: Iterable[Address] = ()) -> tuple[Witness, ...]:
    """``resolvers``: those that are configured in place of the system's. Reads files; what they lack is left out."""
    asked = list(resolvers) or list(_resolvers())
    found = dict.fromkeys(asked[:MAX_RESOLVERS], RESOLVER)
    for host in (*gateways4(_text(_ROUTE)), *gateways6(_text(_ROUTE6))):
        found.setdefault(Address(host), GATEWAY)
    return tuple(Witness(address, named=False, role=role) for address, role in found.items())


def gateways4(table: str) -> Iterator[str]:
    """The default gateways in a table like /proc/net/route, whose addresses are numbers in the order of the machine."""
    for line in table.splitlines()[1:]:
        _, to, gateway, flags, *_, mask, _, _, _ = line.split()
        if int(to, 16) == int(mask, 16) == 0 and int(flags, 16) & _UP_GATEWAY == _UP_GATEWAY:
            yield socket.inet_ntoa(struct.pack("=I", int(gateway, 16)))


def gateways6(table: str) -> Iterator[str]:
    """The same of one like /proc/net/ipv6_route. Those of one link only (fe80::…) are left out: there may be several
    of the same address, each on a link of its own.
    """
    for line in table.splitlines():
        to, length, _, _, gateway, _, _, _, flags, _ = line.split()
        if int(to, 16) == int(length, 16) == 0 and int(flags, 16) & _UP_GATEWAY == _UP_GATEWAY:
            address = ipaddress.IPv6Address(int(gateway, 16))
            if not address.is_link_local:
                yield str(address)


def _resolvers() -> Iterator[Address]:
    import dns.exception
    import dns.resolver

    try:
        hosts = dns.resolver.Resolver().nameservers
    except (dns.exception.DNSException, OSError):
        return
    for host in hosts:
        if isinstance(host, str) and "%" not in host and "/" not in host:
            yield Address(host)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
