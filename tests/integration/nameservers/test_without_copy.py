"""What is found at a server that has no copy of the zone, no valid one, or is not there at all."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import pytest

from checks.model import Health, Outcome, Query, TransferResult, Transport
from monitor.clock import monotonic, now
from monitor.probe.client.client import DnsClient
from monitor.probe.settings import Probe
from monitor.probe.types import Prober
from tests.integration.nameservers.keys import KEYS
from tests.integration.nameservers.world import ALIEN, BRIEF, LOCKED, NEVER, PARTIAL, SYNC, Watch, World, ask, codes
from tests.support.lab.model import GUEST, XFR, Content
from tests.support.lab.server import SOFTWARE, Server
from tests.support.lab.topology import Lab
from tests.support.lab.waiting import eventually


@dataclass(frozen=True, slots=True)
class Said:
    """What a secondary answers to the SOA question and to AXFR with the right key, and the finding that comes of it."""

    rcode: str
    extended: str | None
    transfer: TransferResult
    code: str | None


NOTAUTH = TransferResult.NOTAUTH
SERVFAIL, ALLOWED = TransferResult.SERVFAIL, TransferResult.ALLOWED

SITUATIONS = {
    "never loaded": (NEVER, {
        "bind":     Said("SERVFAIL", None, SERVFAIL, "zone-expired"),
        "knot":     Said("SERVFAIL", "24", SERVFAIL, "zone-expired"),
        "nsd":      Said("SERVFAIL", "14", NOTAUTH,  "zone-expired"),
        "powerdns": Said("REFUSED",  None, NOTAUTH,  "zone-not-served"),
    }),
    "not configured": (PARTIAL, {
        "bind":     Said("REFUSED",  None, NOTAUTH,  "zone-not-served"),
        "knot":     Said("REFUSED",  "20", NOTAUTH,  "zone-not-served"),
        "nsd":      Said("REFUSED",  "20", NOTAUTH,  "zone-not-served"),
        "powerdns": Said("REFUSED",  None, NOTAUTH,  "zone-not-served"),
    }),
    # NSD goes on giving transfers of what it no longer serves, PowerDNS goes on serving: the SOA question decides.
    "expired": (BRIEF, {
        "bind":     Said("SERVFAIL", None, SERVFAIL, "zone-expired"),
        "knot":     Said("SERVFAIL", "24", SERVFAIL, "zone-expired"),
        "nsd":      Said("SERVFAIL", "24", ALLOWED,  "zone-expired"),
        "powerdns": Said("NOERROR",  None, ALLOWED,  None),
    }),
}  # fmt: skip


@pytest.mark.parametrize("situation", SITUATIONS)
async def test_a_secondary_without_a_valid_copy(world: World, probe: Prober, situation: str) -> None:
    """Nothing is said of the primary, where it serves the zone; over both families, UDP and TCP, the same."""
    zone, table = SITUATIONS[situation]
    for secondary in world.secondaries:
        secondary.wait_rcode(zone, table[secondary.software].rcode)
    watch = Watch(probe, world.zone(zone))
    expected = {name: {said.code} for name, said in table.items() if said.code}
    if not world.primary.setup.has(zone):
        expected["primary"] = {"zone-not-served"}
    assert codes(await watch.look("reachable")) == expected
    for seen in watch.seen:
        if seen.server != "primary":
            said = table[seen.server]
            assert (seen.outcome, seen.rcode) == (Outcome.ANSWERED, said.rcode)
            assert [text.split(" ")[0] for text in seen.ede] == ([said.extended] if said.extended else [])
    for secondary in world.secondaries:
        queries = [
            Query(zone, secondary.name, address, zone, "AXFR", Transport.TCP, XFR.name)
            for address in secondary.setup.addresses
        ]
        for seen in await ask(probe, *queries):
            assert seen.transfer is table[secondary.software].transfer, f"{secondary!r}: {seen}"


async def test_a_secondary_whose_key_is_let_in_at_last(world: World, probe: Prober) -> None:
    watch = Watch(probe, world.zone(LOCKED))
    assert set(codes(await watch.look("reachable"))) == {"bind", "knot", "nsd", "powerdns"}
    world.primary.allow(LOCKED, XFR, GUEST)
    for secondary in world.secondaries:
        await asyncio.to_thread(secondary.catch_up, LOCKED, 10)
    for check in ("reachable", "soa-serial", "soa-fields", "ns-set"):
        result = await watch.look(check)
        assert (result.health, result.findings) == (Health.GOOD, ()), check


async def test_a_zone_nobody_serves(world: World, probe: Prober) -> None:
    result = await Watch(probe, world.zone(ALIEN)).look("reachable")
    assert codes(result) == {server.name: {"zone-not-served"} for server in world.servers}


async def test_a_server_that_is_dead_and_one_that_hangs(world: World) -> None:
    dead, hung = world.named("knot"), world.named("powerdns")
    impatient = DnsClient(Probe(timeout=0.2), KEYS, now)
    watch = Watch(impatient, world.zone(SYNC))
    dead.stop()
    hung.pause()
    try:
        result = await watch.look("reachable")
    finally:
        hung.resume()
        dead.start()
    assert result.health is Health.BAD
    assert codes(result) == {dead.name: {"server-unreachable"}, hung.name: {"server-unreachable"}}
    outcomes = {(seen.server, seen.query.transport, seen.outcome) for seen in watch.seen}
    assert (dead.name, Transport.TCP, Outcome.REFUSED_CONNECTION) in outcomes
    assert (hung.name, Transport.UDP, Outcome.TIMEOUT) in outcomes
    dead.wait(SYNC, world.primary.content(SYNC).serial)
    assert codes(await watch.look("reachable")) == {}
    await impatient.close()


async def test_a_copy_runs_out(probe: Prober) -> None:
    """Said before it happens: by the servers' own EXPIRE count (BIND, Knot), or by an estimate (NSD, PowerDNS).

    PowerDNS goes on serving when the others have stopped.
    """
    zone = "wane.test."
    async with Lab() as lab:
        primary = lab.primary("knot", Content(zone, refresh=1, retry=1, expire=8), name="primary")
        secondaries = [lab.secondary(software, of=primary, name=software) for software in SOFTWARE]
        await lab.started()
        for secondary in secondaries:
            await eventually(partial(serves, secondary, zone), f"{secondary!r} has the zone")
        world = World(lab, primary, tuple(secondaries))
        watch = Watch(probe, world.zone(zone), timedelta(seconds=1))
        assert (await watch.look("soa-serial")).health is Health.GOOD
        primary.drop(zone)

        told: dict[str, list[str]] = {secondary.name: [] for secondary in secondaries}
        estimated: set[str] = set()
        deadline = monotonic() + 20
        while any(said[-1:] != ["zone-expired"] for name, said in told.items() if name != "powerdns"):
            assert monotonic() < deadline, told
            for check in ("soa-serial", "reachable"):
                for name, found in codes(await watch.look(check)).items():
                    for code in found:
                        if name != "primary" and code not in told[name]:
                            told[name].append(code)
            estimated |= {
                address_state.server for address_state in watch.zone_state.address_states if address_state.estimated
            }
        assert any("expiry-near" in said for said in told.values())
        for said in told.values():
            if said[0] == "expiry-near":  # its two seconds may pass unseen where the machine is busy
                said.pop(0)
        assert told.pop("powerdns") == ["expiry-imminent"]
        assert told == {name: ["expiry-imminent", "zone-expired"] for name in ("bind", "knot", "nsd")}
        assert estimated == {"nsd", "powerdns"}


def serves(server: Server, zone: str) -> bool:
    return server.serial(zone) is not None


@pytest.mark.parametrize(
    ("software", "code"), [("bind", "bad-rcode"), ("knot", "zone-expired"), ("nsd", "zone-expired")]
)
async def test_a_primary_whose_zone_file_is_broken(probe: Prober, software: str, code: str) -> None:
    """SERVFAIL alone says of a primary no more than that it fails; with an extended error it says why."""
    zone = "broken.test."
    async with Lab() as lab:
        server = lab.primary(software, Content(zone, records=("@ NS ns1", "ns1 A not-an-address")), name="primary")
        server.launch()
        await asyncio.to_thread(server.wait_rcode, zone, "SERVFAIL")
        watch = Watch(probe, World(lab, server, ()).zone(zone))
        assert codes(await watch.look("reachable")) == {"primary": {code}}
