"""A service that is killed, and one that is stopped, while it compares a zone on two servers that hang."""

import asyncio
import contextlib
import signal
from pathlib import Path

import httpx

from tests.support.plain_http import plain_http
from tests.support.running import running

CONFIG = """
[service]
listen = "127.0.0.1:0"
database = "soawatch.db"
log_format = "json"
[alerting]
witness = []
[probe]
timeout = "100ms"
attempts = 1
[cadence]
open-transfer = "off"
[servers.ns1]
addresses = ["{ns1}"]
[servers.ns2]
addresses = ["{ns2}"]
[[zones]]
name = "example.com"
servers = ["ns1", "ns2"]
"""
DIFF = {"before": "ns1", "after": "ns2", "timeout": 60}


class Endless:
    """Takes an AXFR and sends the beginning of a message, octet by octet; ``asked`` once somebody was at it."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError), contextlib.closing(writer):
            query = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
            if query.find(b"\0\xfc\0\1") > 0:
                self.asked.set()
                writer.write(b"\xff\xff")
                while True:
                    writer.write(b"\0")
                    await writer.drain()
                    await asyncio.sleep(0.05)


async def test_what_ends_amid_a_comparison_starts_again_and_ends_in_time(tmp_path: Path) -> None:
    hung = Endless()
    async with (
        asyncio.timeout(120),
        await asyncio.start_server(hung, "127.0.0.1", 0) as one,
        await asyncio.start_server(hung, "127.0.0.1", 0) as two,
    ):
        first, second = (f"127.0.0.1:{each.sockets[0].getsockname()[1]}" for each in (one, two))
        path = tmp_path / "soawatch.toml"
        path.write_text(CONFIG.format(ns1=first, ns2=second))
        for how, status in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 0)):
            async with running(path) as service:
                await service.up()
                async with plain_http(service.page, timeout=60) as http:
                    asking = asyncio.create_task(http.post("api/v1/zones/example.com/diff", json=DIFF))
                    await hung.asked.wait()
                    service.signal(how)
                    assert await service.ended() == status
                    (ended,) = await asyncio.gather(asking, return_exceptions=True)
                    assert isinstance(ended, httpx.TransportError) or ended.status_code >= 500
            hung.asked.clear()
    assert all(each.name.startswith("soawatch.") for each in tmp_path.iterdir())
