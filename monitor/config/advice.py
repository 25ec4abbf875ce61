"""What is allowed but hardly meant?"""

import re
from collections.abc import Collection, Iterator, Mapping
from fnmatch import translate

from checks.model import Address
from checks.roll import Roll
from monitor.config.demand import demand
from monitor.config.durations import written
from monitor.config.errors import Book, KeyPath, quoted
from monitor.config.model import Config, ZoneEntry

CASES = (("records", "records"), ("transfer", "transfers"))
"""A check, which does nothing without them, and the field of a zone it reads."""


def advise(book: Book, config: Config, places: Mapping[str, KeyPath]) -> None:
    """Warnings on a configuration without mistakes; ``places`` are where its zones stand."""
    _shared_addresses(book, config)
    _unused(book, config)
    _switched_off(book, config)
    _budgets(book, config, places)
    _routes(book, config)
    _load(book, config)


def _shared_addresses(book: Book, config: Config) -> None:
    """Two names for one address are asked twice and blamed twice."""
    owners: dict[Address, str] = {}
    for name, server in config.servers.items():
        for address in server.addresses:
            other = owners.setdefault(address, name)
            if other != name:
                book.warn(("servers", name), f"{address} is also an address of {quoted(other)}: both are asked")


def _unused(book: Book, config: Config) -> None:
    alike = config.zones.templates
    wanted = {rule.key for zone in alike for rule in zone.transfers}
    for name in config.keys:
        if name not in wanted:
            book.warn(("keys", name), "no transfer rule uses this key")
    if not all(zone.servers for zone in alike):
        return
    used = {name for zone in alike for name in zone.servers}
    feeding = {name for server in config.servers.values() for name in server.upstream}
    for name in config.servers.keys() - used - feeding:
        book.warn(("servers", name), "no zone is on this server")


def _switched_off(book: Book, config: Config) -> None:
    for check, field in CASES:
        kinds = {kind for kind, zone in enumerate(config.zones.templates) if getattr(zone, field)}
        name = next(_of_kinds(config.zones, kinds), None)
        if name is not None and not config.cadence[check]:
            book.warn(("cadence", check), f"is off, although {name} has {check} to check")


def _budgets(book: Book, config: Config, places: Mapping[str, KeyPath]) -> None:
    """Lateness is seen no finer than it is looked for."""
    every = config.cadence["soa-serial"]
    kinds = {kind for kind, zone in enumerate(config.zones.templates) if zone.max_lag < every}
    for name in _of_kinds(config.zones, kinds):
        text = f"{written(config.zones[name].max_lag)} is shorter than the cadence of soa-serial, {written(every)}"
        book.warn((*places[name], "max_lag"), text)


def _of_kinds(zones: Roll[ZoneEntry], kinds: Collection[int]) -> Iterator[str]:
    """The names of the zones that are written in one of these ways."""
    return (name for name, kind in zip(zones.names, zones.kinds, strict=True) if kind in kinds) if kinds else iter(())


def _routes(book: Book, config: Config) -> None:
    zones = config.zones
    for index, route in enumerate(config.routes):
        for at, pattern in enumerate(route.zones):
            matches = re.compile(translate(f"{pattern.removesuffix('.')}.")).match
            if not any(map(matches, zones.names)):
                hint = (
                    f"{quoted(pattern[2:])} is the zone itself" if f"{pattern[2:].removesuffix('.')}." in zones else ""
                )
                book.warn(("routes", index, "zones", at), f"{quoted(pattern)} matches no zone", hint)


def _load(book: Book, config: Config) -> None:
    cap = config.probe.max_qps_per_server
    for server, rate in sorted(demand(config).items()):
        if rate > cap:
            text = f"the cadences need {rate:.3g} queries/s at {server}, the cap is {cap:g}"
            book.warn(("probe", "max_qps_per_server"), text)
