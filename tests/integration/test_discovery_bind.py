"""Names resolved by a real server, BIND: over both families, with an answer that only TCP carries."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from checks.model import Address, Family
from checks.model.zone_table import ZoneTable
from monitor.config.model import Config, ServerEntry, ZoneEntry
from monitor.config.sections import Resolver
from monitor.polling.discovery import MAX_ADDRESSES, resolve
from tests.support.lab.model import Content
from tests.support.lab.server import Server
from tests.support.lab.topology import Lab

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
FEW = Content(
    "few.test.",
    records=("@ NS ns1", "@ NS NS2", "ns1 A 127.0.0.11", "ns1 AAAA ::1", "ns2 A 127.0.0.12", "alias CNAME ns2"),
)
LONG = "a-rather-long-name-for-a-nameserver"
MANY = Content(
    "many.test.",
    records=(
        "ns1 A 127.0.0.1",
        *(f"@ NS {LONG}-{n:02}" for n in range(40)),
        *(f"{LONG}-{n:02} A 127.0.1.{n}" for n in range(40)),
    ),
)


@pytest.fixture(scope="module")
def bind() -> Iterator[Server]:
    with Lab() as lab:
        server = lab.primary("bind", FEW, MANY)
        lab.start()
        yield server


def config(resolver: Address, *zones: ZoneEntry, **servers: ServerEntry) -> Config:
    return Config(zones=ZoneTable.of(zones), servers=servers, resolver=Resolver((resolver,), timeout=5.0))


@pytest.mark.parametrize("family", list(Family))
async def test_the_servers_of_a_zone_are_found_over_both_families(bind: Server, family: Family) -> None:
    resolver = bind.ipv6 if family is Family.IPV6 else bind.ipv4
    topology = await resolve(config(resolver, ZoneEntry("few.test.")), None, NOON)
    assert topology.problems == ()
    assert {server.name: server.addresses for server in topology.zones.at(0).servers} == {
        "ns1.few.test": (Address("127.0.0.11"), Address("::1")),
        "ns2.few.test": (Address("127.0.0.12"),),
    }


async def test_an_alias_is_followed(bind: Server) -> None:
    alias = ServerEntry("alias", host="alias.few.test.", port=54)
    topology = await resolve(config(bind.ipv4, ZoneEntry("few.test.", ("alias",)), alias=alias), None, NOON)
    assert topology.servers["alias"].addresses == (Address("127.0.0.12", 54),)


async def test_an_ns_set_too_large_for_udp_is_had_over_tcp_and_cut_to_what_can_be_meant(bind: Server) -> None:
    topology = await resolve(config(bind.ipv4, ZoneEntry("many.test.")), None, NOON)
    assert [server.name for server in topology.zones.at(0).servers] == [
        f"{LONG}-{n:02}.many.test" for n in range(MAX_ADDRESSES)
    ]
    assert all(len(server.addresses) == 1 for server in topology.zones.at(0).servers)
    assert topology.problems == (f"many.test. has 40 NS records; the first {MAX_ADDRESSES} are watched",)


async def test_a_zone_that_is_not_there_and_a_resolver_that_refuses(bind: Server) -> None:
    zones = (ZoneEntry("few.test."), ZoneEntry("nothing.few.test."), ZoneEntry("elsewhere.example."))
    topology = await resolve(config(bind.ipv4, *zones), None, NOON)
    assert {name: len(zone.servers) for name, zone in topology.zones.items()} == {
        "few.test.": 2, "nothing.few.test.": 0, "elsewhere.example.": 0,
    }  # fmt: skip
    assert topology.problems == (
        "the servers of elsewhere.example. cannot be found: the resolver says REFUSED",
        "the servers of nothing.few.test. cannot be found: there is no such zone, or it has no NS records",
    )


async def test_what_is_resolved_again_is_known_afresh(bind: Server) -> None:
    here = config(bind.ipv4, ZoneEntry("few.test."))
    before = await resolve(here, None, NOON)
    again = await resolve(here, before, NOON + timedelta(minutes=15))
    assert again.zones == before.zones
    assert {cached.at for cached in again.cached.values()} == {NOON + timedelta(minutes=15)}
