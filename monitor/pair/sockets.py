"""Finds a port that is free for UDP and TCP at once, on loopback and nowhere else."""

import errno
import ipaddress
import socket

_TRIES = 50


class NotLoopback(ValueError):
    """The pair answers anybody, with faults on purpose: it listens where only this machine can ask."""


def bind_both(host: str) -> tuple[socket.socket, socket.socket]:
    """A UDP and a TCP socket, bound to one port that the system chose, TCP not listening yet.

    Raises NotLoopback, or OSError where there is no such address, as on a machine without IPv6.
    """
    address = ipaddress.ip_address(host)
    if not address.is_loopback:
        raise NotLoopback(f"{host} is not a loopback address")
    for _ in range(_TRIES):
        try:
            tcp = bind_tcp(host, 0)
        except OSError as error:
            if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                raise OSError(f"this machine has no address {host}") from error
            raise
        udp = socket.socket(_family(host), socket.SOCK_DGRAM)
        try:
            udp.bind((host, tcp.getsockname()[1]))
        except OSError as error:
            tcp.close()
            udp.close()
            if error.errno != errno.EADDRINUSE:
                raise
            continue
        udp.setblocking(False)
        return udp, tcp
    raise OSError(errno.EADDRINUSE, f"no port on {host} is free for both UDP and TCP")


def bind_tcp(host: str, port: int) -> socket.socket:
    """A bound socket that does not listen: connections are refused, and nobody else can have the port."""
    tcp = socket.socket(_family(host), socket.SOCK_STREAM)
    try:
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tcp.bind((host, port))
    except OSError:
        tcp.close()
        raise
    tcp.setblocking(False)
    return tcp


def other_host(host: str) -> str:
    """Another loopback address than this one; of IPv6 there is none other (RFC 4291 section 2.5.3)."""
    if ":" in host:
        return host
    here = ipaddress.IPv4Address(host)
    return str(here + 1 if (here + 1).is_loopback and int(here) & 0xFF < 0xFE else here - 1)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
