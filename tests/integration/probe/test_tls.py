"""What may come in place of TLS, or within it: each ends as one observation, in time."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from checks.model import Address, Observation, Outcome, Query, TransferResult, Transport
from checks.model.tls import TlsFault
from monitor.clock import monotonic, now
from monitor.probe.client.client import DnsClient
from monitor.probe.settings import Probe, TlsSettings
from tests.support.certificates import Authority
from tests.support.nameserver import SERIAL, ZONE, asked, good

PATIENT = Probe(timeout=0.3, attempts=2)
PLACE = Address("127.0.0.1", 1)
"""Its TCP; only TLS is asked."""

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(serve: Serve, context: ssl.SSLContext | None = None) -> AsyncIterator[tuple[int, list[None]]]:
    """Its port, and as many entries as there were connections."""
    connections: list[None] = []

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(None)
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1], connections


async def look(settings: TlsSettings, *queries: Query, probe: Probe = PATIENT) -> list[Observation]:
    """One after the other."""
    prober = DnsClient(probe, {}, now, tls={"ns1": settings})
    try:
        return [one for query in queries async for batch in prober([query]) for one in batch]
    finally:
        await prober.close()


SOA = Query(ZONE, "ns1", PLACE, ZONE, "SOA", Transport.TLS)
AXFR = Query(ZONE, "ns1", PLACE, ZONE, "AXFR", Transport.TLS)


async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await writer.drain()
    await reader.read()


async def plain_dns(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x00\x0c" + bytes(12))
    await writer.drain()
    await reader.read()


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(1000):
        pass


async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)


async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Records of a handshake that announces 16 MB, and never ends."""
    await reader.read(1)
    writer.write(b"\x16\x03\x03\x40\x00" + b"\x02\xff\xff\xff" + bytes(0x4000 - 4))
    while True:
        writer.write(b"\x16\x03\x03\x40\x00" + bytes(0x4000))
        await writer.drain()


@pytest.mark.parametrize("serve", [garbage, plain_dns, silence, closing, endless])
@pytest.mark.parametrize("query", [SOA, AXFR], ids=lambda query: query.qtype)
async def test_what_is_not_tls_ends_in_time_and_is_called_that(serve: Serve, query: Query) -> None:
    async with serving(serve) as (port, connections):
        began = monotonic()
        (seen,) = await look(TlsSettings(port, verify=False), query)
        took = monotonic() - began
    assert seen.tls is not None
    assert seen.tls.fault is TlsFault.HANDSHAKE
    assert seen.outcome is (Outcome.TIMEOUT if serve is silence else Outcome.REFUSED_CONNECTION)
    assert seen.transfer is (TransferResult.TLS if query is AXFR else None)
    assert "TLS" in seen.detail
    assert len(connections) == 2  # a single failure is no word of it
    assert took < 30


def answering(times: int) -> Serve:
    """Over each connection it answers so many questions, and closes it before the next answer."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(times):
            length = int.from_bytes(await reader.readexactly(2), "big")
            wire = good(asked(await reader.readexactly(length)))
            writer.write(len(wire).to_bytes(2, "big") + wire)
            await writer.drain()
        await reader.read(1)

    return serve


def context_of(folder: Path, *, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> tuple[ssl.SSLContext, TlsSettings]:
    authority = Authority(folder)
    certificate = authority.issue("ns1.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.chain, certificate.key)
    context.maximum_version = newest
    context.set_alpn_protocols(["dot"])
    return context, TlsSettings(1, "ns1.example", authority.file)


def at(settings: TlsSettings, port: int) -> TlsSettings:
    return TlsSettings(port, settings.name, settings.ca_file)


@pytest.mark.parametrize(("times", "connections"), [(3, 1), (2, 2), (1, 3)])
async def test_a_connection_is_kept_and_one_that_was_closed_is_no_failure(
    times: int, connections: int, tmp_path: Path
) -> None:
    context, settings = context_of(tmp_path)
    async with serving(answering(times), context) as (port, taken):
        seen = await look(at(settings, port), SOA, SOA, SOA)
    assert [(one.outcome, one.serial) for one in seen] == [(Outcome.ANSWERED, SERIAL)] * 3
    assert len(taken) == connections


async def test_a_server_that_drops_every_connection_is_asked_twice(tmp_path: Path) -> None:
    context, settings = context_of(tmp_path)
    async with serving(answering(0), context) as (port, taken):
        (seen,) = await look(at(settings, port), SOA)
    assert (seen.outcome, seen.detail) == (Outcome.REFUSED_CONNECTION, "first octet: closed after connect")
    assert len(taken) == 2


async def test_a_transfer_needs_tls_13_and_a_question_does_not(tmp_path: Path) -> None:
    """RFC 9103 section 7.1."""
    context, settings = context_of(tmp_path, newest=ssl.TLSVersion.TLSv1_2)
    async with serving(answering(1), context) as (port, _):
        question, transfer = await look(at(settings, port), SOA, AXFR)
    assert question.serial == SERIAL
    assert transfer.transfer is TransferResult.TLS
    assert transfer.tls is not None
    assert transfer.tls.fault is TlsFault.HANDSHAKE


async def test_what_cannot_be_asked_accuses_nobody(tmp_path: Path) -> None:
    gone = TlsSettings(1, "ns1.example", tmp_path / "gone.pem")
    seen = await look(gone, SOA, AXFR)
    assert {(one.outcome, one.transfer) for one in seen} == {(Outcome.UNASKED, None)}
    assert {one.detail for one in seen} == {"the file of authorities cannot be used: No such file or directory"}
    prober = DnsClient(PATIENT, {}, now)
    try:
        (one,) = [one async for batch in prober([SOA]) for one in batch]
    finally:
        await prober.close()
    assert (one.outcome, one.detail) == (Outcome.UNASKED, "it is not said how ns1 is asked over TLS")
