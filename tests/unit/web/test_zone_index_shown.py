"""Page, API and metrics say the same of a zone index as of all the statuses made beforehand."""

import asyncio
from array import array
from dataclasses import replace

import pytest

from checks.model import Health
from monitor.state.columns import ZoneColumns, change_to
from monitor.state.status import Status
from monitor.state.zone_index import ZoneIndex
from monitor.web.snapshot import SnapshotCache, View
from tests.support.web_client import client
from tests.support.web_status import (
    HIDDEN,
    NAMES,
    SERVERS,
    TOKEN,
    bad,
    finding,
    leaky,
    stage,
    status,
    statuses,
    troubled,
    zone,
)
from tests.support.zone_index import zone_index_of

PATHS = (
    "/", "/?q=example&page=2", "/?q=B%C3%9CCHER", "/?health=bad", "/?health=good&q=s", "/servers", "/incidents",
    "/metrics",
    *(f"/servers/{name}" for name in SERVERS), "/servers/nobody",
    "/api/v1/zones", "/api/v1/zones?limit=2&offset=3", "/api/v1/zones?health=unknown", "/api/v1/zones?q=xn--",
    "/api/v1/servers", "/api/v1/incidents",
    *(f"/zones/{name.replace('/', '%2F')}" for name in NAMES),
)  # fmt: skip


@pytest.mark.parametrize("seen", [troubled(), leaky(), status()], ids=["troubled", "leaky", "well"])
@pytest.mark.parametrize("owner", [True, False], ids=["owner", "public"])
async def test_every_page_is_the_same(seen: Status, owner: bool) -> None:
    boarded = replace(seen, zones=zone_index_of(statuses(seen).values()).zones())
    headers = {"Authorization": f"Bearer {TOKEN}"} if owner else {}
    drawn, on_board = await stage(seen, token=True, public=True), await stage(boarded, token=True, public=True)
    async with client(drawn, headers=headers) as one, client(on_board, headers=headers) as other:
        for path in PATHS:
            normalise_query, got = await one.get(path), await other.get(path)
            assert (got.status_code, got.text, got.headers) == (
                normalise_query.status_code,
                normalise_query.text,
                normalise_query.headers,
            ), path


async def test_trouble_of_a_hidden_server_alone_shows_in_no_number() -> None:
    zone_index = zone_index_of(
        [bad(zone("a."), finding("tcp-unreachable", "no TCP", HIDDEN, SERVERS[HIDDEN][0])), zone("b.")]
    )
    seen = await stage(replace(status([]), zones=zone_index.zones()), token=True, public=True)
    shown = SnapshotCache(seen.context())
    assert shown.status(View.WHOLE).zones.tally()[Health.BAD] == 1
    public = shown.status(View.PUBLIC).zones
    assert public.tally() == {Health.GOOD: 2, Health.BAD: 0, Health.UNKNOWN: 0}
    assert HIDDEN not in public.servers()
    assert (await public.page("", [Health.BAD], 0, 10)) == ([], 0)
    async with client(seen) as http:
        assert "All 2 zones are well" in (await http.get("/")).text
        assert 'soawatch_zones{health="bad"} 0' in (await http.get("/metrics")).text


async def test_others_have_their_turn_while_many_statuses_are_drawn() -> None:
    zone_index = zone_index_of(zone(f"z{number:04}.", servers=["ns1"]) for number in range(1000))
    part = asyncio.create_task(zone_index.zones().page("", list(Health), 0, 1000))
    turns = 0
    while not part.done():
        await asyncio.sleep(0)
        turns += 1
    assert len(part.result()[0]) == 1000
    assert turns >= 1000 / 25


def remapped(before: ZoneIndex, after: ZoneIndex) -> "tuple[ZoneColumns, array[int]]":
    change = change_to(before.columns, after.zone_table)
    assert change.old_index is not None
    return change.columns, change.old_index


async def test_a_zone_that_goes_while_a_page_is_drawn_is_left_out() -> None:
    statuses = [zone(f"z{number:02}.", servers=["ns1"]) for number in range(60)]
    zone_index, fewer = zone_index_of(statuses), zone_index_of(statuses[:40])
    part = asyncio.create_task(zone_index.zones().page("z", list(Health), 0, 60))
    await asyncio.sleep(0)
    zone_index.use(*remapped(zone_index, fewer))
    found, total = await part
    assert [one.name for one in found] == [one.name for one in statuses[:40]]
    assert total in (40, 60)
