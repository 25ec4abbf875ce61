"""Do the pages say what is so?"""

import httpx
import pytest

from monitor.web.app import build
from tests.web.build import Stage, stage, troubled

PAGES = (
    "/", "/?q=example&page=2", "/?health=bad", "/zones/example.com", "/zones/example.com?span=7d", "/zones/lab.example.",
    "/servers", "/servers/ns2", "/servers/ns3.anycast.example.net", "/incidents",
)  # fmt: skip


def client(stage: Stage) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(build(stage.context())), base_url="http://soawatch.test")


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_is_there(path: str) -> None:
    async with client(await stage(troubled())) as http:
        answer = await http.get(path)
        assert answer.status_code == 200
        assert "<h1" in answer.text
