"""Canaries of real servers: changed by signed UPDATE, answered by secondaries, and what keeps that from happening."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from alerting.runbook import explain
from checks.model import CanaryRecord, Health, Observation, UpdateResult, Zone
from checks.model import Server as Watched
from checks.model.canary import canary_value
from monitor.clock import now
from monitor.probe.client.client import DnsClient
from monitor.probe.settings import Probe
from monitor.probe.types import Prober
from tests.integration.nameservers.keys import KEYS
from tests.integration.nameservers.world import Watch, codes
from tests.support.lab.model import XFR, Content
from tests.support.lab.orders import order
from tests.support.lab.server import Server
from tests.support.lab.topology import Lab

OWNER = "_soawatch-canary"
OLD = '_soawatch-canary TXT "soawatch 2020-01-01T00:00:00.000Z 0badcafe 7"'
"""Left by a service that ran before."""
TAKES_UPDATES = ("bind", "knot", "powerdns")


class Stage:
    """Primaries of all four, each with a zone of its own; BIND, which hands updates on, and NSD follow them all."""

    def __init__(self, lab: Lab) -> None:
        self.primaries = {software: lab.server(software, software) for software in (*TAKES_UPDATES, "nsd")}
        for software, server in self.primaries.items():
            dynamic, plain = software != "nsd", Content(self.zone_name(software))
            server.serve(replace(plain, records=(*plain.records, OLD)), dynamic=dynamic)
            server.serve(Content(f"static.{software}.test."))
        for software in ("bind", "knot"):
            self.primaries[software].serve(Content(f"signed.{software}.test."), dynamic=True, signs=True)
        for software in TAKES_UPDATES:
            apart = Content(f"apart.{software}.test.")
            others = (f"{OWNER} CNAME www", "_below NS ns1")
            self.primaries[software].serve(replace(apart, records=(*apart.records, *others)), dynamic=True)
        taken = Content("taken.bind.test.")
        self.primaries["bind"].serve(replace(taken, records=(*taken.records, f"{OWNER} TXT mine")), dynamic=True)
        for late in ("second", "third"):
            self.primaries["bind"].serve(Content(f"untold-{late}.bind.test."), dynamic=True)
        self.secondaries = (lab.server("bind", "second"), lab.server("nsd", "third"))
        for secondary in self.secondaries:
            for primary in self.primaries.values():
                names = [duty.zone for duty in primary.setup.duties]
                untold = [name for name in names if name.startswith(f"untold-{secondary.name}")]
                told = [name for name in names if name not in untold]
                secondary.follow(primary, *told, forwards=secondary.software == "bind")
                secondary.follow(primary, *untold, notify=False)

    @staticmethod
    def zone_name(software: str) -> str:
        return f"canary.{software}.test."

    def zone(
        self, software: str, name: str = "", key: str = XFR.name, server: str | None = None, lag: float = 20
    ) -> Zone:
        servers = (self.primaries[software], *self.secondaries)
        watched = tuple(Watched(one.name, one.setup.addresses) for one in servers)
        canary = CanaryRecord(key, server=server, max_lag=timedelta(seconds=lag))
        return Zone(name or self.zone_name(software), watched, software, ignored=("*",), canary=canary)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Lab() as lab:
        stage = Stage(lab)
        lab.start()
        for secondary in stage.secondaries:
            for primary in stage.primaries.values():
                for duty in primary.setup.duties:
                    secondary.catch_up(duty.zone, primary.serial(duty.zone) or 0)
        yield stage


@pytest.fixture
async def probe() -> AsyncIterator[Prober]:
    probe = DnsClient(Probe(timeout=2, attempts=2), KEYS, now)
    yield probe
    await probe.close()


def texts(server: Server, zone: str) -> list[str]:
    return [str(one) for rrset in server.ask(f"{OWNER}.{zone}", "TXT").answer for one in rrset]


ZONES = [(software, "") for software in TAKES_UPDATES] + [(one, f"signed.{one}.test.") for one in ("bind", "knot")]


@pytest.mark.parametrize(("software", "name"), ZONES)
async def test_a_change_is_taken_and_answered_everywhere(stage: Stage, probe: Prober, software: str, name: str) -> None:
    zone = stage.zone(software, name)
    watch, values = Watch(probe, zone), []
    for _ in range(2):
        found = await watch.look("canary")
        assert (found.health, found.unsure) == (Health.GOOD, ()), found
        assert {(one.server, one.address) for one in found.arrivals} == {
            (server.name, address) for server, address in zone.server_addresses()
        }
        assert all(0 <= one.seconds < 20 for one in found.arrivals), found.arrivals
        (text,) = texts(stage.primaries[software], zone.name)
        values.append(canary_value(text))
    before, after = values
    assert before is not None
    assert after is not None
    assert (before.run, before.number + 1) == (after.run, after.number)


async def test_a_secondary_may_hand_the_change_on(stage: Stage, probe: Prober) -> None:
    found = await Watch(probe, stage.zone("bind", server="second")).look("canary")
    assert (found.health, len(found.arrivals)) == (Health.GOOD, 6), found


KEY_REASONS: dict[str, dict[str, UpdateResult]] = {
    "bind": {
        "guest": UpdateResult.REFUSED,
        "stranger": UpdateResult.BADKEY,
        "wrong-secret": UpdateResult.BADSIG,
        "wrong-algorithm": UpdateResult.BADKEY,
    },
    "knot": {
        "guest": UpdateResult.BADKEY,
        "stranger": UpdateResult.BADKEY,
        "wrong-secret": UpdateResult.BADSIG,
        "wrong-algorithm": UpdateResult.BADKEY,
    },
    "powerdns": dict.fromkeys(("guest", "stranger", "wrong-secret", "wrong-algorithm"), UpdateResult.REFUSED),
    "nsd": {"xfr": UpdateResult.NOTIMP},
}
"""What each says to an update with which key, of a zone that it takes others for."""


def update_of(watch: Watch) -> Observation:
    return next(one for one in watch.seen if one.query.update is not None)


@pytest.mark.parametrize("software", KEY_REASONS)
async def test_why_it_is_not_taken(stage: Stage, probe: Prober, software: str) -> None:
    for key, result in KEY_REASONS[software].items():
        watch = Watch(probe, stage.zone(software, key=key))
        found = await watch.look("canary")
        assert codes(found) == {software: {"canary-update-failed"}}, found
        assert update_of(watch).update is result, update_of(watch)
        assert KEYS[key].secret.reveal() not in repr((watch.seen, found))


@pytest.mark.parametrize("software", TAKES_UPDATES)
async def test_the_clocks_disagree(stage: Stage, software: str) -> None:
    """PowerDNS says no more than REFUSED."""
    probe = DnsClient(Probe(), KEYS, lambda: now() - timedelta(hours=1))
    try:
        watch = Watch(probe, stage.zone(software))
        (one, *others) = (await watch.look("canary")).findings
    finally:
        await probe.close()
    assert (one.code, one.server, others) == ("canary-update-failed", software, [])
    told = "or a clock be wrong" if software == "powerdns" else "the server's is 3600 s ahead of the monitor's"
    assert told in one.text


async def test_nobody_is_there_who_could_take_it(stage: Stage) -> None:
    """The secondaries answer, so it is not the monitor."""
    probe = DnsClient(Probe(timeout=0.2, attempts=1), KEYS, now)
    stage.primaries["knot"].pause()
    try:
        watch = Watch(probe, stage.zone("knot"))
        found = await watch.look("canary")
    finally:
        stage.primaries["knot"].resume()
        await probe.close()
    assert codes(found) == {"knot": {"canary-update-failed"}}, found
    assert [one.update for one in watch.seen if one.query.update is not None] == [UpdateResult.TIMEOUT] * 2
    assert len({one.answer.rdata for one in watch.seen if one.query.update is not None and one.answer}) == 1


@pytest.mark.parametrize("late", ["second", "third"])
async def test_one_is_late_until_it_does_what_the_runbook_says(stage: Stage, probe: Prober, late: str) -> None:
    """The secondary is not told of changes, and refreshes in hours."""
    server = next(one for one in stage.secondaries if one.name == late)
    zone = stage.zone("bind", f"untold-{late}.bind.test.", lag=0.5)
    zone = replace(zone, servers=tuple(one for one in zone.servers if one.name in ("bind", late)))
    found = await Watch(probe, zone).look("canary")
    assert codes(found) == {late: {"canary-late"}}, found
    assert len(found.findings) == 2, "at both addresses"
    software, command = {"bind": ("BIND", "rndc retransfer"), "nsd": ("NSD", "nsd-control force_transfer")}[
        server.software
    ]
    fixes = dict(explain("canary-late").fixes(zone.name.rstrip(".")))
    line = next(one for one in fixes[software].splitlines() if one.startswith(command))
    order(server, line)
    (value,) = texts(stage.primaries["bind"], zone.name)
    server.wait_for(f"{OWNER}.{zone.name}", "TXT", value)


@pytest.mark.parametrize("software", TAKES_UPDATES)
async def test_the_key_may_after_what_the_runbook_says(stage: Stage, probe: Prober, software: str) -> None:
    server, zone = stage.primaries[software], stage.zone(software, f"static.{software}.test.")
    assert codes(await Watch(probe, zone).look("canary")) == {software: {"canary-update-failed"}}
    name = zone.name.rstrip(".")
    fixes = {one.lower().removesuffix(" dns"): text for one, text in explain("canary-update-failed").fixes(name)}
    if software == "bind":
        (line,) = (one for one in fixes["bind"].splitlines() if one.startswith("update-policy"))
        line = line.replace(" xfr ", f" {XFR.wire_name} ")
        path, head = server.room / "named.conf", f'zone "{zone.name}" {{'
        path.write_text(path.read_text().replace(head, f"{head} {line}"))
        order(server, "rndc reconfig")
    elif software == "knot":
        acl = fixes["knot"].partition("acl:\n")[2].partition("zone:\n")[0].replace("key: xfr", f"key: {XFR.wire_name}")
        path = server.room / "knot.conf"
        text = path.read_text().replace("acl:\n", f"acl:\n{acl}", 1)
        before, _, after = text.partition(f"  - domain: {zone.name}\n")
        path.write_text(f"{before}  - domain: {zone.name}\n{after.replace('acl: [ ', 'acl: [ canary, ', 1)}")
        order(server, "knotc reload")
    else:
        lines = (
            fixes["powerdns"].replace(" xfr", f" {XFR.wire_name.rstrip('.')}").replace("192.0.2.0/24", "127.0.0.0/8")
        )
        assert "dnsupdate=yes" in (server.room / "pdns.conf").read_text()
        assert "dnsupdate=yes" in lines.splitlines()
        for line in lines.splitlines():
            if line.startswith("pdnsutil"):
                order(server, line)
    found = await Watch(probe, zone).look("canary")
    assert (found.health, len(found.arrivals)) == (Health.GOOD, 6), found


async def test_records_of_others_are_left_alone(stage: Stage, probe: Prober) -> None:
    watch = Watch(probe, stage.zone("bind", "taken.bind.test."))
    found = await watch.look("canary")
    assert codes(found) == {"bind": {"canary-update-failed"}}, found
    assert not any(one.query.update for one in watch.seen)
    assert texts(stage.primaries["bind"], "taken.bind.test.") == ['"mine"']


@pytest.mark.parametrize("software", TAKES_UPDATES)
async def test_beside_an_alias_and_below_a_delegation_no_secondary_is_accused(
    stage: Stage, probe: Prober, software: str
) -> None:
    zone, primary = stage.zone(software, f"apart.{software}.test.", lag=0.5), stage.primaries[software]
    assert zone.canary is not None
    found = await Watch(probe, zone).look("canary")
    assert codes(found) == {software: {"canary-update-failed"}}, found
    assert "a CNAME" in found.findings[0].text, found
    serial = primary.serial(zone.name)
    below = Watch(probe, replace(zone, canary=replace(zone.canary, name="_x._below")))
    found = await below.look("canary")
    assert codes(found) == {software: {"canary-update-failed"}}, found
    assert not any(one.query.update for one in below.seen)
    assert primary.serial(zone.name) == serial
