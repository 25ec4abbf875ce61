"""Warns of what is allowed but hardly meant."""

import re
from collections.abc import Collection, Iterator, Mapping
from fnmatch import translate

from alerting.routing import has_labels
from checks.base import cadence_of
from checks.model import Address, WantedRecord
from checks.model.wanted import DEFAULT_RECORDS, absolutise_records, is_named
from checks.model.zone_table import ZoneTable
from checks.registry import CHECKS
from checks.zone_state.model import SERIAL_CHECK
from monitor.config.durations import written
from monitor.config.errors import KeyPath, Problems, quoted
from monitor.config.load_estimate import demands
from monitor.config.low_caps import low_caps, shortage
from monitor.config.model import Config, ZoneEntry
from monitor.config.zones import NEEDS

MANY_ZONES = 20_000
"""Zones written out in the TOML file; to read it takes seconds then."""

ONE_GROUP = "is of no use: all servers of {} are of one group"
USUAL = ZoneEntry("")

WITH_INCIDENTS = ("alertmanager", "pagerduty")
"""Types of receivers that keep an incident open until they hear of its end."""

BETWEEN_GROUPS = ("NS", "DNSKEY", "CDS", "CDNSKEY", "CSYNC")
"""What is compared between groups, of the zone itself, whatever is chosen."""

MAX_SERVERS_NAMED = 20
"""Named of those that would be asked more than the cap allows."""


def advise(problems: Problems, config: Config, places: Mapping[str, KeyPath]) -> None:
    """Warnings on a configuration without mistakes; ``places`` are where its zones stand."""
    _shared_addresses(problems, config)
    _watched_witnesses(problems, config)
    _unused(problems, config)
    _switched_off(problems, config, places)
    _deaf(problems, config)
    _budgets(problems, config, places)
    _between_groups(problems, config, places)
    _named_in_vain(problems, config, places)
    _members(problems, config)
    _routes(problems, config)
    _load(problems, config)
    if len(places) > MANY_ZONES:
        hint = 'a list beside it is read in no time: [[lists]] with file = "zones.txt"'
        problems.warn(("zones",), f"{len(places)} zones are written out in this file", hint)


def _shared_addresses(problems: Problems, config: Config) -> None:
    """Two names for one address are asked twice and blamed twice."""
    owners: dict[Address, str] = {}
    for name, server in config.servers.items():
        for address in server.addresses:
            other = owners.setdefault(address, name)
            if other != name:
                problems.warn(("servers", name), f"{address} is also an address of {quoted(other)}: both are asked")


def _watched_witnesses(problems: Problems, config: Config) -> None:
    """One of the servers does not tell an outage of all of them from one of ours."""
    owners = {address: name for name, server in config.servers.items() for address in server.addresses}
    for at, address in enumerate(config.policy.witness or ()):
        if address in owners:
            text = f"{address} is {quoted(owners[address])}, which is watched: it shows nothing when that is silent"
            problems.warn(("alerting", "witness", at), text)


def _unused(problems: Problems, config: Config) -> None:
    members = [entry for catalog in config.catalogs for entry in (catalog.entry, *dict(catalog.groups).values())]
    alike = (*config.zones.templates, *members, *(each.entry for each in config.polled_lists))
    wanted = {catalog.key for catalog in config.catalogs}
    wanted |= {rule.key for zone in alike for rule in zone.transfers}
    wanted |= {zone.canary.key for zone in config.zones.templates if zone.canary is not None}
    wanted |= {server.notify_key for server in config.servers.values()}
    for name in config.keys:
        if name not in wanted:
            problems.warn(("keys", name), "no transfer rule uses this key")
    if not all(zone.servers for zone in alike):
        return
    used = {name for zone in alike for name in zone.servers}
    used |= {name for catalog in config.catalogs for name in catalog.from_}
    feeding = {name for server in config.servers.values() for name in server.upstream}
    for name in config.servers.keys() - used - feeding:
        problems.warn(("servers", name), "no zone is on this server")


def _switched_off(problems: Problems, config: Config, places: Mapping[str, KeyPath]) -> None:
    for check, field in NEEDS.items():
        idle = {
            kind: check in dict(zone.cadence)
            for kind, zone in enumerate(config.zones.templates)
            if getattr(zone, field) and not cadence_of(CHECKS[check], zone.cadence, config.cadence)
        }
        usual = {kind for kind, own in idle.items() if not own}
        if (name := next(config.zones.names_of(usual), None)) is not None:
            problems.warn(("cadence", check), f"is off, although {name} has {check} to check")
        for name in _one_of_each(config.zones, idle.keys() - usual, places):
            where = (*places[name], "cadence", check) if name in places else ("lists",)
            said = "" if name in places else f"{check} of {name} and those like it "
            problems.warn(where, f"{said}is off, although the zone has {check} to check")


def _deaf(problems: Problems, config: Config) -> None:
    """What is said of NOTIFY where nobody listens for it."""
    if config.notify.listen:
        return
    for name, server in config.servers.items():
        for key in ("notify_from", "notify_key", "expect_notify"):
            if getattr(server, key):
                hint = 'listen = ["192.0.2.10:5300"] in [notify]'
                problems.warn(("servers", name, key), "is of no use: nobody listens for NOTIFY", hint)


def _budgets(problems: Problems, config: Config, places: Mapping[str, KeyPath]) -> None:
    """Lateness is seen no finer than it is looked for."""
    cadences = [cadence_of(CHECKS[SERIAL_CHECK], zone.cadence, config.cadence) for zone in config.zones.templates]
    kinds = {kind for kind, zone in enumerate(config.zones.templates) if zone.max_lag < cadences[kind]}
    for name in _one_of_each(config.zones, kinds, places):
        kind = config.zones.template_ids[config.zones.index(name)]
        lag = written(config.zones.templates[kind].max_lag)
        text = f"{lag} is shorter than the cadence of {SERIAL_CHECK}, {written(cadences[kind])}"
        if name in places:
            problems.warn((*places[name], "max_lag"), text)
        else:
            problems.warn(("lists",), f"the max_lag of {name} and those like it, {text}")


def _between_groups(problems: Problems, config: Config, places: Mapping[str, KeyPath]) -> None:
    """What may differ between serial groups, where there is but one; of those beside an NS set it is not known."""
    kinds = {kind for kind, zone in enumerate(config.zones.templates) if _is_of_one_group(config, zone)}
    for name in _one_of_each(config.zones, kinds, places):
        where = (*places[name], "ignore_between_groups") if name in places else ("lists",)
        said = "" if name in places else "ignore_between_groups "
        whose = name if name in places else f"{name} and those like it"
        problems.warn(where, said + ONE_GROUP.format(whose), "give each provider's servers their own group")


def _named_in_vain(problems: Problems, config: Config, places: Mapping[str, KeyPath]) -> None:
    """What may differ between groups, and is not compared between them; of zones in lists each may have others."""
    for name, path in places.items():
        zone = config.zones.get(name)
        if zone is None or not zone.servers or _is_of_one_group(config, zone):
            continue
        chosen = absolutise_records(DEFAULT_RECORDS, name) if zone.records is None else zone.records
        compared = (*chosen, *(WantedRecord(name, one) for one in BETWEEN_GROUPS))
        for at, pattern in enumerate(zone.ignored_between_groups):
            if not any(is_named(record, name, (pattern,)) for record in compared):
                text = f"{quoted(pattern)} names nothing that is compared between groups"
                hint = "compared are NS, DNSKEY, CDS, CDNSKEY and CSYNC of the zone, and its records"
                problems.warn((*path, "ignore_between_groups", at), text, hint)


def _is_of_one_group(config: Config, zone: ZoneEntry) -> bool:
    """Whether it says what may differ between groups, and has but one."""
    if not zone.ignored_between_groups or not zone.servers or zone.signer is not None:
        return False
    return len({config.servers[name].group for name in zone.servers}) < 2


def _members(problems: Problems, config: Config) -> None:
    """The same of those that sources have, by what is written of each kind; what a group has from its catalog is told
    there.
    """
    for where, entry, above in _kinds_of_members(config):
        cadence, usual = (cadence_of(CHECKS[SERIAL_CHECK], one.cadence, config.cadence) for one in (entry, above))
        if entry.max_lag < cadence and (entry.max_lag, cadence) != (above.max_lag, usual):
            text = f"{written(entry.max_lag)} is shorter than the cadence of {SERIAL_CHECK}, {written(cadence)}"
            problems.warn((*where, "max_lag"), text)
        if _is_of_one_group(config, entry) and not _is_of_one_group(config, above):
            hint = "give each provider's servers their own group"
            problems.warn((*where, "ignore_between_groups"), ONE_GROUP.format("its zones"), hint)
        for check in _idle(config, entry) - _idle(config, above):
            problems.warn((*where, "cadence", check), f"is off, although its zones have {check} to check")


def _idle(config: Config, entry: ZoneEntry) -> set[str]:
    """Checks that are off, and would have something to do."""
    has = {check for check, field in NEEDS.items() if getattr(entry, field)}
    return {check for check in has if not cadence_of(CHECKS[check], entry.cadence, config.cadence)}


def _kinds_of_members(config: Config) -> Iterator[tuple[KeyPath, ZoneEntry, ZoneEntry]]:
    """Where each kind stands, what it is, and what it would be if nothing were written there."""
    for index, catalog in enumerate(config.catalogs):
        yield ("catalogs", index), catalog.entry, USUAL
        yield from ((("catalogs", index, "groups", name), entry, catalog.entry) for name, entry in catalog.groups)
    yield from ((("lists",), each.entry, USUAL) for each in config.polled_lists)


def _one_of_each(zones: ZoneTable[ZoneEntry], kinds: Collection[int], places: Mapping[str, KeyPath]) -> Iterator[str]:
    """The zones of the file that are written in one of these ways, and of those in lists one for each way."""
    told: set[int] = set()
    for name in zones.names_of(kinds):
        kind = zones.template_ids[zones.index(name)]
        if name in places or kind not in told:
            yield name
        if name not in places:
            told.add(kind)


def _routes(problems: Problems, config: Config) -> None:
    _unresolved(problems, config)
    if config.polled_lists or config.catalogs:  # which zones there will be is not known
        return
    zones = config.zones
    for index, route in enumerate(config.routes):
        for at, pattern in enumerate(route.zones):
            matches = re.compile(translate(f"{pattern.removesuffix('.')}.")).match
            if not any(map(matches, zones.names)):
                hint = (
                    f"{quoted(pattern[2:])} is the zone itself" if f"{pattern[2:].removesuffix('.')}." in zones else ""
                )
                problems.warn(("routes", index, "zones", at), f"{quoted(pattern)} matches no zone", hint)
        if not any(has_labels(route.labels, zone.labels) for zone in zones.templates):
            problems.warn(("routes", index, "labels"), "no zone has these labels")
    for index, window in enumerate(config.maintenance):
        if not any(has_labels(window.matchers.labels, zone.labels) for zone in zones.templates):
            problems.warn(("maintenance", index, "labels"), "no zone has these labels")


def _unresolved(problems: Problems, config: Config) -> None:
    """What is open in a program that is not told of the end stays so there for ever."""
    for index, route in enumerate(config.routes):
        told = [name for name in route.receivers if config.kinds.get(name) in WITH_INCIDENTS]
        if told and not route.send_resolved:
            text = f"what {quoted(told[0])} is told of stays open there, for it does not hear of the end"
            problems.warn(("routes", index, "send_resolved"), text)


def _load(problems: Problems, config: Config) -> None:
    """What the cadences ask for and a cap does not allow: a sweep then takes longer than its cadence."""
    demand = demands(config)
    low = low_caps(config.probe, demand)
    at_servers = [one for one in low if one.server is not None]
    for one in at_servers[:MAX_SERVERS_NAMED]:
        problems.warn(("probe", "max_qps_per_server"), shortage(one, demand.shares))
    if len(at_servers) > MAX_SERVERS_NAMED:
        text = f"the cadences need more than the cap at {len(at_servers) - MAX_SERVERS_NAMED} more servers"
        problems.warn(
            ("probe", "max_qps_per_server"), f"{text}; a cap of {at_servers[0].sufficient:g} would do for all"
        )
    for one in low:
        if one.server is None:
            problems.warn(("probe", "max_qps"), shortage(one, demand.shares))
