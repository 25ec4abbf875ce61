"""The socket that page, API and /metrics are behind."""

import asyncio
import socket

from monitor.probe.cannot_listen import CannotListen

BACKLOG = 256


async def listening(host: str, port: int) -> socket.socket:
    """A socket that listens at an address; on "::" also for IPv4, where the system can. Raises CannotListen."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        both = family == socket.AF_INET6 and host == "::" and socket.has_dualstack_ipv6()
        sock = socket.create_server(address[:2], family=family, backlog=BACKLOG, dualstack_ipv6=both)
    except OSError as error:
        instead = f"with a web server in front where it must be {port}"
        raise CannotListen(error, host, port, setting="service.listen", where_privileged=instead) from error
    sock.setblocking(False)
    return sock
