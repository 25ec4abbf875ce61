"""Reads what the service has taken from catalogs and polled lists, for a command about one zone."""

from collections.abc import Collection

from monitor.cli.errors import Failure
from monitor.config.model import Config


def with_zones_of_service(config: Config, zones: Collection[str]) -> Config:
    """The configuration, and those of the zones that its service has from a catalog or a list that it asks for.

    Nothing is known of these before the service has run. Raises Failure where its database cannot be read.
    """
    asked = bool(config.catalogs or config.polled_lists) and not all(zone in config.zones for zone in zones)
    if not asked or not config.service.database.exists():
        return config
    from monitor.service.stored_zones import with_stored_zones
    from monitor.state.ports import StoreError
    from monitor.store.reader import read_zone_sources

    try:
        return with_stored_zones(config, read_zone_sources(config.service.database), zones)
    except (StoreError, OSError) as error:
        raise Failure(f"which zones the service has from catalogs and lists cannot be read: {error}") from None
