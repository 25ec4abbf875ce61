"""A follower that takes every version, each 45 s late, with a new one every 30 s: late at all four, stuck at none."""

from dataclasses import replace
from datetime import timedelta

from checks.model import Server as Watched
from checks.model import Zone
from monitor.probe.types import Prober
from tests.integration.nameservers.world import Watch, codes
from tests.support.lab.model import Content
from tests.support.lab.server import SOFTWARE
from tests.support.lab.topology import Lab

ZONE = "slow.test."
LOOK = timedelta(seconds=15)
LOOKS = 24


async def test_who_takes_every_version_late_is_late_and_never_stuck(probe: Prober) -> None:
    """What is late is where they have it from: a server that gets each version 45 s after the primary has it."""
    content = Content(ZONE, serial=9, refresh=5, retry=60)
    with Lab() as lab:
        primary = lab.primary("bind", content, name="primary")
        feeder = lab.primary("bind", content, name="feeder")
        followers = [lab.secondary(software, of=feeder, name=software) for software in SOFTWARE]
        lab.start()
        for follower in followers:
            follower.catch_up(ZONE, 9)
        servers = tuple(Watched(server.name, (server.ipv4,)) for server in (primary, *followers))
        zone = Zone(ZONE, servers, primary.name, max_lag=timedelta(seconds=20))
        watch, found = Watch(probe, zone, LOOK), dict[str, set[str]]()
        for number in range(LOOKS):
            if number % 2 == 0:
                primary.put(replace(content, serial=10 + number // 2))
                primary.wait(ZONE, 10 + number // 2)
            elif number > 2:
                feeder.put(replace(content, serial=10 + (number - 3) // 2))
                for follower in followers:
                    follower.catch_up(ZONE, 10 + (number - 3) // 2)
            result = await watch.look("soa-serial", after=number * LOOK)
            for name, those in codes(result).items() if number > 3 else ():  # once it has begun to move
                found.setdefault(name, set()).update(those)
    assert found == {name: {"serial-late"} for name in SOFTWARE}
