"""soawatch check beside a service that runs, or that ran once: how long a server has been behind is then known."""

import sqlite3
from datetime import timedelta
from pathlib import Path

from monitor.clock import now
from monitor.pair.pair import Pair
from monitor.pair.zonedata import Timers
from tests.support.running import Running, running, until
from tests.support.speaking import say

ZONE = "pair.example."


async def test_the_memory_of_a_service(tmp_path: Path) -> None:
    async with Pair([ZONE], now=now, timers=Timers(refresh=60, retry=30, expire=7200)) as pair:
        await pair.in_sync()
        config = pair.write(tmp_path, listen="127.0.0.1:0")
        text = config.read_text()
        config.write_text(text.replace('max_lag = "3s"', 'max_lag = "1h"'))
        async with running(config) as service:
            await service.up()
            await until(lambda: healthy(service))
            said = await say("check", ZONE, "-c", config, "--json")
            assert said.status == 0
            assert said.data["memory"] == str(tmp_path / "soawatch.db")
            await lagging_is_judged_as_the_service_does(pair, service, config)
            said = await say("explain", ZONE, "-c", config, "--moment", "0.1")
            assert "propagating" not in said.out
            assert f"with the memory of {tmp_path / 'soawatch.db'}" in said.out
        await an_old_memory_is_not_believed(pair, config)
        (tmp_path / "soawatch.db").write_bytes(b"this is no database" * 1000)
        said = await say("check", ZONE, "-c", config, "--json", "--moment", "0.1")
        assert said.status == 0
        assert said.data["memory"] is None
        assert "looking without memory" in said.data["problems"][0]
        config.write_text(text.replace("[service]", f'[service]\ndatabase = "{"x" * 300}.db"'))
        pair.mend()
        await pair.in_sync()
        said = await say("check", ZONE, "-c", config, "--json", "--moment", "0.1")
        assert said.status == 0
        assert "looking without memory: " in said.data["problems"][0]


async def test_what_the_service_remembers_of_records_is_judged_by_too(tmp_path: Path) -> None:
    """An edit without a new serial is told as the page tells it, at the primary, in place of the secondaries."""
    async with Pair([ZONE], now=now) as pair:
        await pair.in_sync()
        config = pair.write(tmp_path, listen="127.0.0.1:0")
        async with running(config) as service:
            await service.up()
            await until(lambda: healthy(service))
            pair.break_("same-serial")
            await until(lambda: edited(service))
            said = await say("check", ZONE, "-c", config, "--json", "--moment", "0.1")
            assert {(one["code"], one["server"]) for one in said.data["findings"]} == {("serial-unbumped", "ns1")}
            said = await say("explain", ZONE, "-c", config, "--moment", "0.1")
            hears = [line for line in said.out.splitlines() if line.startswith("  serial-unbumped at ns1: nobody")]
            assert len(hears) == 1


async def edited(service: Running) -> bool:
    shown = await service.get(f"api/v1/zones/{ZONE}")
    return {finding["code"] for finding in shown["findings"]} == {"serial-unbumped"}


async def lagging_is_judged_as_the_service_does(pair: Pair, service: Running, config: Path) -> None:
    """Behind, but within max_lag: propagating, which is no problem however often one looks."""
    pair.break_("frozen")
    pair.change(ZONE)
    await until(lambda: behind(service))
    said = await say("check", ZONE, "-c", config, "--json", "--moment", "0.1")
    assert said.status == 0
    shown = await service.get(f"api/v1/zones/{ZONE}")
    assert [a["state"] for a in said.data["addresses"]] == ["in-sync", "propagating"]
    assert [a["state"] for a in shown["addresses"]] == ["in-sync", "propagating"]
    assert shown.keys() <= said.data.keys()
    assert shown["addresses"][0].keys() == said.data["addresses"][0].keys()
    said = await say("check", ZONE, "-c", config, "--moment", "0.1")
    assert said.out.startswith("pair.example.: a change is in motion (with the memory of ")
    assert "≥" not in said.out
    said = await say("check", ZONE, "-c", config, "--moment", "0.1", "--nagios")
    assert said.status == 0
    config.write_text(config.read_text().replace('max_lag = "1h"', 'max_lag = "100ms"'))
    said = await say("check", ZONE, "-c", config, "--json", "--moment", "0.1")
    assert said.status == 1
    (finding,) = said.data["findings"]
    assert finding["code"] == "serial-late"
    assert "longer than max_lag" in finding["text"]


async def an_old_memory_is_not_believed(pair: Pair, config: Path) -> None:
    """Of what came since a service looked last it knows nothing: without it, a difference is in motion."""
    config.write_text(config.read_text().replace('max_lag = "100ms"', 'max_lag = "1h"'))
    past = (now() - timedelta(days=3)).isoformat()
    with sqlite3.connect(config.with_name("soawatch.db")) as conn:
        conn.execute("delete from sweeps")
        (body,) = conn.execute("select body from zone_states").fetchone()
        at = body.partition('"at":"')[2].partition('"')[0]
        assert at, body
        conn.execute("update zone_states set body = replace(body, ?, ?)", (f'"at":"{at}"', f'"at":"{past}"'))
    said = await say("check", ZONE, "-c", config, "--json", "--moment", "0.1")
    assert said.status == 0
    assert said.data["memory"] is None
    assert [f["code"] for f in said.data["in_motion"]] == ["serial-late"]
    assert "its memory is not used" in said.data["problems"][0]


async def healthy(service: Running) -> bool:
    return (await zone(service)).get("health") == "good"


async def behind(service: Running) -> bool:
    return "propagating" in [a["state"] for a in (await zone(service)).get("addresses", ())]


async def zone(service: Running) -> dict[str, object]:
    found: dict[str, object] = await service.get(f"api/v1/zones/{ZONE}")
    return found
