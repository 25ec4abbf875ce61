"""A webhook receiver on loopback that remembers everything it was told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks.webhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from monitor.web.server import WebServer

SECRET = "whsec_dGhpcy1pcy1vbmx5LWZvci10aGUtdGVzdHMtb2Ytc29hd2F0Y2g="


@dataclass(slots=True)
class Receiver:
    """``heard`` holds (webhook-id, body) in the order of arrival, signatures verified; ``status`` is its answer."""

    heard: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    status: int = 204
    url: str = ""

    async def told(self, request: Request) -> Response:
        if self.status >= 300:
            return Response(status_code=self.status)
        said = Webhook(SECRET).verify(await request.body(), dict(request.headers))
        self.heard.append((request.headers["webhook-id"], said))
        return Response(status_code=self.status)

    def kinds(self) -> list[str]:
        return [said["type"] for _, said in self.heard]

    def toml(self, name: str = "hook") -> str:
        return (
            f'\n[receivers.{name}]\ntype = "webhook"\nurl = "{self.url}"\nsecret = "{SECRET}"\nallow_private = true\n'
        )


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    hook, stopping = Receiver(), asyncio.Event()
    server = WebServer(Starlette(routes=[Route("/told", hook.told, methods=["POST"])]), "127.0.0.1", 0, stopping)
    await server.start()
    hook.url = "http://{}:{}/told".format(*server.address)
    try:
        yield hook
    finally:
        stopping.set()
        await server.stop()
