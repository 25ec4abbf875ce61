"""Finds what follows from what was heard: where nameservers are that NS sets name, and those of parent zones."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from checks.delegation import Delegation, named_by_parents
from checks.model import Zone, ZonePoll
from checks.model.zone_table import ZoneTable
from checks.ns_set import NsSet, names_given
from monitor.config.model import Config
from monitor.polling.discovery import DiscoveredZones, resolve_ns_names
from monitor.polling.parents import find_parents
from monitor.polling.sweep import ProbeQueries

if TYPE_CHECKING:
    from monitor.state.ports import PollMessage


async def resolve_further(
    config: Config, found: DiscoveredZones, ns_names: Iterable[str], probe: ProbeQueries, now: datetime
) -> DiscoveredZones:
    """The zones found, with where these names lead to, and with where parent zones are served, as far as that was not
    known. Never raises.
    """
    found = await resolve_ns_names(config, found, ns_names, now)
    parents = await find_parents(config, found.zones, found.parents, probe, now)
    return found if parents is found.parents else replace(found, parents=parents)


_NAMING: Mapping[str, Callable[[Zone, ZonePoll], frozenset[str]]] = {
    NsSet.name: names_given,
    Delegation.name: named_by_parents,
}


class NsNames:
    """The names of servers that are met in NS sets, of the zones or their parents, and of which no server is known."""

    def __init__(self) -> None:
        self._names: set[str] = set()

    def note(self, heard: "Iterable[PollMessage]", zones: ZoneTable[Zone], cached: DiscoveredZones) -> None:
        for one in heard:
            if isinstance(one, ZonePoll) and (named := _NAMING.get(one.check)) and (zone := zones.get(one.zone)):
                self._names.update(named(zone, one).difference(cached.names))

    def taken(self) -> frozenset[str]:
        """Those that have been met since the last time."""
        names, self._names = frozenset(self._names), set()
        return names
