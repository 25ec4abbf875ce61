"""What NSD and BIND serve as timers, each of them wrong once, as it is judged."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from checks.model import Health, TimerLimits, Zone
from checks.model import Server as Watched
from checks.model.timers import TimerProfile
from monitor.probe.types import Prober
from tests.integration.nameservers.world import Watch
from tests.support.lab.model import Content
from tests.support.lab.server import Server
from tests.support.lab.topology import Lab

RIGHT = Content("right.test.", refresh=14400, retry=3600, expire=1209600, minimum=3600, ttl=3600)
RIPE203 = replace(RIGHT, zone="ripe.test.", refresh=86400, retry=7200, expire=3600000, minimum=172800, ttl=172800)
CONFLICT, UNUSUAL = "soa-timers-conflict", "soa-timer-unusual"

WRONG: dict[Content, tuple[TimerProfile, set[tuple[str, str]]]] = {
    RIGHT: ("rfc1912", set()),
    RIPE203: ("ripe-203", set()),
    replace(RIGHT, zone="retry.test.", retry=14400): ("none", {(CONFLICT, "retry")}),
    replace(RIGHT, zone="expire.test.", expire=17999): ("none", {(CONFLICT, "expire")}),
    replace(RIGHT, zone="lag.test.", refresh=120, retry=60, expire=599): ("none", {(CONFLICT, "max_lag")}),
    replace(RIGHT, zone="week.test.", expire=604800): ("rfc1912", {(UNUSUAL, "expire")}),
    replace(RIGHT, zone="often.test.", refresh=600, retry=60): ("rfc1912", {(UNUSUAL, "refresh")}),
    replace(RIGHT, zone="forgetful.test.", minimum=60): ("zonemaster", {(UNUSUAL, "minimum")}),
    replace(RIGHT, zone="retried.test.", retry=900): ("zonemaster", {(UNUSUAL, "retry")}),
    replace(RIGHT, zone="negative.test.", ttl=172800, minimum=172800): ("rfc1912", {(UNUSUAL, "minimum")}),
    replace(RIGHT, zone="registry.test.", ttl=86399): ("isnic", {(UNUSUAL, "ns_ttl")}),
    replace(RIGHT, zone="capped.test.", ttl=3600, minimum=172800): ("rfc1912", set()),
}


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Server, Server]]:
    with Lab() as lab:
        first, second = lab.primary("nsd", *WRONG, name="nsd"), lab.primary("bind", *WRONG, name="bind")
        lab.start()
        yield first, second


@pytest.mark.parametrize("content", WRONG, ids=lambda content: content.zone)
async def test_each_wrong_timer_is_found_once_for_the_zone(
    content: Content, servers: tuple[Server, Server], probe: Prober
) -> None:
    profile, expected = WRONG[content]
    both = tuple(Watched(each.name, (each.ipv4,)) for each in servers)
    watch = Watch(probe, Zone(content.zone, both, "nsd", timers=TimerLimits(profile)))
    result = await watch.look("soa-timers")
    assert {(one.code, one.subject) for one in result.findings} == expected
    assert all((one.server, one.address, "so at" in one.text) == ("nsd", None, False) for one in result.findings)
    assert result.health is (Health.BAD if expected else Health.GOOD)


async def test_who_differs_is_named(servers: tuple[Server, Server], probe: Prober) -> None:
    """After an edit on one server alone, and so in a zone whose servers are several primaries."""
    bind = servers[1]
    bind.put(replace(bind.content("right.test."), serial=2, retry=14400))
    bind.wait("right.test.", 2)
    both = tuple(Watched(each.name, (each.ipv4,), group=each.name) for each in servers)
    (found,) = (await Watch(probe, Zone("right.test.", both)).look("soa-timers")).findings
    assert (found.server, found.text.endswith(f"(so at bind ({bind.ipv4}))")) == (None, True)
