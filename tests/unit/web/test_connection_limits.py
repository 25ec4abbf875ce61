"""A share of the connections and of the requests for each client, by packets alone: who goes, who stays, who waits."""

import asyncio
from dataclasses import dataclass, field

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from monitor.web.client_address import client_of, forwarded_client, is_local
from monitor.web.connection_limits import ALWAYS_ANSWERED, ConnectionLimit, RequestLimit

SHARE, MOST = 4, 10


@dataclass(eq=False)
class Peer:
    host: str
    idle: bool = True
    gone: bool = False
    client: tuple[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.client = (self.host, 1)

    def abort(self) -> None:
        self.gone = True


def enter(limit: ConnectionLimit, host: str, count: int, *, idle: bool = True) -> list[Peer]:
    peers = [Peer(host, idle) for _ in range(count)]
    for peer in peers:
        limit.add(peer)
    return peers


def left(peers: list[Peer]) -> str:
    return "".join("x" if peer.gone else "." for peer in peers)


def test_a_client_over_its_share_loses_its_oldest_and_nobody_else_any() -> None:
    limit = ConnectionLimit(MOST, SHARE)
    other = enter(limit, "192.0.2.9", 2)
    mine = enter(limit, "192.0.2.1", 7)
    assert left(mine) == "xxx...."
    assert left(other) == ".."
    assert len(limit) == SHARE + 2


def test_one_that_was_answered_counts_from_then() -> None:
    limit = ConnectionLimit(MOST, SHARE)
    mine = enter(limit, "192.0.2.1", 4)
    limit.mark_idle(mine[0])
    enter(limit, "192.0.2.1", 1)
    assert left(mine) == ".x.."


def test_those_that_are_asking_stay_until_there_are_twice_as_many() -> None:
    limit = ConnectionLimit(MOST, SHARE)
    busy = enter(limit, "192.0.2.1", 8, idle=False)
    assert left(busy) == "........"
    more = enter(limit, "192.0.2.1", 1)
    assert (left(busy), left(more)) == ("x.......", ".")
    idle, last = enter(limit, "192.0.2.1", 2)
    assert (more[0].gone, idle.gone, last.gone) == (True, True, False)


def test_when_there_are_too_many_altogether_whoever_has_most_loses_one() -> None:
    limit = ConnectionLimit(MOST, SHARE)
    many = enter(limit, "192.0.2.1", 4)
    few = [enter(limit, f"192.0.2.{n}", 1)[0] for n in range(10, 16)]
    assert left(many) == "...."
    enter(limit, "192.0.2.99", 1)
    assert left(many) == "x..."
    assert left(few) == "......"


def test_a_reverse_proxy_may_have_all_of_it_and_its_oldest_go_first_too() -> None:
    limit = ConnectionLimit(MOST, SHARE)
    proxied = enter(limit, "127.0.0.1", 12)
    assert left(proxied) == "xx.........."
    assert len(limit) == MOST


def test_many_clients_with_one_each_take_turns() -> None:
    limit = ConnectionLimit(MOST, SHARE)
    clients = [enter(limit, f"2001:db8:0:{n:x}::1", 1)[0] for n in range(30)]
    assert left(clients) == "x" * 20 + "." * 10
    busy = [enter(limit, f"198.51.100.{n}", 1, idle=False)[0] for n in range(40)]
    assert len(limit) == 2 * MOST
    assert left(busy) == "x" * 20 + "." * 20


def test_whoever_left_is_forgotten() -> None:
    limit = ConnectionLimit(MOST, SHARE)
    for peer in enter(limit, "192.0.2.1", 4):
        limit.remove(peer)
        limit.remove(peer)
        limit.mark_idle(peer)
    assert len(limit) == 0


@pytest.mark.parametrize(
    ("host", "client", "local"),
    [
        ("192.0.2.1", "192.0.2.1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", False),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", False),
        ("fe80::1%eth0", "fe80::/64", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("::ffff:127.0.0.1", "127.0.0.1", True),
        ("::1", "::1", True),
        ("", "", True),
        ("testclient", "", True),
    ],
)
def test_who_is_one_client(host: str, client: str, local: bool) -> None:
    assert (client_of(host), is_local(client)) == (client, local)


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("127.0.0.1", ["192.0.2.7"], "192.0.2.7"),
        ("127.0.0.1", ["203.0.113.1, 192.0.2.7"], "192.0.2.7"),
        ("127.0.0.1", ["203.0.113.1", "2001:db8:1:2::7"], "2001:db8:1:2::/64"),
        ("::1", ["unknown"], "::1"),
        ("::1", [], "::1"),
        ("192.0.2.1", ["198.51.100.1"], "192.0.2.1"),
    ],
)
def test_behind_a_proxy_on_this_machine_it_is_whom_that_names_last(
    peer: str, forwarded: list[str], client: str
) -> None:
    """What came before the last was written by whoever sent it; so was all of it, unless the peer is the proxy."""
    headers = [(b"x-forwarded-for", each.encode()) for each in forwarded]
    assert forwarded_client({"type": "http", "client": (peer, 1), "headers": headers}) == client


async def test_a_client_may_ask_only_so_much_at_once_and_others_may_meanwhile() -> None:
    hold, begun = asyncio.Event(), []

    async def slow(request: Request) -> PlainTextResponse:
        begun.append(1)
        await hold.wait()
        return PlainTextResponse("done")

    paths = ("/slow", *ALWAYS_ANSWERED)
    limited = RequestLimit(Starlette(routes=[Route(path, slow) for path in paths]), ConnectionLimit(MOST, SHARE), MOST)

    def ask(host: str, path: str = "/slow") -> asyncio.Task[httpx.Response]:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(limited, client=(host, 1))
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
                return await http.get(path)

        return asyncio.create_task(send())

    greedy = [ask("192.0.2.1") for _ in range(SHARE)]
    while len(begun) < SHARE:
        await asyncio.sleep(0)
    assert (await ask("192.0.2.1")).status_code == 503
    others = [ask(f"192.0.2.{n}") for n in range(2, 2 + MOST - SHARE)]
    while len(begun) < MOST:
        await asyncio.sleep(0)
    assert (await ask("192.0.2.99")).status_code == 503
    asked = [ask(host, path) for path in ALWAYS_ANSWERED for host in ("192.0.2.1", "192.0.2.99")]
    while len(begun) < MOST + len(asked):
        await asyncio.sleep(0)
    hold.set()
    assert {(await each).status_code for each in (*greedy, *others, *asked)} == {200}
    assert (await ask("192.0.2.1")).status_code == 200
