"""What is said of a server that has no copy of the zone, no valid one, or is not there at all?"""

from dataclasses import dataclass

import pytest

from checks.model import Health, Outcome, Query, TransferResult, Transport
from monitor.clock import now
from monitor.config.model import Probe
from monitor.ports import Prober
from monitor.probe.dns import DnsProber
from tests.lab.model import XFR
from tests.real.keys import KEYS
from tests.real.world import ALIEN, BRIEF, NEVER, PARTIAL, SYNC, Watch, World, ask, codes


@dataclass(frozen=True, slots=True)
class Said:
    """What a secondary answers to the SOA question and to AXFR with the right key, and the finding that comes of it."""

    rcode: str
    extended: str | None
    transfer: TransferResult
    code: str | None


REFUSED, NOTAUTH = TransferResult.REFUSED, TransferResult.NOTAUTH
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


async def test_a_zone_nobody_serves(world: World, probe: Prober) -> None:
    verdict = await Watch(probe, world.zone(ALIEN)).look("reachable")
    assert codes(verdict) == {server.name: {"zone-not-served"} for server in world.servers}


async def test_a_server_that_is_dead_and_one_that_hangs(world: World) -> None:
    dead, hung = world.named("knot"), world.named("powerdns")
    impatient = DnsProber(Probe(timeout=0.2), KEYS, now)
    watch = Watch(impatient, world.zone(SYNC))
    dead.stop()
    hung.pause()
    try:
        verdict = await watch.look("reachable")
    finally:
        hung.resume()
        dead.start()
    assert verdict.health is Health.BAD
    assert codes(verdict) == {dead.name: {"server-unreachable"}, hung.name: {"server-unreachable"}}
    outcomes = {(seen.server, seen.query.transport, seen.outcome) for seen in watch.seen}
    assert (dead.name, Transport.TCP, Outcome.REFUSED_CONNECTION) in outcomes
    assert (hung.name, Transport.UDP, Outcome.TIMEOUT) in outcomes
    dead.wait(SYNC, world.primary.content(SYNC).serial)
    assert codes(await watch.look("reachable")) == {}
    await impatient.close()
