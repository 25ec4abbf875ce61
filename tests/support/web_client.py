"""How do the tests ask the application: in this process, without a socket."""

import httpx

from monitor.web.app import build
from tests.support.web_status import Stage


def client(stage: Stage, **how: object) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(build(stage.context()), raise_app_exceptions=how.pop("raising", True))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9953", **how)
