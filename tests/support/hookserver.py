"""A real HTTP receiver on a free port of loopback, that can be told how to misbehave."""

import asyncio
import gzip
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Request:
    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class HookServer:
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    behave: Behaviour = field(default_factory=lambda: reply(204))


def reply(status: int, headers: str = "", body: bytes = b"") -> Behaviour:
    async def behave(writer: asyncio.StreamWriter) -> None:
        length = f"Content-Length: {len(body)}\r\n"
        writer.write(f"HTTP/1.1 {status} Said\r\n{length}{headers}\r\n".encode() + body)
        await writer.drain()

    return behave


def gzip_bomb() -> Behaviour:
    return reply(200, "Content-Encoding: gzip\r\n", gzip.compress(b"\0" * 50_000_000))


async def silence(writer: asyncio.StreamWriter) -> None:
    """Takes the request and never answers."""
    await asyncio.Event().wait()


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Takes the request, and goes: the answer is lost."""
    writer.close()


async def nonsense(writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 this is not HTTP\r\n\r\n")
    await writer.drain()


async def drip(writer: asyncio.StreamWriter) -> None:
    """One octet of a header at a time, for ever."""
    writer.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        writer.write(b"a")
        await writer.drain()
        await asyncio.sleep(0.01)


@asynccontextmanager
async def hookserver(tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> AsyncIterator[HookServer]:
    taking = HookServer()
    open_: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_.add(task)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            line, *fields = head.rstrip().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in fields)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            taking.requests.append(Request(line, headers, body))
            await taking.behave(writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has gone, or the test is over
        finally:
            writer.close()
            open_.discard(task)

    server = await asyncio.start_server(serve, host, 0, ssl=tls)
    taking.port = server.sockets[0].getsockname()[1]
    try:
        yield taking
    finally:
        server.close()
        for task in list(open_):
            task.cancel()
        await asyncio.gather(*open_, return_exceptions=True)
        await server.wait_closed()


async def endless(writer: asyncio.StreamWriter) -> None:
    """A good status, and a body without end."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        await writer.drain()
