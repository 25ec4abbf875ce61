"""The zones of a PowerDNS server by its API; and what answers in its place, and must not be believed."""

import asyncio
import json
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, suppress
from datetime import timedelta

import pytest

from alerting.model import Secret
from alerting.tls_trust import Trust
from monitor.clock import now
from monitor.config.model import Config, PolledList, ZoneEntry
from monitor.service import powerdns_api
from monitor.service.follower import Follower
from monitor.service.sourced_zones import followed_sources
from monitor.service.zone_list_reader import ListedZones, ListUnread
from tests.support.powerdns_api import API_KEY, PowerDnsApi
from tests.support.powerdns_api import powerdns_api as running_api

KEY = Secret(API_KEY)
TRUST = Trust()
HOUR = timedelta(hours=1)


async def listed(url: str, key: Secret = KEY) -> ListedZones:
    return await powerdns_api.listed_zones(url, key, TRUST)


@pytest.fixture(scope="module")
def api() -> Iterator[PowerDnsApi]:
    with running_api() as api:
        api.add("example.test.", "Big.Letters.test.", "0-15.2.0.192.in-addr.arpa.", "xn--bcher-kva.test.")
        yield api


async def test_the_zones_that_it_has(api: PowerDnsApi) -> None:
    found = await listed(api.url)
    assert found.passed_over == ()
    names = {"example.test.", "big.letters.test.", "0-15.2.0.192.in-addr.arpa.", "xn--bcher-kva.test."}
    assert found.names == names


async def test_a_key_that_is_not_its_own(api: PowerDnsApi) -> None:
    with pytest.raises(ListUnread, match="it answers with status 401: it does not accept the API key") as caught:
        await listed(api.url, Secret("another"))
    assert "another" not in str(caught.value)


async def test_a_place_where_no_zones_are(api: PowerDnsApi) -> None:
    with pytest.raises(ListUnread, match="it answers with status 404"):
        await listed(api.url.replace("localhost/zones", "elsewhere/zones"))


Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def answering(answer: Answer) -> AsyncIterator[str]:
    """Something that listens for HTTP, and answers as it likes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(ConnectionError, asyncio.IncompleteReadError):  # who asked may go
            await reader.readuntil(b"\r\n\r\n")
            await answer(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/api/v1/servers/localhost/zones"


def said(body: str | bytes, status: str = "200 OK", more: str = "") -> Answer:
    octets = body.encode() if isinstance(body, str) else body

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(octets)}\r\n{more}\r\n".encode() + octets)
        await writer.drain()

    return answer


async def broken_off(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (said("<html>"), "its answer is not JSON"),
        (said('[{"a":' + "[" * 60_000), "its answer is not JSON"),
        (said("[" * 100_000), "its answer is not a list of zones: element 1 has no name"),
        (said("\xff".encode("latin-1")), "its answer is not JSON"),
        (said('{"error": "x"}'), "its answer is not a list of zones"),
        (said('["a.test."]'), "its answer is not a list of zones: element 1 has no name"),
        (said('[{"name": "a.test."}, {"name": 7}]'), "element 2 has no name"),
        (said("[]", "302 Found", "Location: http://127.0.0.1:1/\r\n"), "it answers with status 302"),
        (said("[]", "500 \x1b[2J"), "it cannot be asked|it answers with status 500$"),
        (said("[]", more="Content-Encoding: gzip\r\n"), "it compresses its answer, though that was not asked for"),
        (said("[]", "nonsense"), "it cannot be asked"),
        (broken_off, "^it cannot be asked: the connection broke$"),
    ],
)
async def test_what_is_no_list_is_not_believed(answer: Answer, told: str) -> None:
    async with answering(answer) as url:
        with pytest.raises(ListUnread, match=told) as caught:
            await listed(url)
    assert str(caught.value).isprintable()
    assert API_KEY not in str(caught.value)


async def test_an_answer_without_an_end_is_ended_by_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(powerdns_api, "MAX_SIZE", 1024 * 1024)
    sent = 0

    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n[")
        while True:
            writer.write(b" " * 65536)
            await writer.drain()
            sent += 65536

    async with answering(endless) as url:
        with pytest.raises(ListUnread, match="its answer is larger than 1 MB"):
            await listed(url)
    assert sent < 64 * 1024 * 1024


async def test_an_answer_that_drips_is_ended_by_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(powerdns_api, "TIMEOUT", 0.3)
    dripped = asyncio.Event()

    async def dripping(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n[")
        while True:
            writer.write(b" ")
            await writer.drain()
            dripped.set()
            await asyncio.sleep(0.02)

    async with answering(dripping) as url:
        with pytest.raises(ListUnread, match=r"it has not answered in full within 0\.3 s"):
            await listed(url)
    assert dripped.is_set()


async def test_nobody_listens(api: PowerDnsApi) -> None:
    async with answering(said("[]")) as url:
        pass
    with pytest.raises(ListUnread, match="it cannot be asked"):
        await listed(url)


async def test_no_proxy_is_told_the_key(api: PowerDnsApi, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setitem(os.environ, name, "http://127.0.0.1:1/")
    assert (await listed(api.url)).names


async def test_names_that_can_be_none_are_passed_over_and_variants_are_their_zone() -> None:
    rows = [{"name": name} for name in ("a.test.", "b.test..inside", "a..\x1b[2J", "x" * 70 + ".test.", ".")]
    async with answering(said(json.dumps(rows))) as url:
        found = await listed(url)
    assert found.names == {"a.test.", "b.test.", ".", "a."}
    assert len(found.passed_over) == 1
    assert found.passed_over[0].isprintable()
    assert found.passed_over[0].count('"') == 2, "the name stands there once"


# What becomes of the zones.


class Desk:
    """Lists that are followed: what is watched, what is wrong, what is kept."""

    def __init__(self, url: str, kept: dict[str, str] | None = None, max_shrink: float = 0.2) -> None:
        self.kept: dict[str, str] = kept if kept is not None else {}
        self.follower = Follower(self.kept, now)
        self.config = Config(polled_lists=(PolledList(url, KEY, HOUR, max_shrink, ZoneEntry("", ("ns1",))),))
        self.follower.use(followed_sources(self.config))

    async def look(self) -> set[str]:
        """What is watched when all lists have been asked once."""
        await asyncio.gather(*(self.follower._refresh(each.name) for each in followed_sources(self.config)))
        await self.follower.keep(self._keep)
        return self.watched

    @property
    def watched(self) -> set[str]:
        zones = self.follower.with_zones(self.config).zones
        assert all(entry.servers == ("ns1",) for entry in zones.values())
        return set(zones)

    @property
    def said(self) -> list[tuple[str, str]]:
        return [(one.code, one.text) for one in self.follower.troubles]

    async def _keep(self, source: str, body: str) -> None:
        self.kept[source] = body


TEN = {f"z{number}.test." for number in range(10)}


async def test_a_server_that_dies_or_loses_its_zones_lets_go_of_nothing() -> None:
    with running_api() as api:
        desk = Desk(api.url)
        assert await desk.look() == set()
        api.add(*TEN)
        assert await desk.look() == TEN
        api.add("new.test.")
        api.remove("z0.test.", "z1.test.")
        left = TEN - {"z0.test.", "z1.test."} | {"new.test."}
        assert (await desk.look(), desk.said) == (left, [])
        api.kill()
        assert await desk.look() == left
        ((code, text),) = desk.said
        assert (code, text.partition(":")[0]) == ("zone-source-failing", "it cannot be asked")
        again = Desk(api.url, desk.kept)
        assert again.watched == left
        api.start()
        api.remove(*(left - {"new.test."}))
        api.add("late.test.")
        assert await again.look() == left | {"late.test."}
        ((code, text),) = again.said
        assert code == "zone-source-shrunk"
        assert text.startswith("8 of the 9 zones that it named are gone, and at most 1 may be at once")
        meant = Desk(api.url, again.kept, max_shrink=1)
        assert meant.watched == left
        assert (await meant.look(), meant.said) == ({"new.test.", "late.test."}, [])


async def test_a_server_that_is_empty_all_at_once(api: PowerDnsApi) -> None:
    async with answering(said('[{"name": "only.test."}]')) as url:
        desk = Desk(url)
        assert await desk.look() == {"only.test."}
    empty = Desk(url, desk.kept)
    assert empty.watched == {"only.test."}
    async with answering(said("[]")) as other:
        gone = Desk(other, {f"powerdns {other}": "only.test."})
        assert await gone.look() == {"only.test."}
        assert [code for code, _ in gone.said] == ["zone-source-shrunk"]


async def test_a_list_that_left_the_configuration_is_forgotten(api: PowerDnsApi) -> None:
    desk = Desk(api.url)
    assert len(await desk.look()) == 4
    desk.follower.use(())
    await desk.follower.keep(desk._keep)
    assert desk.kept == {f"powerdns {api.url}": ""}
    assert desk.follower.with_zones(Config()) == Config()


async def test_it_is_asked_again_and_again_until_it_is_stopped(api: PowerDnsApi) -> None:
    desk = Desk(api.url)
    desk.config = Config(polled_lists=(PolledList(api.url, KEY, timedelta(seconds=0.05), 1, ZoneEntry("", ("ns1",))),))
    desk.follower.use(followed_sources(desk.config))
    changes = asyncio.Queue[set[str]]()

    async def changed() -> None:
        changes.put_nowait(desk.watched)

    following = asyncio.create_task(desk.follower.follow(changed, desk._keep))
    try:
        assert len(await asyncio.wait_for(changes.get(), 20)) == 4
        await asyncio.to_thread(api.add, "more.test.")
        assert "more.test." in await asyncio.wait_for(changes.get(), 20)
        await asyncio.to_thread(api.remove, "more.test.")
        assert "more.test." not in await asyncio.wait_for(changes.get(), 20)
    finally:
        desk.follower.stop()
        await asyncio.wait_for(following, 20)


async def test_a_stop_breaks_off_what_is_being_asked() -> None:
    asked = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()

    async with answering(silent) as url:
        desk = Desk(url)
        following = asyncio.create_task(desk.follower.follow(_nothing, desk._keep))
        await asyncio.wait_for(asked.wait(), 20)
        desk.follower.stop()
        await asyncio.wait_for(following, 20)


async def _nothing() -> None:
    return None
