"""A server is silenced before a running service: what its receiver hears, and what it does not."""

from pathlib import Path
from typing import Any

from tests.e2e.test_incidents import MANY, opened, scene
from tests.support.plain_http import plain_http
from tests.support.running import Running, until


async def silence(service: Running, **wanted: Any) -> str:
    """Of ns2, until somebody ends it; its path."""
    wanted = {"matchers": {"servers": ["ns2"]}, "comment": "new disk", **wanted}
    async with plain_http(service.page) as client:
        made = await client.post("api/v1/silences", json=wanted)
    assert (made.status_code, made.json()["created_by"]) == (201, "local"), made.text
    return str(made.headers["Location"])


async def end(service: Running, path: str) -> None:
    async with plain_http(service.page) as client:
        assert (await client.delete(path)).status_code == 200


async def test_nothing_while_it_is_silenced_opened_at_the_end_and_resolved_though_it_is_silenced_again(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, MANY, "ns1", "ns2", timeout="250ms") as on:
        path = await silence(on.service, endless=True)
        on.farm.dead.add("ns2")

        async def is_silenced() -> bool:
            found = await opened(on)
            return [(each["finding_count"], each["silenced_count"]) for each in found] == [(20, 20)]

        await until(is_silenced)
        assert await on.service.metric("soawatch_silences_active") == 1
        assert on.hook.kinds() == []
        await end(on.service, path)
        await on.told(hook=1, mail=1)
        assert on.hook.heard[0][1]["data"]["zone_count"] == 20
        await silence(on.service, duration="1h")
        on.farm.dead.clear()
        await on.told(hook=2, mail=2)
        assert on.hook.kinds() == ["incident.opened", "incident.resolved"]
        assert [each.partition("]")[0] for each in on.box.subjects] == ["[FIRING critical", "[RESOLVED"]
