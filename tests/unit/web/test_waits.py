"""POST …/wait: who may, what is refused, and what is told."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from typing import Any

import httpx
import pytest

from checks.model import Observation, Query
from checks.model.zone_table import ZoneTable
from monitor.service.waits import ServiceWaits
from monitor.web.auth import MAX_BODY_SIZE
from monitor.web.waits import MAX_WAITS
from tests.support.waiting_stage import ZONE, Answering, events_of, waiting_stage
from tests.support.web_client import client
from tests.support.web_status import HIDDEN, HIDDEN_ADDRESS, SERIAL, WHO_MAY_ASK

PATH = "/api/v1/zones/example.com/wait"


async def post(body: Any, **stage: Any) -> httpx.Response:
    async with client(await waiting_stage(served=SERIAL, **stage)) as http:
        return await http.post(PATH, json=body)


async def test_a_change_that_all_have() -> None:
    answer = await post({"serial": SERIAL})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    *steps, end = events_of(answer.text)
    assert len(steps) == end["done"] == end["of"] == 7
    assert (end["event"], end["late"]) == ("done", [])
    assert all(address["looks"] == 1 for address in end["addresses"])


async def test_a_change_that_nobody_has() -> None:
    answer = await post({"serial": SERIAL + 1, "servers": ["ns2"], "timeout": "100ms"})
    end = events_of(answer.text)[-1]
    assert (end["event"], end["done"], end["of"]) == ("timeout", 0, 2)
    assert end["late"][0] == f"ns2 (192.0.2.2) serves {SERIAL}, older than {SERIAL + 1}"


@pytest.mark.parametrize("body", [{}, {"absent": ["www A"]}, {"serial": None, "timeout": 5, "looks": 1}, None])
async def test_all_of_it_may_be_left_out(body: Any) -> None:
    async with client(await waiting_stage(served=SERIAL)) as http:
        sent = {"json": body} if body is not None else {"headers": {"Content-Type": "application/json"}}
        answer = await http.post(PATH, **sent)
    assert events_of(answer.text)[-1]["event"] == "done"


async def test_who_is_chosen_and_the_primary_for_its_serial() -> None:
    answer = await post({"servers": ["NS1."], "addresses": ["192.0.2.1"]})
    end = events_of(answer.text)[-1]
    chosen = {(one["server"], one["address"]) for one in end["addresses"] if one["is_chosen"]}
    assert chosen == {("ns1", "192.0.2.1")}
    assert {one["server"] for one in end["addresses"]} == {"ns1", HIDDEN}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", ""),
        (b"{", "the body is not JSON"),
        (b"\xff", "the body is not JSON"),
        (b"[" * 5000, "the body is not JSON"),
        (b"[]", "the body is not an object"),
        (b'{"serials": 1}', 'there is no key "serials" (did you mean "serial"?)'),
        (b'{"serial": "1"}', "serial is a number"),
        (b'{"serial": -1}', '"-1" is not a serial'),
        (b'{"serial": true}', "is not a serial"),
        (b'{"serial": 4294967296}', '"4294967296" is not a serial'),
        (b'{"records": "www A"}', "records is a list of texts"),
        (b'{"records": [1]}', "records is a list of texts"),
        (b'{"records": ["www"]}', '"www" is not a name, a type and a value'),
        (b'{"absent": ["www.example.org. A"]}', '"www.example.org." is not in the zone example.com.'),
        (b'{"exact": 1}', "exact is true or false"),
        (b'{"exact": true}', "there is no record that could be exact"),
        (b'{"servers": ["ns9"]}', "ns9 is not a server of example.com."),
        (b'{"addresses": ["nowhere"]}', '"nowhere" is not an IP address'),
        (b'{"addresses": ["192.0.2.99"]}', "192.0.2.99 is not an address of a server of example.com."),
        (b'{"servers": ["ns1"], "addresses": ["192.0.2.2"]}', "no address is left to wait for"),
        (b'{"servers": [' + b'"",' * 1000 + b'""]}', "servers has more than 1000"),
        (b'{"looks": 0}', "looks is a number from 1 to 100"),
        (b'{"looks": 1.5}', "looks is a number from 1 to 100"),
        (b'{"timeout": "soon"}', "not a duration"),
        (b'{"timeout": 3601}', "timeout is not between 0.1 s and one hour"),
        (b'{"timeout": 1e400}', "timeout is not between 0.1 s and one hour"),
        (b'{"timeout": NaN}', "timeout is not between 0.1 s and one hour"),
        (b'{"timeout": []}', "must be a duration in quotes"),
    ],
)
async def test_what_makes_no_sense_is_refused_before_anybody_is_asked(body: bytes, why: str) -> None:
    prober = Answering(SERIAL)
    stage = replace(await waiting_stage(served=SERIAL), waits=ServiceWaits(lambda: ZoneTable.of((ZONE,)), prober))
    async with client(stage) as http:
        answer = await http.post(PATH, content=body, headers={"Content-Type": "application/json"})
    if not why:
        assert answer.status_code == 200
        return
    assert answer.status_code == 400
    assert why in answer.text.replace('\\"', '"')
    assert prober.asked == []


async def test_one_address_alone_is_nothing_to_compare_with() -> None:
    answer = await post({"servers": [HIDDEN], "addresses": [HIDDEN_ADDRESS]})
    assert answer.status_code == 200  # the primary has another address
    alone = replace(ZONE, primary=None)
    stage = replace(
        await waiting_stage(served=SERIAL), waits=ServiceWaits(lambda: ZoneTable.of((alone,)), Answering(SERIAL))
    )
    async with client(stage) as http:
        answer = await http.post(PATH, json={"addresses": ["192.0.2.1"]})
    assert answer.status_code == 400
    assert "one address alone" in answer.text


@pytest.mark.parametrize(
    ("token", "public", "headers", "status"),
    WHO_MAY_ASK,
)
async def test_only_who_sees_everything_may_wait(
    token: bool, public: bool, headers: dict[str, str], status: int
) -> None:
    async with client(await waiting_stage(served=SERIAL, token=token, public=public), headers=headers) as http:
        for zone in ("example.com", "nothing.example"):
            answer = await http.post(f"/api/v1/zones/{zone}/wait", json={"serial": SERIAL})
            assert answer.status_code == (404 if status == 200 and zone != "example.com" else status)
            assert (HIDDEN in answer.text) == (answer.status_code == 200)
            if status == 401:
                assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_a_form_of_another_site_is_refused(kind: str) -> None:
    async with client(await waiting_stage(served=SERIAL)) as http:
        answer = await http.post(PATH, content=b"{}", headers={"Content-Type": kind} if kind else {})
        assert answer.status_code == 415
        asked = await http.options(PATH, headers={"Origin": "https://evil.example"})
        assert asked.status_code == 405
        assert "access-control-allow-origin" not in asked.headers
        named = await http.post(PATH, json={}, headers={"Host": "evil.example"})
        assert named.status_code == 421


async def test_other_methods_and_bodies_are_refused() -> None:
    async with client(await waiting_stage(served=SERIAL)) as http:
        read = await http.get(PATH)
        assert (read.status_code, read.headers["Allow"]) == (405, "POST")
        assert "asked for by POST" in read.text
        in_url = await http.post(f"{PATH}?timeout=1", json={"serial": SERIAL})
        assert in_url.status_code == 400
        assert "is said in the body" in in_url.text
        for method in ("PUT", "DELETE", "PATCH"):
            assert (await http.request(method, PATH)).status_code == 405
        assert (await http.post("/api/v1/zones/example.com", json={})).status_code == 405
        assert (await http.post("/api/v1/zones/wait", json={})).status_code == 405
        long = {"records": ["www TXT " + "x" * MAX_BODY_SIZE]}
        too_long = await http.post(PATH, json=long)
        assert (too_long.status_code, too_long.json()["error"]) == (413, "More was sent than is taken in here.")
        assert (await http.request("GET", PATH, json={})).status_code == 413


class Silent:
    """Lets nobody have an answer before ``go``."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.asking = 0

    async def __call__(self, queries: Iterable[Query]) -> AsyncIterator[Sequence[Observation]]:
        self.asking += 1
        await self.go.wait()
        async for batch in Answering(SERIAL)(queries):
            yield batch


async def test_so_many_wait_at_a_time_and_no_more() -> None:
    silent = Silent()
    stage = replace(await waiting_stage(served=SERIAL), waits=ServiceWaits(lambda: ZoneTable.of((ZONE,)), silent))
    body = {"serial": SERIAL, "addresses": ["192.0.2.1"]}
    async with client(stage) as http:
        running = [asyncio.create_task(http.post(PATH, json=body)) for _ in range(MAX_WAITS)]
        async with asyncio.timeout(10):
            while silent.asking < MAX_WAITS:
                await asyncio.sleep(0)
            refused = await http.post(PATH, json=body)
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "30")
            assert "too many waits are under way" in refused.text
            silent.go.set()
            answers = await asyncio.gather(*running)
        assert {events_of(answer.text)[-1]["event"] for answer in answers} == {"done"}
        assert (await http.post(PATH, json=body)).status_code == 200


async def test_a_defect_is_an_end_too() -> None:
    def broken(query: Query) -> Observation:
        raise RuntimeError("a defect")

    answer = await post({"serial": SERIAL}, tell=broken)
    assert events_of(answer.text)[-1]["event"] == "interrupted"
