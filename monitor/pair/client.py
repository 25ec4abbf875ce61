"""Asks another server: one question over UDP, or one over TCP with as many messages as come."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import TypeVar

import dns.message
import dns.tsig
from dns.message import Message

from checks.model import Address

T = TypeVar("T")


class NoAnswer(Exception):
    """Nothing of use came back in time; the sentence says what was wrong."""


async def over_udp(address: Address, wire: bytes, accept: Callable[[bytes], T | None], timeout: float) -> T:
    """The first datagram that ``accept`` makes something of. Raises NoAnswer after ``timeout`` seconds."""
    loop = asyncio.get_running_loop()
    heard: asyncio.Future[T] = loop.create_future()
    try:
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Ear(heard, accept), remote_addr=(address.host, address.port)
        )
    except OSError as error:
        raise NoAnswer(f"{address}: {error}") from error
    try:
        transport.sendto(wire)
        async with asyncio.timeout(timeout):
            return await heard
    except TimeoutError:
        raise NoAnswer(f"{address} did not answer over UDP in {timeout:g} s") from None
    except OSError as error:
        raise NoAnswer(f"{address}: {error}") from error
    finally:
        heard.cancel()
        transport.abort()
        await asyncio.sleep(0)


def understood(query: Message, wire: bytes, key: dns.tsig.Key | None, mac: bytes) -> Message | None:
    """The message if it answers the query and is signed as it must be, else None: somebody else's, or noise."""
    try:
        message = dns.message.from_wire(wire, keyring=key or False, request_mac=mac)
        return message if query.is_response(message) else None
    except Exception:  # noqa: BLE001 - dnspython lets UnicodeDecodeError, struct.error and others through here
        return None


class _Ear(asyncio.DatagramProtocol):
    """Waits for one datagram that is the answer."""

    def __init__(self, heard: "asyncio.Future[T]", accept: Callable[[bytes], T | None]) -> None:
        self._heard = heard
        self._accept = accept

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        found = self._accept(data)
        if found is not None and not self._heard.done():
            self._heard.set_result(found)

    def error_received(self, exc: Exception) -> None:
        if not self._heard.done():
            self._heard.set_exception(exc)


async def over_tcp(address: Address, wire: bytes, timeout: float, most: int) -> AsyncGenerator[bytes, None]:
    """The messages that come back, at most ``most`` octets in ``timeout`` seconds. Raises NoAnswer.

    Close the iterator to close the connection.
    """
    deadline = asyncio.get_running_loop().time() + timeout
    writer = None
    try:
        async with asyncio.timeout_at(deadline):
            reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(len(wire).to_bytes(2, "big") + wire)
        while True:
            async with asyncio.timeout_at(deadline):
                length = int.from_bytes(await reader.readexactly(2), "big")
                message = await reader.readexactly(length)
            most -= length
            if most < 0:
                raise NoAnswer(f"{address} sent more than was bargained for")
            yield message
    except TimeoutError:
        raise NoAnswer(f"{address} did not finish over TCP in {timeout:g} s") from None
    except asyncio.IncompleteReadError:
        raise NoAnswer(f"{address} closed the connection before the end") from None
    except OSError as error:
        raise NoAnswer(f"{address} over TCP: {error}") from error
    finally:
        if writer is not None:
            writer.transport.abort()
            await asyncio.sleep(0)
