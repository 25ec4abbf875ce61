"""Zones find their servers, servers their addresses, and a resolver that fails takes nothing away."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from checks.model import Address, Expectation, TransferRule
from checks.model.zone_table import ZoneTable
from checks.zone_state.model import AddressState, ZoneState
from monitor.config.model import Config, ServerEntry, ZoneEntry
from monitor.polling.discovery import MAX_PROBLEMS, resolve
from monitor.polling.resolver import MAX_TIMEOUTS
from monitor.polling.stored_addresses import SAMPLE_SIZE, recall_addresses
from tests.support.discovery import DATA, LATER, NOON, config, hosted, hurried
from tests.support.resolver import resolving


async def test_servers_given_by_address_cost_no_question() -> None:
    async with resolving(DATA) as resolver:
        here = config(resolver, ZoneEntry("a.", ("ns1",)), ns1=ServerEntry("ns1", (Address("192.0.2.9"),), hidden=True))
        topology = await resolve(here, None, NOON)
        assert resolver.asked == []
    (zone,) = topology.zones.values()
    assert zone.servers == (topology.servers["ns1"],)
    assert topology.servers["ns1"].addresses == (Address("192.0.2.9"),)
    assert topology.servers["ns1"].hidden
    assert topology.problems == ()


async def test_a_server_given_by_name_has_all_addresses_of_both_families_at_its_port() -> None:
    async with resolving(DATA) as resolver:
        here = config(resolver, ZoneEntry("a.", ("ns1",)), ns1=ServerEntry("ns1", host="ns1.example.net.", port=5353))
        topology = await resolve(here, None, NOON)
    assert topology.servers["ns1"].addresses == (Address("192.0.2.1", 5353), Address("2001:db8::1", 5353))
    assert topology.problems == ()


async def test_a_zone_without_servers_has_those_of_its_ns_set() -> None:
    async with resolving(DATA) as resolver:
        topology = await resolve(config(resolver, ZoneEntry("example.com.")), None, NOON)
    (zone,) = topology.zones.values()
    assert {server.name: [a.host for a in server.addresses] for server in zone.servers} == {
        "ns1.example.net": ["192.0.2.1", "2001:db8::1"],
        "ns2.example.net": ["192.0.2.2", "192.0.2.3"],
    }
    assert topology.problems == ()


async def test_a_configured_server_is_found_in_the_ns_set_by_its_host() -> None:
    async with resolving(DATA) as resolver:
        first = ServerEntry("first", host="ns1.example.net.", group="a")
        topology = await resolve(config(resolver, ZoneEntry("example.com."), first=first), None, NOON)
    assert [(server.name, server.group) for server in topology.zones.at(0).servers] == [
        ("first", "a"),
        ("ns2.example.net", ""),
    ]


async def test_a_primary_outside_the_ns_set_is_watched_as_well() -> None:
    async with resolving(DATA) as resolver:
        hidden = ServerEntry("origin", (Address("192.0.2.99"),), hidden=True)
        here = config(resolver, ZoneEntry("example.com.", primary="origin"), origin=hidden)
        topology = await resolve(here, None, NOON)
    assert [server.name for server in topology.zones.at(0).servers] == ["ns1.example.net", "ns2.example.net", "origin"]


async def test_a_signer_outside_the_ns_set_is_watched_as_well_and_leads_those_in_it() -> None:
    async with resolving(DATA) as resolver:
        hidden = {name: ServerEntry(name, (Address("192.0.2.99"),), hidden=True) for name in ("origin", "signer")}
        here = config(resolver, ZoneEntry("example.com.", primary="origin", signer="signer"), **hidden)
        topology = await resolve(here, None, NOON)
    zone = topology.zones.at(0)
    assert zone.signer == "signer"
    assert [(server.name, server.group, server.upstream) for server in zone.servers] == [
        ("ns1.example.net", "signed", ("signer",)),
        ("ns2.example.net", "signed", ("signer",)),
        ("origin", "", ()),
        ("signer", "signed", ("origin",)),
    ]


async def test_each_name_is_asked_once_however_many_zones_have_it() -> None:
    async with resolving(DATA) as resolver:
        zones = [ZoneEntry(f"z{n}.", ("ns1.example.net", "ns2.example.net")) for n in range(50)]
        servers = {"ns1_example_net": hosted("ns1.example.net."), "ns2_example_net": hosted("ns2.example.net.")}
        topology = await resolve(config(resolver, *zones, **servers), None, NOON)
        assert len(resolver.asked) == 4
    assert all(len(zone.servers) == 2 for zone in topology.zones.values())


@pytest.mark.parametrize("how", ["dead", "silent", "servfail", "gone"])
async def test_a_failing_resolver_keeps_what_was_known_and_says_how_old_it_is(how: str) -> None:
    async with resolving(DATA) as resolver:
        here = config(resolver, ZoneEntry("example.com."))
        before = await resolve(here, None, NOON)
        names = {name for name, _ in DATA}
        match how:
            case "dead":
                resolver.dead = True
            case "silent":
                resolver.silent = names
            case "servfail":
                resolver.servfail = names
            case "gone":
                resolver.data = {}
        impatient = hurried(here) if how in ("dead", "silent") else here
        after = await resolve(impatient, before, LATER)
        assert after.zones == before.zones
        assert any("example.com." in text and "2026-05-01 12:00 UTC" in text for text in after.problems), after.problems
        third = await resolve(impatient, after, LATER + timedelta(minutes=15))
        assert third.zones == before.zones
        assert any("2026-05-01 12:00 UTC" in text for text in third.problems)


async def test_a_resolver_that_is_not_there_at_all_is_a_problem_not_an_exception() -> None:
    async with resolving(DATA) as resolver:
        here = config(resolver, ZoneEntry("example.com."), ns1=hosted("ns1.example.net."))
    topology = await resolve(hurried(here), None, NOON)
    assert topology.zones.at(0).servers == ()
    assert topology.servers["ns1"].addresses == ()
    assert len(topology.problems) == 2
    assert all("the resolver does not answer" in text for text in topology.problems)


async def test_a_family_that_fails_keeps_its_addresses_while_the_other_moves() -> None:
    async with resolving(DATA) as resolver:
        here = config(resolver, ZoneEntry("a.", ("ns1",)), ns1=hosted("ns1.example.net."))
        before = await resolve(here, None, NOON)
        resolver.data["ns1.example.net.", "A"] = ["192.0.2.77"]
        del resolver.data["ns1.example.net.", "AAAA"]
        moved = await resolve(here, before, LATER)
    assert moved.servers["ns1"].addresses == (Address("192.0.2.77"),)
    assert moved.problems == ()


async def test_an_address_that_is_none_of_one_server_is_left_out_and_told() -> None:
    data = {("bad.example.", "A"): ["0.0.0.0", "192.0.2.1"]}
    async with resolving(data) as resolver:
        topology = await resolve(config(resolver, ZoneEntry("a.", ("bad",)), bad=hosted("bad.example.")), None, NOON)
    assert topology.servers["bad"].addresses == (Address("192.0.2.1"),)
    assert topology.problems == ('bad.example: "0.0.0.0" is not the address of one server',)


async def test_ns_records_that_name_no_host_are_left_out_and_told() -> None:
    data = {("example.com.", "NS"): ["*.example.net.", "ns1.example.net."], ("ns1.example.net.", "A"): ["192.0.2.1"]}
    async with resolving(data) as resolver:
        topology = await resolve(config(resolver, ZoneEntry("example.com.")), None, NOON)
    assert [server.name for server in topology.zones.at(0).servers] == ["ns1.example.net"]
    assert topology.problems == ("example.com.: NS *.example.net.: not a host name",)


async def test_a_long_list_of_problems_is_cut() -> None:
    async with resolving({}) as resolver:
        servers = {f"ns{n}": hosted(f"ns{n}.example.") for n in range(250)}
        topology = await resolve(config(resolver, ZoneEntry("a.", ("ns1",)), **servers), None, NOON)
    assert len(topology.problems) == MAX_PROBLEMS + 1
    assert topology.problems[-1] == "and 150 more names do not resolve"


async def test_hundreds_of_names_and_a_dead_resolver_take_only_moments_and_one_sentence() -> None:
    async with resolving({}) as resolver:
        resolver.dead = True
        servers = {f"ns{n}": hosted(f"ns{n}.example.") for n in range(1000)}
        topology = await resolve(hurried(config(resolver, ZoneEntry("a.", ("ns1",)), **servers)), None, NOON)
        assert len(resolver.asked) <= 2 * MAX_TIMEOUTS + 64
    assert "the resolver does not answer" in topology.problems[0]
    assert len(topology.problems) <= 101


async def test_a_transfer_rule_for_a_server_outside_the_ns_set_is_told() -> None:
    async with resolving(DATA) as resolver:
        rules = (TransferRule("ns9", Expectation.REFUSED), TransferRule("*", Expectation.REFUSED))
        nine = ServerEntry("ns9", (Address("192.0.2.9"),))
        here = config(resolver, ZoneEntry("example.com.", transfers=rules), ns9=nine)
        topology = await resolve(here, None, NOON)
    assert topology.problems == ("example.com.: ns9 of a transfer rule is not in the NS set",)


async def test_names_that_left_the_configuration_are_forgotten() -> None:
    async with resolving(DATA) as resolver:
        here = config(resolver, ZoneEntry("example.com."))
        before = await resolve(here, None, NOON)
        after = await resolve(
            replace(
                here, zones=ZoneTable.of((ZoneEntry("a.", ("ns1",)),)), servers={"ns1": hosted("ns1.example.net.")}
            ),
            before,
            LATER,
        )
    assert {name for name, _ in after.cached} == {"ns1.example.net."}


def address_state(server: str, address: Address) -> AddressState:
    return AddressState(server, address, "", 1, NOON, "answered", NOON)


async def test_a_start_while_the_resolver_is_dead_goes_on_with_what_the_zone_states_know() -> None:
    async with resolving(DATA) as resolver:
        first = ServerEntry("first", host="ns1.example.net.")
        here = config(resolver, ZoneEntry("example.com."), ZoneEntry("a.", ("first",)), first=first)
        alive = await resolve(here, None, NOON)
        zone_states = {
            name: ZoneState(
                name,
                (),
                tuple(address_state(server.name, address) for server, address in zone.server_addresses()),
                NOON,
            )
            for name, zone in alive.zones.items()
        }
        resolver.dead = True
        again = await resolve(hurried(here), recall_addresses(zone_states, here), LATER)
    assert again.zones == alive.zones
    assert all("what was known 2026-05-01 12:00 UTC is used" in text for text in again.problems)


class Remembered(dict[str, ZoneState]):
    """Zone states that say which of them were looked at."""

    def __init__(self, zone_states: Iterable[ZoneState]) -> None:
        super().__init__({zone_state.zone: zone_state for zone_state in zone_states})
        self.checked_at: list[str] = []

    def get(self, name: str, default: object = None) -> Any:
        self.checked_at.append(name)
        return super().get(name, default)


def test_nothing_is_recalled_from_nothing() -> None:
    here = Config(zones=ZoneTable.of([ZoneEntry("a.")]))
    assert recall_addresses({}, here).cached == {}
    assert recall_addresses({"a.": ZoneState("a.")}, here).cached == {}


def test_only_zone_states_that_know_what_is_to_be_resolved_are_looked_at() -> None:
    given = ServerEntry("given", (Address("192.0.2.1"),))
    servers = {"given": given, "named": hosted("named.example.")}
    sure = [ZoneEntry(f"s{n}.", ("given",)) for n in range(100)]
    unsure = [ZoneEntry(f"u{n}.", ("given", "named")) for n in range(100)]
    found = [ZoneEntry("f1."), ZoneEntry("f2.")]
    at = (address_state("given", Address("192.0.2.1")), address_state("named", Address("2001:db8::7")))
    zone_states = Remembered(ZoneState(entry.name, (), at, NOON) for entry in (*sure, *unsure, *found))
    assert recall_addresses(zone_states, Config(zones=ZoneTable.of(sure), servers=servers)).cached == {}
    assert zone_states.checked_at == []
    cached = recall_addresses(zone_states, Config(zones=ZoneTable.of([*sure, *unsure, *found]), servers=servers)).cached
    assert (
        zone_states.checked_at
        == ["f1.", "f2.", *(name for name in sorted(entry.name for entry in unsure))][: 2 + SAMPLE_SIZE]
    )
    assert cached["named.example.", "AAAA"].values == ("2001:db8::7",)
    assert cached["f1.", "NS"].values == ("given", "named")


async def test_zones_that_are_as_they_were_are_the_same_table() -> None:
    async with resolving(DATA) as resolver:
        here = config(resolver, ZoneEntry("example.com."), ZoneEntry("a.", ("ns1",)), ns1=hosted("ns1.example.net."))
        before = await resolve(here, None, NOON)
        again = await resolve(replace(here, zones=ZoneTable.of(here.zones.values())), before, LATER)
        assert again.zones is before.zones
        resolver.data["ns1.example.net.", "A"] = ["192.0.2.77"]
        moved = await resolve(here, before, LATER)
    assert moved.zones != before.zones
    assert list(moved.zones) == list(before.zones)


async def test_zones_that_are_found_alike_are_one_template_and_zones_given_servers_keep_theirs() -> None:
    servers = ["ns1.example.net.", "ns2.example.net."]
    data = {**DATA, **{(f"f{n}.example.", "NS"): servers for n in range(5)}, ("g.example.", "NS"): servers[:1]}
    async with resolving(data) as resolver:
        entries = [ZoneEntry(f"f{n}.example.") for n in range(5)] + [ZoneEntry("g.example."), ZoneEntry("h.", ("ns1",))]
        topology = await resolve(
            config(resolver, *entries, ns1=ServerEntry("ns1", (Address("192.0.2.9"),))), None, NOON
        )
    sizes = {name: [server.name for server in zone.servers] for name, zone in topology.zones.items()}
    assert sizes == {
        **{f"f{n}.example.": ["ns1.example.net", "ns2.example.net"] for n in range(5)},
        "g.example.": ["ns1.example.net"],
        "h.": ["ns1"],
    }
    assert sorted(count for count in topology.zones.template_counts() if count) == [1, 1, 5]
