"""The sockets of the listener for NOTIFY: UDP and TCP at each address, however many packets come."""

import asyncio
import errno
import socket
from collections.abc import Sequence

from checks.model import Address
from monitor.probe.cannot_listen import CannotListen
from monitor.probe.message.notify import MAX_SIZE
from monitor.probe.notify.connections import NotifyConnections
from monitor.probe.notify.rates import TOTAL_BURST, TOTAL_RATE, Bucket
from monitor.probe.notify.responder import NotifyResponder

MAX_BATCH = 32
"""Datagrams that are read before everybody else has a turn."""

PAUSE = 0.02
"""Seconds without reading when more has come than is looked at: the system drops what the socket has no room for."""

BACKLOG = 64
_BIND_ATTEMPTS = 50
_WHERE_PRIVILEGED = "tell the primaries of it (also-notify takes a port), or give the service CAP_NET_BIND_SERVICE"


class NotifyListeners:
    """All addresses that are listened at; ``use`` changes them, and those that stay are not closed meanwhile."""

    def __init__(self, responder: NotifyResponder) -> None:
        self._responder = responder
        self._open: dict[Address, AddressListener] = {}
        self._budget = Bucket(TOTAL_RATE, TOTAL_BURST)

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where they really are: with the port that the system chose, where that was 0."""
        return tuple(listener.address for listener in self._open.values())

    async def use(self, wanted: Sequence[Address]) -> None:
        """Listen at these and no others. Raises CannotListen, and then nothing has changed."""
        new: dict[Address, AddressListener] = {}
        try:
            for address in wanted:
                if address not in self._open:
                    new[address] = AddressListener(address, self._responder, self._budget)
        except CannotListen:
            for listener in new.values():
                await listener.close()
            raise
        for address in [one for one in self._open if one not in wanted]:
            await self._open.pop(address).close()
        self._open |= new
        for listener in new.values():
            listener.start()

    async def close(self) -> None:
        await self.use(())


class AddressListener:
    """A UDP and a TCP socket at one port, bound when made. Raises CannotListen."""

    def __init__(self, address: Address, responder: NotifyResponder, budget: Bucket) -> None:
        self._udp, self._tcp = bind(address)
        self.address = Address(address.host, self._tcp.getsockname()[1])
        self._responder, self._budget = responder, budget
        self._connections = NotifyConnections(self._tcp, responder, budget)
        self._resume: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._tcp.listen(BACKLOG)
        self._connections.start()
        self._read()

    async def close(self) -> None:
        """Nothing is left behind: no socket, no task, no timer."""
        if self._resume is not None:
            self._resume.cancel()
        asyncio.get_running_loop().remove_reader(self._udp)
        self._udp.close()
        await self._connections.close()

    def _read(self) -> None:
        self._resume = None
        asyncio.get_running_loop().add_reader(self._udp, self._readable)

    def _readable(self) -> None:
        for _ in range(MAX_BATCH):
            if not self._budget.ready():
                self._pause()
                return
            try:
                wire, peer = self._udp.recvfrom(MAX_SIZE + 1)
            except OSError:
                return  # nothing more there, or what the system was told of an answer of ours
            self._budget.take()
            octets = self._responder.respond(wire, peer[0])
            if octets is not None:
                self._send(octets, peer)

    def _pause(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._udp)
        self._resume = loop.call_later(PAUSE, self._read)

    def _send(self, octets: bytes, peer: tuple[str, int]) -> None:
        try:
            self._udp.sendto(octets, peer)
        except OSError as error:
            self._responder.unanswered(peer[0], error)


def bind(address: Address) -> tuple[socket.socket, socket.socket]:
    """A UDP and a TCP socket, bound to one port, not listening yet. Raises CannotListen."""
    attempts = 1 if address.port else _BIND_ATTEMPTS
    while True:
        try:
            return _bind_both(address)
        except OSError as error:
            attempts -= 1
            if not attempts or error.errno != errno.EADDRINUSE:
                raise CannotListen(
                    error, address.host, address.port,
                    setting="notify.listen", where_privileged=_WHERE_PRIVILEGED, every=False,
                ) from error  # fmt: skip


def _bind_both(address: Address) -> tuple[socket.socket, socket.socket]:
    tcp = _bound(address, socket.SOCK_STREAM)
    try:
        return _bound(Address(address.host, tcp.getsockname()[1]), socket.SOCK_DGRAM), tcp
    except OSError:
        tcp.close()
        raise


def _bound(address: Address, kind: socket.SocketKind) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET, kind)
    try:
        if kind is socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if sock.family is socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address.host, address.port))
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock
