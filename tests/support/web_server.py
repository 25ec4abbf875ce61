"""The web server on a free port of loopback."""

import contextlib
from collections.abc import AsyncIterator

import httpx

from monitor.web.app import build
from monitor.web.server import Limits, WebServer
from tests.support.plain_http import plain_http
from tests.support.web_status import Stage

DEADLINE = 5.0


@contextlib.asynccontextmanager
async def served(
    stage: Stage, host: str = "127.0.0.1", **limits: float
) -> AsyncIterator[tuple[WebServer, httpx.AsyncClient]]:
    server = WebServer(build(stage.context()), host, 0, stage.stopping, Limits(**limits))
    await server.start()
    where, port = server.address
    name = f"[{where}]" if ":" in where else where
    try:
        async with plain_http(f"http://{name}:{port}", timeout=DEADLINE) as http:
            yield server, http
    finally:
        await server.stop()
