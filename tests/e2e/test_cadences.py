"""Two zones on the same servers, one of which is asked more seldom, and by one check less."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from checks.model import Health
from monitor.clock import now
from monitor.config.load import parse
from monitor.pair.config_template import config_text
from monitor.pair.pair import Pair
from monitor.pair.zonedata import Timers
from monitor.service.service import Service
from monitor.state.sweep_status import SweepStatus
from tests.support.plain_http import plain_http
from tests.support.running import until

ONE, TWO = "one.example.", "two.example."
ENTRY = """
[[zones]]
name = "{zone}"
servers = ["ns1", "ns2"]
primary = "ns1"
ignore_servers = ["*"]
records = ["www A"]
{own}
"""
SELDOM = 'cadence = { reachable = "off", soa-serial = "3s", records = "1h" }'


class Watched:
    """A service whose configuration is a file that can be written anew."""

    def __init__(self, path: Path, pair: Pair) -> None:
        self.path, self.pair = path, pair
        self.write()
        self.service = Service(self.read(), self.read)

    def write(self, two: str = SELDOM) -> None:
        """The zone two has this line of its own."""
        servers = {server.name: server.addresses for server in self.pair.servers}
        text = config_text(servers, every="1s", service={"database": "service.db"}, probe={"timeout": "300ms"})
        zones = (ENTRY.format(zone=ONE, own=""), ENTRY.format(zone=TWO, own=two))
        self.path.write_text(text + "".join(zones))

    def read(self):
        return parse(self.path.read_text(), self.path, {})

    @property
    def sweeps(self) -> Mapping[str, SweepStatus]:
        return self.service.status.sweeps

    def zones_asked(self) -> Mapping[str, int]:
        """The sweeps that have ended, and of how many zones each was."""
        return {name: sweep.zones for name, sweep in self.sweeps.items() if sweep.finished is not None}

    def codes(self, zone: str) -> set[tuple[str, str | None]]:
        return {(found.key.code, found.key.server) for found in self.service.status.zones[zone].findings}

    def incidents_of(self, zone: str) -> set[str | None]:
        """Those that its findings are in; None: one is still in its grace, and keeps no incident open."""
        return {found.incident for found in self.service.status.zones[zone].findings}

    def open_incidents(self) -> list[str]:
        return [one.id for one in self.service.status.incidents.values() if one.phase == "open"]

    def well(self) -> bool:
        return all(self.service.status.zones[zone].health is Health.GOOD for zone in (ONE, TWO))


@asynccontextmanager
async def watched(room: Path) -> AsyncIterator[Watched]:
    async with Pair([ONE, TWO], now=now, timers=Timers(refresh=2, retry=1)) as pair:
        await pair.in_sync()
        on = Watched(room / "soawatch.toml", pair)
        await on.service.start()
        try:
            yield on
        finally:
            await on.service.stop()


async def rounds(on: Watched, name: str, count: int) -> None:
    """Until so many more sweeps of that name have ended."""
    for _ in range(count):
        before = on.sweeps[name].finished
        await until(lambda before=before: on.sweeps[name].finished != before)


async def test_each_zone_is_asked_as_often_as_it_says_and_by_what_is_on_for_it(tmp_path: Path) -> None:
    async with watched(tmp_path) as on:
        await until(lambda: on.service.status.ready and on.well())
        wanted = {
            "reachable every 1s": 1, "soa-serial every 1s": 1, "soa-serial every 3s": 1, "records every 1s": 1,
            "records every 1h": 1,
        }  # fmt: skip
        await until(lambda: wanted.keys() <= on.zones_asked().keys())
        asked = on.zones_asked()
        assert {name: asked[name] for name in asked if name.startswith(("reach", "soa-s", "records"))} == wanted
        on.pair.break_("tcp-dead")
        await until(lambda: ("tcp-unreachable", "ns2") in on.codes(ONE))
        looked = {check.check: check.at for check in on.service.status.zones[TWO].checks}
        await rounds(on, "reachable every 1s", 3)
        await rounds(on, "soa-serial every 3s", 2)
        two = on.service.status.zones[TWO]
        assert on.codes(TWO) == set(), "nobody asks it over TCP"
        assert two.health is Health.GOOD
        again = {check.check: check.at for check in two.checks}
        assert again["records"] == looked["records"], "its next look is in an hour"
        assert again["soa-serial"] > looked["soa-serial"]
        assert again["soa-fields"] > looked["soa-fields"], "it does not wait for the slower soa-serial"
        assert "reachable" not in again


async def test_a_reload_moves_a_zone_to_other_sweeps_and_withdraws_what_is_off(tmp_path: Path) -> None:
    async with watched(tmp_path) as on:
        await until(lambda: on.service.status.ready and on.well())
        on.pair.break_("tcp-dead")
        on.write(two="")
        assert await on.service.reload()
        assert "records every 1h" not in on.sweeps
        await until(lambda: all(("tcp-unreachable", "ns2") in on.codes(zone) for zone in (ONE, TWO)))
        await until(lambda: on.zones_asked()["reachable every 1s"] == 2)
        await until(lambda: all(on.incidents_of(zone) == set(on.open_incidents()) != set() for zone in (ONE, TWO)))
        open_before = on.open_incidents()
        serials = {address.serial for address in on.service.status.zones[TWO].addresses}
        on.write()
        assert await on.service.reload()
        two = on.service.status.zones[TWO]
        assert (two.health, two.findings) == (Health.GOOD, ())
        assert {address.serial for address in two.addresses} == serials
        assert {check.health for check in two.checks} == {Health.GOOD}
        assert on.open_incidents() == open_before
        assert on.codes(ONE) == {("tcp-unreachable", "ns2")}
        await until(lambda: on.zones_asked().get("soa-serial every 3s") == 1)
        await until(lambda: on.zones_asked()["reachable every 1s"] == 1)


async def test_the_page_and_the_api_say_how_often_and_what_is_off(tmp_path: Path) -> None:
    async with watched(tmp_path) as on:
        on.write(two='cadence = { soa-serial = "off", records = "1h" }')
        await until(lambda: on.service.status.ready)
        assert await on.service.reload()
        host, port = on.service.address
        async with plain_http(f"http://{host}:{port}") as client:
            zone = (await client.get(f"/api/v1/zones/{TWO}")).json()
            page = " ".join((await client.get(f"/zones/{TWO}")).text.split())
            metrics = (await client.get("/metrics")).text
        assert zone["cadence_seconds"]["soa-serial"] is None
        assert (zone["cadence_seconds"]["records"], zone["cadence_seconds"]["reachable"]) == (3600, 1)
        assert {address["state"] for address in zone["addresses"]} == {"not-asked"}
        assert "Off for this zone: soa-serial." in page
        assert '<td role="cell" data-label="Every">1h</td>' in page
        assert 'soawatch_last_sweep_timestamp_seconds{cadence="1s",check="soa-serial"}' in metrics


async def test_every_sweep_of_the_plan_is_shown_from_its_first_moment_on_and_across_reloads(tmp_path: Path) -> None:
    async with watched(tmp_path) as on:
        await until(lambda: on.service.status.ready and on.well())
        await until(lambda: "records every 1h" in on.zones_asked())
        await until(lambda: all(sweep.low_caps == () for sweep in on.sweeps.values()))
        hourly, name = on.sweeps["records every 1h"], "records every 2h"
        on.write(two='cadence = { records = "2h" }')
        assert await on.service.reload()
        new = on.sweeps[name]
        assert (new.begun, new.kept(now()), new.low_caps) == (None, None, ()), "its first sweep is in two hours"
        assert "records every 1h" not in on.sweeps
        on.write()
        assert await on.service.reload()
        assert on.sweeps["records every 1h"].begun is None, "nothing is left of the group that was there before"
        assert hourly.begun is not None
        every_second = on.sweeps["records every 1s"]
        assert every_second.begun is not None, "and a group that stays stays as it was"
