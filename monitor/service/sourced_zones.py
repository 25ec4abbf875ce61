"""All sources of zones beside the configuration itself: what is watched for them, and what is wrong with them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from alerting.tls_trust import Trust
from checks.model import Server
from monitor.clock import Now, now
from monitor.config.model import Config
from monitor.config.zone_sources import SourceTrouble
from monitor.probe.client.catalog import CatalogClient
from monitor.service.catalogs import CATALOG, CatalogSource, catalog_source
from monitor.service.followed_source import FollowedSource
from monitor.service.follower import Follower, Keep
from monitor.service.polled_lists import POWERDNS, ListSource
from monitor.service.zone_sources import LIST, ZoneSources
from monitor.state.source_status import SourceStatus

Servers = Callable[[], Mapping[str, Server]]
"""The servers of the configuration, by name."""


class SourcedZones:
    """Lists in files, which are read with the configuration; catalogs and lists that are asked for while the service
    runs. ``kept`` is what the store kept of sources.
    """

    def __init__(self, kept: Mapping[str, str], now: Now, servers: Servers) -> None:
        self._now, self._servers = now, servers
        self._files = ZoneSources({name: body for name, body in kept.items() if name.startswith(LIST)}, now)
        asked = {name: body for name, body in kept.items() if name.startswith((CATALOG, POWERDNS))}
        self._follower = Follower(asked, now)
        self._config = Config()
        self._statuses: tuple[SourceStatus, ...] = ()

    @property
    def statuses(self) -> tuple[SourceStatus, ...]:
        """The same tuple while nothing about any of them has changed."""
        statuses = (*self._files.statuses, *self._follower.statuses)
        if statuses != self._statuses:
            self._statuses = statuses
        return self._statuses

    @property
    def troubles(self) -> tuple[SourceTrouble, ...]:
        return (*self._files.troubles, *self._follower.troubles)

    async def use(self, config: Config, running: Config | None) -> Config:
        """Take the sources of this configuration from now on. What is to be watched by it."""
        self._config = await asyncio.to_thread(self._files.guard, config, running)
        self._follower.use(followed_sources(self._config, self._now, self._servers))
        return await self.watched()

    async def watched(self) -> Config:
        """The configuration with the zones of all sources as they are known now."""
        return await asyncio.to_thread(self._follower.with_zones, self._config)

    async def keep(self, keep: Keep) -> None:
        """Have the store keep what has changed."""
        await self._files.keep(keep)
        await self._follower.keep(keep)

    async def follow(self, changed: Callable[[], Awaitable[None]], keep: Keep) -> None:
        """Ask those that are to be asked when it is time, until ``stop``; ``changed`` is called when zones have come or
        gone.
        """
        await self._follower.follow(changed, keep)

    def announce(self, catalog: str, server: str) -> None:
        """A server says that a catalog has changed."""
        self._follower.announce(catalog_source(catalog), server)

    def stop(self) -> None:
        """Break off what is being asked."""
        self._follower.stop()


def followed_sources(config: Config, now: Now = now, servers: Servers = dict) -> tuple[FollowedSource, ...]:
    """The sources of the configuration that are asked for while the service runs; the first has a zone."""
    client, trust = CatalogClient(config.probe, config.keys, now), Trust()
    return (
        *(CatalogSource(catalog, client, servers) for catalog in config.catalogs),
        *(ListSource(each, trust) for each in config.polled_lists),
    )
