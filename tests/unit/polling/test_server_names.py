"""What is said of the names of servers: that they do not exist, or that nobody can tell at the moment.

The kind: NXDOMAIN and an answer without addresses are facts; SERVFAIL and silence are the resolver's trouble, until one
name alone has had it for long.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from checks.model.resolution import Resolution
from monitor.config.model import ZoneEntry
from monitor.polling.discovery import (
    FAILURE_TOLERANCE,
    MAX_NS_NAMES,
    DiscoveredZones,
    resolve,
    resolve_ns_names,
)
from monitor.polling.further_names import NsNames
from monitor.service.plan import plan_of
from tests.support.discovery import DATA, LATER, NOON, config, hosted, hurried
from tests.support.observations import NOON as SEEN
from tests.support.observations import gather, has, query, zone
from tests.support.resolver import FakeResolver, resolving

NS2 = "ns2.example.net"
LONG = NOON + FAILURE_TOLERANCE


async def found(
    resolver: FakeResolver, before: DiscoveredZones | None = None, *, at: timedelta = timedelta(0)
) -> Resolution:
    topology = await resolve(config(resolver, ZoneEntry("example.com.")), before, NOON + at)
    return topology.names[NS2]


async def test_what_resolves() -> None:
    async with resolving(DATA) as resolver:
        assert await found(resolver) == Resolution(("192.0.2.2", "192.0.2.3"))


async def test_nxdomain_and_no_address_are_facts() -> None:
    async with resolving(DATA) as resolver:
        del resolver.data["ns2.example.net.", "A"]
        assert await found(resolver) == Resolution(reason="there is no such name")
        resolver.data["ns2.example.net.", "TXT"] = ["x"]
        assert await found(resolver) == Resolution(reason="it has no address")
        resolver.data["ns2.example.net.", "A"] = ["0.0.0.0", "224.0.0.1"]
        assert await found(resolver) == Resolution(reason="it has no address of a server, but 0.0.0.0 and 224.0.0.1")


async def test_an_alias_is_told_with_what_it_leads_to() -> None:
    async with resolving(DATA) as resolver:
        resolver.data["ns2.example.net.", "CNAME"] = ["Host.example.org."]
        resolver.data["Host.example.org.", "AAAA"] = ["2001:db8::7"]
        assert await found(resolver) == Resolution(("2001:db8::7",), alias="host.example.org")
        del resolver.data["Host.example.org.", "AAAA"]
        assert await found(resolver) == Resolution(reason="it has no address")


async def test_a_fact_is_one_at_once_though_the_old_addresses_are_asked_on() -> None:
    async with resolving(DATA) as resolver:
        here = config(resolver, ZoneEntry("example.com."))
        before = await resolve(here, None, NOON)
        del resolver.data["ns2.example.net.", "A"]
        after = await resolve(here, before, LATER)
    assert after.names[NS2] == Resolution(reason="there is no such name")
    assert after.servers[NS2].addresses == before.servers[NS2].addresses


@pytest.mark.parametrize(("how", "why"), [("servfail", "says SERVFAIL"), ("silent", "does not answer")])
async def test_what_a_resolver_cannot_tell_accuses_nobody_until_it_has_lasted_for_long(how: str, why: str) -> None:
    async with resolving(DATA) as resolver:
        here = hurried(config(resolver, ZoneEntry("example.com.")))
        getattr(resolver, how).add("ns2.example.net.")
        first = await resolve(here, None, NOON)
        assert first.names[NS2] == Resolution(reason=f"the resolver {why}", certain=False)
        second = await resolve(here, first, LONG - timedelta(seconds=1))
        assert not second.names[NS2].certain
        third = await resolve(here, second, LONG)
        assert third.names[NS2].certain
        assert third.names[NS2].reason == f"has not resolved since 2026-05-01 12:00 UTC: the resolver {why}"
        getattr(resolver, how).clear()
        fourth = await resolve(config(resolver, ZoneEntry("example.com.")), third, LONG)
        assert fourth.names[NS2].addresses
        assert fourth.failing == {}


async def test_a_resolver_that_tells_nothing_of_anybody_accuses_nobody_however_long() -> None:
    async with resolving(DATA) as resolver:
        here = hurried(config(resolver, ZoneEntry("example.com.")))
        before = await resolve(here, None, NOON)
        resolver.dead = True
        for hours in (1, 2, 50):
            before = await resolve(here, before, NOON + hours * FAILURE_TOLERANCE)
            assert before.names[NS2] == Resolution(("192.0.2.2", "192.0.2.3"), "the resolver does not answer", False)


async def test_one_family_that_fails_is_no_matter_where_the_other_has_addresses() -> None:
    async with resolving({**DATA, ("example.com.", "NS"): ["ns1.example.net."]}) as resolver:
        topology = await resolve(config(resolver, ZoneEntry("example.com.")), None, NOON)
    assert topology.names["ns1.example.net"] == Resolution(("192.0.2.1", "2001:db8::1"))


async def test_names_met_in_ns_sets_are_resolved_once_and_then_as_often_as_the_others() -> None:
    async with resolving({**DATA, ("met.example.", "A"): ["192.0.2.7"]}) as resolver:
        here = config(resolver, ZoneEntry("a.", ("ns1",)), ns1=replace(hosted("ns1.example.net."), name="ns1"))
        first = await resolve(here, None, NOON)
        resolver.asked.clear()
        second = await resolve_ns_names(here, first, ("met.example", "ns1.example.net", "nowhere.example"), NOON)
        assert sorted({name for name, _ in resolver.asked}) == ["met.example.", "nowhere.example."]
        assert second.names["met.example"] == Resolution(("192.0.2.7",))
        assert second.names["nowhere.example"] == Resolution(reason="there is no such name")
        assert second.names["ns1"] == second.names["ns1.example.net"] == first.names["ns1"]
        assert second.zones is first.zones
        assert await resolve_ns_names(here, second, ("met.example",), NOON) is second
        resolver.data["met.example.", "A"] = ["192.0.2.8"]
        third = await resolve(here, second, LATER)
        assert third.names["met.example"] == Resolution(("192.0.2.8",))
        assert not any("met.example" in problem or "nowhere" in problem for problem in third.problems)
        assert plan_of(here, third).checks == {}


async def test_there_is_an_end_to_the_names_that_are_met() -> None:
    async with resolving({}) as resolver:
        here = config(resolver)
        full = DiscoveredZones(
            (await resolve(here, None, NOON)).zones, {}, ns_names=frozenset(f"{n}.example" for n in range(MAX_NS_NAMES))
        )
        assert await resolve_ns_names(here, full, ("one.more.example",), NOON) is full
        assert resolver.asked == []


def test_only_what_no_server_is_called_is_met() -> None:
    watched = zone("ns1", "ns2")
    asked = query(watched, "ns1", "NS")
    poll = gather(watched, "ns-set", has(asked, "ns1.example.com.", "ns2.example.com.", "ns3.example.com."), at=SEEN)
    ns_names = NsNames()
    zones = {watched.name: watched}
    ns_names.note(
        [poll, replace(poll, zone="other."), replace(poll, check="records")], zones, DiscoveredZones(None, {})
    )  # type: ignore[arg-type]
    assert ns_names.taken() == {"ns3.example.com"}
    assert ns_names.taken() == frozenset()


async def test_ignored_servers_of_a_found_ns_set_are_not_watched() -> None:
    async with resolving(DATA) as resolver:
        first = hosted("ns1.example.net.")
        here = config(resolver, ZoneEntry("example.com.", ignored=(NS2,)), first=replace(first, name="first"))
        topology = await resolve(here, None, NOON)
    assert [server.name for server in topology.zones.at(0).servers] == ["first"]
