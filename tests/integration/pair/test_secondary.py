"""A secondary over its life: loading, refreshing, being told, falling behind, expiring, coming back."""

import asyncio
from collections.abc import Callable

import pytest
from dns.rcode import Rcode

from monitor.clock import now
from monitor.pair.pair import Pair
from monitor.pair.zonedata import Timers
from tests.integration.pair.client import ask

ZONE = "pair.example."
HOURS = Timers(refresh=7200, retry=3600)


async def until(so: Callable[[], bool], seconds: float = 6.0) -> None:
    """Returns once it is so; fails after that many seconds."""
    async with asyncio.timeout(seconds):
        while not so():
            await asyncio.sleep(0.02)


def behind(pair: Pair) -> bool:
    return pair.serial(ZONE, "ns2") != pair.serial(ZONE)


async def test_without_notify_the_refresh_timer_brings_the_change() -> None:
    async with Pair([ZONE], now=now, timers=Timers(refresh=1)) as pair:
        await pair.in_sync()
        pair.break_("deaf")
        pair.change(ZONE)
        await until(lambda: pair.secondary.counts["notify"] == 1)
        await pair.in_sync(timeout=3)


async def test_a_frozen_secondary_stays_and_catches_up_when_it_thaws() -> None:
    async with Pair([ZONE], now=now, timers=Timers(refresh=1)) as pair:
        await pair.in_sync()
        pair.break_("frozen")
        for _ in range(3):
            pair.change(ZONE)
        await until(lambda: pair.secondary.counts["notify"] == 3)
        asked = pair.primary.counts["query"]
        with pytest.raises(TimeoutError):
            await pair.in_sync(timeout=1.5)
        assert pair.primary.counts["query"] == asked
        assert pair.serial(ZONE, "ns2") == 1000
        pair.mend("frozen")
        await pair.in_sync()
        assert pair.serial(ZONE, "ns2") == 1003


async def test_a_copy_that_cannot_be_refreshed_expires_and_comes_back() -> None:
    async with Pair([ZONE], now=now, timers=Timers(refresh=1, retry=1, expire=2)) as pair:
        await pair.in_sync()
        pair.break_("dead", "ns1")
        await until(lambda: pair.serial(ZONE, "ns2") is None)
        answer = await ask(pair.secondary, ZONE, "SOA")
        assert answer.rcode() == Rcode.SERVFAIL
        assert [option.code for option in answer.extended_errors()] == [24]
        pair.mend("dead")
        await until(lambda: not behind(pair))


async def test_a_zone_that_never_loaded_is_said_to_be_so_until_it_loads() -> None:
    pair = Pair([ZONE], now=now)
    pair.break_("transfer-refused", "ns1")
    async with pair:
        await until(lambda: pair.primary.counts["transfer-refused"] > 0)
        answer = await ask(pair.secondary, ZONE, "SOA")
        assert answer.rcode() == Rcode.SERVFAIL
        assert [option.code for option in answer.extended_errors()] == [14]
        pair.mend()
        await pair.in_sync()


async def test_a_serial_that_went_back_is_not_followed() -> None:
    async with Pair([ZONE], now=now, timers=Timers(refresh=1)) as pair:
        await pair.in_sync()
        transfers = pair.primary.counts["transfer"]
        pair.break_("serial-back")
        asked = pair.primary.counts["query"]
        await until(lambda: pair.primary.counts["query"] >= asked + 2)
        assert (pair.serial(ZONE, "ns1"), pair.serial(ZONE, "ns2")) == (990, 1000)
        assert pair.primary.counts["transfer"] == transfers


async def test_what_a_lying_primary_gave_away_is_fetched_afresh_once_it_is_mended() -> None:
    async with Pair([ZONE], now=now, timers=HOURS) as pair:
        await pair.in_sync()
        pair.break_("serial-ahead", "ns1")
        pair.break_("same-serial", "ns1")
        await until(lambda: pair.serial(ZONE, "ns2") == 1010)
        wrong = (await ask(pair.secondary, f"www.{ZONE}", "A")).answer[0]
        assert [rdata.address for rdata in wrong] == ["192.0.2.66"]
        pair.mend("serial-ahead")
        pair.mend("same-serial")
        await pair.in_sync()
        assert pair.serial(ZONE, "ns2") == 1000
        right = (await ask(pair.secondary, f"www.{ZONE}", "A")).answer[0]
        assert [rdata.address for rdata in right] == ["192.0.2.80"]


async def test_the_serial_wraps() -> None:
    async with Pair([ZONE], now=now, timers=HOURS) as pair:
        await pair.in_sync()
        for by in (2**31 - 1, 2**31 - 1, 1000):
            pair.change(ZONE, by=by)
            await pair.in_sync()
        assert pair.serial(ZONE, "ns2") == (1000 + 2 * (2**31 - 1) + 1000) % 2**32 == 1998


@pytest.mark.parametrize("stream", ["truncated-transfer", "unsigned-transfer", "malformed-transfer"])
async def test_a_broken_transfer_leaves_the_copy_as_it_was(stream: str) -> None:
    async with Pair([ZONE], now=now, timers=HOURS) as pair:
        await pair.in_sync()
        transfers = pair.primary.counts["transfer"]
        pair.break_(stream)
        pair.change(ZONE, "www A 192.0.2.81")
        await until(lambda: pair.primary.counts["transfer"] >= transfers + 2)  # IXFR, then AXFR
        assert pair.serial(ZONE, "ns2") == 1000
        pair.mend()
        await pair.in_sync()


async def test_ixfr_is_asked_first_and_axfr_when_the_primary_has_forgotten() -> None:
    async with Pair([ZONE], now=now, timers=HOURS) as pair:
        await pair.in_sync()
        pair.break_("deaf")
        for number in range(20):
            pair.change(ZONE, f"host{number} A 192.0.2.{number}")
        pair.mend()
        await pair.in_sync()
        assert pair.serial(ZONE, "ns2") == 1020
        assert (await ask(pair.secondary, f"host0.{ZONE}", "A")).rcode() == Rcode.NOERROR
        assert (await ask(pair.secondary, f"host19.{ZONE}", "A")).rcode() == Rcode.NOERROR


async def test_a_silent_primary_over_udp_is_asked_over_tcp() -> None:
    async with Pair([ZONE], now=now, timers=HOURS) as pair:
        await pair.in_sync()
        pair.break_("udp-dead", "ns1")
        pair.change(ZONE)
        await pair.in_sync()


async def test_forgeries_do_not_fool_the_secondary() -> None:
    async with Pair([ZONE], now=now, timers=HOURS) as pair:
        pair.break_("forged", "ns1")
        await pair.in_sync()
        pair.change(ZONE)
        await pair.in_sync()
        assert pair.serial(ZONE, "ns2") == 1001


async def test_a_slow_follower_serves_later_and_later_versions_and_never_the_newest_until_it_is_mended() -> None:
    """The zone changes by itself meanwhile, and stops when the fault is over."""
    async with Pair([ZONE], now=now, timers=HOURS) as pair:
        await pair.in_sync()
        pair.break_("slow-follower")
        served: list[int] = []

        def moved() -> bool:
            serial = pair.serial(ZONE, "ns2")
            assert serial is not None
            if served[-1:] != [serial]:
                served.append(serial)
            return len(served) == 5

        await until(moved, 20)
        assert served == sorted(served)
        newest = pair.serial(ZONE)
        assert newest is not None
        assert newest - served[-1] >= 4
        pair.mend("slow-follower")
        last = pair.serial(ZONE)
        await pair.in_sync()
        assert (pair.serial(ZONE), pair.serial(ZONE, "ns2")) == (last, last)
        pair.break_("slow-follower")
        await until(lambda: pair.serial(ZONE) != last)
