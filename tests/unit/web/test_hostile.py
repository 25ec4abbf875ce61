"""Nothing that servers say, or browsers ask, does any harm."""

from html.parser import HTMLParser
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from monitor.web.metrics_endpoint import MAX_RENDERINGS, MetricsEndpoint
from monitor.web.snapshot import SnapshotCache, View
from tests.support.examples import examples
from tests.support.hostile_status import EVIL, hostile
from tests.support.web_client import client
from tests.support.web_status import (
    stage,
    status,
)


class Reader(HTMLParser):
    """Reads a page as a browser does, and keeps every tag with its attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


PAGES = (
    "/",
    f"/?q={EVIL}",
    f"/?health={EVIL}&page={EVIL}",
    "/zones/example.com",
    "/servers",
    "/incidents",
    "/incidents/evil",
    f"/zones/{EVIL}",
    f"/{EVIL}",
)


@pytest.mark.parametrize("path", [*PAGES, "/servers/EVIL"])
async def test_nothing_a_server_says_becomes_markup(path: str) -> None:
    async with client(await hostile(), raising=False) as http:
        if path == "/servers/EVIL":
            answer = await http.get("/servers")
            path = answer.text.partition('href="/servers/')[2].partition('"')[0]
            answer = await http.get(f"/servers/{path}")
        else:
            answer = await http.get(path)
    assert answer.status_code in (200, 404)
    reader = Reader()
    reader.feed(answer.text)
    for tag, attributes in reader.tags:
        assert tag != "img"
        assert not any(name.startswith("on") or name == "style" for name in attributes), (tag, attributes)
        if tag == "script":
            assert attributes["src"].startswith("/static/")
        for name in ("href", "action", "src"):
            assert not (attributes.get(name) or "").lower().startswith(("javascript:", "data:", "http:", "//"))
    assert "<script>alert" not in answer.text
    assert ">49<" not in answer.text


async def test_json_and_metrics_take_it_as_text() -> None:
    async with client(await hostile()) as http:
        data = await http.get("/api/v1/zones/example.com")
        assert data.json()["addresses"][0]["nsid"] == EVIL
        assert data.headers["content-type"] == "application/json"
        text = (await http.get("/metrics")).text
        assert '\\">' in text


ODD = st.text(st.characters(codec="utf-8"), max_size=40)
PARTS = ["", "zones", "servers", "api", "v1", "incidents", "static", "codes", "..", "@", "example.com", "ns1"]
KEYS = ["q", "page", "health", "span", "limit", "offset", "before", "zone"]
HOSTS = ["soawatch.test", "[", "a:b:c", "evil.example", "", "[::1]:99999", "x" * 300]


QUESTIONS = st.tuples(
    st.lists(st.sampled_from(PARTS) | ODD, max_size=4),
    st.dictionaries(st.sampled_from(KEYS) | ODD, ODD, max_size=3),
    st.sampled_from(HOSTS),
)


@given(questions=st.lists(QUESTIONS, min_size=20, max_size=20))
@examples(15)
async def test_no_question_breaks_it(questions: list[tuple[list[str], dict[str, str], str]]) -> None:
    async with client(await stage(status())) as http:
        for parts, query, host in questions:
            path = "/" + "/".join(quote(part, safe="") for part in parts)
            answer = await http.get(f"http://soawatch.test{path}?{urlencode(query)}", headers={"Host": host})
            assert answer.status_code in (200, 400, 404, 421)
            assert "evil.example" not in answer.text


@pytest.mark.parametrize(
    "accept", ["application/openmetrics-text;version=x.1", "text/plain;version=x", ";;;", "a" * 5000]
)
async def test_an_odd_accept_gets_plain_metrics(accept: str) -> None:
    async with client(await stage(status())) as http:
        answer = await http.get("/metrics", headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")


async def test_a_bug_is_a_plain_page_without_a_trace() -> None:
    seen = await stage(status())
    seen.status = None
    async with client(seen, raising=False) as http:
        page, data = await http.get("/"), await http.get("/api/v1/zones")
    assert (page.status_code, data.status_code) == (500, 500)
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert "Traceback" not in page.text
    assert "NoneType" not in page.text + data.text


async def test_ever_new_formats_do_not_fill_the_memory() -> None:
    context = (await stage(status())).context()
    scrape = MetricsEndpoint(context, SnapshotCache(context))
    for number in range(3 * MAX_RENDERINGS):
        accept = f"application/openmetrics-text;version=1.0.{number}".encode()
        scope = {"type": "http", "method": "GET", "headers": [(b"accept", accept)], "state": {"view": View.WHOLE}}
        assert (await scrape.serve(Request(scope))).status_code == 200
    assert len(scrape._made) == MAX_RENDERINGS
