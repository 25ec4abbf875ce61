"""The service waits, and compares, for whoever asks it to, over a real connection."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx

from tests.support.plain_http import plain_http
from tests.support.running import running, until
from tests.support.service_scene import ZONES, scene, well

ZONE = ZONES[0]
PATIENCE = 30.0


async def events(answer: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    async for line in answer.aiter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


async def test_a_change_is_waited_for_while_it_comes(tmp_path: Path) -> None:
    async with scene(tmp_path) as on, running(on.config) as service:
        await service.up()
        await until(lambda: well(service))
        on.pair.break_("frozen")
        serial = on.pair.change(ZONE, "fresh A 192.0.2.7")
        body = {"serial": serial, "records": ["fresh A 192.0.2.7"], "timeout": PATIENCE}
        told = []
        async with asyncio.timeout(2 * PATIENCE), plain_http(service.page, timeout=PATIENCE) as http:
            async with http.stream("POST", f"api/v1/zones/{ZONE}/wait", json=body) as answer:
                assert answer.status_code == 200
                async for event in events(answer):
                    told.append(event)
                    if event["event"] == "progress" and event["address"]["server"] == "ns2" and on.pair.active["ns2"]:
                        assert f"older than {serial}" in event["address"]["text"]
                        on.pair.mend()
                        on.pair.change(ZONE)
            assert told[-1]["event"] == "done"
            assert told[-1]["late"] == []
            refused = await http.post(f"api/v1/zones/{ZONE}/wait", json={"records": ["fresh"]})
            assert refused.status_code == 400
            assert "is not a name, a type and a value" in refused.text
            compared = await http.post(f"api/v1/zones/{ZONE}/diff", json={"before": "ns1", "after": "ns2"})
            assert compared.status_code == 502  # the secondaries of the pair give the zone to nobody
            assert "ns2 (127.0.0.1:" in compared.text
            assert "gives no zone: the transfer is refused (REFUSED)" in compared.text


async def test_the_service_stops_while_somebody_waits(tmp_path: Path) -> None:
    async with scene(tmp_path) as on, running(on.config) as service:
        await service.up()
        await until(lambda: well(service))
        body = {"serial": (on.pair.serial(ZONE) or 0) + 1}
        async with (
            asyncio.timeout(2 * PATIENCE),
            plain_http(service.page, timeout=PATIENCE) as http,
            http.stream("POST", f"api/v1/zones/{ZONE}/wait", json=body) as answer,
        ):
            told = [await anext(events(answer))]
            service.signal(signal.SIGTERM)
            assert await service.ended() == 0
        assert told[0]["event"] == "progress"
