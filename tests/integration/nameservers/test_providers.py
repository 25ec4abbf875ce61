"""Two providers with serials of their own: content is compared across them, once a change could reach both."""

from dataclasses import replace
from datetime import timedelta

from checks.model import Health, WantedRecord, Zone
from checks.model import Server as Watched
from monitor.probe.types import Prober
from tests.integration.nameservers.world import Watch, codes
from tests.support.lab.model import SHORT, Content
from tests.support.lab.topology import Lab

ZONE = "both.test."
LATER = timedelta(minutes=11)
"""Beyond the default max_lag."""


async def test_a_change_at_one_provider_alone_is_told_after_max_lag(probe: Prober) -> None:
    with Lab() as lab:
        first = lab.primary("bind", Content(ZONE, serial=5), name="bind")
        second = lab.primary("powerdns", Content(ZONE, serial=900), name="powerdns")
        lab.start()
        servers = (Watched("bind", (first.ipv4,), group="a"), Watched("powerdns", (second.ipv4,), group="b"))
        watch = Watch(probe, Zone(ZONE, servers, records=(WantedRecord(f"www.{ZONE}", "A"),), ignored=("*",)))
        await watch.look("soa-serial")
        for check in ("records", "ns-set"):
            assert (await watch.look(check, after=LATER)).health is Health.GOOD, check

        changed = tuple(each.replace("192.0.2.80", "192.0.2.81") for each in SHORT if each != "@ NS ns2")
        first.put(replace(first.content(ZONE), serial=6, records=changed))
        first.wait(ZONE, 6)
        assert codes(await watch.look("soa-serial", after=LATER)) == {}, "serials of two groups are not compared"
        for check, code in (("records", "record-differs"), ("ns-set", "ns-set-differs")):
            assert codes(await watch.look(check, after=LATER)) == {}, "it may be on its way to the other one"
            assert codes(await watch.look(check, after=2 * LATER)) == {"powerdns": {code}}
        free = Watch(probe, replace(watch.zone, ignored_between_groups=("@ NS", "www *")))
        await free.look("soa-serial")
        for check in ("records", "ns-set"):
            assert codes(await free.look(check, after=2 * LATER)) == {}, "it may differ"

        second.put(replace(second.content(ZONE), serial=901, records=changed))
        second.wait(ZONE, 901)
        await watch.look("soa-serial", after=3 * LATER)
        for check in ("records", "ns-set"):
            assert codes(await watch.look(check, after=4 * LATER)) == {}, check
