"""The zone that is compared, and the two servers to take it from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from checks.common.transfer_rules import reaches
from checks.common.transfers import allowing_rules
from checks.model import Address, Query, Server, TransferRule, Transport
from checks.model.zone_table import ZoneTable
from monitor.cli.configuration import read_config
from monitor.cli.errors import Failure
from monitor.cli.stored_zones import with_zones_of_service
from monitor.clock import now
from monitor.config.addresses import address
from monitor.config.errors import InvalidValue, known, near, quoted
from monitor.config.model import Config, ServerEntry, ZoneEntry
from monitor.config.secrets import is_here
from monitor.polling.discovery import resolve
from monitor.polling.zone_comparison import TransferSource
from monitor.probe.message.names import BadName, parse_name
from monitor.probe.settings import TlsSettings


@dataclass(frozen=True, slots=True)
class DiffTarget:
    """What to compare. ``config`` has the prober's settings and its keys; ``tls``: by the names of the two."""

    zone: str
    before: TransferSource
    after: TransferSource
    config: Config
    tls: Mapping[str, TlsSettings]


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
    before, after = (_source(name, found.servers[each.name], _known_as(whole, each), whole, rules) for each in entries)
    for source in (before, after):
        if not source.addresses:
            raise Failure("; ".join(found.problems) or f"no address of {source.server} is known", 2)
    one, other = set(before.addresses), set(after.addresses)
    if one <= other or other <= one:
        same = "the same server" if one == other else "at the same address"
        raise Failure(f"{before.server} and {after.server} are {same}: name two", 2)
    return DiffTarget(name, before, after, whole, _tls(whole, entries))


def _source(
    zone: str, server: Server, known_as: Sequence[ServerEntry], config: Config, rules: Sequence[TransferRule]
) -> TransferSource:
    transfers = []
    for one in server.addresses:
        rule = _rule(server, known_as, config, rules, one)
        transport, key, source = (rule.transport, rule.key, rule.source) if rule else ("tcp", None, None)
        transfers.append(Query(zone, server.name, one, zone, "AXFR", Transport(transport), key, source=source))
    return TransferSource(server.name, tuple(transfers))


def _known_as(config: Config, server: ServerEntry) -> list[ServerEntry]:
    """The servers of the configuration that it is: the one of its name, or those with its address."""
    same = [one for one in config.servers.values() if set(server.addresses) & set(_ported(one)) and one != server]
    return [server, *same]


def _tls(config: Config, servers: Sequence[ServerEntry]) -> dict[str, TlsSettings]:
    """How each is asked over TLS, where it is."""
    every = {server.name: [one.tls for one in _known_as(config, server) if one.tls is not None] for server in servers}
    return {name: found[0] for name, found in every.items() if found}


def _rule(
    server: Server, known_as: Sequence[ServerEntry], config: Config, rules: Sequence[TransferRule], address: Address
) -> TransferRule | None:
    """The first by which the server must give the zone at that address: of those that name it, or a server with its
    address.
    """
    asked = replace(server, tls=any(one.tls is not None for one in known_as))
    every = (rule for one in known_as for rule in allowing_rules(rules, one.name) if reaches(rule, asked, address))
    rule = next(every, None)
    if rule is not None and rule.key is not None and not is_here(config.keys[rule.key].secret):
        raise Failure(f"only the service has the credential of key {rule.key}, which {server.name} wants", 2)
    return rule


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


def _ported(entry: ServerEntry) -> list[object]:
    return [replace(one, port=one.port or entry.port) for one in entry.addresses]
