"""Parent zones and their servers, as the resolver finds them."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

from checks.common.parent_side import ParentZone
from checks.delegation import Delegation
from checks.model import Address, Observation, Query, Server, Zone
from checks.model.zone_table import ZoneTable
from monitor.config.model import Config
from monitor.polling.known_parents import LIFETIME, KnownParents
from monitor.polling.parents import find_parents
from tests.support.discovery import NOON, config, hurried
from tests.support.resolver import FakeResolver, resolving

DATA = {
    ("com.", "NS"): ["b.nic.example.", "A.NIC.example."],
    ("a.nic.example.", "A"): ["9.9.9.1"],
    ("a.nic.example.", "AAAA"): ["2620:fe::1"],
    ("b.nic.example.", "A"): ["9.9.9.2"],
    ("example.com.", "NS"): ["ns1.example.com."],
    ("ns1.example.com.", "A"): ["8.8.8.8"],
    ("deep.example.com.", "TXT"): ["no zone begins here"],
}
A_NIC = Server("a.nic.example", (Address("9.9.9.1"), Address("2620:fe::1")))
COM = ParentZone("com.", (A_NIC, Server("b.nic.example", (Address("9.9.9.2"),))))
PUBLIC = (Server("ns1", (Address("8.8.8.8"),)),)


async def nobody(queries: Iterable[Query]) -> AsyncIterator[Sequence[Observation]]:
    raise AssertionError("only the resolver is asked")
    yield


def zones(*names: str, **fields: object) -> ZoneTable[Zone]:
    return ZoneTable.of(Zone(name, PUBLIC, **fields) for name in names)  # type: ignore[arg-type]


def asking(resolver: FakeResolver, **cadence: timedelta) -> Config:
    usual = {"delegation": timedelta(hours=1), **cadence}
    return replace(config(resolver), checks={"delegation": Delegation()}, cadence=usual)


async def find(
    config: Config, zones: ZoneTable[Zone], known: KnownParents | None = None, after: timedelta = timedelta(0)
) -> KnownParents:
    return await find_parents(config, zones, known or KnownParents(), nobody, NOON + after)


async def test_one_question_finds_the_parent_of_all_zones_under_it() -> None:
    async with resolving(DATA) as resolver:
        found = await find(asking(resolver), zones("example.com.", "example2.com.", "example3.com."))
        assert found.zones == {"com.": COM}
        assert sorted(resolver.asked) == [
            ("a.nic.example.", "A"), ("a.nic.example.", "AAAA"), ("b.nic.example.", "A"), ("b.nic.example.", "AAAA"),
            ("com.", "NS"),
        ]  # fmt: skip


async def test_how_many_zones_are_below_a_parent_is_counted() -> None:
    async with resolving(DATA) as resolver:
        found = await find(asking(resolver), zones("a.com.", "b.com.", "www.deep.example.com.", "x.nowhere.com."))
    assert {name: one.zones for name, one in found.zones.items() if one} == {"com.": 3, "example.com.": 1}


async def test_names_at_which_no_zone_begins_are_passed() -> None:
    async with resolving(DATA) as resolver:
        found = await find(asking(resolver), zones("www.deep.example.com.", "gone.nowhere.com."))
    assert {name: one.name if one else None for name, one in found.zones.items()} == {
        "deep.example.com.": None, "example.com.": "example.com.", "nowhere.com.": None, "com.": "com.",
    }  # fmt: skip


async def test_what_is_known_is_not_asked_again_within_the_hour() -> None:
    async with resolving(DATA) as resolver:
        known = await find(asking(resolver), zones("example.com."))
        resolver.asked.clear()
        assert await find(asking(resolver), zones("example.com."), known, LIFETIME / 2) is known
        assert resolver.asked == []
        again = await find(asking(resolver), zones("example.com."), known, LIFETIME)
        assert again == replace(known, at={"com.": NOON + LIFETIME})


async def test_what_the_resolver_does_not_tell_stays_as_it_was() -> None:
    async with resolving(DATA) as resolver:
        known = await find(asking(resolver), zones("example.com."))
        resolver.servfail.add("com.")
        assert (await find(asking(resolver), zones("example.com."), known, LIFETIME)).zones == known.zones
        resolver.dead = True
        later = await find(hurried(asking(resolver)), zones("example.com."), known, LIFETIME)
        assert later.zones == known.zones
        assert (await find(hurried(asking(resolver)), zones("example.com."))).zones == {}


async def test_a_parent_without_addresses_is_not_known() -> None:
    async with resolving({("com.", "NS"): ["a.nic.example."], ("a.nic.example.", "A"): ["0.0.0.0"]}) as resolver:
        assert (await find(asking(resolver), zones("example.com."))).zones == {}


async def test_servers_of_a_parent_are_not_asked_at_private_addresses() -> None:
    hosts = {("a.nic.example.", "A"): ["127.0.0.1"], ("b.nic.example.", "A"): ["10.0.0.1", "9.9.9.2"]}
    async with resolving({("com.", "NS"): ["a.nic.example.", "b.nic.example."], **hosts}) as resolver:
        (parent,) = (await find(asking(resolver), zones("example.com."))).zones.values()
    assert parent == ParentZone("com.", (Server("b.nic.example", (Address("9.9.9.2"),)),))


async def test_no_zone_begins_at_an_alias() -> None:
    async with resolving({**DATA, ("www.example.com.", "CNAME"): ["com."]}) as resolver:
        found = await find(asking(resolver), zones("a.www.example.com."))
    assert found.zones["www.example.com."] is None
    assert found.zones["example.com."] is not None


async def test_parents_of_zones_that_are_not_watched_any_more_are_forgotten() -> None:
    async with resolving(DATA) as resolver:
        known = await find(asking(resolver), zones("example.com.", "a.example.com."))
        assert set(known.zones) == {"com.", "example.com."}
        left = await find(asking(resolver), zones("example.net."), known)
        assert set(left.zones) == {"net.", "."}


async def test_nothing_is_asked_where_the_check_has_nothing_to_ask() -> None:
    off = timedelta(0)
    async with resolving(DATA) as resolver:
        private = ZoneTable.of([Zone("example.com.", (Server("ns1", (Address("10.0.0.1"),)),)), Zone(".", PUBLIC)])
        known = KnownParents()
        assert await find(asking(resolver), private, known) is known
        assert await find(asking(resolver, delegation=off), zones("example.com."), known) is known
        told = zones("example.com.", parent=(Address("192.0.2.1"),))
        assert await find(asking(resolver), told, known) is known
        single = zones("example.com.", cadence=(("delegation", off),))
        assert await find(asking(resolver), single, known) is known
        assert await find(config(resolver), zones("example.com."), known) is known
        assert resolver.asked == []
