"""Who may see what, and which requests are not answered at all."""

from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from alerting.model import Secret
from monitor.web.app import Settings
from tests.support.web_client import client
from tests.support.web_status import BEARER, HIDDEN, NOW, TOKEN, ago, stage, status, troubled

CLOSED = (
    "/",
    "/zones/example.com",
    "/servers",
    "/incidents",
    "/api/v1/zones",
    "/metrics",
    "/events",
    "/codes",
    "/nothing",
)

# token, public, what is sent → what is seen
MATRIX = [
    ("loopback, no token", False, False, {}, "whole"),
    ("public, no token", False, True, {}, "public"),
    ("public, no token, somebody sends one", False, True, BEARER, "public"),
    ("token, nothing sent", True, False, {}, "nothing"),
    ("token, the right one", True, False, BEARER, "whole"),
    ("token, the right one, in small letters", True, False, {"authorization": f"bearer {TOKEN}"}, "whole"),
    ("token, a wrong one", True, False, {"Authorization": "Bearer wrong"}, "nothing"),
    ("token, an empty one", True, False, {"Authorization": "Bearer "}, "nothing"),
    ("token, another scheme", True, False, {"Authorization": f"Basic {TOKEN}"}, "nothing"),
    ("token, letters beyond ASCII", True, False, {"Authorization": "Bearer \xe9\xff".encode("latin-1")}, "nothing"),
    ("token, a made-up cookie", True, False, {"Cookie": "soawatch=9999999999.00ff"}, "nothing"),
    ("token, a broken cookie", True, False, {"Cookie": "soawatch=.; soawatch=²³.x;;=".encode("latin-1")}, "nothing"),
    ("token and public, nothing sent", True, True, {}, "public"),
    ("token and public, the right one", True, True, BEARER, "whole"),
]  # fmt: skip


@pytest.mark.parametrize(("story", "token", "public", "headers", "sees"), MATRIX, ids=[row[0] for row in MATRIX])
async def test_who_sees_what(story: str, token: bool, public: bool, headers: dict[str, str], sees: str) -> None:
    async with client(await stage(troubled(), token=token, public=public)) as http:
        answer = await http.get("/api/v1/servers", headers=headers)
    if sees == "nothing":
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    else:
        assert (HIDDEN in answer.text) == (sees == "whole")


@pytest.mark.parametrize("path", [p for p in CLOSED if p != "/events"])
async def test_without_the_token_nothing_is_told(path: str) -> None:
    async with client(await stage(troubled(), token=True)) as http:
        answer = await http.get(path)
        assert answer.status_code == 401
        assert "example.com." not in answer.text
        assert "ns1" not in answer.text
        assert "0.1.0" not in answer.text


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/login"])
async def test_some_paths_are_open_and_tell_nothing(path: str) -> None:
    seen = await stage(replace(troubled(), store_error="/var/lib/soawatch.db"), token=True)
    async with client(seen) as http:
        answer = await http.get(path)
        assert answer.status_code == 200
        assert "example.com" not in answer.text
        assert "/var/lib" not in answer.text


async def test_the_form_gives_a_cookie_that_opens_and_ends() -> None:
    seen = await stage(troubled(), token=True)
    async with client(seen) as http:
        assert 'action="/login"' in (await http.get("/zones/example.com")).text
        wrong = await http.post("/login", data={"token": "wrong", "next": "/incidents"})
        assert (wrong.status_code, "set-cookie" in wrong.headers) == (401, False)
        right = await http.post("/login", data={"token": TOKEN, "next": "/zones/example.com."})
        assert (right.status_code, right.headers["location"]) == (303, "/zones/example.com.")
        cookie = right.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert TOKEN not in cookie
        assert (await http.get("/")).status_code == 200
        seen.now = NOW + timedelta(days=31)
        assert (await http.get("/")).status_code == 401
        seen.now = NOW
        left = await http.post("/logout")
        assert left.status_code == 303
        assert (await http.get("/")).status_code == 401


async def test_a_cookie_of_another_token_does_not_open() -> None:
    seen = await stage(status(), token=True)
    async with client(seen) as http:
        cookie = (await http.post("/login", data={"token": TOKEN})).headers["set-cookie"].partition(";")[0]
    other = replace(seen, settings=Settings(token=Secret("another")))
    async with client(other) as http:
        assert (await http.get("/", headers={"Cookie": cookie})).status_code == 401


@pytest.mark.parametrize("to", ["//evil.example", "https://evil.example/", "/\\evil.example", "\r\nX: y", "evil"])
async def test_the_form_leads_nowhere_else(to: str) -> None:
    async with client(await stage(status(), token=True)) as http:
        answer = await http.post("/login", data={"token": TOKEN, "next": to})
        assert answer.headers["location"] == "/"


async def test_the_cookie_is_for_https_alone_where_the_page_is() -> None:
    seen = await stage(status(), token=True)
    seen.settings = replace(seen.settings, url="https://dns.example.com")
    async with client(seen) as http:
        assert "Secure" in (await http.post("/login", data={"token": TOKEN})).headers["set-cookie"]


async def test_without_a_token_there_is_nothing_to_sign_in_to() -> None:
    async with client(await stage(status())) as http:
        assert (await http.get("/login")).status_code == 404
        assert (await http.post("/login", data={"token": ""})).status_code == 404
        assert "Sign" not in (await http.get("/")).text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
@pytest.mark.parametrize("path", ["/", "/metrics", "/events", "/api/v1/zones", "/static/x", "/healthz"])
async def test_other_methods_are_405(method: str, path: str) -> None:
    async with client(await stage(status())) as http:
        answer = await http.request(method, path)
        assert answer.status_code == 405
        assert answer.headers["allow"] == "GET, HEAD"


async def test_bodies_are_refused() -> None:
    async def endless() -> object:
        while True:
            yield b"x" * 1024

    async with client(await stage(status(), token=True), headers=BEARER) as http:
        assert (await http.request("GET", "/", content=b"x")).status_code == 413
        assert (await http.request("GET", "/", content=endless())).status_code == 413
        assert (await http.post("/login", content=b"x" * 5000)).status_code == 413
        assert (await http.get("/", headers={"Content-Length": "-1"})).status_code == 413


@pytest.mark.parametrize("path", ["/", "/metrics", "/api/v1/zones", "/healthz", "/nothing", "/login", "/static/none"])
async def test_every_answer_has_the_security_headers(path: str) -> None:
    async with client(await stage(status(), token=True), headers=BEARER) as http:
        answer = await http.get(path)
    csp = answer.headers["content-security-policy"]
    assert csp.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in csp
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"


async def test_files_are_kept_for_ever_under_a_path_that_changes_with_them() -> None:
    async with client(await stage(status())) as http:
        page = (await http.get("/")).text
        paths = [part.partition('"')[0] for part in page.split('"/static/')[1:]]
        assert len(paths) == 3
        for path in paths:
            answer = await http.get(f"/static/{path}")
            assert answer.status_code == 200
            assert "immutable" in answer.headers["cache-control"]
        assert (await http.get("/static/../guard.py")).status_code == 404
        assert (await http.get("/static/%2e%2e/guard.py")).status_code == 404


HEALTH = [
    ("well", status(), 200, 200),
    ("no tick for a minute", replace(status(), heartbeat=ago(seconds=61)), 503, 200),
    ("just started", replace(status(), heartbeat=None, started=ago(seconds=3), ready=False), 200, 503),
    ("never ticked", replace(status(), heartbeat=None, started=ago(seconds=90), ready=False), 503, 503),
    ("the database fails", replace(status(), store_ok=False), 503, 503),
]


@pytest.mark.parametrize(("story", "seen", "alive", "ready"), HEALTH, ids=[row[0] for row in HEALTH])
async def test_health(story: str, seen: object, alive: int, ready: int) -> None:
    async with client(await stage(seen)) as http:
        answers: list[httpx.Response] = [await http.get("/healthz"), await http.get("/readyz")]
    assert [a.status_code for a in answers] == [alive, ready]


@pytest.mark.parametrize("path", ["/", "/zones/example.com", "/metrics", "/events", "/api/v1/zones", "/healthz"])
async def test_head_is_answered_as_get_would_be(path: str) -> None:
    async with client(await stage(status())) as http:
        answer = await http.head(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"]


@pytest.mark.parametrize("body", [b"a=1&b=2&c=3&d=4&e=5&f=6", b"\xff\xfe", b"token", b"", b"token=&token="])
async def test_a_form_that_is_none_is_a_wrong_token(body: bytes) -> None:
    async with client(await stage(status(), token=True)) as http:
        answer = await http.post("/login", content=body)
    assert answer.status_code == 401
    assert "That is not the token." in answer.text


async def test_a_token_may_have_letters_beyond_ascii() -> None:
    seen = await stage(status(), token=True)
    seen.settings = replace(seen.settings, token=Secret("größe-des-schlüssels"))
    async with client(seen) as http:
        header = {"Authorization": "Bearer größe-des-schlüssels".encode()}
        assert (await http.get("/", headers=header)).status_code == 200
        assert (await http.post("/login", data={"token": "größe-des-schlüssels"})).status_code == 303
        assert (await http.get("/")).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:9953", 200),
        ("localhost", 200),
        ("[::1]:9953", 200),
        ("192.0.2.7", 200),
        ("watch.example.com", 200),
        ("rebound.evil.example", 421),
        ("localhost.evil.example", 421),
        ("", 421),
        ("[bad", 421),
    ],
)
async def test_a_name_that_was_rebound_to_loopback_sees_nothing(host: str, status: int) -> None:
    seen = replace(await stage(troubled()), settings=Settings(url="https://watch.example.com/"))
    async with client(seen) as http:
        answer = await http.get("/api/v1/zones", headers={"Host": host})
        assert answer.status_code == status
        assert ("example.com" in answer.text) == (status == 200)
        assert (await http.get("/healthz", headers={"Host": host})).status_code == status
