"""Who may act, under which name, and from where."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from alerting.model import Secret
from monitor.config.named_token import NamedToken, Role
from monitor.web.app import Settings, build
from monitor.web.caller import operator
from tests.support.web_client import client
from tests.support.web_status import ANNA, BEARER, HIDDEN, NOW, VIEWER, Stage, bearer, stage, status, troubled

PATH = "/api/v1/incidents/x/acknowledge"


def acting(seen: Stage) -> httpx.AsyncClient:
    """A client of an application that answers with who acts."""
    context = seen.context()
    app = build(context)

    async def act(request: Request) -> Response:
        return PlainTextResponse(operator(request, context))

    app.router.routes.insert(0, Route(PATH, act, methods=["POST", "DELETE"]))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:9953")


async def guarded(*, public: bool = False) -> Stage:
    """With the token of [service] and two named ones."""
    return replace(await stage(troubled(), token=True, public=public), tokens=(ANNA, VIEWER))


ROLES = [
    ("nothing sent", {}, 401, ""),
    ("a wrong token", {"Authorization": "Bearer wrong"}, 401, ""),
    ("to operate", bearer(ANNA), 200, "anna"),
    ("to read", bearer(VIEWER), 403, 'the token of viewer has the role "read"'),
    ("of the service", BEARER, 403, 'the token of [service] has the role "read"'),
]


@pytest.mark.parametrize("public", [False, True], ids=["closed", "public"])
@pytest.mark.parametrize(("story", "headers", "code", "said"), ROLES, ids=[row[0] for row in ROLES])
async def test_who_may_act(story: str, headers: Mapping[str, str], code: int, said: str, public: bool) -> None:
    async with acting(await guarded(public=public)) as http:
        answer = await http.post(PATH, headers=headers)
    assert answer.status_code == code
    assert said in (answer.text if code == 200 else answer.json()["error"])
    assert "own-token" not in answer.text


LOCALLY = [
    ("this machine", "", {}, 200),
    ("a name of loopback", "", {"Host": "localhost:9953"}, 200),
    ("url is loopback, too", "http://[::1]:9953/", {"Host": "[::1]:9953"}, 200),
    ("url that only looks like it", "http://127.0.0.1.example.com/", {}, 403),
    ("url of a page elsewhere", "https://watch.example.com/", {}, 403),
    ("Host that a proxy passes on", "https://watch.example.com/", {"Host": "watch.example.com"}, 403),
    ("an address of the network", "", {"Host": "192.0.2.7"}, 403),
    ("a proxy that says so", "", {"X-Forwarded-For": "192.0.2.9"}, 403),
    ("a proxy that says it as RFC 7239 does", "", {"Forwarded": "for=192.0.2.9"}, 403),
    ("a proxy that says only how it was asked", "", {"X-Forwarded-Proto": "https"}, 403),
    ("a proxy that says it in its own way", "", {"CF-Connecting-IP": "192.0.2.9"}, 403),
    ("two names", "", [("Host", "127.0.0.1"), ("Host", "evil.example")], 421),
    ("a name behind a user", "", {"Host": "evil.example@127.0.0.1"}, 421),
    ("a name bound to loopback", "", {"Host": "evil.example"}, 421),
    ("a page of another site", "", {"Sec-Fetch-Site": "cross-site"}, 403),
    ("a page of a sister site", "", {"Sec-Fetch-Site": "same-site"}, 403),
    ("a page of another site in an old browser", "", {"Origin": "http://evil.example"}, 403),
    ("a page of another port", "", {"Origin": "http://127.0.0.1:8000"}, 403),
    ("our page", "", {"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 200),
    ("our page in an old browser", "", {"Origin": "http://127.0.0.1:9953"}, 200),
]


@pytest.mark.parametrize(("story", "url", "headers", "code"), LOCALLY, ids=[row[0] for row in LOCALLY])
async def test_without_any_token_this_machine_may_act(
    story: str, url: str, headers: Mapping[str, str] | Sequence[tuple[str, str]], code: int
) -> None:
    seen = replace(await stage(status()), settings=Settings(url=url or None))
    async with acting(seen) as http:
        answer = await http.post(PATH, headers=headers)
    assert answer.status_code == code
    assert code != 200 or answer.text == "local"
    assert code != 403 or "needs a token of [tokens.NAME]" in answer.text or "another site" in answer.text


async def test_the_origin_of_url_is_ours_where_a_proxy_changes_host() -> None:
    seen = replace(await guarded(), settings=Settings(url="https://watch.example.com/dns/"))
    for origin, code in (("https://watch.example.com", 200), ("https://watch.example.com.evil.example", 403)):
        async with acting(seen) as http:
            assert (await http.delete(PATH, headers={**bearer(ANNA), "Origin": origin})).status_code == code


async def test_public_viewers_never_act() -> None:
    async with acting(await stage(status(), public=True)) as http:
        answer = await http.post(PATH)
    assert (answer.status_code, "public viewers cannot act" in answer.text) == (403, True)


async def test_a_named_token_alone_closes_the_page() -> None:
    seen = replace(await stage(troubled()), tokens=(ANNA, VIEWER))
    async with client(seen) as http:
        assert (await http.get("/api/v1/servers")).status_code == 401
        assert (await http.get("/login")).status_code == 200
        for token in seen.tokens:
            assert HIDDEN in (await http.get("/api/v1/servers", headers=bearer(token))).text


async def test_the_form_takes_every_token_and_the_page_says_whose_it_was() -> None:
    seen = await guarded()
    async with acting(seen) as http:
        assert (await http.post("/login", data={"token": ANNA.token.reveal()})).status_code == 303
        page = (await http.get("/")).text
        assert "Sign out anna" in page
        assert ANNA.token.reveal() not in page
        assert (await http.post(PATH)).text == "anna"
        seen.tokens = (replace(ANNA, role=Role.READ), VIEWER)
        assert (await http.post(PATH)).status_code == 403
        seen.tokens = (replace(ANNA, token=Secret("another-one")), VIEWER)
        assert (await http.post(PATH)).status_code == 401
        seen.tokens, seen.now = (ANNA, VIEWER), NOW + timedelta(days=31)
        assert (await http.post(PATH)).status_code == 401


async def test_what_is_no_read_is_refused_where_nothing_takes_it() -> None:
    async with acting(await guarded()) as http:
        answer = await http.put(PATH, headers=bearer(ANNA))
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST, DELETE")
        assert (await http.post("/api/v1/incidents/a/b/acknowledge", headers=bearer(ANNA))).status_code == 405
        assert (await http.post(PATH, headers=bearer(ANNA), content=b"x" * 16385)).status_code == 413


async def test_a_token_shows_itself_nowhere() -> None:
    assert "own-token" not in repr(ANNA) + str(ANNA) + repr((await guarded()).context())
    assert repr(NamedToken("n", Secret("s3cret"))) == "NamedToken(name='n', token=<secret>, role=<Role.READ: 'read'>)"
