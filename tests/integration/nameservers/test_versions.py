"""Who serves which version, who lags, and for how long: every software as primary, all four behind it."""

import re
from dataclasses import replace
from datetime import timedelta

from checks.common.serial_styles import date_of
from checks.model import Family, Health, Outcome, Query, Transport, WantedRecord
from checks.zone_state.update import behind_since, lag
from monitor.clock import now
from monitor.probe.types import Prober
from tests.integration.nameservers.world import (
    AHEAD,
    BACK,
    BUSY,
    HALF,
    HELD,
    JUMP,
    LATE,
    MOVED,
    ROUND,
    SIX,
    SYNC,
    ZERO,
    Watch,
    World,
    ask,
    codes,
)
from tests.support.lab.model import XFR

ALL_SECONDARIES = ("bind", "knot", "nsd", "powerdns")
EVERY_CHECK_OF_AGREEMENT = ("reachable", "soa-serial", "soa-fields", "ns-set")

ELEVEN_MINUTES = timedelta(minutes=11)
"""Beyond the default max_lag."""
FOUR_HOURS = timedelta(hours=4)
"""Beyond refresh and retry of the lab's zones, and far from their expire."""


async def test_five_servers_in_sync_are_good_in_every_respect(world: World, probe: Prober) -> None:
    watch = Watch(probe, world.zone(SYNC))
    for check in EVERY_CHECK_OF_AGREEMENT:
        result = await watch.look(check)
        assert (result.health, result.findings, result.unsure) == (Health.GOOD, (), ()), check
        assert all(seen.outcome is Outcome.ANSWERED for seen in watch.seen)


async def test_each_address_says_the_same_over_udp_and_tcp(world: World, probe: Prober) -> None:
    """NSID is given by all; EXPIRE (RFC 7314) by BIND and Knot alone, and counts down on their secondaries."""
    for server in world.servers:
        for transport in (Transport.UDP, Transport.TCP):
            queries = [
                Query(SYNC, server.name, address, SYNC, "SOA", transport, identify=True)
                for address in server.setup.addresses
            ]
            for seen in await ask(probe, *queries):
                assert (seen.outcome, seen.transport, seen.rcode) == (Outcome.ANSWERED, transport, "NOERROR")
                assert seen.serial is not None
                assert seen.nsid == server.name
                assert (seen.expire is not None) == (server.software in ("bind", "knot")), f"{server!r}: {seen}"
                if server is not world.primary and seen.expire is not None:
                    assert 0 <= 1209600 - seen.expire < 900


async def test_whoever_does_not_hear_of_a_change_is_late_and_catches_up(world: World, probe: Prober) -> None:
    for secondary in world.secondaries:
        secondary.freeze(LATE)
    watch = Watch(probe, world.zone(LATE))
    assert (await watch.look("soa-serial")).health is Health.GOOD

    first = world.primary.bump(LATE, "first A 192.0.2.1")
    world.primary.wait(LATE, first)
    assert codes(await watch.look("soa-serial")) == {}, "a difference that young is propagating"
    for secondary in world.secondaries:
        for address in secondary.setup.addresses:
            late = lag(watch.zone_state, secondary.name, address, watch.zone_state.at)
            assert late is not None
            assert timedelta() <= late < timedelta(seconds=30)
            assert behind_since(watch.zone_state, secondary.name, address) is not None

    result = await watch.look("soa-serial", after=ELEVEN_MINUTES)
    assert codes(result) == {name: {"serial-late"} for name in ALL_SECONDARIES}

    second = world.primary.bump(LATE, "second A 192.0.2.2")
    world.primary.wait(LATE, second)
    found = codes(await watch.look("soa-serial", after=FOUR_HOURS))
    assert set(found) == set(ALL_SECONDARIES)
    assert all("serial-stuck" in those or "serial-overdue" in those for those in found.values()), found

    for secondary in world.secondaries:
        secondary.thaw(LATE)
    for secondary in world.secondaries:
        secondary.catch_up(LATE, second)
    result = await watch.look("soa-serial", after=FOUR_HOURS + ELEVEN_MINUTES)
    assert (result.health, result.findings) == (Health.GOOD, ())
    assert lag(watch.zone_state, "nsd", world.named("nsd").ipv6, watch.zone_state.at) == timedelta()


async def test_who_is_refused_the_transfer_is_late_until_it_is_let_in(world: World, probe: Prober) -> None:
    """NOTIFY comes, the transfer is refused: the other way to fall behind."""
    watch = Watch(probe, world.zone(HELD))
    assert (await watch.look("soa-serial")).health is Health.GOOD
    world.primary.allow(HELD)
    serial = world.primary.bump(HELD, "new A 192.0.2.1")
    world.primary.wait(HELD, serial)
    assert codes(await watch.look("soa-serial")) == {}
    result = await watch.look("soa-serial", after=ELEVEN_MINUTES)
    assert codes(result) == {name: {"serial-late"} for name in ALL_SECONDARIES}

    world.primary.allow(HELD, XFR)
    for secondary in world.secondaries:
        secondary.catch_up(HELD, serial)
    result = await watch.look("soa-serial", after=2 * ELEVEN_MINUTES)
    assert (result.health, result.findings) == (Health.GOOD, ())


async def test_a_serial_that_wraps_around_is_newer(world: World, probe: Prober) -> None:
    """4294967290 → 5 (RFC 1982), by real transfers."""
    watch = Watch(probe, world.zone(ROUND))
    assert (await watch.look("soa-serial")).health is Health.GOOD
    world.primary.put(replace(world.primary.content(ROUND), serial=5))
    for secondary in world.secondaries:
        secondary.catch_up(ROUND, 5)
    for after in (timedelta(), ELEVEN_MINUTES):
        result = await watch.look("soa-serial", after=after)
        assert (result.health, result.findings) == (Health.GOOD, ())
    (serial_group,) = watch.zone_state.serial_groups
    assert serial_group.reference == 5
    assert {address_state.serial for address_state in watch.zone_state.address_states} == {5}


async def test_zero_is_a_serial_like_any_other(world: World, probe: Prober) -> None:
    """4294967295 → 0 → 1: what every software takes from every other."""
    watch = Watch(probe, world.zone(ZERO))
    assert (await watch.look("soa-serial")).health is Health.GOOD
    for serial in (0, 1):
        world.primary.put(replace(world.primary.content(ZERO), serial=serial))
        world.primary.wait(ZERO, serial)
        for secondary in world.secondaries:
            secondary.catch_up(ZERO, serial)
        for after in (timedelta(), ELEVEN_MINUTES):
            result = await watch.look("soa-serial", after=after)
            assert (result.health, result.findings) == (Health.GOOD, ())


async def lead_back(world: World, watch: Watch, text: str) -> None:
    """Publish what a finding says, each once all servers have the one before; nobody is late or odd meanwhile."""
    named = re.search(r"set the serial to ([\d, and]+), each", text)
    assert named is not None, text
    steps = [int(number) for number in re.findall(r"\d+", named[1])]
    assert len(steps) == 2, text
    for serial in steps:
        world.primary.put(replace(world.primary.content(watch.zone.name), serial=serial))
        world.primary.wait(watch.zone.name, serial)
        for secondary in world.secondaries:
            secondary.catch_up(watch.zone.name, serial)
        result = await watch.look("soa-serial")
        assert (result.health, result.findings) == (Health.GOOD, ()), serial


async def test_a_serial_that_left_the_dates_is_led_back_to_them(world: World, probe: Prober) -> None:
    """All take the jump, and none the date after it; all take every step that is named for the way back."""
    watch = Watch(probe, world.zone(JUMP))
    assert (await watch.look("soa-serial")).findings == ()
    world.primary.put(replace(world.primary.content(JUMP), serial=3000000000))
    world.primary.wait(JUMP, 3000000000)
    first = await watch.look("soa-serial")
    for secondary in world.secondaries:
        secondary.catch_up(JUMP, 3000000000)
    result = await watch.look("soa-serial")
    assert codes(first) == codes(result) == {"primary": {"serial-jumped"}}
    (finding,) = result.findings
    await lead_back(world, watch, finding.text)
    (serial_group,) = watch.zone_state.serial_groups
    assert date_of(serial_group.reference or 0) == now().date()


async def test_a_date_that_is_to_come_is_led_back_to_today(world: World, probe: Prober) -> None:
    watch, far = Watch(probe, world.zone(AHEAD)), now().year * 1_000_000 + 36_112801
    world.primary.put(replace(world.primary.content(AHEAD), serial=far))
    world.primary.wait(AHEAD, far)
    for secondary in world.secondaries:
        secondary.catch_up(AHEAD, far)
    result = await watch.look("soa-serial")
    assert codes(result) == {"primary": {"serial-date-future"}}
    (finding,) = result.findings
    await lead_back(world, watch, finding.text)


async def test_secondaries_that_transfer_over_ipv6_are_as_good(world: World, probe: Prober) -> None:
    serial = world.primary.bump(SIX, "new AAAA 2001:db8::1")
    for secondary in world.secondaries:
        secondary.wait(SIX, serial, seconds=40)  # by NOTIFY alone; where one gets lost, the next comes 15 s later
    watch = Watch(probe, world.zone(SIX))
    assert (await watch.look("soa-serial")).health is Health.GOOD
    assert {seen.address.family for seen in watch.seen} == set(Family)
    assert {seen.serial for seen in watch.seen} == {serial}


async def test_a_primary_that_goes_back_leaves_its_secondaries_ahead(world: World, probe: Prober) -> None:
    """No secondary follows it back. It is believed at the second look, and gone once the serial is passed again."""
    watch = Watch(probe, world.zone(BACK))
    assert (await watch.look("soa-serial")).health is Health.GOOD
    content = world.primary.content(BACK)
    world.primary.put(replace(content, serial=content.serial - 3))
    world.primary.wait(BACK, content.serial - 3)
    assert codes(await watch.look("soa-serial")) == {}, "one look is not enough to believe that"

    found = codes(await watch.look("soa-serial", after=timedelta(minutes=1)))
    assert found == {"primary": {"serial-regressed"}} | {name: {"serial-ahead"} for name in ALL_SECONDARIES}

    world.primary.put(replace(content, serial=content.serial + 1))
    for secondary in world.secondaries:
        secondary.catch_up(BACK, content.serial + 1)
    result = await watch.look("soa-serial", after=timedelta(minutes=2))
    assert (result.health, result.findings) == (Health.GOOD, ())


FOLLOW_HALF_WAY = {
    "bind": {"knot", "nsd"},
    "knot": {"knot", "nsd"},
    "nsd": {"nsd"},  # it tells Knot's IXFR request that there is nothing newer
    "powerdns": {"knot", "nsd"},
}
"""Primary → the secondaries that take a version exactly 2^31 away. The others stay for ever."""


async def test_a_step_of_half_the_circle_is_no_order_at_all(world: World, probe: Prober) -> None:
    """Of which serial is newer there is no truth (RFC 1982 section 3.2); we say so of those that stay behind."""
    watch = Watch(probe, world.zone(HALF))
    assert (await watch.look("soa-serial")).health is Health.GOOD
    content = world.primary.content(HALF)
    far = content.serial + 2**31
    world.primary.put(replace(content, serial=far))
    world.primary.wait(HALF, far)
    follow = FOLLOW_HALF_WAY[world.primary.software]
    for secondary in world.secondaries:
        if secondary.name in follow:
            secondary.catch_up(HALF, far)
    for minutes in range(3):
        result = await watch.look("soa-serial", after=timedelta(minutes=minutes))
    assert codes(result) == {name: {"serial-unordered"} for name in ALL_SECONDARIES if name not in follow}


async def test_a_record_that_changes_is_no_difference_until_it_should_have_arrived(world: World, probe: Prober) -> None:
    for secondary in world.secondaries:
        secondary.freeze(MOVED)
    wanted = WantedRecord(f"new.{MOVED}", "A")
    watch = Watch(probe, world.zone(MOVED, records=(wanted,)))
    await watch.look("soa-serial")
    serial = world.primary.bump(MOVED, "new A 192.0.2.99")
    world.primary.wait(MOVED, serial)
    await watch.look("soa-serial")
    assert codes(await watch.look("records")) == {}

    await watch.look("soa-serial", after=ELEVEN_MINUTES)
    found = codes(await watch.look("records", after=ELEVEN_MINUTES))
    assert found == {name: {"record-differs"} for name in ALL_SECONDARIES}

    for secondary in world.secondaries:
        secondary.thaw(MOVED)
    for secondary in world.secondaries:
        secondary.catch_up(MOVED, serial)
    await watch.look("soa-serial", after=2 * ELEVEN_MINUTES)
    result = await watch.look("records", after=2 * ELEVEN_MINUTES)
    assert (result.health, result.findings) == (Health.GOOD, ())


async def test_a_zone_that_changes_all_the_time_gives_no_cause_for_alarm(world: World, probe: Prober) -> None:
    """Changes come faster than secondaries take them, and we look all the while: late by seconds, never wrong."""
    wanted = (WantedRecord(f"www.{BUSY}", "A"), WantedRecord(f"last.{BUSY}", "TXT"))
    watch = Watch(probe, world.zone(BUSY, records=wanted))
    for _ in range(8):
        content = world.primary.content(BUSY).next()
        records = [record for record in content.records if not record.startswith("last ")]
        world.primary.put(replace(content, records=(*records, f"last TXT {content.serial}")))
        for check in ("soa-serial", "records", "soa-fields", "ns-set", "reachable"):
            result = await watch.look(check)
            assert result.findings == (), check
    last = world.primary.content(BUSY).serial
    for secondary in world.secondaries:
        secondary.catch_up(BUSY, last)
    result = await watch.look("soa-serial", after=ELEVEN_MINUTES)
    assert (result.health, result.findings) == (Health.GOOD, ())
    assert (await watch.look("records", after=ELEVEN_MINUTES)).health is Health.GOOD
