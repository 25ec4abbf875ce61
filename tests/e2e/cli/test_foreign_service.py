"""What is at the address of the service may be another program, or somebody who means ill: the commands say so, in a
line, without reading for ever, obeying what it says or handing on the token.
"""

import asyncio
import contextlib
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from monitor.cli import service_answers, service_client
from tests.support.speaking import say

TOKEN = "a-token-of-the-environment"
COMMANDS = (
    ("incidents", "--json"), ("incidents",), ("ack", "x"), ("silence", "list"), ("silence", "end", "x"),
    ("silence", "add", "--zone", "a", "--for", "1h", "--comment", "c"),
)  # fmt: skip
SHAPES = {
    "html": b"<html>",
    "deep": b"[" * 100_000,
    "number": b"3",
    "long": b"1" * 100_000,
    "text": b'"x"',
    "list": b"[1, {}]",
    "object": b'{"matchers": {"zones": 1}, "id": null}',
    "packed": gzip.compress(b" " * 10_000_000),
}


class Foreign:
    """Answers by the first label of the path, and remembers which tokens came with which path."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[tuple[str, bool]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split()[1]
            self.asked.append((path, TOKEN in head))
            await self._answer(path.split("/")[1], writer)
        writer.close()

    async def _answer(self, kind: str, writer: asyncio.StreamWriter) -> None:
        if kind == "elsewhere":
            writer.write(f"HTTP/1.1 307 x\r\nLocation: {self.url}/caught\r\nContent-Length: 0\r\n\r\n".encode())
        elif kind == "drip":
            writer.write(b"HTTP/1.1 200 OK\r\nX: ")
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.01)
        elif kind == "endless":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                writer.write(b" " * 65536)
                await writer.drain()
        elif kind == "rude":
            said = b'{"error": "\\u001b[2J\\u202eevil"}'
            writer.write(b"HTTP/1.1 400 x\r\nContent-Length: %d\r\n\r\n" % len(said) + said)
        else:
            more = b"Content-Encoding: gzip\r\n" if kind == "packed" else b""
            writer.write(b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n" % (more, len(SHAPES[kind])) + SHAPES[kind])
        await writer.drain()


@asynccontextmanager
async def foreign(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Foreign]:
    monkeypatch.setenv("SOAWATCH_TOKEN", TOKEN)
    there = Foreign()
    server = await asyncio.start_server(there.serve, "127.0.0.1", 0)
    there.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield there
    finally:
        server.close()


async def test_what_answers_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    async with foreign(monkeypatch) as there:
        for kind in SHAPES:
            for command in COMMANDS if kind in ("list", "object") else COMMANDS[:1]:
                said = await say(*command, "--url", f"{there.url}/{kind}")
                assert (said.status, said.out) == (1, ""), (kind, command)
                assert said.err == f"soawatch: {there.url}/{kind}: does not answer as soawatch does\n", (kind, command)


async def test_what_leads_elsewhere_gets_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    async with foreign(monkeypatch) as there:
        for command in COMMANDS:
            said = await say(*command, "--url", f"{there.url}/elsewhere")
            assert (said.status, "answers 307, a redirect, which is not followed" in said.err) == (1, True)
        assert len(there.asked) == len(COMMANDS)
        assert all(path.startswith("/elsewhere/api/") and token for path, token in there.asked)


async def test_what_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_answers, "MAX_ANSWER", 100_000)
    async with foreign(monkeypatch) as there:
        said = await say("incidents", "--url", f"{there.url}/endless")
        assert (said.status, "does not come to an end" in said.err) == (1, True)
        monkeypatch.setattr(service_client, "TIMEOUT", 0.3)
        said = await say("incidents", "--url", f"{there.url}/drip")
        assert (said.status, "no whole answer within 0.3 s" in said.err) == (1, True)


async def test_what_a_terminal_would_obey(monkeypatch: pytest.MonkeyPatch) -> None:
    async with foreign(monkeypatch) as there:
        said = await say("incidents", "--url", f"{there.url}/rude")
        assert (said.status, said.plain, "evil" in said.err) == (1, True, True)


async def test_arguments_that_are_not_text_and_a_port_that_there_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    async with foreign(monkeypatch) as there:
        for command in (("ack", "x", "--note"), ("incidents", "--zone"), (*COMMANDS[-1][:-1],)):
            said = await say(*command, "a\udcff", "--url", f"{there.url}/html")
            assert (said.status, said.err) == (2, "soawatch: an argument is not UTF-8\n"), command
        assert there.asked == []
        for command in (("ack",), ("silence", "end")):
            said = await say(*command, "a\udcff", "--url", f"{there.url}/rude")
            assert (said.status, said.plain) == (1, True), command
            assert "a%FF" in there.asked.pop()[0]
    for url in ("http://127.0.0.1:99999", "http://127.0.0.1:x", "http://[::1"):
        said = await say("incidents", "--url", url)
        assert (said.status, "is no page" in said.err) == (2, True), url


@pytest.mark.parametrize("token", ["secret\nX-More: 1", "secret\x01of-mine", "secret-of-mine "])
async def test_a_token_that_no_header_can_hold_is_not_told(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with foreign(monkeypatch) as there:
        monkeypatch.setenv("SOAWATCH_TOKEN", token)
        said = await say("incidents", "--url", f"{there.url}/html")
        assert (said.status, there.asked, "secret" in said.err) == (1, [], False)
        assert "the token in SOAWATCH_TOKEN has a space at an end, or a line end" in said.err
