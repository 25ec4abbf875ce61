"""A client that goes away in the middle is no event: nothing is logged, whatever was under way."""

import asyncio
import logging
import socket
import struct

import pytest

from tests.support.web_server import DEADLINE, served
from tests.support.web_status import stage, troubled

HALF_A_FORM = b"POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\ntoken=abc"
ASKED = b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
SAID = {
    "half a form": HALF_A_FORM % b"/login",
    "a form without its body": (HALF_A_FORM % b"/login").removesuffix(b"token=abc"),
    "half a form of another page": HALF_A_FORM % b"/logout",
    "half a form, promised": (HALF_A_FORM % b"/login").replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"),
    "half a form behind a request": ASKED % b"/healthz" + HALF_A_FORM % b"/login",
    "half a head": b"GET /login HTTP/1.1\r\nHost: 127",
    "a page": ASKED % b"/login",
    "several pages": ASKED % b"/login" * 5,
    "a stream": ASKED % b"/events",
    "nothing": b"",
}


@pytest.mark.parametrize("how", ["closed", "reset", "stopped"])
@pytest.mark.parametrize("said", SAID)
async def test_who_goes_away_in_the_middle_leaves_no_trace(
    said: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    seen = await stage(troubled(), token=said != "a stream")
    async with served(seen) as (server, http):
        _, writer = await asyncio.open_connection(*server.address)
        writer.write(SAID[said])
        await writer.drain()
        assert (await http.get("/healthz")).status_code == 200  # by now what was said has been read
        if how == "stopped":
            await server.stop()
        if how == "reset":
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()
        if how != "stopped":
            assert (await http.get("/healthz")).status_code == 200
    assert not caplog.records, caplog.text


@pytest.mark.parametrize("said", [said for said in SAID if said != "a stream"])
async def test_nor_does_one_that_is_not_waited_for(said: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    async with (
        served(await stage(troubled(), token=True), request_timeout=0.05) as (server, _),
        asyncio.timeout(DEADLINE),
    ):
        reader, writer = await asyncio.open_connection(*server.address)
        writer.write(SAID[said])
        while await reader.read(1000):
            pass
        writer.close()
    assert not caplog.records, caplog.text
