"""Whoever tries wrong tokens one after the other is slowed, and that is logged once in a while; one that comes again
and again is no guess, and keeps nobody waiting.
"""

from datetime import datetime, timedelta
from itertools import count

import httpx
import pytest
from structlog.testing import capture_logs

from monitor.web.app import build
from monitor.web.login_attempts import (
    ATTEMPT_INTERVAL,
    FREE_ATTEMPTS,
    LOG_INTERVAL,
    MAX_CLIENTS,
    MAX_REFUSED_TOKENS,
    LoginAttempts,
)
from tests.support.web_server import served
from tests.support.web_status import NOW, TOKEN, Stage, stage, troubled

ELSEWHERE = "192.0.2.1"
NEXT = count()


def guess() -> str:
    """A wrong token that was not tried yet."""
    return f"guess {next(NEXT)}"


def client(seen: Stage, app: object = None, host: str = ELSEWHERE, **how: object) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app or build(seen.context()), client=(host, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9953", **how)


def try_another(tries: LoginAttempts, client: str, now: datetime) -> None:
    tries.wrong(client, guess().encode(), now)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_after_some_in_a_row_each_costs_time_and_time_forgives() -> None:
    tries, now = LoginAttempts(), NOW
    for _ in range(FREE_ATTEMPTS):
        assert tries.wait("a", now) == 0
        try_another(tries, "a", now)
    wait = tries.wait("a", now)
    assert ATTEMPT_INTERVAL.total_seconds() <= wait <= ATTEMPT_INTERVAL.total_seconds() + 1
    assert tries.wait("b", now) == 0
    now += timedelta(seconds=wait)
    assert tries.wait("a", now) == 0
    try_another(tries, "a", now)
    assert tries.wait("a", now) > 0
    assert tries.wait("a", now + FREE_ATTEMPTS * ATTEMPT_INTERVAL) == 0


def test_a_clock_that_is_set_back_locks_nobody_out_for_longer() -> None:
    tries = LoginAttempts()
    for _ in range(FREE_ATTEMPTS):
        try_another(tries, "a", NOW)
    back = NOW - timedelta(days=1)
    try_another(tries, "a", back)
    assert tries.wait("a", back) <= 3 * ATTEMPT_INTERVAL.total_seconds()
    assert tries.wait("a", back + 3 * ATTEMPT_INTERVAL) == 0


def test_it_is_logged_once_in_a_period() -> None:
    tries = LoginAttempts()
    with capture_logs() as logs:
        for second in range(int(2.5 * LOG_INTERVAL.total_seconds())):
            if not tries.wait(ELSEWHERE, NOW + timedelta(seconds=second)):
                try_another(tries, ELSEWHERE, NOW + timedelta(seconds=second))
        for _ in range(FREE_ATTEMPTS - 1):
            try_another(tries, "198.51.100.1", NOW)
    assert [(each["event"], each["client"]) for each in logs] == [("wrong tokens", ELSEWHERE)] * 3


def test_only_so_many_clients_are_remembered() -> None:
    tries = LoginAttempts()
    for number in range(MAX_CLIENTS + 5):
        for _ in range(FREE_ATTEMPTS if number < 2 else 1):
            try_another(tries, f"client {number}", NOW)
    assert tries.wait("client 0", NOW) == 0
    assert len(tries._known) == MAX_CLIENTS


@pytest.mark.parametrize("way", ["form", "header"])
async def test_fifteen_wrong_tokens_in_a_row(way: str) -> None:
    """The kind: guessing. By the form or in a header, mixed or not, the tries of a client are counted together."""
    seen = await stage(troubled(), token=True)
    async with client(seen) as http:

        async def send(token: str) -> httpx.Response:
            if way == "form":
                return await http.post("/login", data={"token": token})
            return await http.get("/api/v1/zones", headers=bearer(token))

        answers = [await send(guess()) for _ in range(15)]
        assert [each.status_code for each in answers] == [401] * FREE_ATTEMPTS + [429] * (15 - FREE_ATTEMPTS)
        wait = int(answers[-1].headers["retry-after"])
        assert (await send(TOKEN)).status_code == 429, "or else it would stand out among the wrong ones"
        assert (await http.post("/login", data={"token": TOKEN})).status_code == 429
        assert (await http.get("/", headers=bearer(TOKEN))).status_code == 429
        seen.now = NOW + timedelta(seconds=wait)
        assert (await send(TOKEN)).status_code in (200, 303)


async def test_only_the_one_who_guesses_is_slowed() -> None:
    """Nor is who is signed in already, behind the same proxy, nor who asks how we are."""
    seen = await stage(troubled(), token=True)
    app = build(seen.context())
    async with client(seen, app) as http, client(seen, app) as signed_in, client(seen, app, "198.51.100.1") as other:
        assert (await signed_in.post("/login", data={"token": TOKEN})).status_code == 303
        for _ in range(15):
            await http.get("/metrics", headers=bearer(guess()))
        slowed = await http.get("/metrics", headers=bearer("wrong"))
        assert (slowed.status_code, slowed.text) == (
            429,
            "Too many wrong tokens: the next is not looked at before a few seconds have passed.\n",
        )
        assert (await signed_in.get("/")).status_code == 200
        assert (await http.get("/", headers={})).status_code == 401
        for path in ("/healthz", "/readyz", "/login"):
            assert (await http.get(path, headers=bearer("wrong"))).status_code == 200
        assert (await other.get("/metrics", headers=bearer(TOKEN))).status_code == 200
        said = (await http.post("/login", data={"token": "wrong"})).text
        assert "Too many wrong tokens: the next is looked at in" in said


async def test_behind_a_proxy_on_this_machine_each_is_slowed_for_himself() -> None:
    seen = await stage(troubled(), token=True)
    async with client(seen, host="127.0.0.1") as http:
        for _ in range(15):
            last = await http.get("/", headers={**bearer(guess()), "X-Forwarded-For": "203.0.113.9, 192.0.2.1"})
        assert last.status_code == 429
        assert (await http.get("/", headers={**bearer(TOKEN), "X-Forwarded-For": "192.0.2.2"})).status_code == 200
        assert (await http.get("/", headers=bearer(TOKEN))).status_code == 200


async def test_where_everybody_may_look_a_wrong_token_is_counted_too() -> None:
    seen = await stage(troubled(), token=True, public=True)
    async with client(seen) as http:
        answers = [(await http.get("/api/v1/zones", headers=bearer(guess()))).status_code for _ in range(15)]
        assert answers == [200] * FREE_ATTEMPTS + [429] * (15 - FREE_ATTEMPTS)
        assert (await http.get("/api/v1/zones")).status_code == 200


@pytest.mark.parametrize("jobs", [1, FREE_ATTEMPTS - 1])
@pytest.mark.parametrize("way", ["form", "header"])
async def test_an_old_token_that_comes_again_and_again_keeps_nobody_waiting(way: str, jobs: int) -> None:
    """The kind: jobs that were forgotten when the token changed, at the address of one that was not. Over sockets."""
    seen = await stage(troubled(), token=True)
    old = [guess() for _ in range(jobs)]
    async with served(seen) as (_, http):
        with capture_logs() as logs:
            for second in range(FREE_ATTEMPTS + 1):
                seen.now = NOW + timedelta(seconds=second)
                for token in old:
                    if way == "form":
                        answer = await http.post("/login", data={"token": token})
                    else:
                        answer = await http.get("/metrics", headers=bearer(token))
                    assert answer.status_code == 401
                if second % 5 == 0:
                    assert (await http.get("/metrics", headers=bearer(TOKEN))).status_code == 200
                    assert (await http.post("/login", data={"token": TOKEN})).status_code == 303
                    http.cookies.clear()
    said = [(each["event"], each["client"], each["times"]) for each in logs]
    assert said == [("the same wrong token again and again", "127.0.0.1", FREE_ATTEMPTS)] * jobs
    assert not any(token in str(logs) for token in old)


async def test_guessing_beside_an_old_token_is_as_slow_as_without() -> None:
    """Whatever is mixed in, in any way, so many different tokens are looked at in an hour and no more; the right one is
    not told from wrong ones meanwhile, and is not among those that are remembered as refused.
    """
    seen = await stage(troubled(), token=True)
    checked_at, old = 0, guess()
    async with client(seen) as http:
        for second in range(3600):
            seen.now = NOW + timedelta(seconds=second)
            await http.get("/metrics", headers=bearer(old))
            for _ in range(2):
                checked_at += (await http.get("/metrics", headers=bearer(guess()))).status_code == 401
        assert (await http.get("/metrics", headers=bearer(guess()))).status_code == 429
        assert (await http.get("/metrics", headers=bearer(TOKEN))).status_code == 429
        assert (await http.get("/metrics", headers=bearer(old))).status_code == 429
        assert checked_at <= FREE_ATTEMPTS + timedelta(hours=1) / ATTEMPT_INTERVAL
        seen.now += ATTEMPT_INTERVAL * FREE_ATTEMPTS
        assert (await http.get("/metrics", headers=bearer(TOKEN))).status_code == 200


def test_only_so_many_refused_tokens_are_remembered_and_none_as_it_is() -> None:
    tries = LoginAttempts()
    for number in range(10 * MAX_REFUSED_TOKENS):
        tries.wrong("a", f"number {number}".encode(), NOW)
    kept = tries._known["a"].refused
    assert len(kept) == MAX_REFUSED_TOKENS
    assert not any(b"number" in one for one in kept)
    other = LoginAttempts()
    other.wrong("a", f"number {10 * MAX_REFUSED_TOKENS - 1}".encode(), NOW)
    assert not kept.keys() & other._known["a"].refused.keys(), "each process has a key of its own"


def test_what_one_client_sent_says_nothing_of_another() -> None:
    tries = LoginAttempts()
    for number in range(FREE_ATTEMPTS):
        tries.wrong("a", b"number %d" % number, NOW)
        tries.wrong("b", b"number %d" % number, NOW)
    assert tries.wait("a", NOW) > 0
    assert tries.wait("b", NOW) > 0
