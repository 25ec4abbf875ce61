"""The file as one pydantic table, put together from those of the dataclasses that it is read into."""

from collections.abc import Collection, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, get_args, get_origin

from pydantic import BaseModel, Field, create_model

from alerting.model import Route
from monitor.config.errors import near, quoted
from monitor.config.field_types import DurationOrOff, Items, SeverityWord, named
from monitor.config.keys import WrittenKey
from monitor.config.maintenance import WrittenWindow
from monitor.config.model import Catalog, ServerEntry, ZoneEntry, ZoneList
from monitor.config.named_token import NamedToken
from monitor.config.sections import SECTIONS
from monitor.config.tables import Table, core, or_short, settings_of, table_of

TABLES: Mapping[str, type[Any]] = MappingProxyType(
    {
        "tokens": NamedToken,
        "keys": WrittenKey,
        "servers": ServerEntry,
        "zones": ZoneEntry,
        "lists": ZoneList,
        "catalogs": Catalog,
        "routes": Route,
        "maintenance": WrittenWindow,
    }
)
"""The tables of which there may be many, and the dataclass that describes each."""

OF_ONE_ZONE = frozenset({"name", "canary"})
"""What is said of one zone alone: what is changed has to be written with the zone."""
OPTIONS = tuple(key for key, _ in settings_of(ZoneEntry) if key not in OF_ONE_ZONE)
"""What is said of zones beside that: keys of [[zones]], and of [[lists]]."""


class File(Table):
    """What the file names, and what it says of that. The sections beside it are those of monitor/config/sections.py."""

    cadence: dict[str, DurationOrOff | None] = Field(
        default_factory=dict, description='One key per check; "off" switches it off.'
    )
    checks: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="Settings of a check: see its documentation."
    )
    tokens: dict[str, Any] = Field(default_factory=dict)
    keys: dict[str, Any] = Field(default_factory=dict)
    servers: dict[str, Any] = Field(default_factory=dict)
    zones: list[Any] = Field(default_factory=list, description="A name alone is a zone with nothing but a name.")
    lists: list[Any] = Field(default_factory=list, description="Zones by the hundred thousand, in files of their own.")
    catalogs: list[Any] = Field(default_factory=list, description="Zones that are members of catalogs (RFC 9432).")
    ignore_servers: Items[str] | None = Field(
        default=None, description="Names in NS sets that are not to be watched, whichever zone names them."
    )
    severity: dict[str, SeverityWord | None] = Field(default_factory=dict)
    receivers: dict[str, dict[str, Any]] = Field(default_factory=dict)
    routes: list[Any] = Field(default_factory=list)
    maintenance: list[Any] = Field(default_factory=list)

    def section(self, name: str) -> Any:
        """The table of a section of monitor/config/sections.py."""
        return getattr(self, name)


@cache
def whole(*, described: bool = False) -> type[File]:
    """The file with all its tables; ``described``: with what their keys are for."""
    tables: dict[str, Any] = {name: table_of(cls, described=described) for name, cls in TABLES.items()}
    zone, listed = tables["zones"], tables["lists"]
    options: dict[str, Any] = {key: (zone.model_fields[key].annotation, zone.model_fields[key]) for key in OPTIONS}
    kinds = {
        "tokens": dict.__class_getitem__((str, tables["tokens"])),
        "keys": dict.__class_getitem__((str, tables["keys"])),
        "servers": dict.__class_getitem__((str, tables["servers"])),
        "zones": list.__class_getitem__(or_short(zone, named) | None),
        "lists": list.__class_getitem__(
            create_model(listed.__name__, __base__=listed, __doc__=listed.__doc__, **options) | None
        ),
        "catalogs": list.__class_getitem__(_catalog(tables["catalogs"], options) | None),
        "routes": list.__class_getitem__(tables["routes"] | None),
        "maintenance": list.__class_getitem__(tables["maintenance"] | None),
    }
    keys: dict[str, Any] = {name: (kind, File.model_fields[name]) for name, kind in kinds.items()}
    for name, cls in SECTIONS.items():
        section = table_of(cls, described=described)
        keys[name] = (section, section())
    return create_model("File", __base__=File, **keys)


def _catalog(table: type[Table], options: dict[str, Any]) -> type[Table]:
    """The table of a catalog: with the options of its members, and those of members that are in a group."""
    group: Any = create_model("CatalogGroup", __base__=Table, **options)
    said = "Options of the members that are in the group of that name, over those of the catalog."
    groups: Any = (dict.__class_getitem__((str, group | None)) | None, Field(default=None, description=said))
    return create_model(table.__name__, __base__=table, __doc__=table.__doc__, **options, groups=groups)


ALSO_CALLED = {
    "master": "primary",
    "masters": "primary",
    "domain": "name",
    "zone": "name",
    "nameservers": "servers",
    "nameserver": "servers",
    "ns": "servers",
    "address": "addresses",
    "ip": "addresses",
    "hostname": "host",
    "axfr": "transfer",
    "tsig": "key",
    "value": "expect",
    "values": "expect",
    "retries": "attempts",
    "tries": "attempts",
    "bind": "listen",
    "db": "database",
    "notifiers": "receivers",
    "alerts": "alerting",
    "interval": "cadence",
    "intervals": "cadence",
}
"""What other programs call a key."""


def header(section: str) -> str:
    """How a section of the file begins."""
    annotation = whole().model_fields[section].annotation
    if get_origin(annotation) is list:
        return f"[[{section}]]"
    named = get_origin(annotation) is dict and get_args(annotation)[1] not in (
        DurationOrOff | None,
        SeverityWord | None,
    )
    return f"[{section}.NAME]" if named else f"[{section}]"


def meant(word: str, fields: Collection[str]) -> str:
    """A hint at that of the keys of a table which was perhaps meant."""
    other = ALSO_CALLED.get(word.lower(), "")
    return f"here that is {quoted(other)}" if other in fields else near(word, fields)


def fields_at(table: type[BaseModel], loc: tuple[str | int, ...]) -> tuple[str, ...]:
    """The keys that may stand at ``loc`` inside the table; none where names are free there."""
    names_follow = False
    for part in loc:
        if names_follow or isinstance(part, int):
            names_follow = False
            continue
        annotation = table.model_fields[part].annotation
        names_follow = get_origin(core(annotation)) is dict
        inner = model_in(annotation)
        if inner is None:
            return ()
        table = inner
    return tuple(table.model_fields)


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The table an annotation is about, through lists, unions and dictionaries."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := model_in(inner))), None)
