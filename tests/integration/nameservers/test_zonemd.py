"""ZONEMD records of real zones: silent where they match, told where one record was changed, mended by the runbook."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import dns.query
import dns.rcode
import dns.update
import pytest

from alerting.runbook import explain
from checks.model import Expectation, Health, TransferRule, Zone
from checks.model import Server as Watched
from monitor.probe.types import Prober
from tests.integration.nameservers.test_cures import commands, fetch_afresh
from tests.integration.nameservers.world import Watch, codes
from tests.support.lab.model import XFR, Content, tsig
from tests.support.lab.orders import order
from tests.support.lab.server import SOFTWARE, Server
from tests.support.lab.topology import Lab

PLAIN, SIGNED, UPDATED = "plain.test.", "signed.test.", "updated.test."
RULES = (TransferRule("*", Expectation.ALLOWED, XFR.name),)


def with_zonemd(content: Content) -> Content:
    """The same with the record that dnspython makes for it."""
    return replace(content, records=(*content.records, f"@ ZONEMD {content.parsed().compute_digest(1).to_text()}"))


def tampered(content: Content) -> Content:
    """With one record changed."""
    return replace(content, records=tuple(one.replace("192.0.2.80", "192.0.2.81") for one in content.records))


def own(software: str) -> str:
    """The zone that this software is the one secondary of."""
    return f"{software}.test."


def primarys(software: str) -> str:
    """The zone that this software is the primary of."""
    return f"by-{software}.test."


@dataclass(frozen=True, slots=True)
class World:
    """``maker`` makes ZONEMD records; ``author`` has zones with such that were made elsewhere, one for each of the
    secondaries; each of these is the primary of another.
    """

    lab: Lab
    maker: Server
    author: Server
    secondaries: dict[str, Server]

    def watch(self, probe: Prober, zone: str, *servers: Server) -> Watch:
        watched = tuple(Watched(server.name, (server.ipv4,)) for server in servers)
        return Watch(probe, Zone(zone, watched, servers[0].name, content=True, transfers=RULES, ignored=("*",)))


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with Lab() as lab:
        maker, author = lab.server("knot", "maker"), lab.server("bind", "author")
        secondaries = {software: lab.server(software, software) for software in SOFTWARE}
        maker.serve(Content(PLAIN, serial=10), zonemd=True)
        maker.serve(Content(SIGNED, serial=10, expire=604800), zonemd=True, signs=True)
        for software, server in secondaries.items():
            server.use_dnssec()
            server.follow(maker, PLAIN, SIGNED)
            author.serve(tampered(with_zonemd(Content(own(software), serial=10))))
            server.follow(author, own(software))
            server.serve(tampered(with_zonemd(Content(primarys(software), serial=10))))
            author.follow(server, primarys(software))
        author.serve(with_zonemd(Content(UPDATED, serial=10)), dynamic=True)
        secondaries["nsd"].follow(author, UPDATED)
        lab.start()
        for zone in PLAIN, SIGNED:
            serial = maker.serial(zone)
            assert serial is not None
            for server in secondaries.values():
                server.catch_up(zone, serial)
        for software, server in secondaries.items():
            server.catch_up(own(software), 10)
            author.catch_up(primarys(software), 10)
        yield World(lab, maker, author, secondaries)


@pytest.mark.parametrize("zone", [PLAIN, SIGNED])
async def test_what_knot_makes_is_found_good_on_all(world: World, probe: Prober, zone: str) -> None:
    watch = world.watch(probe, zone, world.maker, *world.secondaries.values())
    result = await watch.look("content")
    assert (result.health, result.findings, result.unsure) == (Health.GOOD, (), ())
    assert {len(seen.content.zonemd) for seen in watch.seen if seen.content is not None} == {1}
    (again,) = [seen for seen in watch.seen if seen.query.zonemd]
    assert again.server == "maker"
    assert again.content is not None
    assert dict(again.content.digests) == {one.algorithm: one.digest for one in again.content.zonemd}


async def test_the_signatures_of_the_record_are_verified_on_all(world: World, probe: Prober) -> None:
    watch = world.watch(probe, SIGNED, world.maker, *world.secondaries.values())
    result = await watch.look("signatures")
    assert (result.health, result.findings, result.unsure) == (Health.GOOD, (), ())
    signed = {seen.server for seen in watch.seen if seen.query.qtype == "ZONEMD" and seen.signatures}
    assert signed == {"maker", *SOFTWARE}


@pytest.mark.parametrize("software", SOFTWARE)
async def test_one_record_changed_at_a_secondary_is_found_and_mended(
    world: World, probe: Prober, software: str
) -> None:
    """The secondary has taken what was not meant; the primary has the zone as it should be, on the same serial."""
    zone, server, author = own(software), world.secondaries[software], world.author
    server.freeze(zone)
    author.put(with_zonemd(Content(zone, serial=10)))
    author.wait_for(f"www.{zone}", "A", "192.0.2.80")
    watch = world.watch(probe, zone, author, server)
    result = await watch.look("content")
    assert codes(result) == {software: {"content-differs", "zonemd-mismatch"}}
    text = next(one.text for one in result.findings if one.code == "zonemd-mismatch")
    assert text.startswith(
        f"{software} ({server.ipv4}) serves serial 10 with other records than its ZONEMD record is for"
    )
    assert text.endswith("; that of author, on this serial, matches its own")
    fetch_afresh(server, zone, "zonemd-mismatch")
    server.wait_for(f"www.{zone}", "A", "192.0.2.80")
    assert codes(await watch.look("content")) == {}


@pytest.mark.parametrize("software", SOFTWARE)
async def test_a_primary_whose_zone_was_changed_is_found_alone_and_mended(
    world: World, probe: Prober, software: str
) -> None:
    zone, server = primarys(software), world.secondaries[software]
    watch = world.watch(probe, zone, server, world.author)
    result = await watch.look("content")
    assert codes(result) == {software: {"zonemd-mismatch"}}
    assert result.findings[0].text.endswith("; author has the same zone")
    server.edit(replace(server.content(zone), serial=11))
    if software == "powerdns":
        assert server.serial(zone) == 11
    else:
        order(server, commands(explain("serial-unbumped"), software, zone)[0][0])
    server.wait(zone, 11)
    world.author.catch_up(zone, 11)
    result = await watch.look("content")
    assert codes(result) == {software: {"zonemd-stale"}}
    assert result.findings[0].text.startswith(
        f"{software} ({server.ipv4}) serves serial 11, and its ZONEMD record is for "
    )
    mend(server, zone)
    serial = server.serial(zone)
    assert serial is not None
    world.author.catch_up(zone, serial)
    assert codes(await watch.look("content")) == {}


def mend(primary: Server, zone: str) -> None:
    """As the runbook says for each software."""
    printed = commands(explain("zonemd-stale"), primary.software, zone)
    if primary.software == "knot":
        duty = replace(primary.setup.duty(zone), zonemd=True)
        primary.setup = primary.setup.with_duty(duty)
        primary.driver.write(primary.setup, primary.room)
        assert printed[1] == ["zone:", f"  - domain: {zone[:-1]}", "    zonemd-generate: zonemd-sha384"]
        order(primary, printed[2][0])
        return primary.wait(zone, 12)
    fresh = replace(primary.content(zone), serial=12, records=Content(zone).records)
    if primary.software == "powerdns":
        verify, load, _ = printed[1][0], printed[2], printed[3]
        path = primary.room / "made-elsewhere.zone"
        path.write_text(primary.content(zone).text())
        with pytest.raises(AssertionError, match="No suitable ZONEMD record found"):
            order(primary, verify.replace(f"/path/to/{zone[:-1]}.zone", str(path)))
        path.write_text(with_zonemd(fresh).text())
        for line in verify, *load:
            order(primary, line.replace(f"/path/to/{zone[:-1]}.zone", str(path)))
        return primary.wait(zone, 12)
    primary.edit(with_zonemd(fresh))
    order(primary, printed[1][0])
    return primary.wait(zone, 12)


async def test_an_update_leaves_the_record_behind_in_bind(world: World, probe: Prober) -> None:
    server, secondary = world.author, world.secondaries["nsd"]
    secondary.catch_up(UPDATED, 10)
    watch = world.watch(probe, UPDATED, server, secondary)
    assert codes(await watch.look("content")) == {}
    update = dns.update.UpdateMessage(UPDATED, keyring=tsig(XFR))
    update.add("new", 300, "A", "192.0.2.99")
    answer = dns.query.tcp(update, server.ipv4.host, port=server.ipv4.port, timeout=5)
    assert answer.rcode() == dns.rcode.NOERROR
    secondary.catch_up(UPDATED, 11)
    assert codes(await watch.look("content")) == {"author": {"zonemd-stale"}}


async def test_the_record_is_taken_out_of_powerdns(world: World, probe: Prober) -> None:
    zone, server = "taken-out.test.", world.secondaries["powerdns"]
    server.serve(tampered(with_zonemd(Content(zone, serial=10))))
    world.author.follow(server, zone)
    server.wait(zone, 10)
    for line in commands(explain("zonemd-mismatch"), "powerdns", zone)[3]:
        order(server, line)
    server.wait(zone, 11)
    world.author.catch_up(zone, 11)
    assert codes(await world.watch(probe, zone, server, world.author).look("content")) == {}
