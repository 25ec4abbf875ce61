"""A zone that is signed on its way, on real servers: a hidden primary has it unsigned, BIND, Knot DNS or PowerDNS signs
it, and all four follow the signer.

What is said where nobody has named the signer, where it is named, and as each of them stalls.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from checks.model import Health, WantedRecord, Zone
from checks.model import Server as Watched
from checks.model.signing import with_signer
from monitor.probe.types import Prober
from tests.integration.nameservers.world import Watch, codes
from tests.support.lab.model import Content
from tests.support.lab.orders import order
from tests.support.lab.server import SOFTWARE, Server
from tests.support.lab.topology import Lab
from tests.support.lab.waiting import until

ZONE = "signed.test."
LOW = 2026112601
SIGNERS = ("bind", "knot", "powerdns")
AGAIN = {"bind": f"rndc sign {ZONE}", "knot": f"knotc zone-sign {ZONE}"}
"""What has the zone signed anew, without any change."""
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Road:
    """From the primary that has the zone unsigned to those who have it from the signer."""

    lab: Lab
    hidden: Server
    signer: Server
    followers: tuple[Server, ...]

    def watched(self, **fields: object) -> Zone:
        servers = tuple(
            Watched(server.name, (server.ipv4,), hidden=server is self.hidden)
            for server in (self.hidden, self.signer, *self.followers)
        )
        records = (WantedRecord(f"new.{ZONE}", "A"), WantedRecord(f"www.{ZONE}", "A"))
        zone = Zone(ZONE, servers, "hidden", records=records, ignored=("*",))
        return replace(zone, **fields) if fields else zone  # type: ignore[arg-type]

    def named(self) -> Zone:
        zone = self.watched()
        return replace(zone, servers=with_signer(zone.servers, "hidden", "signer"), signer="signer")

    def signed(self) -> int:
        """Return once all who follow the signer have what it has; its serial."""

        def alike() -> bool:
            serials = {server.serial(ZONE) for server in (self.signer, *self.followers)}
            if len(serials) == 1 and None not in serials:
                return True
            for server in self.followers:
                server.nudge(ZONE)
            return False

        until(alike, lambda: f"no serial in common\n{self.lab.words()}", seconds=30)
        serial = self.signer.serial(ZONE)
        assert serial is not None
        return serial

    def publish(self, *records: str) -> int:
        """A new version at the primary; the serial that the signer makes of it, once all have that."""
        before = self.signer.serial(ZONE)
        self.hidden.bump(ZONE, *records)
        until(lambda: self.signer.serial(ZONE) != before, self.signer.last_words, seconds=30)
        return self.signed()


@pytest.fixture(scope="module", params=SIGNERS)
def road(request: pytest.FixtureRequest) -> Iterator[Road]:
    with Lab() as lab:
        hidden = lab.primary("bind", Content(ZONE, serial=LOW), name="hidden")
        signer = lab.server(request.param, "signer")
        signer.follow(hidden, ZONE, signs=True)
        followers = tuple(lab.server(software, software) for software in SOFTWARE)
        for server in followers:
            server.follow(signer, ZONE)
        for server in (signer, *followers):
            server.use_dnssec()
        lab.start()
        road = Road(lab, hidden, signer, followers)
        until(lambda: bool(signer.ask(ZONE, "DNSKEY").answer), signer.last_words, seconds=30)
        road.signed()
        yield road


async def test_a_signer_that_is_not_named_is_a_hint_and_no_cure(road: Road, probe: Prober) -> None:
    """Signed under a serial beyond the primary's, which Knot DNS has at first, too, and only then."""
    watch = Watch(probe, road.watched())
    if road.signer.software in AGAIN:
        order(road.signer, AGAIN[road.signer.software])
        until(lambda: road.signer.serial(ZONE) != road.hidden.serial(ZONE), road.signer.last_words, seconds=30)
    road.signed()
    for minute in range(3):
        result = await watch.look("soa-serial", after=minute * MINUTE)
    assert codes(result) == {server.name: {"signer-unset"} for server in (road.signer, *road.followers)}
    for finding in result.findings:
        assert "such as" not in finding.text
        assert "set the serial" not in finding.text
    named = Watch(probe, road.named())
    named.zone_state = watch.zone_state
    for check in ("soa-serial", "soa-fields", "ns-set", "records"):
        result = await named.look(check, after=3 * MINUTE)
        assert (result.health, result.findings) == (Health.GOOD, ()), check


async def test_a_signer_is_late_by_what_the_primary_has(road: Road, probe: Prober) -> None:
    """It stalls, is late, signs anew without it, which only content tells, and takes it at last."""
    zone = road.named()
    road.signed()
    watch, records = Watch(probe, zone), f"new{road.hidden.serial(ZONE)} A 192.0.2.9"
    watch.zone = replace(zone, records=(WantedRecord(f"{records.split(maxsplit=1)[0]}.{ZONE}", "A"),))
    for minute in range(2):
        assert (await watch.look("soa-serial", after=minute * MINUTE)).health is Health.GOOD
    road.signer.freeze(ZONE)
    serial = road.hidden.bump(ZONE, records)
    road.hidden.wait(ZONE, serial)
    assert codes(await watch.look("soa-serial", after=2 * MINUTE)) == {}
    assert codes(await watch.look("records", after=2 * MINUTE)) == {}
    for minute, code in ((13, "serial-late"), (190, "serial-overdue")):
        assert codes(await watch.look("soa-serial", after=minute * MINUTE)) == {"signer": {code}}
        assert codes(await watch.look("records", after=minute * MINUTE)) == {"signer": {"record-differs"}}
    if road.signer.software in AGAIN:
        before = road.signer.serial(ZONE)
        order(road.signer, AGAIN[road.signer.software])
        until(lambda: road.signer.serial(ZONE) != before, road.signer.last_words, seconds=30)
        road.signed()
        assert codes(await watch.look("soa-serial", after=191 * MINUTE)) == {}
        assert codes(await watch.look("records", after=191 * MINUTE)) == {"signer": {"record-differs"}}
    before = road.signer.serial(ZONE)
    road.signer.thaw(ZONE)
    until(lambda: road.signer.serial(ZONE) != before, road.signer.last_words, seconds=30)
    road.signed()
    for check in ("soa-serial", "records"):
        result = await watch.look(check, after=192 * MINUTE)
        assert (result.health, result.findings) == (Health.GOOD, ()), check


async def test_whatever_a_primary_publishes_moves_the_serial_of_who_signs_it(road: Road) -> None:
    """What "late" is read off: a record, and a serial alone."""
    for records in (("more A 192.0.2.10",), ()):
        before = road.signed()
        assert road.publish(*records) != before


async def test_a_follower_of_the_signer_is_late_behind_the_signer(road: Road, probe: Prober) -> None:
    watch = Watch(probe, road.named())
    road.signed()
    stalled = road.followers[2]
    for minute in range(2):
        assert (await watch.look("soa-serial", after=minute * MINUTE)).health is Health.GOOD
    before = road.signed()
    stalled.freeze(ZONE)
    road.hidden.bump(ZONE, "late A 192.0.2.11")
    until(lambda: road.signer.serial(ZONE) != before, road.signer.last_words, seconds=30)
    serial = road.signer.serial(ZONE)
    for server in road.followers:
        if server is not stalled and serial is not None:
            server.catch_up(ZONE, serial)
    assert codes(await watch.look("soa-serial", after=2 * MINUTE)) == {}
    result = await watch.look("soa-serial", after=13 * MINUTE)
    assert codes(result) == {stalled.name: {"serial-late"}}
    stalled.thaw(ZONE)
    road.signed()
    assert (await watch.look("soa-serial", after=14 * MINUTE)).health is Health.GOOD
