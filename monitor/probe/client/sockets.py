"""Opens sockets within a limit, and turns errors of the system into failures."""

import asyncio
import errno
import resource
import socket
from collections import deque
from types import MappingProxyType

import dns.rdata

from checks.model import Address, Outcome
from monitor.probe.client.observations import QueryFailure
from monitor.probe.message.text import system

SocketAddress = tuple[str, int] | tuple[str, int, int, int]
SocketEndpoint = tuple[socket.AddressFamily, SocketAddress]
"""Address family and socket address."""

REFUSED_DELAY = 0.2
"""Seconds until a port that was refused is tried again."""

SPARE = 128
"""Descriptors left to the rest of the process."""

_FULL = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_CLOSED = frozenset({errno.ECONNREFUSED})
_RESET = frozenset({errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED})
_UNREACHED = frozenset(
    {
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        errno.EHOSTDOWN,
        errno.ENETDOWN,
        errno.EACCES,
        errno.EPROTO,
        errno.ENOPROTOOPT,
    }
)


# Without it the system keeps to itself what routers say of a host (ip(7), IP_RECVERR); Python does not name them.
_RECVERR = MappingProxyType({socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (socket.IPPROTO_IPV6, 25)})


class Unasked(Exception):
    """We could not ask: the reason is on our side, and accuses nobody."""


class Sockets:
    """Opens sockets, as many as there may be, and no more. When there are none left, one waits for another to close."""

    def __init__(self, source: tuple[str, ...] = (), most: int | None = None) -> None:
        self._source = dict(map(_place, source))
        self._most = most if most is not None else _allowance()
        self._open = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._endpoints: dict[Address, SocketEndpoint] = {}
        # Now: when a record comes, there may be no descriptor left to open its module with.
        dns.rdata.load_all_types()

    @property
    def most(self) -> int:
        """How many may be open at once."""
        return self._most

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    async def open(
        self, address: Address, kind: socket.SocketKind, patience: float, source: str | None = None
    ) -> socket.socket:
        """Waits up to ``patience`` seconds for a free descriptor. Raises Unasked."""
        try:
            return self.take(address, kind, source)
        except BlockingIOError:
            pass
        try:
            async with asyncio.timeout(patience):
                while True:
                    await self._wait_for_close()
                    try:
                        return self.take(address, kind, source)
                    except BlockingIOError:
                        continue
        except TimeoutError:
            raise Unasked(f"no descriptor became free within {patience:g} s") from None

    def take(self, address: Address, kind: socket.SocketKind, source: str | None = None) -> socket.socket:
        """A non-blocking socket, bound to ``source`` or where configured. Raises BlockingIOError when there is none
        now, or Unasked.
        """
        if self._open >= self._most:
            raise BlockingIOError
        family, _ = self.endpoint(address)
        try:
            sock = socket.socket(family, kind | socket.SOCK_NONBLOCK)
        except OSError as error:
            if error.errno in _FULL:
                raise BlockingIOError from None
            raise Unasked(f"socket: {system(error)}") from None
        self._open += 1
        place = self._source.get(family) if source is None else _place(source)[1]
        if place is not None:
            try:
                sock.bind(place)
            except OSError as error:
                self.close(sock)
                raise Unasked(f"cannot ask from {place[0]}: {system(error)}") from None
        return sock

    def close(self, sock: socket.socket) -> None:
        sock.close()
        self._open -= 1
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                break

    def endpoint(self, address: Address) -> SocketEndpoint:
        """Raises Unasked when the host is not an address: names are never resolved here."""
        known = self._endpoints.get(address)
        if known is None:
            known = self._endpoints[address] = _endpoint(address.host, address.port)
        return known

    async def _wait_for_close(self) -> None:
        """Until a socket of ours closes, or for a moment: others of this process, or of the system, hold some too."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            await asyncio.wait((waiter,), timeout=0.05)
        finally:
            if not waiter.done():
                self._waiting.remove(waiter)


def connect_udp(sock: socket.socket, place: SocketAddress) -> None:
    """From now on it receives only from there, and ICMP errors too. Raises OSError."""
    sock.setsockopt(*_RECVERR[sock.family], 1)
    sock.connect(place)


def ours(error: OSError, phase: str) -> QueryFailure:
    """An error of our own system, before anything left it."""
    if error.errno in _CLOSED:
        return QueryFailure(Outcome.REFUSED_CONNECTION, f"{phase}: {system(error)}")
    return QueryFailure(Outcome.UNASKED, f"{phase}: {system(error)}")


def theirs(error: OSError, phase: str) -> QueryFailure:
    """An error that the network, or the other side, reported."""
    if error.errno in _CLOSED:
        return QueryFailure(Outcome.REFUSED_CONNECTION, f"{phase}: {system(error)}")
    if error.errno in _RESET:
        return QueryFailure(Outcome.REFUSED_CONNECTION, f"{phase}: reset after connect")
    if error.errno in _UNREACHED:
        return QueryFailure(Outcome.UNREACHABLE, f"{phase}: {system(error)}")
    if error.errno == errno.ETIMEDOUT:
        return QueryFailure(Outcome.TIMEOUT, f"{phase}: {system(error)}")
    return QueryFailure(Outcome.UNASKED, f"{phase}: {system(error)}")


def _endpoint(host: str, port: int) -> SocketEndpoint:
    if not 0 <= port < 65536:
        raise Unasked(f"{port} is not a port")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError, OverflowError):
        raise Unasked(f"{host} is not an address") from None
    family, _, _, _, place = found[0]
    if family == socket.AF_INET6:
        return family, (str(place[0]), port, int(place[2]), int(place[3])) if len(place) == 4 else (host, port, 0, 0)
    return family, (str(place[0]), port)


def _place(source: str) -> SocketEndpoint:
    return _endpoint(source, 0)


def _allowance() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return 4096
    return max(8, min(4096, soft - min(SPARE, soft // 2)))
