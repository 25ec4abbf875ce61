"""The web server starts on any port, keeps its limits, tells of changes, and stops at once."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import httpx
import pytest
from prometheus_client import Metric
from prometheus_client.registry import Collector

from monitor.web.app import build
from monitor.web.event_hub import EventHub, TooMany
from monitor.web.events import Events
from monitor.web.server import Limits, WebServer
from tests.support.web_server import DEADLINE, served
from tests.support.web_status import stage, status, troubled, zone


async def lines(answer: httpx.Response) -> AsyncIterator[str]:
    async for line in answer.aiter_lines():
        yield line


async def until(stream: AsyncIterator[str], wanted: str) -> str:
    async with asyncio.timeout(DEADLINE):
        async for line in stream:
            if line.startswith(wanted):
                return line
    raise AssertionError(f"the stream ended without {wanted}")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
async def test_it_listens_where_it_is_told_on_a_port_of_the_systems_choice(host: str) -> None:
    async with served(await stage(status()), host) as (server, http):
        assert server.address[1] > 0
        answer = await http.get("/healthz")
        assert (answer.status_code, answer.text) == (200, "ok\n")
        assert "server" not in answer.headers


async def test_a_port_that_is_taken_is_an_error_not_an_exit() -> None:
    seen = await stage(status())
    async with served(seen) as (server, _):
        second = WebServer(build(seen.context()), *server.address, asyncio.Event())
        with pytest.raises(OSError, match="in use"):
            await second.start()
        await second.stop()


async def test_signals_are_left_to_the_service() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    async with served(await stage(status())):
        assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


async def test_watchers_hear_of_changes_and_nothing_else() -> None:
    seen = await stage(status())
    async with served(seen) as (_, http), http.stream("GET", "/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        stream = lines(answer)
        first = await until(stream, "id: ")
        seen.show(troubled())
        assert await until(stream, "event: ") == "event: changed"
        second = await until(stream, "id: ")
        assert first != second
        assert "example" not in await until(stream, "data: ")


async def test_whoever_has_seen_the_present_status_is_not_told_again() -> None:
    seen = await stage(status())
    async with served(seen) as (_, http):
        page = (await http.get("/")).text
        mark = page.partition('data-seen="')[2].partition('"')[0]
        async with http.stream("GET", "/events", params={"seen": mark}) as answer:
            stream = lines(answer)
            assert await until(stream, "retry") == "retry: 3000"
            seen.show(troubled())
            assert (await until(stream, "id: ")) != f"id: {mark}"
        async with http.stream("GET", "/events", headers={"Last-Event-ID": mark}) as answer:
            assert (await until(lines(answer), "event: ")) == "event: changed"


async def test_a_quiet_stream_is_kept_open_by_comments() -> None:
    seen = await stage(status())
    sent: list[bytes] = []

    async def receive() -> dict[str, str]:
        await asyncio.Event().wait()
        return {}

    async def send(message: dict[str, object]) -> None:
        sent.append(message.get("body", b""))
        if sent.count(b": still here\n\n") == 3:
            seen.stopping.set()

    scope = {"type": "http", "method": "GET", "path": "/events", "headers": [], "query_string": b""}
    async with asyncio.timeout(DEADLINE):
        await Events(seen.context(), ping=0.01)(scope, receive, send)
    assert sent[-1] == b""
    assert len(seen.event_hub) == 0


async def test_it_stops_with_streams_open_and_clients_that_say_nothing() -> None:
    seen = await stage(status())
    server = WebServer(build(seen.context()), "127.0.0.1", 0, seen.stopping)
    await server.start()
    silent = [await asyncio.open_connection(*server.address) for _ in range(3)]
    ends = []
    for _ in range(5):
        reader, writer = await asyncio.open_connection(*server.address)
        writer.write(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await asyncio.wait_for(reader.readuntil(b"event: changed"), DEADLINE)
        ends.append((reader, writer))
    assert len(seen.event_hub) == 5
    async with asyncio.timeout(DEADLINE):
        await server.stop()
    for reader, writer in (*ends, *silent):
        rest = await asyncio.wait_for(reader.read(), DEADLINE)
        assert rest == b"" or rest.endswith(b"0\r\n\r\n"), "a clean end of the stream"
        writer.close()
    assert len(seen.event_hub) == 0


async def test_it_stops_though_a_client_does_not_read() -> None:
    seen = await stage(status([zone(f"z{n:05}.example.") for n in range(3000)]))
    seen.settings = type(seen.settings)(max_zones=10_000)
    server = WebServer(build(seen.context()), "127.0.0.1", 0, seen.stopping)
    await server.start()
    reader, writer = await asyncio.open_connection(*server.address, limit=1024)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await asyncio.wait_for(reader.read(1), DEADLINE)
    async with asyncio.timeout(DEADLINE):
        await server.stop()
    writer.transport.abort()


async def test_a_watcher_that_leaves_is_forgotten() -> None:
    seen = await stage(status())
    async with served(seen) as (_, http):
        async with http.stream("GET", "/events") as answer:
            await until(lines(answer), "event: ")
            assert len(seen.event_hub) == 1
        async with asyncio.timeout(DEADLINE):
            while len(seen.event_hub):
                await asyncio.sleep(0.01)


async def test_there_are_only_so_many_streams() -> None:
    seen = await stage(status())
    seen.event_hub = EventHub(most=1)
    async with served(seen) as (_, http), http.stream("GET", "/events") as answer:
        await until(lines(answer), "event: ")
        second = await http.get("/events")
        assert (second.status_code, second.headers["retry-after"]) == (503, "30")


async def test_ticks_do_not_pile_up() -> None:
    event_hub = EventHub(most=1)
    with event_hub.subscribe() as subscription:
        with pytest.raises(TooMany), event_hub.subscribe():
            pass
        for _ in range(1000):
            event_hub.notify()
        assert await subscription.wait(1.0)
        assert not await subscription.wait(0.0)
    assert event_hub.number == 1000
    assert len(event_hub) == 0


async def raw(server: WebServer, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(*server.address)
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(65536), DEADLINE)
    writer.close()
    return answer


async def test_headers_without_end_and_requests_that_are_none() -> None:
    async with served(await stage(status())) as (server, http):
        assert b" 400 " in await raw(
            server, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * (Limits().head + 1000)
        )
        assert b" 400 " in await raw(server, b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n")
        assert b" 413 " in await raw(server, b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n")
        assert b" 405 " in await raw(server, b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n")
        assert (await http.get("/healthz")).status_code == 200


async def test_fifty_scrapes_at_once_are_one_rendering() -> None:
    seen = await stage(status([zone(f"z{n:04}.example.") for n in range(300)]))
    asked = 0

    class Counting(Collector):
        def collect(self) -> Iterator[Metric]:
            nonlocal asked
            asked += 1
            yield from ()

    seen.counters.registry.register(Counting())
    app = build(seen.context())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as http:
        answers = await asyncio.gather(*(http.get("/metrics") for _ in range(50)))
        assert {len(a.content) for a in answers} == {len(answers[0].content)}
        seen.status = replace(seen.status, heartbeat=seen.now)
        assert (await http.get("/metrics")).content == answers[0].content
        assert asked == 1
        seen.show(troubled())
        assert (await http.get("/metrics")).content != answers[0].content
        assert asked == 2


HALVES = [b"", b"GET / HT", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /healthz HTTP/1.1\r\nHos"]


@pytest.mark.parametrize("said", HALVES)
async def test_a_client_that_does_not_say_what_it_wants_is_left(said: bytes) -> None:
    async with served(await stage(status()), request_timeout=0.1) as (server, _):
        reader, writer = await asyncio.open_connection(*server.address)
        writer.write(said)
        async with asyncio.timeout(DEADLINE):
            answer = await reader.read()
        assert answer == b"" or answer.endswith(b"ok\n")
        writer.close()


async def test_a_watcher_is_not_taken_for_such_a_client() -> None:
    seen = await stage(status())
    async with served(seen, request_timeout=1.0) as (server, http), http.stream("GET", "/events") as answer:
        stream = lines(answer)
        await until(stream, "event: ")
        idle, writer = await asyncio.open_connection(*server.address)
        async with asyncio.timeout(DEADLINE):
            assert await idle.read() == b"", "by now the request_timeout has ended for one that came later"
        writer.close()
        seen.show(troubled())
        await until(stream, "event: ")


ALWAYS = ("/healthz", "/readyz", "/metrics")


async def test_two_thousand_connections_that_say_nothing_keep_nobody_out() -> None:
    """The kind: whatever a client holds without asking. One address, far more than there is room for, all at once."""
    async with served(await stage(status()), request_timeout=60.0) as (server, http):
        held = []
        for _ in range(20):
            held += await asyncio.gather(*[asyncio.open_connection(*server.address) for _ in range(100)])
            held[-1][1].write(b"GET / HTTP/1.1\r\nHost: loc")
            for path in (*ALWAYS, "/", "/api/v1/zones"):
                assert (await http.get(path)).status_code == 200
        assert len(server.connections) <= Limits().connections
        for _, writer in held:
            writer.transport.abort()


async def test_of_those_that_say_nothing_the_oldest_goes_first() -> None:
    async with served(await stage(status()), connections=3, request_timeout=60.0) as (server, _):
        first = await asyncio.open_connection(*server.address)
        second = await asyncio.open_connection(*server.address)
        first[1].write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await asyncio.wait_for(first[0].readuntil(b"ok\n"), DEADLINE)
        more = [await asyncio.open_connection(*server.address) for _ in range(2)]
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(second[0].read(), DEADLINE) == b""
        first[1].write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await asyncio.wait_for(first[0].readuntil(b"ok\n"), DEADLINE)
        for _, writer in (first, second, *more):
            writer.transport.abort()


async def test_when_as_many_are_asking_as_may_those_who_ask_how_we_are_are_answered() -> None:
    async with served(await stage(status()), connections=3) as (server, http):
        streams = []
        for _ in range(3):
            reader, writer = await asyncio.open_connection(*server.address)
            writer.write(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await asyncio.wait_for(reader.readuntil(b"event: changed"), DEADLINE)
            streams.append(writer)
        for path in ALWAYS:
            assert (await http.get(path)).status_code == 200, path
        busy = await http.get("/")
        assert (busy.status_code, busy.headers["retry-after"]) == (503, "5")
        assert busy.headers["x-content-type-options"] == "nosniff"
        for writer in streams:
            writer.close()
        async with asyncio.timeout(DEADLINE):
            while (await http.get("/")).status_code != 200:
                await asyncio.sleep(0.01)


async def test_a_body_that_never_comes_is_not_waited_for() -> None:
    async with served(await stage(status(), token=True), request_timeout=0.1) as (server, _):
        reader, writer = await asyncio.open_connection(*server.address)
        writer.write(b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\ntoken")
        async with asyncio.timeout(DEADLINE):
            assert await reader.read() == b""
        writer.close()
