"""Where the servers stood when the service last ran, for a start while the resolver is dead."""

from collections.abc import Iterator, Mapping

from checks.model.zone_table import ZoneTable
from checks.zone_state.model import ZoneState
from monitor.config.model import Config
from monitor.polling.discovery import CachedAnswer, DiscoveredZones
from monitor.polling.resolver import NameQuestion

SAMPLE_SIZE = 20
"""Zone states of zones alike that are asked where their servers are."""


def recall_addresses(zone_states: Mapping[str, ZoneState], config: Config) -> DiscoveredZones:
    """What names resolved to when zone states were written, for a start while the resolver is dead.

    Only those zone states are looked at that know of something to be resolved, and only some of those of zones alike:
    where all servers are given by addresses, none.
    """
    cached: dict[NameQuestion, CachedAnswer] = {}
    for name in _worth_recalling(config):
        zone_state = zone_states.get(name)
        if zone_state is None:
            continue
        at = zone_state.at or max((address_state.changed for address_state in zone_state.address_states), default=None)
        if at is None:
            continue
        cached[zone_state.zone, "NS"] = CachedAnswer(
            tuple(sorted({address_state.server for address_state in zone_state.address_states})), at
        )
        for address_state in zone_state.address_states:
            entry = config.servers.get(
                address_state.server
            )  # a zone state knows a server by its name there, not by its host
            host = (entry.host if entry else None) or f"{address_state.server}."
            question = (host, "AAAA" if ":" in address_state.address.host else "A")
            before = cached.get(question, CachedAnswer((), at))
            values = dict.fromkeys((*before.values, address_state.address.host))
            cached[question] = CachedAnswer(tuple(values), max(before.at, at))
    return DiscoveredZones(ZoneTable.of(()), {}, (), cached)


def _worth_recalling(config: Config) -> Iterator[str]:
    """The zones whose servers are to be found, and some of each kind of those on servers that are to be resolved."""
    zones = config.zones
    hosted = {name for name, entry in config.servers.items() if entry.host and not entry.addresses}
    unserved = {kind for kind, entry in enumerate(zones.templates) if not entry.servers}
    left = {
        kind: SAMPLE_SIZE
        for kind, entry in enumerate(zones.templates)
        if kind not in unserved and hosted & {*entry.servers}
    }
    if not unserved and not left:
        return
    for name, kind in zip(zones.names, zones.template_ids, strict=True):
        if kind in unserved:
            yield name
        elif left.get(kind, 0):
            left[kind] -= 1
            yield name
