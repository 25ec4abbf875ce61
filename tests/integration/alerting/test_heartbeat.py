"""Heartbeats as they arrive at a real HTTP server, and what is never sent."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from alerting.heartbeat import MAX_BODY, Heartbeat, Signal
from alerting.model import Secret
from alerting.notification import DeliveryError
from tests.support.alerts import minute
from tests.support.hookserver import Behaviour, HookServer, drip, endless, hang_up, hookserver, reply, silence

START, SUCCESS, FAIL = Signal.START, Signal.SUCCESS, Signal.FAIL


@pytest.fixture
async def server() -> AsyncIterator[HookServer]:
    async with hookserver() as opened:
        yield opened


def heartbeat(server: HookServer, path: str = "/uuid", seconds: float = 20) -> Heartbeat:
    url = Secret(f"http://127.0.0.1:{server.port}{path}")
    return Heartbeat(url=url, allow_private=True, timeout=timedelta(seconds=seconds))


PATHS = [
    ("/uuid", SUCCESS, "/uuid"),
    ("/uuid", START, "/uuid/start"),
    ("/key/slug/", FAIL, "/key/slug/fail"),
    ("/uuid?rid=1%2F2", FAIL, "/uuid/fail?rid=1%2F2"),
    ("", START, "/start"),
]


async def test_the_signal_is_the_end_of_the_path(server: HookServer) -> None:
    for path, signal, _ in PATHS:
        await heartbeat(server, path).signal(signal, "", minute(0))
    assert [request.line for request in server.requests] == [f"POST {asked} HTTP/1.1" for *_, asked in PATHS]


async def test_the_body_is_short_plain_text(server: HookServer) -> None:
    await heartbeat(server).signal(FAIL, "größer" + "x" * MAX_BODY, minute(0))
    (request,) = server.requests
    assert request.body == b"gr??er" + b"x" * (MAX_BODY - 6)
    assert request.headers["content-type"] == "text/plain; charset=us-ascii"


NOT_TAKEN: list[tuple[Behaviour, float, str]] = [
    (reply(500), 20, " answered 500"),
    (reply(301, "Location: http://127.0.0.1:9/\r\n"), 20, " answered 301, a redirect, which is not followed"),
    (hang_up, 20, ": RemoteProtocolError"),
    (silence, 0.2, " did not answer within 0.2 s"),
    (drip, 0.2, " did not answer within 0.2 s"),
]


@pytest.mark.parametrize(("behave", "seconds", "words"), NOT_TAKEN)
async def test_it_is_not_taken(server: HookServer, behave: Behaviour, seconds: float, words: str) -> None:
    server.behave = behave
    with pytest.raises(DeliveryError) as caught:
        await heartbeat(server, "/secret-uuid", seconds).signal(SUCCESS, "", minute(0))
    assert caught.value.reason == f"http://127.0.0.1:{server.port}{words}"


async def test_of_the_answer_the_status_is_all_that_counts(server: HookServer) -> None:
    server.behave = endless
    await heartbeat(server).signal(SUCCESS, "", minute(0))


async def test_it_is_never_sent_to_an_address_that_is_not_to_be_reached(server: HookServer) -> None:
    url = Secret(f"http://127.0.0.1:{server.port}/uuid")
    with pytest.raises(DeliveryError, match="loopback"):
        await Heartbeat(url=url).signal(SUCCESS, "", minute(0))
    await Heartbeat().signal(SUCCESS, "", minute(0))
    assert server.requests == []


def test_what_its_settings_make_of_it() -> None:
    said = {
        url: [remark.text for remark in Heartbeat(url=Secret(url)).review()]
        for url in ("https://hc-ping.com/uuid", "htps://hc-ping.com/uuid", "http://127.0.0.1/uuid")
    }
    assert list(map(len, said.values())) == [0, 1, 1]
    assert list(Heartbeat().review()) == []
    assert "uuid" not in repr(Heartbeat(url=Secret("https://hc-ping.com/uuid"))) + str(said.values())
