"""Who is asking: one client, whatever port or address of its network it comes from."""

from ipaddress import IPv6Address, ip_address

from starlette.datastructures import Headers
from starlette.types import Scope

FORWARDED_HEADER = "x-forwarded-for"


def client_of(host: str) -> str:
    """An IPv6 client has a whole /64 to come from (RFC 4291 section 2.5.4), and counts as one."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            return f"{IPv6Address(int(address) >> 64 << 64)}/64" if not address.is_loopback else str(address)
        address = address.ipv4_mapped
    return str(address)


def is_local(client: str) -> bool:
    """Whether it may be a reverse proxy on this machine, with many behind it."""
    return not client or (not client.endswith("/64") and ip_address(client).is_loopback)


def forwarded_client(scope: Scope) -> str:
    """Who sent a request; behind a reverse proxy on this machine whom that names last, for that it wrote itself."""
    peer = client_of((scope.get("client") or ("",))[0])
    if not is_local(peer):
        return peer
    named = Headers(scope=scope).getlist(FORWARDED_HEADER)
    return client_of(named[-1].rpartition(",")[2].strip()) or peer if named else peer
