"""Asks from an unconnected socket, to find answers that come from another address (RFC 5452 section 9.1)."""

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Iterator

from checks.model import Address, Outcome, Transport
from monitor.clock import monotonic
from monitor.probe.client.observations import ExchangeResult, QueryFailure, Response
from monitor.probe.client.sockets import Sockets, Unasked, ours
from monitor.probe.message import response as reading
from monitor.probe.message.request import Request
from monitor.probe.message.response import Match
from monitor.probe.message.wire import Malformed

_MAX_DATAGRAM = 65535

Place = tuple[str, int]
"""Host and port."""


async def anywhere(
    sockets: Sockets, address: Address, write: Callable[[int], Request], waits: Iterator[float]
) -> ExchangeResult:
    """Asks over UDP and takes the answer from whatever address it comes. ``waits`` as for ``over_udp``.

    An answer from the address that was asked is an answer. From another one it is MISMATCHED: resolvers throw it away
    (RFC 5452 section 9.1). That is believed only once two attempts have been answered from there, each under an id and
    to a port that nobody can have guessed.
    """
    sources: dict[str, list[int]] = {}
    asked, waited = 0, 0.0
    for number, wait in enumerate(waits):
        found = await _ask_once(sockets, address, write(number), wait)
        asked, waited = asked + 1, waited + wait
        if isinstance(found, Response) or (isinstance(found, QueryFailure) and found.outcome is Outcome.UNASKED):
            return found
        if not isinstance(found, QueryFailure):
            host, port = found
            sources.setdefault(host, []).append(port)
    for host, ports in sources.items():
        if len(ports) > 1:
            source = _source_text(host, ports, address)
            return QueryFailure(Outcome.MISMATCHED, f"answers come from {source}", len(ports), source=source)
    return QueryFailure(Outcome.TIMEOUT, f"no answer to {asked} askings within {waited:g} s, from any address")


async def _ask_once(sockets: Sockets, address: Address, ask: Request, wait: float) -> ExchangeResult | Place:
    """One attempt, from a socket that is not connected; the place is where the answer came from, if from elsewhere."""
    loop = asyncio.get_running_loop()
    try:
        sock = await sockets.open(address, socket.SOCK_DGRAM, wait)
    except Unasked as reason:
        return QueryFailure(Outcome.UNASKED, str(reason))
    place = sockets.endpoint(address)[1]
    try:
        sock.sendto(ask.wire, place)
        sent = monotonic()
        async with asyncio.timeout(wait):
            while True:
                wire, source = await loop.sock_recvfrom(sock, _MAX_DATAGRAM)
                if reading.match_response(wire, ask) is not Match.MATCH:
                    continue
                if not _is_asked(source, place):
                    return source[0].partition("%")[0], source[1]
                try:
                    found = reading.read(wire, ask.question)
                except Malformed:
                    continue
                return Response(found, monotonic() - sent, Transport.UDP, len(wire), edns=False)
    except TimeoutError:
        return QueryFailure(Outcome.TIMEOUT, "no answer")
    except OSError as error:
        return ours(error, "send")
    finally:
        sockets.close(sock)


def _source_text(host: str, ports: list[int], address: Address) -> str:
    """The port is said where it is always the same one; where it never is, somebody translates ports (NAT)."""
    if len(set(ports)) == 1:
        return str(Address(host, ports[0]))
    return f"{host}, from ever another port" if _host(host) == _host(address.host) else host


def _is_asked(source: tuple[str, int], place: tuple[str, int] | tuple[str, int, int, int]) -> bool:
    return source[1] == place[1] and _host(source[0]) == _host(place[0])


def _host(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(text.partition("%")[0])
