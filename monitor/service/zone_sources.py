"""What sources of zones named when they were believed last, so that one that is cut short lets go of nothing."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import replace

import structlog

from monitor.clock import Now, now
from monitor.config.model import Config, ZoneEntry, ZoneFile
from monitor.config.zone_sources import SourceTrouble, too_many_gone, with_zones
from monitor.state.source_status import SourceStatus

log = structlog.get_logger(__name__)

LIST = "list "
"""How the names of sources that are lists begin."""


class ZoneSources:
    """``kept`` is what the store kept of sources: of a list the names in it, one in each line."""

    def __init__(self, kept: Mapping[str, str], now: Now = now) -> None:
        self._now = now
        self._stored = dict(kept)
        self._named = {source: frozenset(body.split("\n")) for source, body in self._stored.items() if body}
        self.statuses: tuple[SourceStatus, ...] = ()

    @property
    def troubles(self) -> tuple[SourceTrouble, ...]:
        return tuple(one.trouble for one in self.statuses if one.trouble is not None)

    def guard(self, config: Config, running: Config | None) -> Config:
        """The configuration as it is to be watched: with the zones that went from lists which have lost too many.

        They are as they are in the ``running`` configuration, else as zones of their list are that say nothing.
        """
        lists: defaultdict[str, list[ZoneFile]] = defaultdict(list)
        for one in config.lists:
            lists[f"{LIST}{one.source}"].append(one)
        known, at = {one.source: one for one in self.statuses}, self._now()
        named, statuses, kept = {}, [], dict[str, ZoneEntry]()
        for source, files in lists.items():
            now = frozenset(name for one in files for name in one.names)
            before = self._named.get(source, frozenset())
            gone = [name for name in before - now if name not in config.zones]
            why = too_many_gone(len(before), len(gone), files[0].max_shrink)
            trouble = SourceTrouble.shrunk(source, why) if why else None
            if why:
                kept.update(_as_before(gone, files[0].entry, config, running))
            named[source] = before if why else now
            status = known.get(source) or SourceStatus(source)
            statuses.append(status.after_look(at, len(before | now if why else now), trouble))
        self._named, self.statuses = named, tuple(statuses)
        for trouble in self.troubles:
            log.warning("not believed", source=trouble.source, why=trouble.text)
        return replace(config, zones=with_zones(config.zones, kept.items())) if kept else config

    async def keep(self, keep: Callable[[str, str], Awaitable[None]]) -> None:
        """Have the store keep what has changed."""
        bodies = {source: "\n".join(sorted(names)) for source, names in self._named.items()}
        for source in self._stored.keys() | bodies.keys():
            if (body := bodies.get(source, "")) != self._stored.get(source, ""):
                await keep(source, body)
        self._stored = bodies


def _as_before(
    gone: list[str], entry: ZoneEntry, config: Config, running: Config | None
) -> Iterator[tuple[str, ZoneEntry]]:
    """Zones that went, as they were, where all their servers are still there."""
    for name in gone:
        before = running.zones.template(name) if running is not None and name in running.zones else entry
        there = before is not entry and all(server in config.servers for server in before.servers)
        yield name, before if there else entry
