"""The zone that is compared, and the two servers to take it from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from checks.common.transfers import allowing_rules
from checks.model import Address, Query, TransferRule, Transport
from checks.model.zone_table import ZoneTable
from monitor.cli.configuration import read_config
from monitor.cli.errors import Failure
from monitor.cli.stored_zones import with_zones_of_service
from monitor.clock import now
from monitor.config.addresses import address
from monitor.config.errors import InvalidValue, known, near, quoted
from monitor.config.model import Config, ServerEntry, ZoneEntry
from monitor.polling.discovery import resolve
from monitor.polling.zone_comparison import TransferSource
from monitor.probe.message.names import BadName, parse_name


@dataclass(frozen=True, slots=True)
class DiffTarget:
    """What to compare. ``config`` has the prober's settings and its keys."""

    zone: str
    before: TransferSource
    after: TransferSource
    config: Config


async def read_target(zone: str, servers: Sequence[str], config: Path | None) -> DiffTarget:
    """What was written on the command line. Host names of servers are resolved.

    Raises Failure: 2 for what is not known or makes no sense, 78 for a bad configuration.
    """
    try:
        name = parse_name(zone)
    except BadName as error:
        raise Failure(f"{zone!r}: {error.reason}{f' ({error.hint})' if error.hint else ''}", 2) from None
    whole = Config()
    if config is not None:
        whole = with_zones_of_service(read_config(config, elsewhere=True), (name,))
    entries = [_entry(text, whole) for text in servers]
    if entries[0] == entries[1]:
        raise Failure(f"{servers[0]} and {servers[1]} are the same server: name two", 2)
    if entries[0].name == entries[1].name:
        raise Failure(f"{quoted(entries[0].name)} is the name of both servers: name them differently", 2)
    only = {entry.name: entry for entry in entries}
    found = await resolve(
        replace(whole, zones=ZoneTable.of((ZoneEntry(name, tuple(only)),)), servers=only), None, now()
    )
    entry = whole.zones.get(name)
    rules = entry.transfers if entry is not None else ()
    before, after = (
        _source(name, each, found.servers[each.name].addresses, _key(whole, rules, each)) for each in entries
    )
    for source in (before, after):
        if not source.addresses:
            raise Failure("; ".join(found.problems) or f"no address of {source.server} is known", 2)
    if set(before.addresses) == set(after.addresses):
        raise Failure(f"{before.server} and {after.server} are the same server: name two", 2)
    return DiffTarget(name, before, after, whole)


def _source(zone: str, server: ServerEntry, addresses: Sequence[Address], key: str | None) -> TransferSource:
    transfers = (Query(zone, server.name, one, zone, "AXFR", Transport.TCP, key) for one in addresses)
    return TransferSource(server.name, tuple(transfers))


def _entry(text: str, config: Config) -> ServerEntry:
    """A server of the configuration by its name, or one by its address: then under that name, to be told apart."""
    lower = text.lower().removesuffix(".")
    for name in (text, lower):
        if name in config.servers:
            return config.servers[name]
    name, _, where = text.rpartition("=")
    try:
        found = address(where)
    except InvalidValue as error:
        if name or not _is_name(text):
            raise Failure(f"{error.text}{f' ({error.hint})' if error.hint else ''}", 2) from None
        if not config.servers:
            raise Failure(f"{quoted(text)} is not an address, and without -c servers have no names", 2) from None
        hint = near(lower, config.servers) or known(config.servers)
        raise Failure(f"there is no server {quoted(text)} in the configuration ({hint})", 2) from None
    return ServerEntry(name or str(found), (found,))


def _is_name(text: str) -> bool:
    """Whether a text that is no address was meant to be the name of a server."""
    return not any(char in text for char in ":[]/") and not text.replace(".", "").isdigit()


def _key(config: Config, rules: Sequence[TransferRule], server: ServerEntry) -> str | None:
    """The key by which the server must give the zone: of the rules that name it, or a server with its address."""
    from monitor.config.secrets import is_here

    names = [server.name]
    names += [name for name, entry in config.servers.items() if set(server.addresses) & set(_ported(entry))]
    for name in names:
        allowing = allowing_rules(rules, name)
        in_the_clear = [rule for rule in allowing if rule.transport == "tcp"]
        if allowing and not in_the_clear:
            raise Failure(f"{name} gives the zone over TLS, by its rule, and diff asks in the clear", 2)
        for rule in in_the_clear:
            if rule.key is not None and not is_here(config.keys[rule.key].secret):
                raise Failure(f"only the service has the credential of key {rule.key}, which {name} wants", 2)
            return rule.key
    return None


def _ported(entry: ServerEntry) -> list[object]:
    return [replace(one, port=one.port or entry.port) for one in entry.addresses]
