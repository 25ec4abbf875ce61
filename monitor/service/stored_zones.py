"""Finds zones among those that the service has taken from catalogs and from lists that it asks for."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from monitor.config.model import Config, ZoneEntry
from monitor.config.zone_sources import with_zones
from monitor.service.sourced_zones import followed_sources


def with_stored_zones(config: Config, kept: Mapping[str, str], zones: Collection[str]) -> Config:
    """The configuration with those of the zones, by their absolute names, that a source has and that it has not.

    ``kept`` is what the store kept of sources. As in the service the first source has a zone.
    """
    found: dict[str, ZoneEntry] = {}
    for source in followed_sources(config):
        named = source.unpacked(kept.get(source.name, "")).zones
        for zone in zones:
            if zone in named and zone not in config.zones:
                found.setdefault(zone, source.entry(named[zone]))
    return replace(config, zones=with_zones(config.zones, found.items()))
