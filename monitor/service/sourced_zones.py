"""All sources of zones beside the configuration itself: what is watched for them, and what is wrong with them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from checks.model import Server
from monitor.clock import Now
from monitor.config.model import Config
from monitor.config.zone_sources import SourceTrouble
from monitor.service.catalogs import Catalogs
from monitor.service.polled_lists import PolledLists
from monitor.service.zone_sources import ZoneSources

Keep = Callable[[str, str], Awaitable[None]]
"""Has the store keep something of a source: its name, and what is kept."""


class SourcedZones:
    """Lists in files, which are read with the configuration; catalogs and lists that are asked for while the service
    runs. ``kept`` is what the store kept of sources, ``servers`` gives the servers of the configuration by name.
    """

    def __init__(self, kept: Mapping[str, str], now: Now, servers: Callable[[], Mapping[str, Server]]) -> None:
        self._files = ZoneSources(kept)
        self._catalogs = Catalogs(kept, now, servers)
        self._polled = PolledLists(kept)

    @property
    def troubles(self) -> tuple[SourceTrouble, ...]:
        return (*self._files.troubles, *self._catalogs.troubles, *self._polled.troubles)

    async def use(self, config: Config, running: Config | None) -> Config:
        """Take the sources of this configuration from now on. What is to be watched by it."""
        guarded = await asyncio.to_thread(self._files.guard, config, running)
        self._catalogs.use(guarded)
        self._polled.use(guarded)
        return await self.watched()

    async def watched(self) -> Config:
        """The configuration with the zones of all sources as they are known now."""
        return await asyncio.to_thread(lambda: self._polled.with_zones(self._catalogs.with_members()))

    async def keep(self, keep: Keep) -> None:
        """Have the store keep what has changed."""
        await self._files.keep(keep)
        await self._catalogs.keep(keep)
        await self._polled.keep(keep)

    async def follow(self, changed: Callable[[], Awaitable[None]], keep: Keep) -> None:
        """Ask those that are to be asked when it is time, until ``stop``; ``changed`` is called when zones have come or
        gone.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._catalogs.follow(changed, keep))
            group.create_task(self._polled.follow(changed, keep))

    def stop(self) -> None:
        """Break off what is being asked."""
        self._catalogs.stop()
        self._polled.stop()
