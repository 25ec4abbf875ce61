"""Real servers as our secondaries, and as our primaries: what they make of ours, and ours of theirs."""

import asyncio

import dns.name
import pytest

from monitor.clock import now
from monitor.pair import tsig
from monitor.pair.nameserver import Nameserver
from monitor.pair.notify import notify
from monitor.pair.pair import Pair
from monitor.pair.secondary import Secondary
from monitor.pair.template import Timers
from monitor.pair.upstream import Upstream
from tests.lab.model import GUEST, XFR, Content
from tests.lab.server import SOFTWARE
from tests.lab.topology import Lab
from tests.lab.waiting import eventually
from tests.pair.client import ask

ZONE = "pair.example."
ORIGIN = dns.name.from_text(ZONE)


@pytest.mark.parametrize("software", SOFTWARE)
async def test_a_real_secondary_follows_our_primary(software: str) -> None:
    hours = Timers(refresh=7200, retry=3600, expire=1209600)
    with Lab() as lab:
        async with Pair([ZONE], now=now, timers=hours, key=XFR) as pair:
            server = lab.server(software)
            server.follow(pair.primary.address, ZONE)
            await lab.started()
            await eventually(lambda: server.serial(ZONE) == 1000, lab.words, seconds=15)
            pair.change(ZONE, "www A 192.0.2.81")
            data = pair.primary.holdings[ORIGIN].data
            assert data is not None
            assert await notify(server.ipv4, data, None, pair.primary.clock())
            await eventually(lambda: server.serial(ZONE) == 1001, lab.words, seconds=15)
            answer = await asyncio.to_thread(server.ask, f"www.{ZONE}", "A")
            assert answer.answer[0][0].address == "192.0.2.81"
            assert pair.primary.tally["failed"] == 0


@pytest.mark.parametrize("software", SOFTWARE)
async def test_our_secondary_follows_a_real_primary(software: str) -> None:
    with Lab() as lab:
        primary = lab.primary(software, Content(ZONE, serial=7, refresh=1, retry=1))
        key = tsig.usable(XFR)  # PowerDNS signs its NOTIFY
        hosts = frozenset({"127.0.0.1"})
        ours = Nameserver("ns2", now=now, peers=[key], upstreams=hosts, on_notify=lambda zone: copies.nudge(zone))
        copies = Secondary(ours, [ORIGIN])
        await ours.start()
        primary.tell(ours.address, ZONE)
        await lab.started()
        copies.start(lambda: Upstream(primary.ipv4, key, ours.clock))
        try:
            async with asyncio.timeout(15):
                await copies.reached(ORIGIN, 7)
                serial = await asyncio.to_thread(primary.bump, ZONE, "added A 192.0.2.7")
                await copies.reached(ORIGIN, serial)
            answer = await ask(ours, f"added.{ZONE}", "A")
            assert [str(rdata) for rdata in answer.answer[0]] == ["192.0.2.7"]
            await eventually(lambda: ours.tally["notify"] > 0, lab.words)
        finally:
            await copies.close()
            await ours.close()


async def test_a_real_primary_that_refuses_our_key_leaves_us_without_the_zone() -> None:
    with Lab() as lab:
        primary = lab.primary("bind", Content(ZONE, serial=7))
        ours = Nameserver("ns2", now=now)
        copies = Secondary(ours, [ORIGIN])
        await ours.start()
        await lab.started()
        copies.start(lambda: Upstream(primary.ipv4, tsig.usable(GUEST), ours.clock))
        try:
            await eventually(lambda: "denied" in primary.last_words(), primary.last_words)
            answer = await ask(ours, ZONE, "SOA")
            assert [option.code for option in answer.extended_errors()] == [14]
        finally:
            await copies.close()
            await ours.close()
