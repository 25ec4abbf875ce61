"""The service as a process that watches a bundled pair and tells a webhook receiver."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from monitor.cli.demo_environment import settings, zone_entries
from monitor.clock import now
from monitor.pair.pair import Pair
from monitor.pair.zonedata import Timers
from tests.support.receiver import Receiver, receiver
from tests.support.running import Running

ZONES = ["one.example.", "two.example."]


@dataclass(slots=True)
class Scene:
    pair: Pair
    hook: Receiver
    config: Path
    text: str

    def write(self, text: str) -> None:
        self.config.write_text(text)


@asynccontextmanager
async def scene(directory: Path) -> AsyncIterator[Scene]:
    async with receiver() as hook, Pair(ZONES, now=now, timers=Timers(refresh=2, retry=1)) as pair:
        await pair.in_sync()
        key = directory / "xfr.key"
        key.write_text(pair.key.secret.reveal())
        key.chmod(0o600)
        text = settings([pair])
        text += hook.toml() + zone_entries([pair])
        path = directory / "soawatch.toml"
        path.write_text(text)
        yield Scene(pair, hook, path, text)


async def healths(service: Running) -> list[str]:
    return [zone["health"] for zone in await service.get("api/v1/zones")]


async def well(service: Running) -> bool:
    found = await healths(service)
    return bool(found) and set(found) == {"good"}
