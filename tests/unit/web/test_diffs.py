"""POST …/diff: who may, what is refused, and what is told."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from typing import Any

import httpx
import pytest

from checks.model import Expectation, Observation, Outcome, Query, Server, TransferResult, TransferRule, Transport
from monitor.web import diffs
from monitor.web.auth import MAX_BODY_SIZE
from monitor.web.diffs import MAX_DIFFS
from tests.support.diff_stage import USUAL, ZONE, Given, Transferring, diff_stage, watched
from tests.support.web_client import client
from tests.support.web_status import HIDDEN, HIDDEN_ADDRESS, SERIAL, SERVERS, WHO_MAY_ASK

PATH = "/api/v1/zones/example.com/diff"
TWO = {"before": "ns1", "after": "ns2"}
OTHER = ("www.example.com. 300 IN A 192.0.2.81", *USUAL[1:], 'new.example.com. 300 IN TXT "<b>\\027[31m"')


async def post(body: Any, given: dict[str, Given] | None = None, **how: Any) -> httpx.Response:
    async with client(await diff_stage(given, **how)) as http:
        return await http.post(PATH, json=body)


async def test_what_two_servers_differ_in() -> None:
    answer = await post(TWO, {"ns2": (SERIAL, OTHER)})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {
        "zone": "example.com.",
        "is_equal": False,
        "is_complete": True,
        "before": {"server": "ns1", "address": "192.0.2.1", "serial": SERIAL, "records": 3},
        "after": {"server": "ns2", "address": "192.0.2.2", "serial": SERIAL, "records": 4},
        "removed": [USUAL[0]],
        "added": [OTHER[2], OTHER[0]],
        "removed_count": 1,
        "added_count": 2,
        "unread_parts": 0,
    }


@pytest.mark.parametrize(
    ("body", "before", "after"),
    [
        ({"before": "NS1.", "after": "ns2"}, "192.0.2.1", "192.0.2.2"),
        ({"before": "ns1=2001:db8::1", "after": "192.0.2.2"}, "2001:db8::1", "192.0.2.2"),
        ({"before": "192.0.2.2", "after": "[2001:db8::2]:5353", "lines": None}, "192.0.2.2", "[2001:db8::2]:5353"),
        ({"before": HIDDEN, "after": "ns3.anycast.example.net", "lines": 1}, HIDDEN_ADDRESS, "203.0.113.53"),
    ],
)
async def test_servers_by_name_and_by_address(body: dict[str, Any], before: str, after: str) -> None:
    told = (await post(body)).json()
    assert (told["before"]["address"], told["after"]["address"]) == (before, after)
    assert (told["is_equal"], told["removed"], told["added"]) == (True, [], [])


async def test_no_more_is_told_than_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The counts are of all. Of records of any length so many are told as an answer may hold."""
    given: dict[str, Given] = {"ns2": (SERIAL, OTHER)}
    told = (await post({**TWO, "lines": 1}, given)).json()
    assert (told["removed"], told["added"], told["removed_count"], told["added_count"]) == ([], [OTHER[2]], 1, 2)
    monkeypatch.setattr(diffs, "MAX_CHARACTERS", len(OTHER[2]) + 1)
    told = (await post(TWO, given)).json()
    assert (told["removed"], told["added"], told["added_count"]) == ([], [OTHER[2]], 2)


async def test_what_signers_make_may_be_left_out() -> None:
    probe = Transferring()
    stage = replace(await diff_stage(), diffs=watched(ZONE, probe))
    async with client(stage) as http:
        assert (await http.post(PATH, json={**TWO, "ignore_dnssec": True})).json()["is_equal"]
    assert [(one.server, one.key, one.whole, one.content) for one in probe.asked] == [
        ("ns1", None, True, ()), ("ns2", None, True, ()),
    ]  # fmt: skip


async def test_each_is_asked_as_the_rules_of_the_zone_say() -> None:
    """With a key, over TLS, from an address of ours; a rule that an address cannot be asked by is passed over."""
    rules = (
        TransferRule("ns1", Expectation.REFUSED),
        TransferRule("ns1", Expectation.ALLOWED, "sixth", source="2001:db8::99"),
        TransferRule("ns1", Expectation.ALLOWED, "xfr"),
        TransferRule("*", Expectation.ALLOWED, "tls", transport="tls"),
    )
    servers = (Server("ns1", SERVERS["ns1"]), Server("ns2", SERVERS["ns2"][:1], tls=True))
    probe = Transferring({"192.0.2.1": Outcome.TIMEOUT})
    stage = replace(await diff_stage(), diffs=watched(replace(ZONE, servers=servers, transfers=rules), probe))
    async with client(stage) as http:
        assert (await http.post(PATH, json=TWO)).json()["before"]["address"] == "2001:db8::1"
    asked = {(str(one.address), one.key, one.transport, one.source) for one in probe.asked}
    assert asked == {
        ("192.0.2.1", "xfr", Transport.TCP, None),
        ("2001:db8::1", "sixth", Transport.TCP, "2001:db8::99"),
        ("192.0.2.2", "tls", Transport.TLS, None),
    }


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (TransferResult.REFUSED, "ns2 (192.0.2.2) gives no zone: the transfer is refused (REFUSED)"),
        (Outcome.REFUSED_CONNECTION, "ns2 (192.0.2.2) gives no zone: refused-connection"),
        (Outcome.TIMEOUT, "ns2 (192.0.2.2) gives no zone: timeout"),
    ],
)
async def test_who_gives_no_zone_is_named(given: Given, why: str) -> None:
    answer = await post(TWO, {"ns2": given})
    assert (answer.status_code, answer.json()) == (502, {"error": why})


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "before is missing (before and after name two servers of the zone, or their addresses)"),
        (b"{", "the body is not JSON"),
        (b"[]", "the body is not an object"),
        (b'{"before": "ns1"}', "after is missing"),
        (b'{"before": "ns1", "after": ""}', "after is missing"),
        (b'{"befor": "ns1"}', 'there is no key "befor" (did you mean "before"?)'),
        (b'{"before": 1, "after": "ns2"}', "before is a text"),
        (b'{"before": "ns1", "after": ["ns2"]}', "after is a text"),
        (b'{"before": "ns1", "after": "ns1"}', '"ns1" and "ns1" are the same: name two servers'),
        (b'{"before": "ns1", "after": "192.0.2.1"}', '"ns1" and "192.0.2.1" are at the same address'),
        (b'{"before": "ns1", "after": "ns9"}', '"ns9" is not a server of example.com.; they are hush-primary, ns1'),
        (b'{"before": "ns1", "after": "192.0.2.99"}', '"192.0.2.99" is not an address of a server of example.com.'),
        (b'{"before": "ns1", "after": "127.0.0.1:22"}', '"127.0.0.1:22" is not an address of a server'),
        (b'{"before": "ns1", "after": "ns2=192.0.2.1"}', '"ns2=192.0.2.1" is not an address of a server'),
        (b'{"before": "ns1", "after": "ns2=x"}', '"x" is not an IP address'),
        (b'{"before": "ns1", "after": "ns2/8"}', '"ns2/8" is not an IP address'),
        (b'{"before": "ns1", "after": "\\u001b[31m<b>"}', "is not an IP address"),
        (b'{"before": "ns1", "after": "ns2", "lines": 0}', "lines is a number from 1 to 1000"),
        (b'{"before": "ns1", "after": "ns2", "lines": 1001}', "lines is a number from 1 to 1000"),
        (b'{"before": "ns1", "after": "ns2", "lines": true}', "lines is a number from 1 to 1000"),
        (b'{"before": "ns1", "after": "ns2", "ignore_dnssec": 1}', "ignore_dnssec is true or false"),
        (b'{"before": "ns1", "after": "ns2", "timeout": "11m"}', "timeout is not between 0.1 s and ten minutes"),
        (b'{"before": "ns1", "after": "ns2", "timeout": NaN}', "timeout is not between 0.1 s and ten minutes"),
    ],
)
async def test_what_makes_no_sense_is_refused_before_anybody_is_asked(body: bytes, why: str) -> None:
    probe = Transferring()
    async with client(replace(await diff_stage(), diffs=watched(ZONE, probe))) as http:
        answer = await http.post(PATH, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert why in answer.json()["error"]
    assert "\x1b" not in answer.json()["error"]
    assert probe.asked == []


async def test_a_server_without_a_known_address() -> None:
    zone = replace(ZONE, servers=(*ZONE.servers, Server("ns4")))
    answer = await post({"before": "ns1", "after": "ns4"}, zone=zone)
    assert (answer.status_code, answer.json()["error"]) == (400, 'no address of "ns4" is known')


@pytest.mark.parametrize(
    ("token", "public", "headers", "status"),
    WHO_MAY_ASK,
)
async def test_only_who_sees_everything_may_compare(
    token: bool, public: bool, headers: dict[str, str], status: int
) -> None:
    async with client(await diff_stage(token=token, public=public), headers=headers) as http:
        for zone in ("example.com", "nothing.example"):
            answer = await http.post(f"/api/v1/zones/{zone}/diff", json={"before": HIDDEN, "after": "ns1"})
            assert answer.status_code == (404 if status == 200 and zone != "example.com" else status)
            assert (HIDDEN in answer.text) == (answer.status_code == 200)


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_a_form_of_another_site_is_refused(kind: str) -> None:
    async with client(await diff_stage()) as http:
        answer = await http.post(PATH, content=b"{}", headers={"Content-Type": kind} if kind else {})
        assert answer.status_code == 415
        named = await http.post(PATH, json=TWO, headers={"Host": "evil.example"})
        assert named.status_code == 421


async def test_other_methods_and_bodies_are_refused() -> None:
    async with client(await diff_stage()) as http:
        read = await http.get(PATH)
        assert (read.status_code, read.headers["Allow"]) == (405, "POST")
        assert "asked for by POST" in read.text
        in_url = await http.post(f"{PATH}?lines=1", json=TWO)
        assert in_url.status_code == 400
        assert "what is compared is said in the body" in in_url.text
        assert (await http.put(PATH, json=TWO)).status_code == 405
        assert (await http.post(PATH, json={**TWO, "before": "x" * MAX_BODY_SIZE})).status_code == 413


class Silent:
    """Lets nobody have an answer before ``go``; ``left`` is how many gave up waiting for one."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.asking = self.left = 0

    async def __call__(self, queries: Iterable[Query]) -> AsyncIterator[Sequence[Observation]]:
        self.asking += 1
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.left += 1
            raise
        async for batch in Transferring()(queries):
            yield batch


async def test_so_many_are_compared_at_a_time_and_no_more() -> None:
    silent = Silent()
    async with client(replace(await diff_stage(), diffs=watched(ZONE, silent))) as http:
        running = [asyncio.create_task(http.post(PATH, json=TWO)) for _ in range(MAX_DIFFS)]
        async with asyncio.timeout(10):
            while silent.asking < 2 * MAX_DIFFS:
                await asyncio.sleep(0)
            refused = await http.post(PATH, json=TWO)
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "30")
            assert refused.json() == {"error": "too many comparisons are under way"}
            silent.go.set()
            answers = await asyncio.gather(*running)
        assert all(answer.json()["is_equal"] for answer in answers)
        assert (await http.post(PATH, json=TWO)).status_code == 200


async def test_when_the_time_is_over_nobody_is_asked_any_more() -> None:
    silent = Silent()
    async with client(replace(await diff_stage(), diffs=watched(ZONE, silent))) as http:
        for _ in range(MAX_DIFFS + 1):  # each gives its place back
            answer = await http.post(PATH, json={**TWO, "timeout": "100ms"})
            assert (answer.status_code, answer.json()) == (504, {"error": "not compared within 0.1 s"})
    assert silent.left == silent.asking == 2 * (MAX_DIFFS + 1)


async def test_the_service_stops_meanwhile() -> None:
    silent = Silent()
    stage = replace(await diff_stage(), diffs=watched(ZONE, silent))
    async with client(stage) as http, asyncio.timeout(10):
        running = asyncio.create_task(http.post(PATH, json=TWO))
        while silent.asking < 2:
            await asyncio.sleep(0)
        stage.stopping.set()
        answer = await running
    assert (answer.status_code, answer.json()) == (503, {"error": "the service stops"})
    assert silent.left == 2


async def test_a_defect_is_no_answer() -> None:
    def broken(queries: Iterable[Query]) -> AsyncIterator[Sequence[Observation]]:
        raise RuntimeError("a defect")

    async with client(replace(await diff_stage(), diffs=watched(ZONE, broken)), raising=False) as http:
        answer = await http.post(PATH, json=TWO)
    assert (answer.status_code, answer.json()) == (500, {"error": "Something went wrong here; the log says what."})
