"""The service as a process: it starts, reloads, refuses, restarts and ends as an operator expects."""

import asyncio
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

from monitor.pair.config_template import zone_entry
from tests.support.running import Running, running, until
from tests.support.service_scene import ZONES, Scene, scene, well


async def test_a_restart_repeats_nothing_and_ends_what_ended_meanwhile(tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        async with running(on.config) as service:
            await service.up()
            await until(lambda: well(service))
            on.pair.break_("transfer-open")
            await until(lambda: on.hook.kinds() == ["incident.opened"])
            service.signal(signal.SIGTERM)
            assert await service.ended() == 0
        async with running(on.config) as service:
            await service.up()
            incidents = await service.get("api/v1/incidents")
            assert [i["phase"] for i in incidents] == ["open"]
            await until(lambda: swept(service, "transfer"))
            assert on.hook.kinds() == ["incident.opened"]
            service.signal(signal.SIGTERM)
            assert await service.ended() == 0
        on.pair.mend()
        async with running(on.config) as service:
            await service.up()
            await until(lambda: on.hook.kinds() == ["incident.opened", "incident.resolved"])
            service.signal(signal.SIGTERM)
            assert await service.ended() == 0


async def swept(service: Running, check: str) -> bool:
    lines = (await service.scrape()).splitlines()
    return any(
        line.startswith("soawatch_last_sweep_timestamp_seconds{") and f'check="{check}"' in line for line in lines
    )


async def test_no_lag_is_made_by_a_restart(tmp_path: Path) -> None:
    async with scene(tmp_path) as on, running(on.config) as service:
        await service.up()
        await until(lambda: well(service))
        service.signal(signal.SIGKILL)
        await service.ended()
        for _ in range(3):
            on.pair.change(ZONES[0])
        await on.pair.in_sync()
        async with running(on.config) as again:
            await again.up()
            await until(lambda: well(again))
            zone = await again.get(f"api/v1/zones/{ZONES[0]}")
            assert {a["serial"] for a in zone["addresses"]} == {on.pair.serial(ZONES[0])}
            assert {a["lag_seconds"] for a in zone["addresses"]} == {0}
        assert on.hook.kinds() == []


async def test_a_bad_file_is_refused_at_reload_and_the_old_one_goes_on(tmp_path: Path) -> None:
    async with scene(tmp_path) as on, running(on.config) as service:
        await service.up()
        await until(lambda: well(service))
        assert await service.metric("soawatch_config_last_reload_successful") == 1
        on.write(on.text.replace('max_lag = "3s"', 'max_lag = "3"'))
        service.signal(signal.SIGHUP)
        await until(lambda: said(service, "configuration refused"))
        assert await service.metric("soawatch_config_last_reload_successful") == 0
        assert await well(service)
        on.write(on.text + zone_entry("three.example.", "ns1", "ns2", "xfr"))
        service.signal(signal.SIGHUP)
        await until(lambda: said(service, "configuration loaded"))
        assert await service.metric("soawatch_config_last_reload_successful") == 1
        await until(lambda: knows(service, "three.example."))


def said(service: Running, event: str) -> bool:
    return any(line["event"] == event for line in service.log)


async def knows(service: Running, zone: str) -> bool:
    return zone in [z["name"] for z in await service.get("api/v1/zones")]


async def test_a_zone_that_is_no_longer_watched_ends_its_incident_and_says_so(tmp_path: Path) -> None:
    async with scene(tmp_path) as on, running(on.config) as service:
        await service.up()
        await until(lambda: well(service))
        on.pair.break_("record-changed")
        await until(lambda: on.hook.kinds()[:1] == ["incident.opened"])
        other = zone_entry("three.example.", "ns1", "ns2", "xfr")
        on.write(on.text.partition("[[zones]]")[0] + other)
        service.signal(signal.SIGHUP)
        await until(lambda: said(service, "configuration loaded"))
        assert not await knows(service, "two.example.")
        await until(lambda: set(last_told(on).values()) == {"incident.resolved"})
        ended = [body["data"] for _, body in on.hook.heard if body["type"] == "incident.resolved"]
        assert all("no longer monitored" in str(incident["findings"]) for incident in ended)


def last_told(on: Scene) -> dict[str, str]:
    """What was last heard of each incident."""
    return {said["data"]["id"]: said["type"] for _, said in on.hook.heard}


async def test_it_says_why_it_does_not_start(tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        (tmp_path / "demo.db").write_text("this is no database, whatever its name says" * 100)
        async with running(on.config) as service:
            assert await service.ended() == 1
            assert "demo.db" in service.log[-1]["error"]
        (tmp_path / "demo.db").unlink()
        async with running(on.config) as service:
            await service.up()
            async with running(on.config) as second:
                assert await second.ended() == 1
                assert "in use" in second.log[-1]["error"]


async def test_a_webhook_that_was_away_hears_of_what_is_over_by_then_when_it_began_and_ended(tmp_path: Path) -> None:
    async with scene(tmp_path) as on, running(on.config) as service:
        database = tmp_path / "demo.db"
        await service.up()
        await until(lambda: well(service))
        on.hook.status = 503
        on.pair.break_("transfer-open")
        await until(lambda: any(each["event"] == "not delivered" for each in service.log))
        on.pair.mend()
        await until(lambda: is_over(database))
        assert on.hook.heard == []
        on.hook.status = 204
        await until(lambda: on.hook.heard, 40)
        (incident,) = await service.get("api/v1/incidents")
        ((_, told),) = on.hook.heard
        assert (told["type"], told["data"]["id"]) == ("incident.resolved", incident["id"])
        assert told["data"]["began_at"] < told["data"]["opened_at"] < told["data"]["ended_at"]
        await until(lambda: outbox(database)[-1][1] == "delivered")
        states = outbox(database)
        assert (states[0][0], states[-1]) == ("incident.opened", ("incident.resolved", "delivered", None))
        assert {state for _, state, _ in states[:-1]} == {"superseded"}


def outbox(database: Path) -> list[tuple[str, str, str | None]]:
    """What there was to tell, how that is by now, and until when it is being told."""
    with closing(sqlite3.connect(database)) as conn:
        return conn.execute("select event, state, leased_until from outbox order by seq").fetchall()


def is_over(database: Path) -> bool:
    """The end waits, and no attempt is under way that was begun when it did not."""
    messages = outbox(database)
    return messages[-1][:2] == ("incident.resolved", "waiting") and all(leased is None for *_, leased in messages)


async def test_it_ends_at_once_though_a_browser_listens(tmp_path: Path) -> None:
    async with scene(tmp_path) as on, running(on.config) as service:
        await service.up()
        host, port = service.page.removeprefix("http://").rstrip("/").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await writer.drain()
        assert b"200" in await reader.readline()
        service.signal(signal.SIGINT)
        assert await service.ended() == 0
        assert "a part does not end and is cancelled" not in {said["event"] for said in service.log}
        writer.close()
