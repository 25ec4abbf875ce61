"""Several nameservers behind one address, as a load balancer or anycast has them: another answers at each question.

``async with LoadBalancer(machines, turns) as balancer`` listens on a free port of 127.0.0.1, over UDP and TCP, and
hands each question, or connection, to the machine that ``turns`` names by its number.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from checks.model import Address
from tests.support.lab.ports import reserve

Turns = Callable[[], int]
"""The machine that has the next turn."""


def in_alternation(machines: int) -> Turns:
    """One after the other, for ever."""
    number = -1

    def turn() -> int:
        nonlocal number
        number = (number + 1) % machines
        return number

    return turn


def by_chance(machines: int, seed: int) -> Turns:
    rng = random.Random(seed)
    return lambda: rng.randrange(machines)


class LoadBalancer:
    """``asked`` counts the questions over UDP that each machine was handed."""

    def __init__(self, machines: Sequence[Address], turns: Turns) -> None:
        self.machines = machines
        self.asked = [0] * len(machines)
        self._turns = turns
        port, self._claim = reserve()
        self.address = Address("127.0.0.1", port)
        self._datagrams: asyncio.DatagramTransport | None = None
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.DatagramTransport] = set()

    async def __aenter__(self) -> Self:
        loop, place = asyncio.get_running_loop(), (self.address.host, self.address.port)
        self._datagrams, _ = await loop.create_datagram_endpoint(lambda: _Front(self), local_addr=place)
        self._server = await asyncio.start_server(self._connected, *place)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._datagrams is not None
        assert self._server is not None
        self._datagrams.close()
        self._server.close()
        for one in self._open:
            one.close()
        self._claim.close()

    async def hand_on(self, wire: bytes, client: tuple[str, int]) -> None:
        """A question over UDP, from a port of its own, so that the answer finds its way back."""
        number = self._turns()
        self.asked[number] += 1
        machine, front = self.machines[number], self._datagrams
        assert front is not None
        back, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Back(front, client), remote_addr=(machine.host, machine.port)
        )
        self._open.add(back)
        back.sendto(wire)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        machine = self.machines[self._turns()]
        with contextlib.suppress(ConnectionError):
            there, back = await asyncio.open_connection(machine.host, machine.port)
            await asyncio.gather(_copy(reader, back), _copy(there, writer))


class _Front(asyncio.DatagramProtocol):
    def __init__(self, balancer: LoadBalancer) -> None:
        self._balancer = balancer
        self._tasks: set[asyncio.Task[None]] = set()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        task = asyncio.ensure_future(self._balancer.hand_on(data, addr))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Back(asyncio.DatagramProtocol):
    def __init__(self, front: asyncio.DatagramTransport, client: tuple[str, int]) -> None:
        self._front = front
        self._client = client
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, _: tuple[str, int]) -> None:
        self._front.sendto(data, self._client)
        assert self._transport is not None
        self._transport.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while octets := await reader.read(65536):
            writer.write(octets)
            await writer.drain()
    writer.close()
