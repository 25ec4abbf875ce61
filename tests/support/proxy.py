"""A real HTTP proxy on a free port of loopback: it makes tunnels (RFC 9110 section 9.3.6), and hands requests on."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Proxy:
    """``asked``: the first line of each request; ``logins``: what each was authorised by. ``status``: what it answers
    instead of doing anything; ``hosts``: where names lead.
    """

    port: int = 0
    asked: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    status: str = ""
    hosts: dict[str, str] = field(default_factory=dict)


@asynccontextmanager
async def proxy(tls: ssl.SSLContext | None = None) -> AsyncIterator[Proxy]:
    here = Proxy()
    open_: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_.add(task)
        try:
            await _serve(here, reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # one of both has gone, or the test is over
        finally:
            writer.close()
            open_.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    here.port = server.sockets[0].getsockname()[1]
    try:
        yield here
    finally:
        server.close()
        for task in list(open_):
            task.cancel()
        await asyncio.gather(*open_, return_exceptions=True)
        await server.wait_closed()


async def _serve(here: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    line, *fields = head.decode().rstrip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in fields)}
    here.asked.append(line)
    here.logins.append(headers.get("proxy-authorization", ""))
    method, target, _ = line.split(" ")
    if here.status:
        writer.write(f"HTTP/1.1 {here.status}\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        return
    wanted = urlsplit(f"//{target}" if method == "CONNECT" else target)
    assert wanted.hostname is not None
    there, to = await asyncio.open_connection(here.hosts.get(wanted.hostname, wanted.hostname), wanted.port)
    if method == "CONNECT":
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await writer.drain()
    else:
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        own = [each for each in fields if not each.lower().startswith("proxy-")]
        to.write("\r\n".join((f"{method} {wanted.path or '/'} HTTP/1.1", *own, "", "")).encode() + body)
    try:
        await asyncio.gather(_pipe(reader, to), _pipe(there, writer))
    finally:
        to.close()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while octets := await reader.read(65536):
        writer.write(octets)
        await writer.drain()
    if writer.can_write_eof():  # TLS cannot say that one side alone has ended
        with contextlib.suppress(OSError):  # who has gone needs no end
            writer.write_eof()
