"""Catalogs that move, fail, break and shrink: what is watched for them, and what is said."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from checks.model import Address, Server, Soa
from checks.model.zone_table import ZoneTable
from checks.registry import CHECKS
from monitor.clock import now
from monitor.config.model import Catalog, Config, ZoneEntry
from monitor.probe.client.catalog import CatalogUnread, CatalogVersion
from monitor.probe.client.catalog_reader import BrokenCatalog, CatalogContent
from monitor.service.catalogs import CatalogSource
from monitor.service.follower import Follower

NAME = "catalog.example."
NS1, NS2 = Address("192.0.2.1"), Address("192.0.2.2")
SERVERS = {"ns1": Server("ns1", (NS1,)), "ns2": Server("ns2", (NS2,))}
PLAIN, GOLD = ZoneEntry("", ("ns1",)), ZoneEntry("", ("ns1", "ns2"))
CATALOG = Catalog(
    NAME, ("ns1", "ns2"), refresh=timedelta(milliseconds=1), entry=PLAIN, groups=(("gold", GOLD), ("old", PLAIN))
)
SOURCE = "catalog catalog.example."


def version(serial: int, *names: str, **groups: str) -> CatalogVersion:
    members = {name: (groups[name[:-1]],) if name[:-1] in groups else () for name in names}
    return CatalogVersion(Soa(serial, "ns1.", "h.", 1, 1, 1, 1, 1), CatalogContent(members))


class Desk:
    """Catalogs whose servers give what they are told to, and a store that keeps what it is given."""

    def __init__(self) -> None:
        self.gives: dict[Address, CatalogVersion | Exception] = {}
        self.kept: dict[str, str] = {}
        self.asked: list[int | None] = []
        self.first: list[Address] = []
        """The addresses that were asked, in this order."""
        self.later = timedelta(0)
        self.follower = Follower({}, self.now)
        self.config = Config(catalogs=(CATALOG,), zones=ZoneTable.of((ZoneEntry("own.example.", ("ns9",)),)))

    def now(self) -> datetime:
        return now() + self.later

    def use(self) -> dict[str, ZoneEntry]:
        self.follower.use(CatalogSource(catalog, self, lambda: SERVERS) for catalog in self.config.catalogs)
        return {name: entry.without_name() for name, entry in self.zones.items()}

    def restart(self) -> dict[str, ZoneEntry]:
        self.follower = Follower(self.kept, self.now)
        return self.use()

    async def read(self, catalog: str, address: Address, key: str | None, known: int | None) -> CatalogVersion:
        assert (catalog, key) == (NAME, None)
        self.asked.append(known)
        self.first.append(address)
        found = self.gives.get(address, CatalogUnread("silent"))
        if isinstance(found, Exception):
            raise found
        return replace(found, content=None) if found.soa.serial == known else found

    async def look(self, *looks: CatalogVersion | Exception) -> dict[str, tuple[str, ...]]:
        """The zones that are watched, with their servers, after ns1 gave these, one after the other."""
        for gives in looks:
            self.gives[NS1] = gives
            await self.follower._refresh(SOURCE)
        return self.watched

    @property
    def zones(self) -> ZoneTable[ZoneEntry]:
        return self.follower.with_zones(self.config).zones

    @property
    def watched(self) -> dict[str, tuple[str, ...]]:
        return {name: entry.servers for name, entry in self.zones.items() if not entry.removed}

    @property
    def removed(self) -> dict[str, tuple[str, ...]]:
        """Those that were members, and the servers at which they are looked for."""
        return {name: entry.servers for name, entry in self.zones.items() if entry.removed}

    @property
    def said(self) -> list[str]:
        return [one.code for one in self.follower.troubles]

    async def keep(self, source: str, body: str) -> None:
        self.kept[source] = body


@pytest.fixture
def desk() -> Desk:
    made = Desk()
    made.use()
    return made


OWN = {"own.example.": ("ns9",)}


async def test_members_are_watched_as_their_group_says_and_zones_that_are_written_as_they_are(desk: Desk) -> None:
    assert desk.watched == OWN
    found = await desk.look(version(1, "a.", "b.", "c.", "own.example.", b="gold", c="silver"))
    assert found == OWN | {"a.": ("ns1",), "b.": ("ns1", "ns2"), "c.": ("ns1",)}
    found = await desk.look(version(2, "a.", "b.", "d.", "own.example.", a="gold"))
    assert found == OWN | {"a.": ("ns1", "ns2"), "b.": ("ns1",), "d.": ("ns1",)}
    assert desk.asked == [None, 1]


@pytest.mark.parametrize(
    ("gives", "code"),
    [
        (CatalogUnread("refused"), "zone-source-failing"),
        (BrokenCatalog("no version"), "catalog-broken"),
        (version(2), "zone-source-shrunk"),
        (version(2, "a."), "zone-source-shrunk"),
        (version(2, "x.", "y.", "z."), "zone-source-shrunk"),
    ],
)
async def test_what_cannot_be_believed_takes_nothing_away_over_restarts_until_it_is_mended(
    desk: Desk, gives: CatalogVersion | Exception, code: str
) -> None:
    before = await desk.look(version(1, "a.", "b.", "c."))
    found = await desk.look(gives)
    assert found.items() >= before.items()
    assert desk.said == [code]
    await desk.follower.keep(desk.keep)
    for _ in range(2):
        desk.restart()
        assert desk.watched == found
        assert await desk.look(gives) == found
        assert desk.said == [code]
        await desk.follower.keep(desk.keep)
    assert await desk.look(version(3, "a.", "b.", "d.")) == OWN | dict.fromkeys(("a.", "b.", "d."), ("ns1",))
    assert desk.said == []


async def test_new_members_of_one_that_has_lost_too_many_are_watched_too_and_never_make_up_for_the_lost(
    desk: Desk,
) -> None:
    names = [f"m{number}." for number in range(10)]
    await desk.look(version(1, *names))
    for serial in range(2, 20):
        new = [f"n{number}." for number in range(serial * 10)]
        found = await desk.look(version(serial, *names[:3], *new))
        assert set(found) == {"own.example.", *names, *new}
        assert desk.said == ["zone-source-shrunk"]
    desk.config = replace(desk.config, catalogs=(replace(CATALOG, max_shrink=1.0),))
    desk.use()
    assert set(await desk.look(version(19, "m1."))) == {"own.example.", "m1."}
    assert desk.said == []


async def test_members_that_stay_change_their_groups_though_too_many_are_lost(desk: Desk) -> None:
    await desk.look(version(1, "a.", "b.", "c."))
    assert await desk.look(version(2, "a.", a="gold")) == OWN | {"a.": ("ns1", "ns2"), "b.": ("ns1",), "c.": ("ns1",)}


async def test_removed_members_are_looked_for_where_they_were_for_a_while_over_restarts(desk: Desk) -> None:
    await desk.look(version(1, "a.", "b.", "c.", "d.", "e.", b="gold"))
    await desk.look(version(2, "a.", "c.", "d.", "e."))
    assert desk.removed == {"b.": ("ns1", "ns2")}
    entry = desk.zones["b."]
    assert {check for check in CHECKS if is_on(check, entry)} == {"removed-member"}
    await desk.follower.keep(desk.keep)
    desk.restart()
    assert desk.removed == {"b.": ("ns1", "ns2")}
    await desk.look(version(3, "a.", "b.", "c.", "d.", "e."))
    assert desk.removed == {}
    await desk.look(version(4, "a.", "b.", "c.", "d."))
    assert desk.removed == {"e.": ("ns1",)}
    desk.later = timedelta(hours=23)
    await desk.look(version(4, "a.", "b.", "c.", "d."))
    assert desk.removed == {"e.": ("ns1",)}
    desk.later = timedelta(hours=25)
    await desk.look(version(4, "a.", "b.", "c.", "d."))
    assert desk.removed == {}


@pytest.mark.parametrize(
    "other", [replace(CATALOG, watch_removed=timedelta(0)), replace(CATALOG, entry=ZoneEntry(""), groups=())]
)
async def test_removed_members_are_not_looked_for_if_so_said_or_where_their_servers_are_found_by_the_resolver(
    desk: Desk, other: Catalog
) -> None:
    desk.config = replace(desk.config, catalogs=(other,))
    desk.use()
    await desk.look(version(1, "a.", "b."), version(2, "a."))
    assert desk.removed == {}


def is_on(check: str, entry: ZoneEntry) -> bool:
    return dict(entry.cadence).get(check, timedelta(1)) > timedelta(0)


async def test_the_next_server_is_asked_where_one_fails_and_one_that_is_behind_is_not_believed(desk: Desk) -> None:
    desk.gives[NS2] = version(5, "a.", "b.")
    assert set(await desk.look(CatalogUnread("refused"))) == {"own.example.", "a.", "b."}
    assert desk.said == []
    assert set(await desk.look(version(4, "a."))) == {"own.example.", "a.", "b."}
    assert desk.said == []
    desk.gives[NS2] = CatalogUnread("refused")
    assert set(await desk.look(version(4, "a."))) == {"own.example.", "a.", "b."}
    assert desk.follower.troubles[0].text == (
        "ns1 (192.0.2.1): has serial 4, and 5 was read before; ns2 (192.0.2.2): refused"
    )
    await desk.follower.keep(desk.keep)
    desk.restart()
    assert set(await desk.look(version(4, "a."))) == {"own.example.", "a.", "b."}
    assert desk.said == ["zone-source-failing"]
    desk.use()  # a reload reads it whatever its serial
    assert set(await desk.look(version(4, "a."))) == {"own.example.", "a."}
    assert desk.said == []


async def test_a_catalog_that_is_taken_out_of_the_configuration_is_forgotten(desk: Desk) -> None:
    await desk.look(version(1, "a."))
    await desk.follower.keep(desk.keep)
    assert list(desk.kept) == [SOURCE]
    desk.config = replace(desk.config, catalogs=())
    assert list(desk.use()) == ["own.example."]
    await desk.follower.keep(desk.keep)
    assert desk.kept == {SOURCE: ""}


async def test_a_member_of_two_catalogs_is_one_of_the_first(desk: Desk) -> None:
    other = replace(CATALOG, zone="other.example.", entry=GOLD)
    desk.config = replace(desk.config, catalogs=(CATALOG, other))
    desk.kept = {
        SOURCE: '{"serial": 1, "members": {"a.": []}, "new": {}}',
        "catalog other.example.": '{"serial": 1, "members": {"a.": [], "b.": []}, "new": {}}',
    }
    assert desk.restart() == {"a.": PLAIN, "b.": GOLD, "own.example.": ZoneEntry("", ("ns9",))}


async def test_it_is_followed_and_those_who_watch_hear_when_members_change_and_only_then(desk: Desk) -> None:
    heard: list[set[str]] = []
    moved = asyncio.Event()

    async def changed() -> None:
        heard.append(set(desk.watched) - set(OWN))
        moved.set()

    async with following(desk, changed):
        for serial, names in enumerate((("a.",), ("a.",), ("a.", "b.")), 1):
            asked = len(desk.asked)
            desk.gives[NS1] = version(serial, *names)
            while len(desk.asked) < asked + 3:
                await asyncio.sleep(0)
    assert heard == [{"a."}, {"a.", "b."}]
    assert list(desk.kept) == [SOURCE]


async def test_one_that_a_reload_takes_out_when_it_is_due_does_not_end_the_following_of_the_others(desk: Desk) -> None:
    desk.gives[NS1] = version(1, "a.")
    other = replace(CATALOG, zone="other.example.")
    desk.config = replace(desk.config, catalogs=(other, CATALOG))
    desk.use()
    task = asyncio.create_task(desk.follower.follow(lambda: asyncio.sleep(0), desk.keep))
    await asyncio.sleep(0)  # both are due, and neither is asked yet
    desk.config = replace(desk.config, catalogs=(CATALOG,))
    desk.use()
    async with asyncio.timeout(20):
        while len(desk.asked) < 3 and not task.done():
            await asyncio.sleep(0)
    assert not task.done()
    desk.follower.stop()
    await task


async def test_what_is_read_as_was_said_before_a_reload_is_not_taken(desk: Desk) -> None:
    asked, reloaded = asyncio.Event(), asyncio.Event()

    class Slow:
        async def read(self, *_: object) -> CatalogVersion:
            asked.set()
            await reloaded.wait()
            return version(1, "old.")

    heard: list[set[str]] = []

    async def changed() -> None:
        heard.append(set(desk.watched))

    desk.gives[NS1] = version(1, "a.")
    desk.follower.use((CatalogSource(CATALOG, Slow(), lambda: SERVERS),))
    async with following(desk, changed), asyncio.timeout(20):
        await asked.wait()
        desk.use()
        reloaded.set()
        while not heard:
            await asyncio.sleep(0)
    assert heard == [{"own.example.", "a."}]


async def test_whoever_announces_it_is_asked_first_at_once_and_no_more_than_twice_a_second(desk: Desk) -> None:
    desk.config = replace(desk.config, catalogs=(replace(CATALOG, refresh=timedelta(days=1)),))
    desk.use()
    desk.gives[NS1] = version(1, "a.")
    moved = asyncio.Event()

    async def changed() -> None:
        moved.set()

    async with following(desk, changed):
        await moved.wait()
        moved.clear()
        desk.gives[NS2] = version(2, "a.", "b.")
        desk.follower.announce("catalog unknown.example.", "ns1")
        for _ in range(100):
            desk.follower.announce(SOURCE, "ns2")
        await moved.wait()
        assert set(desk.watched) == {"own.example.", "a.", "b."}
        assert desk.first == [NS1, NS2]
        followed = desk.follower._followed[SOURCE].state
        assert followed.due - followed.begun > 3600


async def test_one_that_is_refused_is_not_transferred_again_until_its_serial_moves(desk: Desk) -> None:
    await desk.look(version(1, "a.", "b.", "c."))
    for gives, code in ((BrokenCatalog("no version", 2), "catalog-broken"), (version(3, "a."), "zone-source-shrunk")):
        await desk.look(gives)
        assert desk.said == [code]
        serial = gives.serial if isinstance(gives, BrokenCatalog) else gives.soa.serial
        assert serial is not None
        same = version(serial, "a.", "b.", "c.")
        await desk.look(same)
        assert (desk.asked[-1], desk.said) == (serial, [code])
        await desk.look(CatalogUnread("refused"))
        assert desk.said == ["zone-source-failing"]
        await desk.look(same)
        assert (desk.asked[-1], desk.said) == (serial, [code])
    await desk.look(version(4, "a.", "b.", "c."))
    assert (desk.asked[-1], desk.said) == (3, [])


async def test_one_that_is_slow_holds_up_no_other_and_is_broken_off_at_the_end(desk: Desk) -> None:
    asked = asyncio.Event()

    class Silent:
        async def read(self, *_: object) -> CatalogVersion:
            asked.set()
            await asyncio.Event().wait()
            raise AssertionError

    desk.gives[NS1] = version(1, "a.")
    silent = CatalogSource(replace(CATALOG, zone="other.example."), Silent(), lambda: SERVERS)
    desk.follower.use((silent, CatalogSource(CATALOG, desk, lambda: SERVERS)))
    task = asyncio.create_task(desk.follower.follow(lambda: asyncio.sleep(0), desk.keep))
    async with asyncio.timeout(20):
        await asked.wait()
        while len(desk.asked) < 3:
            await asyncio.sleep(0)
        assert "a." in desk.watched
        desk.follower.stop()
        await task


async def test_what_one_source_has_is_not_removed_though_another_has_it_no_more(desk: Desk) -> None:
    other = replace(CATALOG, zone="other.example.", entry=GOLD)
    desk.config = replace(desk.config, catalogs=(CATALOG, other))
    desk.kept = {
        SOURCE: '{"serial": 2, "members": {}, "new": {}, "removed": {"a.": [1, []], "b.": [1, []]}}',
        "catalog other.example.": '{"serial": 1, "members": {"a.": []}, "new": {}}',
    }
    desk.restart()
    assert (desk.watched, desk.removed) == (OWN | {"a.": ("ns1", "ns2")}, {"b.": ("ns1",)})


@asynccontextmanager
async def following(desk: Desk, changed: object) -> AsyncIterator[None]:
    task = asyncio.create_task(desk.follower.follow(changed, desk.keep))  # type: ignore[arg-type]
    try:
        async with asyncio.timeout(20):
            yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
