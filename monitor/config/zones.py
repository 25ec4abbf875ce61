"""Reads the zones: on which servers they are watched, and what is expected of them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from alerting.model import Policy
from checks.base import cadence_of
from checks.canary import Canary
from checks.model import TransferRule, WantedRecord
from checks.records import Records
from checks.registry import CHECKS
from monitor.config import addresses, records
from monitor.config.by_name import cadences, check_pace, severities_of_zones
from monitor.config.canaries import canary_of, check_canary
from monitor.config.domain_names import domain_name, host_name
from monitor.config.errors import InvalidValue, KeyPath, Problems, near, quoted
from monitor.config.keys import key_name
from monitor.config.labels import labels
from monitor.config.model import ServerEntry, ZoneEntry
from monitor.config.needed_servers import needed_servers
from monitor.config.servers import reference
from monitor.config.tables import Table, instance_of
from monitor.probe.message import canonical, names
from monitor.probe.settings import Probe

LARGEST_HINT = 12
DEFAULT_LIST_CADENCE = timedelta(hours=1)
"""How often the check records asks zones of which nobody has said what to compare, where `[cadence]` has it more often
for all.
"""
NEEDS = MappingProxyType({"records": "records", "transfer": "transfers", "canary": "canary"})
"""Checks that do nothing without something of the zone, and the field that has it."""
EVERY = "*"
"""In a rule for transfers: every server of the zone that no other rule with the same key names."""


@dataclass(slots=True)
class References:
    """What a zone may name: the servers of the file (those given in place are added), and its keys; and what holds for
    zones that say nothing of it.
    """

    servers: dict[str, ServerEntry]
    keys: tuple[str, ...]
    places: dict[str, KeyPath] = field(default_factory=dict)
    """Zone name → where it was first written."""
    ignored: tuple[str, ...] = ()
    """Names that are not to be watched in whichever NS set they are."""
    cadence: Mapping[str, timedelta] = field(default_factory=dict)
    probe: Probe | None = None
    """How servers are asked; None where that is not known, for its mistakes."""
    policy: Policy = field(default_factory=Policy)


def zones(problems: Problems, tables: Iterable[Table | None], references: References) -> Iterator[ZoneEntry]:
    """The zones of the file; what is wrong with them is in the problems."""
    for index, table in enumerate(tables):
        if table is not None:
            path = ("zones", index)
            yield entry_of(problems, path, table, _name(problems, path, table, references), references)


def entry_of(problems: Problems, path: KeyPath, table: Any, name: str, references: References) -> ZoneEntry:
    """The zone of this name with these options; ``table`` is that of a zone or of a list."""
    servers = _servers(problems, path, table, references)
    own = cadences(problems, (*path, "cadence"), table.cadence)
    entry = instance_of(
        problems,
        path,
        ZoneEntry,
        table,
        name=name,
        servers=servers,
        primary=_leader(problems, path, table, "primary", servers, references),
        signer=_signer(problems, path, table, servers, references),
        records=_records(problems, path, table, name),
        transfers=_transfers(problems, path, table, servers, references),
        ignored=tuple(dict.fromkeys((*references.ignored, *_ignored(problems, path, table, servers)))),
        cadence=tuple(sorted({**_of_default_records(table, references), **own}.items())),
        ignored_between_groups=tuple(
            problems.each((*path, "ignore_between_groups"), table.ignore_between_groups, records.pattern)
        ),
        severity=tuple(sorted(severities_of_zones(problems, (*path, "severity"), table.severity).items())),
        labels=labels(problems, (*path, "labels"), table.labels),
        **needed_servers(problems, path, table, servers, references.servers, references.policy),
        canary=canary_of(
            problems, path, table, name, references.keys,
            lambda where, text: _updated_server(problems, where, text, table, servers, references),
        ),
    )  # fmt: skip
    if entry is not None and entry.cadence:
        _check_cadence(problems, path, entry, references)
    if entry is not None:
        check_canary(problems, path, entry, references.cadence)
    return entry or ZoneEntry(name)


def _of_default_records(table: Any, references: References) -> dict[str, timedelta]:
    """The default list is asked for seldom: nobody has said that it is needed sooner."""
    usual = references.cadence.get(Records.name, Records.cadence)
    seldom = table.records is None and timedelta(0) < usual < DEFAULT_LIST_CADENCE
    return {Records.name: DEFAULT_LIST_CADENCE} if seldom else {}


def _check_cadence(problems: Problems, path: KeyPath, entry: ZoneEntry, references: References) -> None:
    """Something is asked at all, and not before it is time."""
    if references.probe is not None:
        check_pace(problems, (*path, "cadence"), dict(entry.cadence), references.probe)
    if problems.sound(*path, "cadence") and not is_asked(entry, references.cadence):
        text = "every check that has something to ask of the zone is off: nothing would be watched"
        problems.mistake((*path, "cadence"), text)


def is_asked(entry: ZoneEntry, usual: Mapping[str, timedelta]) -> bool:
    """Whether any check that is on has something to ask of the zone."""
    return any(
        cadence_of(check, entry.cadence, usual)
        and (name not in NEEDS or getattr(entry, NEEDS[name]) != ())
        and (name != Canary.name or entry.canary is not None)
        for name, check in CHECKS.items()
    )


def _name(problems: Problems, path: KeyPath, table: Any, references: References) -> str:
    """The zone's name; the root stands in for one with a mistake, so that the rest can still be looked at."""
    name = problems.parsed((*path, "name"), table.name, domain_name)
    if name is None:
        return "."
    if name in references.places:
        first = problems.line(references.places[name])
        problems.mistake((*path, "name"), f"zone {names.show(name)} is there twice", f"first on line {first}")
    references.places.setdefault(name, path)
    return name


def _servers(problems: Problems, path: KeyPath, table: Any, references: References) -> tuple[str, ...]:
    found: list[str] = []
    for at, text in enumerate(table.servers or ()):
        if text is None:
            continue
        name = _server(problems, (*path, "servers", at), text, references)
        if name is not None and name in found:
            problems.mistake((*path, "servers", at), f"server {quoted(name)} is there twice")
        elif name is not None:
            found.append(name)
    if table.servers is not None and not table.servers:
        problems.mistake(
            (*path, "servers"), "names no server", "leave it out to have them found from the zone's NS set"
        )
    return tuple(found)


def _server(problems: Problems, path: KeyPath, text: str, references: References) -> str | None:
    """The name of the server that is meant, added to the references; None when it cannot be one."""
    try:
        entry = reference(text, references.servers)
    except InvalidValue as error:
        problems.invalid(path, error)
        return None
    references.servers.setdefault(entry.name, entry)
    return entry.name


def _leader(
    problems: Problems, path: KeyPath, table: Any, key: str, servers: tuple[str, ...], references: References
) -> str | None:
    """The server that is named as the zone's primary, or as its signer."""
    where, text = (*path, key), getattr(table, key)
    if text is None:
        return None
    if not table.servers:
        return _server(problems, where, text, references)
    return _of_the_zone(problems, where, text, servers, references, f"a hidden {key} is listed as well")


def _updated_server(
    problems: Problems, where: KeyPath, text: str, table: Any, servers: tuple[str, ...], references: References
) -> str | None:
    """The server of the zone that takes the update of its canary."""
    if table.servers:
        return _of_the_zone(problems, where, text, servers, references, "only servers of the zone are watched")
    named = tuple(name for one in (table.primary, table.signer) if one and (name := _called(one, references)))
    return _of_the_zone(problems, where, text, named, references, "it must be the primary or the signer")


def _signer(
    problems: Problems, path: KeyPath, table: Any, servers: tuple[str, ...], references: References
) -> str | None:
    """The zone's signer, which has the zone from a primary that is another server."""
    name = _leader(problems, path, table, "signer", servers, references)
    if table.signer is not None and table.primary is None:
        hint = "name the server that has the zone unsigned; where none is watched, the signer is the primary"
        problems.mistake((*path, "signer"), "there is no primary whose zone it could sign", hint)
    elif name is not None and name == _called(table.primary, references):
        problems.mistake((*path, "signer"), "is the primary as well", "leave it out: it has its serials from nobody")
    return name


def _called(text: str, references: References) -> str | None:
    """The name of the server that is meant; None where that is a mistake, which is told elsewhere."""
    try:
        return reference(text, references.servers).name
    except InvalidValue:
        return None


def ignored(problems: Problems, path: KeyPath, names_given: Iterable[str | None]) -> Iterator[tuple[KeyPath, str]]:
    """Names of servers as they are in NS sets, each with its place; "*" stands for all."""
    for at, text in enumerate(names_given):
        where = (*path, at)
        if text == "*":
            yield where, text
        elif text is not None and (name := problems.parsed(where, text, _full_name)) is not None:
            yield where, name


def _full_name(text: str) -> str:
    """A host name, without final dot. Raises InvalidValue."""
    hint = 'write the full name, as it is in the NS records: "ns2.example.net"; "*" for all that are not listed'
    try:
        name = host_name(text).removesuffix(".")
    except InvalidValue as error:
        raise InvalidValue(error.text, error.hint or hint) from None
    if "." not in name:
        raise InvalidValue(f"{quoted(text)} is not a full name", hint)
    return name


def _ignored(problems: Problems, path: KeyPath, table: Any, servers: tuple[str, ...]) -> Iterator[str]:
    for where, name in ignored(problems, (*path, "ignore_servers"), table.ignore_servers or ()):
        if name in servers:
            problems.mistake(where, f"{quoted(name)} is among the servers of the zone", "leave it out there, or here")
        yield name


def _of_the_zone(
    problems: Problems, path: KeyPath, text: str, servers: tuple[str, ...], references: References, advice: str
) -> str | None:
    """The server of the zone that ``text`` names."""
    try:
        name = reference(text, references.servers).name
    except InvalidValue as error:
        problems.mistake(path, error.text, near(text, servers) or error.hint)
        return None
    if name in servers:
        return name
    if problems.sound(*path[:2], "servers"):
        listed = ", ".join(servers[:LARGEST_HINT])
        hint = f"add it to servers ({listed}): {advice}"
        problems.mistake(path, f"{quoted(text)} is not among the servers of the zone", hint)
    return None


def _records(problems: Problems, path: KeyPath, table: Any, zone: str) -> tuple[WantedRecord, ...] | None:
    """None: nothing is said of them."""
    if table.records is None:
        return None
    found: dict[tuple[str, str], WantedRecord] = {}
    for at, record in enumerate(table.records):
        where = (*path, "records", at)
        if record is None or (wanted := _record(problems, where, record, zone)) is None:
            continue
        if (wanted.name, wanted.type) in found:
            problems.mistake(where, f"{wanted} is there twice")
        found[wanted.name, wanted.type] = wanted
    return tuple(found.values())


def _record(problems: Problems, path: KeyPath, table: Any, zone: str) -> WantedRecord | None:
    parse = {"name": lambda text: records.owner(text, zone), "type": records.rdata_type}
    record = instance_of(problems, path, WantedRecord, table, parse=parse)
    if record is None or record.expect is None:
        return record
    expect = problems.each((*path, "expect"), table.expect, lambda text: records.rdata(record.type, text, zone))
    return replace(record, expect=canonical.ordered(tuple(expect)))


def _transfers(
    problems: Problems, path: KeyPath, table: Any, servers: tuple[str, ...], references: References
) -> tuple[TransferRule, ...]:
    found: dict[tuple[str, str | None, str, str | None], TransferRule] = {}
    for at, written in enumerate(table.transfer or ()):
        if written is None:
            continue
        where = (*path, "transfer", at)
        for rule in _rules(problems, where, written, table, servers, references):
            before = found.setdefault(rule.row, rule)
            if before is not rule:
                said = "is there twice" if before.expect is rule.expect else "contradicts the one before"
                problems.mistake(
                    where,
                    f"the rule for {quoted(rule.server)} {said}",
                    "one rule for each server, key, transport and source",
                )
    return tuple(found.values())


def _rules(
    problems: Problems, path: KeyPath, written: Any, table: Any, servers: tuple[str, ...], references: References
) -> list[TransferRule]:
    """One rule for each server that is named."""
    parse = {"key": lambda text: key_name(text, references.keys), "source": addresses.literal}
    rule = instance_of(problems, path, TransferRule, written, parse=parse, server=EVERY)
    found = []
    for at, text in enumerate((EVERY,) if written.server is None else written.server):
        where = (*path, "server", at)
        if text is None:
            continue
        if text == EVERY or not table.servers:
            name = text if text == EVERY else _known(problems, where, text, references.servers)
        else:
            name = _of_the_zone(problems, where, text, servers, references, "only servers of the zone are asked for it")
        if name is not None and rule is not None:
            if rule.transport == "tls":
                _asked_over_tls(problems, where, name, references)
            found.append(replace(rule, server=name))
    return found


def _asked_over_tls(problems: Problems, where: KeyPath, name: str, references: References) -> None:
    """A rule for TLS is for servers of which it is said how."""
    known = references.servers
    if name == EVERY:
        if not any(entry.tls is not None for entry in known.values()):
            problems.mistake(where, "no server has a tls", 'tls = { name = "ns1.example.net" } in its [servers.…]')
    elif name not in known or known[name].tls is None:
        hint = f"write [servers.{name}.tls], with nothing in it if all of it is as usual"
        problems.mistake(where, f"it is not said how {quoted(name)} is asked over TLS", hint)


def _known(problems: Problems, path: KeyPath, text: str, defined: Mapping[str, ServerEntry]) -> str | None:
    """A server by name, for a zone whose servers are not known before they are found."""
    try:
        return reference(text, defined).name
    except InvalidValue as error:
        problems.invalid(path, error)
        return None
