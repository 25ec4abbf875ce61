"""Finds zones among those that the service has taken from catalogs and from lists that it asks for."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from monitor.config.model import Config, ZoneEntry
from monitor.config.zone_sources import with_zones
from monitor.service.catalogs import NOTHING, FollowedCatalog, catalog_source
from monitor.service.polled_lists import polled_source


def with_stored_zones(config: Config, kept: Mapping[str, str], zones: Collection[str]) -> Config:
    """The configuration with those of the zones, by their absolute names, that a source has and that it has not.

    ``kept`` is what the store kept of sources. As in the service the first catalog has a zone, before the first list.
    """
    found: dict[str, ZoneEntry] = {}
    for zone, entry in _stored(config, kept, [zone for zone in zones if zone not in config.zones]):
        found.setdefault(zone, entry)
    return replace(config, zones=with_zones(config.zones, found.items()))


def _stored(config: Config, kept: Mapping[str, str], zones: Collection[str]) -> Iterator[tuple[str, ZoneEntry]]:
    for catalog in config.catalogs:
        members = FollowedCatalog.of(kept.get(catalog_source(catalog)) or NOTHING).members
        yield from ((zone, catalog.member(members[zone])) for zone in zones if zone in members)
    for each in config.polled_lists:
        names = frozenset(kept.get(polled_source(each), "").split("\n"))
        yield from ((zone, each.entry) for zone in zones if zone in names)
