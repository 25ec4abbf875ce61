"""The socket that page, API and /metrics are behind, or in words what keeps us from having it."""

import asyncio
import errno
import socket
from pathlib import Path

BACKLOG = 256

_PRIVILEGED = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
"""Where Linux says from which port on anybody may listen (ip(7))."""


class CannotListen(OSError):
    """The address to listen at cannot be had; the text says why, and what to do.

    ``lasting``: trying again later cannot help, only another setting can. A port in use may become free, and at boot
    an address may come up late.
    """

    def __init__(self, error: OSError, host: str, port: int) -> None:
        super().__init__(error.errno, _why(error, host, port))
        self.lasting = error.errno in (errno.EACCES, errno.EPERM, errno.EAFNOSUPPORT)

    def __str__(self) -> str:
        return str(self.strerror)


async def listening(host: str, port: int) -> socket.socket:
    """A socket that listens at an address; on "::" also for IPv4, where the system can. Raises CannotListen."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        both = family == socket.AF_INET6 and host == "::" and socket.has_dualstack_ipv6()
        sock = socket.create_server(address[:2], family=family, backlog=BACKLOG, dualstack_ipv6=both)
    except OSError as error:
        raise CannotListen(error, host, port) from error
    sock.setblocking(False)
    return sock


def _why(error: OSError, host: str, port: int) -> str:
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    match error.errno:
        case errno.EADDRINUSE:
            what = (
                "address already in use by another program, perhaps another soawatch; "
                f"stop that (ss -ltnp 'sport = :{port}' names it), or choose another port"
            )
        case errno.EACCES | errno.EPERM:
            what = (
                f"this user may not listen on ports below {_free_for_all()}; "
                f"choose a higher one, with a web server in front where it must be {port}"
            )
        case errno.EADDRNOTAVAIL | errno.EAFNOSUPPORT:
            every = "::" if ":" in host else "0.0.0.0"  # noqa: S104 - told, not listened at
            what = f"this machine has no such address; choose one that `ip address` shows, or {every} for all of them"
        case _:
            what = str(error)
    return f"cannot listen on {where}: {what}"


def _free_for_all() -> int:
    try:
        return int(_PRIVILEGED.read_text())
    except (OSError, ValueError):
        return 1024
