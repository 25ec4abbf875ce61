"""The internals of uvicorn that ``monitor.web.uvicorn_server`` uses are as it expects them to be."""

import asyncio
import tomllib
from pathlib import Path

import h11
import uvicorn
from packaging.requirements import Requirement
from packaging.version import Version
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from monitor.web import uvicorn_server
from monitor.web.connection_limits import ConnectionLimit
from monitor.web.listener import listening
from monitor.web.uvicorn_server import EmbeddedServer, HttpConnection

ROOT = Path(__file__).parents[3]


def expect(what: str, *, holds: bool) -> None:
    assert holds, (
        f"uvicorn {uvicorn.__version__} is another than monitor/web/uvicorn_server.py was written for: {what}. "
        "Adapt that file, then the bound of uvicorn in pyproject.toml."
    )


async def test_uvicorn_has_the_internals_that_are_used() -> None:
    asked, release = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        asked.set()
        await release.wait()
        await PlainTextResponse("done")(scope, receive, send)

    made: list[HttpConnection] = []

    def connect(**options: object) -> HttpConnection:
        made.append(HttpConnection(60.0, ConnectionLimit(9, 9), **options))
        return made[-1]

    expect("Server.capture_signals is gone", holds=hasattr(uvicorn.Server, "capture_signals"))
    expect(
        "H11Protocol.on_response_complete is gone", holds=hasattr(uvicorn_server.H11Protocol, "on_response_complete")
    )
    config = uvicorn.Config(app, http=connect, ws="none", loop="none", lifespan="off", log_config=None)
    server = EmbeddedServer(config)
    sock = await listening("127.0.0.1", 0)
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    async with asyncio.timeout(10):
        await asyncio.wait({serving, up := asyncio.create_task(server.up.wait())}, return_when=asyncio.FIRST_COMPLETED)
        expect("Server.serve no longer awaits Server.startup(sockets)", holds=up.done())
        reader, writer = await asyncio.open_connection(*sock.getsockname())
        writer.write(b"GET / HT")
        while not made:
            await asyncio.sleep(0)
        one = made[0]
        expect("H11Protocol.transport is no transport", holds=hasattr(one.transport, "get_write_buffer_size"))
        expect("H11Protocol.client is not host and port", holds=one.client == writer.get_extra_info("sockname"))
        expect("H11Protocol.loop is not the loop", holds=one.loop is asyncio.get_running_loop())
        expect("H11Protocol.cycle is set before a request", holds=one.cycle is None)
        expect("H11Protocol.conn is no h11 connection", holds=one.conn.their_state is h11.IDLE)
        expect("Server.server_state.connections has not the connection", holds=server.http_connections() == [one])
        writer.write(b"TP/1.1\r\nHost: localhost\r\n\r\n")
        await asked.wait()
        expect("H11Protocol.cycle is not the request", holds=one.cycle is not None and not one.cycle.response_complete)
        expect("H11Protocol.conn does not follow the request", holds=one.conn.their_state is h11.DONE)
        release.set()
        await reader.readuntil(b"done")
        while not one.cycle.response_complete:
            await asyncio.sleep(0)
        expect(
            "Config.timeout_graceful_shutdown takes no fraction", holds=server.config.timeout_graceful_shutdown == 0.5
        )
        server.should_exit = True
        writer.close()
        await serving
    expect("H11Protocol.connection_lost leaves it in server_state", holds=not server.http_connections())


def test_only_the_minor_version_that_is_tested_is_allowed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (wanted,) = [one for line in project["dependencies"] if (one := Requirement(line)).name == "uvicorn"]
    tested = Version(uvicorn.__version__)
    assert wanted.specifier.contains(tested)
    assert not wanted.specifier.contains(f"{tested.major}.{tested.minor + 1}.0")
