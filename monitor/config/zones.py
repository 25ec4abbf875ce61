"""Reads the zones: on which servers they are watched, and what is expected of them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from checks.model import Expectation, TransferRule, WantedRecord
from monitor.config import file_model as raw
from monitor.config import records
from monitor.config.errors import Book, KeyPath, Wrong, known, near, quoted
from monitor.config.model import ServerEntry, ZoneEntry
from monitor.config.servers import reference
from monitor.probe.message import names

LARGEST_HINT = 12


@dataclass(slots=True)
class Around:
    """What a zone may name: the servers of the file (those given in place are added), and its keys."""

    servers: dict[str, ServerEntry]
    keys: tuple[str, ...]
    places: dict[str, KeyPath] = field(default_factory=dict)
    """Zone name → where it was first written."""
    ignored: tuple[str, ...] = ()
    """Names that are not to be watched in whichever NS set they are."""


def zones(book: Book, file: raw.File, around: Around) -> Iterator[ZoneEntry]:
    """The zones of the file; the book has what is wrong with them."""
    if not file.zones and not file.lists and not (book.misspelt((), "zone") or book.misspelt((), "list")):
        book.mistake((), "no zones", 'add [[zones]] with name = "example.com"')
    for index, table in enumerate(file.zones):
        if table is not None:
            path = ("zones", index)
            yield entry_of(book, path, table, _name(book, path, table, around), around)


def entry_of(book: Book, path: KeyPath, table: raw.Options, name: str, around: Around) -> ZoneEntry:
    """The zone of this name with these options."""
    servers = _servers(book, path, table, around)
    return ZoneEntry(
        name=name,
        servers=servers,
        primary=_primary(book, path, table, servers, around),
        max_lag=table.max_lag,
        records=_records(book, path, table, name),
        transfers=_transfers(book, path, table, servers, around),
        ignored=tuple(dict.fromkeys((*around.ignored, *_ignored(book, path, table, servers)))),
    )


def _name(book: Book, path: KeyPath, table: raw.Zone, around: Around) -> str:
    """The zone's name; the root stands in for one with a mistake, so that the rest can still be looked at."""
    if table.name is None:
        book.missing((*path, "name"))
        return "."
    try:
        name = names.parse(table.name)
    except names.BadName as error:
        book.mistake((*path, "name"), f"{quoted(table.name)}: {error.reason}", error.hint)
        return "."
    if name in around.places:
        first = book.line(around.places[name])
        book.mistake((*path, "name"), f"zone {names.show(name)} is there twice", f"first on line {first}")
    around.places.setdefault(name, path)
    return name


def _servers(book: Book, path: KeyPath, table: raw.Options, around: Around) -> tuple[str, ...]:
    found: list[str] = []
    for at, text in enumerate(table.servers or ()):
        if text is None:
            continue
        name = _server(book, (*path, "servers", at), text, around)
        if name is not None and name in found:
            book.mistake((*path, "servers", at), f"server {quoted(name)} is there twice")
        elif name is not None:
            found.append(name)
    if table.servers is not None and not table.servers:
        book.mistake((*path, "servers"), "names no server", "leave it out to have them found from the zone's NS set")
    return tuple(found)


def _server(book: Book, path: KeyPath, text: str, around: Around) -> str | None:
    """The name of the server that is meant, added to those around; None when it cannot be one."""
    try:
        entry = reference(text, around.servers)
    except Wrong as error:
        book.wrong(path, error)
        return None
    around.servers.setdefault(entry.name, entry)
    return entry.name


def _primary(book: Book, path: KeyPath, table: raw.Options, servers: tuple[str, ...], around: Around) -> str | None:
    where = (*path, "primary")
    if table.primary is None:
        return None
    if not table.servers:
        return _server(book, where, table.primary, around)
    return _of_the_zone(book, where, table.primary, servers, around, "a hidden primary is listed as well")


def ignored(book: Book, path: KeyPath, names_given: Iterable[str | None]) -> Iterator[tuple[KeyPath, str]]:
    """Names of servers as they are in NS sets, each with its place; "*" stands for all."""
    for at, text in enumerate(names_given):
        where = (*path, at)
        if text == "*":
            yield where, text
        elif text is not None and (name := book.parsed(where, text, _full_name)) is not None:
            yield where, name


def _full_name(text: str) -> str:
    """A host name, without final dot. Raises Wrong."""
    hint = 'write the full name, as it is in the NS records: "ns2.example.net"; "*" for all that are not listed'
    try:
        name = names.host(text).removesuffix(".")
    except names.BadName as error:
        raise Wrong(f"{quoted(text)}: {error.reason}", error.hint or hint) from None
    if "." not in name:
        raise Wrong(f"{quoted(text)} is not a full name", hint)
    return name


def _ignored(book: Book, path: KeyPath, table: raw.Options, servers: tuple[str, ...]) -> Iterator[str]:
    for where, name in ignored(book, (*path, "ignore_servers"), table.ignore_servers or ()):
        if name in servers:
            book.mistake(where, f"{quoted(name)} is among the servers of the zone", "leave it out there, or here")
        yield name


def _of_the_zone(
    book: Book, path: KeyPath, text: str, servers: tuple[str, ...], around: Around, advice: str
) -> str | None:
    """The server of the zone that ``text`` names."""
    try:
        name = reference(text, around.servers).name
    except Wrong as error:
        book.mistake(path, error.text, near(text, servers) or error.hint)
        return None
    if name in servers:
        return name
    if book.sound(*path[:2], "servers"):
        listed = ", ".join(servers[:LARGEST_HINT])
        hint = f"add it to servers ({listed}): {advice}"
        book.mistake(path, f"{quoted(text)} is not among the servers of the zone", hint)
    return None


def _records(book: Book, path: KeyPath, table: raw.Options, zone: str) -> tuple[WantedRecord, ...]:
    found: dict[tuple[str, str], WantedRecord] = {}
    for at, record in enumerate(table.records or ()):
        where = (*path, "records", at)
        if record is None or (wanted := _record(book, where, record, zone)) is None:
            continue
        if (wanted.name, wanted.type) in found:
            book.mistake(where, f"{wanted} is there twice")
        found[wanted.name, wanted.type] = wanted
    return tuple(found.values())


def _record(book: Book, path: KeyPath, record: raw.Record, zone: str) -> WantedRecord | None:
    name = book.parsed((*path, "name"), record.name, lambda text: records.owner(text, zone))
    rdtype = book.parsed((*path, "type"), record.type, records.rdata_type)
    if name is None or rdtype is None:
        return None
    expect = book.each((*path, "expect"), record.expect, lambda text: records.rdata(rdtype, text, zone))
    wanted = None if record.expect is None else tuple(expect)
    return records.wanted(name, rdtype, wanted, ttl=record.ttl)


def _transfers(
    book: Book, path: KeyPath, table: raw.Options, servers: tuple[str, ...], around: Around
) -> tuple[TransferRule, ...]:
    found: dict[tuple[str, str | None], TransferRule] = {}
    for at, written in enumerate(table.transfer or ()):
        if written is None:
            continue
        where = (*path, "transfer", at)
        for rule in _rules(book, where, written, table, servers, around):
            before = found.setdefault((rule.server, rule.key), rule)
            if before is not rule:
                said = "is there twice" if before.expect is rule.expect else "contradicts the one before"
                book.mistake(where, f"the rule for {quoted(rule.server)} {said}", "one rule for each server and key")
    return tuple(found.values())


def _rules(
    book: Book, path: KeyPath, written: raw.Transfer, table: raw.Options, servers: tuple[str, ...], around: Around
) -> list[TransferRule]:
    """One rule for each server that is named."""
    if written.key is not None and written.key not in around.keys:
        hint = near(written.key, around.keys) or known(around.keys) or "there is no [keys.…] at all"
        book.mistake((*path, "key"), f"no key is called {quoted(written.key)}", hint)
    names_given = ["*"] if written.server is None else written.server
    if written.expect is None:
        book.missing((*path, "expect"), 'write expect = "allowed" or expect = "refused"')
    expect = Expectation(written.expect or Expectation.REFUSED)
    rules = []
    for at, text in enumerate(names_given):
        where = (*path, "server", at)
        if text is None:
            continue
        if text == "*" or not table.servers:
            name = text if text == "*" else _known(book, where, text, around.servers)
        else:
            name = _of_the_zone(book, where, text, servers, around, "only servers of the zone are asked for it")
        if name is not None:
            rules.append(TransferRule(name, expect, written.key, whole=written.whole))
    return rules


def _known(book: Book, path: KeyPath, text: str, defined: Mapping[str, ServerEntry]) -> str | None:
    """A server by name, for a zone whose servers are not known before they are found."""
    try:
        return reference(text, defined).name
    except Wrong as error:
        book.wrong(path, error)
        return None
