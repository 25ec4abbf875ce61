"""What is allowed but hardly meant?"""

from fnmatch import fnmatchcase

from checks.model import Address
from monitor.config.demand import demand
from monitor.config.durations import written
from monitor.config.errors import Book, quoted
from monitor.config.model import Config

CASES = (("records", "records"), ("transfer", "transfers"))
"""A check, which does nothing without them, and the field of a zone it reads."""


def advise(book: Book, config: Config) -> None:
    """Warnings on a configuration without mistakes."""
    _shared_addresses(book, config)
    _unused(book, config)
    _switched_off(book, config)
    _budgets(book, config)
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
    wanted = {rule.key for zone in config.zones for rule in zone.transfers}
    for name in config.keys:
        if name not in wanted:
            book.warn(("keys", name), "no transfer rule uses this key")
    if not all(zone.servers for zone in config.zones):
        return
    used = {name for zone in config.zones for name in zone.servers}
    feeding = {name for server in config.servers.values() for name in server.upstream}
    for name in config.servers.keys() - used - feeding:
        book.warn(("servers", name), "no zone is on this server")


def _switched_off(book: Book, config: Config) -> None:
    for check, field in CASES:
        zone = next((zone for zone in config.zones if getattr(zone, field)), None)
        if zone is not None and not config.cadence[check]:
            book.warn(("cadence", check), f"is off, although {zone.name} has {check} to check")


def _budgets(book: Book, config: Config) -> None:
    """Lateness is seen no finer than it is looked for."""
    every = config.cadence["soa-serial"]
    for index, zone in enumerate(config.zones):
        if every and zone.max_lag < every:
            text = f"{written(zone.max_lag)} is shorter than the cadence of soa-serial, {written(every)}"
            book.warn(("zones", index, "max_lag"), text)


def _routes(book: Book, config: Config) -> None:
    zones = [zone.name.removesuffix(".") for zone in config.zones]
    for index, route in enumerate(config.routes):
        for at, pattern in enumerate(route.zones):
            if not any(fnmatchcase(zone, pattern.removesuffix(".")) for zone in zones):
                hint = f"{quoted(pattern[2:])} is the zone itself" if pattern[2:].removesuffix(".") in zones else ""
                book.warn(("routes", index, "zones", at), f"{quoted(pattern)} matches no zone", hint)


def _load(book: Book, config: Config) -> None:
    cap = config.probe.max_qps_per_server
    for server, rate in sorted(demand(config).items()):
        if rate > cap:
            text = f"the cadences need {rate:.3g} queries/s at {server}, the cap is {cap:g}"
            book.warn(("probe", "max_qps_per_server"), text)
