"""Reads catalogs: where each is transferred from, and how its members are watched."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from monitor.config import file_model
from monitor.config.domain_names import domain_name
from monitor.config.errors import KeyPath, Problems, quoted
from monitor.config.keys import key_name
from monitor.config.model import Catalog, ZoneEntry
from monitor.config.servers import reference
from monitor.config.tables import Table, instance_of
from monitor.config.zones import References, entry_of

STAND_IN = "zone.example."
"""The name of a member while the options of all are read."""


def catalogs(problems: Problems, tables: Iterable[Table | None], references: References) -> tuple[Catalog, ...]:
    """The catalogs of the file; what is wrong with them is in the problems."""
    found: dict[str, Catalog] = {}
    for index, table in enumerate(tables):
        path = ("catalogs", index)
        if table is None or (catalog := _catalog(problems, path, table, references)) is None:
            continue
        if catalog.zone in found:
            problems.mistake((*path, "zone"), f"catalog {quoted(catalog.zone)} is there twice")
        found.setdefault(catalog.zone, catalog)
    return tuple(found.values())


def _catalog(problems: Problems, path: KeyPath, table: Any, references: References) -> Catalog | None:
    def server(text: str) -> str:
        entry = reference(text, references.servers)
        references.servers.setdefault(entry.name, entry)
        return entry.name

    parse = {"from_": server, "key": lambda text: key_name(text, references.keys)}
    called = problems.parsed((*path, "zone"), table.zone, domain_name) if table.zone is not None else None
    entry = replace(entry_of(problems, path, table, STAND_IN, references).without_name(), catalog=called or "")
    groups = tuple(
        (name, replace(each, catalog=called or "")) for name, each in _groups(problems, path, table, references)
    )
    catalog = instance_of(problems, path, Catalog, table, parse=parse, zone=called or ".", entry=entry, groups=groups)
    if called is None:
        problems.missing((*path, "zone"))
        return None
    if catalog is not None and not catalog.from_ and problems.sound(*path, "from"):
        problems.mistake((*path, "from"), "names no server", 'from = ["192.0.2.1"]')
    return catalog


def _groups(problems: Problems, path: KeyPath, table: Any, references: References) -> Iterator[tuple[str, ZoneEntry]]:
    """What members of a group are: the options of the group over those of the catalog."""
    for name, given in (table.groups or {}).items():
        if given is None:
            continue
        options = given.model_copy(
            update={key: getattr(table, key) for key in file_model.OPTIONS if key not in given.model_fields_set}
        )
        yield name, entry_of(problems, (*path, "groups", name), options, STAND_IN, references).without_name()
