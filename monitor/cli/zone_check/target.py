"""The zone to be looked at, its servers, and where the service remembers it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from checks.common.child_side import ANY_NAME
from checks.model import WantedRecord
from checks.model.zone_table import ZoneTable
from monitor.cli.stored_zones import with_zones_of_service
from monitor.config.addresses import address
from monitor.config.awaited import awaited
from monitor.config.model import Config, ServerEntry, ZoneEntry
from monitor.probe.message.names import parse_name, show


@dataclass(frozen=True, slots=True)
class CheckTarget:
    """What to look at: a configuration that holds just this zone, and where to find what the service remembers.

    ``watched``: the zone is one of the configuration's own. ``notes`` are for whoever asked.
    """

    config: Config
    zone: str
    database: Path | None = None
    watched: bool = False
    notes: tuple[str, ...] = ()


def parse_target(zone: str, servers: Sequence[str], config: Path | None) -> CheckTarget:
    """What ``check ZONE`` means. Raises ConfigError, BadName, and ValueError for a bad NAME=ADDRESS."""
    name = parse_name(zone)
    if config is None:
        return CheckTarget(ad_hoc_config(name, servers, {}), name)
    from monitor.config.load import load
    from monitor.config.secrets import is_here

    whole = with_zones_of_service(load(config, os.environ, elsewhere=True), (name,))
    entry = whole.zones.get(name)
    if servers or entry is None:
        alone = ad_hoc_config(name, servers, whole.servers)
        place = f"{config}, nor among the zones that its service has from elsewhere" if _has_sources(whole) else config
        note = () if servers else (f"{show(name)} is not in {place}; the servers of its NS set are asked",)
        entries = alone.servers if servers else whole.servers
        return CheckTarget(replace(whole, zones=alone.zones, servers=entries), name, notes=note)
    own = {server: whole.servers[server] for server in entry.servers} or whole.servers
    missing = {key.name for key in whole.keys.values() if not is_here(key.secret)}
    tried = tuple(rule for rule in entry.transfers if rule.key not in missing)
    left = dict.fromkeys(rule.key for rule in entry.transfers if rule.key in missing)
    notes = tuple(f"no transfer is tried with key {key}: only the service has its credential" for key in left)
    zones = ZoneTable.of((replace(entry, transfers=tried),))
    only = replace(whole, zones=zones, servers=own)  # names of other zones' servers would cost time
    return CheckTarget(only, name, whole.service.database, watched=True, notes=notes)


def _has_sources(config: Config) -> bool:
    return bool(config.catalogs or config.polled_lists)


def with_records(target: CheckTarget, records: Sequence[str]) -> CheckTarget:
    """The same, and these records, "NAME TYPE" or "NAME TYPE VALUE" each, in place of what is wanted of them there.

    Raises InvalidValue.
    """
    if not records:
        return target
    entry = target.config.zones[target.zone]
    wanted = [
        WantedRecord(one.name, one.type, one.rdata or None) for one in awaited(target.zone, None, records, ()).records
    ]
    named = {(one.name, one.type) for one in wanted}
    others = [one for one in entry.records or () if (one.name, one.type) not in named]
    zones = ZoneTable.of((replace(entry, records=(*others, *wanted)),))
    return replace(target, config=replace(target.config, zones=zones))


def ad_hoc_config(zone: str, servers: Sequence[str], known: Mapping[str, ServerEntry]) -> Config:
    """A configuration for somebody who has none, without checks. A name without an address is one of the ``known``.

    Who names servers wants to know of these, and of no others that the NS set may have.
    """
    entries: dict[str, ServerEntry] = {}
    for text in servers:
        if text in known:
            entries[text] = known[text]
            continue
        name, _, where = text.rpartition("=")
        found = address(where)
        name = name or str(found)
        entry = entries.get(name, ServerEntry(name))
        entries[name] = replace(entry, addresses=(*entry.addresses, found))
    return Config(
        zones=ZoneTable.of((ZoneEntry(zone, tuple(entries), ignored=(ANY_NAME,) if entries else ()),)),
        servers=entries,
    )


def with_checks(target: CheckTarget) -> CheckTarget:
    """The same, and all checks as they are by default where no configuration says otherwise."""
    if target.config.checks:
        return target
    from checks.registry import CHECKS

    checks = {name: check() for name, check in CHECKS.items()}
    cadence = {name: check.cadence for name, check in CHECKS.items()}
    return replace(target, config=replace(target.config, checks=checks, cadence=cadence))
