"""The client side of a server: SOA queries, zone transfers (RFC 5936, RFC 1995) and NOTIFY (RFC 1996).

Queries are signed by the clock of the server that asks, which a fault may skew; dnspython's own clients know one clock.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import dns.flags
import dns.message
import dns.opcode
import dns.rdataclass
import dns.rrset
import dns.tsig
import dns.xfr
import structlog
from dns.btreezone import Zone
from dns.edns import GenericOption, OptionType
from dns.message import Message
from dns.name import Name
from dns.opcode import Opcode
from dns.rcode import Rcode
from dns.rcode import to_text as rcode_text
from dns.rdatatype import RdataType

from checks.model import Address
from monitor.pair.answer import PAYLOAD
from monitor.pair.zonedata import ZoneData
from monitor.probe.message import tsig_server as tsig

log = structlog.get_logger(__name__)

NOTIFY_TIMEOUTS = (0.5, 1.0, 2.0)
"""Seconds to wait for the answer to a NOTIFY, attempt by attempt."""
SOA_TIMEOUT = 0.5
"""Seconds to wait for a SOA, over UDP and again over TCP."""
TRANSFER_TIMEOUT = 10.0
"""Seconds a whole transfer may take."""
_MOST = 64_000_000
"""Octets that a transfer may have."""


Read = Callable[[], Awaitable[bytes]]
"""Reads the next message of a TCP connection."""


class NoAnswer(Exception):
    """Nothing of use came back in time; the sentence says what was wrong."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where a secondary gets its zones. ``key`` signs; ``clock`` gives its own idea of seconds since 1970."""

    address: Address
    key: dns.tsig.Key | None = field(repr=False)
    clock: Callable[[], int]


@dataclass(frozen=True, slots=True)
class PolledSoa:
    """The primary's serial, and for how long that is good (RFC 7314), if it says so."""

    serial: int
    expire: int | None


class _Query(asyncio.DatagramProtocol):
    """A question, signed; and what answers it."""

    def __init__(self, address: Address, message: Message, key: dns.tsig.Key | None, now: int) -> None:
        self.address, self.message, self.key = address, message, key
        self.wire, self.mac = message.to_wire(), b""
        self._octets = 0
        if key is not None:
            self.wire, self.mac = tsig.sign_request(self.wire, key, now)

    def parse(self, octets: bytes, **transfer: Any) -> Message:
        """Raises what dnspython raises for octets that are no message, or not signed as they must be."""
        return dns.message.from_wire(octets, keyring=self.key or False, request_mac=self.mac, **transfer)

    def accept(self, octets: bytes) -> Message | None:
        """The message if it answers the question and is signed as it must be, else None."""
        try:
            message = self.parse(octets)
            return message if self.message.is_response(message) else None
        except Exception:  # noqa: BLE001 - dnspython lets UnicodeDecodeError, struct.error and others through here
            return None

    async def over_udp(self, timeout: float) -> Message:
        """The first datagram that is the answer. Raises NoAnswer after ``timeout`` seconds."""
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Message] = loop.create_future()
        self._answered, transport = answered, None
        try:
            async with asyncio.timeout(timeout):
                remote = (self.address.host, self.address.port)
                transport, _ = await loop.create_datagram_endpoint(lambda: self, remote_addr=remote)
                transport.sendto(self.wire)
                return await answered
        except TimeoutError:
            raise NoAnswer(f"{self.address} did not answer over UDP in {timeout:g} s") from None
        except OSError as error:
            raise NoAnswer(f"{self.address} over UDP: {error}") from error
        finally:
            answered.cancel()
            if transport is not None:
                transport.abort()
                await asyncio.sleep(0)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        found = self.accept(data)
        if found is not None and not self._answered.done():
            self._answered.set_result(found)

    def error_received(self, exc: Exception) -> None:
        if not self._answered.done():
            self._answered.set_exception(exc)

    @contextlib.asynccontextmanager
    async def over_tcp(self, timeout: float) -> AsyncIterator[Read]:
        """How to read the messages that come back within ``timeout`` seconds. Raises NoAnswer."""
        writer = None
        try:
            async with asyncio.timeout(timeout):
                reader, writer = await asyncio.open_connection(self.address.host, self.address.port)
                writer.write(len(self.wire).to_bytes(2, "big") + self.wire)
                yield lambda: self._read(reader)
        except TimeoutError:
            raise NoAnswer(f"{self.address} did not finish over TCP in {timeout:g} s") from None
        except asyncio.IncompleteReadError:
            raise NoAnswer(f"{self.address} closed the connection before the end") from None
        except OSError as error:
            raise NoAnswer(f"{self.address} over TCP: {error}") from error
        finally:
            if writer is not None:
                writer.transport.abort()
                await asyncio.sleep(0)

    async def _read(self, reader: asyncio.StreamReader) -> bytes:
        length = int.from_bytes(await reader.readexactly(2), "big")
        self._octets += length
        if self._octets > _MOST:
            raise NoAnswer(f"{self.address} sent more than {_MOST} octets")
        return await reader.readexactly(length)


# --- NOTIFY ---


async def notify(
    address: Address, data: ZoneData, key: dns.tsig.Key | None, now: int, *, timeouts: Sequence[float] = NOTIFY_TIMEOUTS
) -> bool:
    """Tells the server at that address; whether it acknowledged. ``now`` is in seconds since 1970."""
    message = dns.message.make_query(data.origin, RdataType.SOA)
    message.flags = dns.flags.AA | dns.opcode.to_flags(Opcode.NOTIFY)
    message.answer = [dns.rrset.from_rdata(data.origin, 0, data.soa)]
    query = _Query(address, message, key, now)
    for timeout in timeouts:
        try:
            answer = await query.over_udp(timeout)
        except NoAnswer:
            continue
        if answer.rcode() != Rcode.NOERROR:
            log.info("notify refused", zone=str(data.origin), address=str(address), rcode=rcode_text(answer.rcode()))
        return answer.rcode() == Rcode.NOERROR
    log.info("notify not answered", zone=str(data.origin), address=str(address))
    return False


# --- the primary's serial ---


def _query(upstream: Upstream, origin: Name, rdtype: RdataType, base: ZoneData | None = None) -> _Query:
    expire = GenericOption(OptionType.EXPIRE, b"")
    message = dns.message.make_query(origin, rdtype, use_edns=0, payload=PAYLOAD, options=[expire], flags=0)
    if base is not None:
        message.authority = [dns.rrset.from_rdata(origin, 0, base.soa)]
    return _Query(upstream.address, message, upstream.key, upstream.clock())


async def poll(upstream: Upstream, origin: Name) -> PolledSoa:
    """The primary's serial, asked over UDP, over TCP when truncated. Raises NoAnswer."""
    query = _query(upstream, origin, RdataType.SOA)
    try:
        message = await query.over_udp(SOA_TIMEOUT)
    except NoAnswer:  # lost, or drowned in forgeries: TCP tells which
        message = await _poll_tcp(query)
    if message.flags & dns.flags.TC:
        message = await _poll_tcp(query)
    if message.rcode() != Rcode.NOERROR or not message.flags & dns.flags.AA:
        raise NoAnswer(f"{upstream.address} says {rcode_text(message.rcode())} with flags {message.flags:#06x}")
    rrset = message.get_rrset(message.answer, origin, dns.rdataclass.IN, RdataType.SOA)
    if rrset is None:
        raise NoAnswer(f"{upstream.address} says nothing about {origin}")
    return PolledSoa(int(rrset[0].serial), _expire(message))


async def _poll_tcp(query: _Query) -> Message:
    async with query.over_tcp(SOA_TIMEOUT) as read:
        while (message := query.accept(await read())) is None:
            continue
    return message


def _expire(message: Message) -> int | None:
    for option in message.get_options(OptionType.EXPIRE):
        if isinstance(option, GenericOption) and len(option.data) == 4:
            return int.from_bytes(option.data, "big")
    return None


# --- transfers ---


async def fetch(upstream: Upstream, origin: Name, base: ZoneData | None) -> tuple[ZoneData, int | None]:
    """The zone and its EXPIRE: the steps from ``base`` where the primary knows them, else the whole. Raises NoAnswer.

    An IXFR that fails is followed by an AXFR (RFC 1995 section 4).
    """
    if base is not None:
        with contextlib.suppress(NoAnswer):
            return await _transfer(upstream, origin, base)
    return await _transfer(upstream, origin, None)


async def _transfer(upstream: Upstream, origin: Name, base: ZoneData | None) -> tuple[ZoneData, int | None]:
    """Nothing of it is used unless all of it arrived, and signed (RFC 8945 section 5.3.1)."""
    zone = Zone(origin, relativize=False) if base is None else base.copy()
    rdtype = RdataType.AXFR if base is None else RdataType.IXFR
    query = _query(upstream, origin, rdtype, base)
    try:
        with dns.xfr.Inbound(zone, rdtype, None if base is None else base.serial) as inbound:
            async with query.over_tcp(TRANSFER_TIMEOUT) as read:
                expire = await _receive(query, read, inbound, steps=base is not None)
        return ZoneData(zone), expire
    except NoAnswer:
        raise
    except Exception as error:  # dnspython raises ValueError, KeyError and more on hostile transfers
        raise NoAnswer(f"transfer from {upstream.address} failed: {type(error).__name__}: {error}") from error


async def _receive(query: _Query, read: Read, inbound: dns.xfr.Inbound, *, steps: bool) -> int | None:
    """Brings the zone up to date and returns the EXPIRE of the first message."""
    first: Message | None = None
    context: Any = None
    while True:
        message = query.parse(await read(), xfr=True, tsig_ctx=context, multi=True, one_rr_per_rrset=steps)
        if not query.message.is_response(message, xfr_continuation=first is not None):
            raise NoAnswer(f"{query.address} answered another question")
        first, context = first or message, message.tsig_ctx
        if inbound.process_message(message):
            return _expire(first)
