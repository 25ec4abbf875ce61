"""The zones that are to be audited, and the configuration by which they are."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from checks.model.zone_table import ZoneTable
from monitor.cli.stored_zones import with_zones_of_service
from monitor.cli.zone_check.target import CheckTarget, ad_hoc_config, with_checks
from monitor.config.model import Config, ZoneEntry
from monitor.probe.message.names import show


@dataclass(frozen=True, slots=True)
class AuditTarget:
    """``config`` holds these zones and no others. ``notes`` are for whoever asked."""

    config: Config
    zones: tuple[str, ...]
    watched: frozenset[str] = frozenset()
    """Those of a configuration, of which its service may have a memory."""
    notes: tuple[str, ...] = ()

    def of(self, zone: str) -> CheckTarget:
        """One of them, as ``soawatch check`` looks at it."""
        watched = zone in self.watched
        database = self.config.service.database if watched else None
        return CheckTarget(self.config, zone, database, watched)


def parse_targets(zones: Sequence[str], servers: Sequence[str], config: Path | None) -> AuditTarget:
    """What ``audit [ZONE…]`` means; without zones, all that the configuration has. ``zones`` are absolute names. Raises
    ConfigError, InvalidValue for a bad NAME=ADDRESS, and ValueError where there is neither zone nor configuration.
    """
    wanted = tuple(dict.fromkeys(zones))
    if config is None:
        if not wanted:
            raise ValueError("name a zone, or a configuration with -c")
        return AuditTarget(with_checks(CheckTarget(_ad_hoc(wanted, servers), "")).config, wanted)
    from monitor.config.load import load

    whole = with_zones_of_service(load(config, os.environ, elsewhere=True), wanted)
    names = wanted or tuple(whole.zones.names)
    known = {name: entry for name in names if not servers and (entry := whole.zones.get(name)) is not None}
    strangers = tuple(name for name in names if name not in known)
    alone = _ad_hoc(strangers, servers) if strangers else None
    others = alone.zones if alone is not None else ZoneTable[ZoneEntry].of(())
    entries = [known.get(name) or others[name] for name in names]
    usable, notes = _usable(whole, entries)
    added = alone.servers if alone is not None else {}
    if strangers and not servers:
        notes.append(f"not in {config}, so that the servers of its NS set are asked: {', '.join(map(show, strangers))}")
    found = replace(whole, zones=ZoneTable.of(usable), servers={**whole.servers, **added})
    return AuditTarget(found, names, frozenset(known), tuple(notes))


def _ad_hoc(zones: Sequence[str], servers: Sequence[str]) -> Config:
    each = [ad_hoc_config(zone, servers, {}) for zone in zones]
    entries = (one.zones[zone] for zone, one in zip(zones, each, strict=True))
    return replace(each[0], zones=ZoneTable.of(entries))


def _usable(config: Config, entries: Sequence[ZoneEntry]) -> tuple[list[ZoneEntry], list[str]]:
    """Without transfers by keys that only the service has."""
    from monitor.config.secrets import is_here

    missing = {key.name for key in config.keys.values() if not is_here(key.secret)}
    notes = [f"no transfer is tried with key {key}: only the service has its credential" for key in sorted(missing)]
    tried = [replace(one, transfers=tuple(r for r in one.transfers if r.key not in missing)) for one in entries]
    return tried, notes
