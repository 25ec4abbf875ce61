"""The file as pydantic models, key by key, before names are resolved and defaults filled in.

A field left out is None and gets its default where the configuration is built (monitor/config/model.py and the
dataclasses of checks and notifiers). A field or an element of a list is also None once it was found wrong and
reported, so that one mistake does not hide others; those that must be there are therefore asked for when the
configuration is built.
"""

from collections.abc import Collection
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, Field, SecretStr, create_model

from monitor.config.errors import near, quoted
from monitor.config.field_types import (
    Duration,
    DurationOrOff,
    Items,
    Label,
    Port,
    ServerAddress,
    expected,
    named,
)
from monitor.config.model import SECTIONS
from monitor.config.records import spelled
from monitor.config.tables import Table, table_of

Needed = Field(default=None, json_schema_extra={"needed": True})


class Key(Table):
    name: str | None = None
    """What the servers call it, where that is not the name of this table."""
    algorithm: str | None = None
    secret: SecretStr | None = None
    """The shared secret in base64."""
    secret_file: str | None = None
    secret_env: str | None = None
    secret_credential: str | None = None


class Server(Table):
    addresses: Items[ServerAddress] | None = None
    host: str | None = None
    """A name to resolve instead of addresses."""
    port: Port | None = None
    """For addresses without port, and for the host."""
    hidden: bool | None = None
    """Not in the NS set, and not on a public page."""
    group: Label | None = None
    """Servers of one group share one serial."""
    upstream: Items[str] | None = None
    """Where it transfers from, if not from the zone's primary."""


class Record(Table):
    name: str | None = Needed
    """Relative to the zone; "@" is the zone itself."""
    type: str | None = Needed
    expect: Items[str] | None = None
    """The records as they should be; without it they need only be the same everywhere."""
    ttl: bool | None = None
    """Compare the TTL as well."""


class Transfer(Table):
    server: Items[str] | None = None
    """A server of the zone, several, or "*" for each."""
    expect: Literal["allowed", "refused"] | None = Needed
    key: str | None = None
    whole: bool | None = None
    """Pull the zone to its end, not only to the first record that is not its SOA."""


WantedRecord = Annotated[Record, BeforeValidator(spelled, json_schema_input_type=str | Record)]
Rule = Annotated[Transfer, BeforeValidator(expected, json_schema_input_type=str | Transfer)]


class Options(Table):
    """What is said of zones beside their names."""

    servers: Items[str] | None = None
    """Names of [servers.…], host names or addresses; without it the zone's NS set."""
    primary: str | None = None
    max_lag: Duration | None = None
    records: Items[WantedRecord] | None = None
    transfer: Items[Annotated[Transfer, BeforeValidator(expected, json_schema_input_type=str | Transfer)]] | None = None
    """"refused" alone: at every server, without a key."""
    ignore_servers: Items[str] | None = None
    """Names in the NS set that are not to be watched; "*": none that is not listed."""


class Zone(Options):
    name: str | None = Needed


class ZoneList(Options):
    """A file of zones, or a directory of such files; the options are those of every zone that has none of its own."""

    file: str | None = None
    """One name in each line, or CSV, or JSON lines; relative to this file."""
    directory: str | None = None
    """Every file in it."""
    format: Literal["names", "csv", "jsonl", "bind", "knot", "nsd"] | None = None
    """Without it the suffix says: .csv, .jsonl or .ndjson, else names."""


class Route(Table):
    receivers: Items[str] | None = Needed
    severity: Items[str] | None = None
    zones: Items[str] | None = None
    servers: Items[str] | None = None
    codes: Items[str] | None = None


class File(Table):
    """What the file names, and what it says of that. The sections beside it are those of monitor/config/model.py."""

    cadence: dict[str, DurationOrOff | None] = Field(default_factory=dict)
    """One key per check; "off" switches it off."""
    checks: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Settings of a check: see its documentation."""
    keys: dict[str, Key] = Field(default_factory=dict)
    servers: dict[str, Server] = Field(default_factory=dict)
    zones: list[Annotated[Zone, BeforeValidator(named, json_schema_input_type=str | Zone)] | None] = Field(
        default_factory=list
    )
    """A name alone is a zone with nothing but a name."""
    lists: list[ZoneList | None] = Field(default_factory=list)
    """Zones by the hundred thousand, in files of their own."""
    ignore_servers: Items[str] | None = None
    """Names in NS sets that are not to be watched, whichever zone names them."""
    severity: dict[str, str | None] = Field(default_factory=dict)
    receivers: dict[str, dict[str, Any]] = Field(default_factory=dict)
    routes: list[Route | None] = Field(default_factory=list)

    def section(self, name: str) -> Any:
        """The table of a section of monitor/config/model.py."""
        return getattr(self, name)


_SECTIONS: dict[str, Any] = {name: (table_of(cls), table_of(cls)()) for name, cls in SECTIONS.items()}
WHOLE = create_model("File", __base__=File, **_SECTIONS)
"""The file with all its sections."""


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
    annotation = WHOLE.model_fields[section].annotation
    if get_origin(annotation) is list:
        return f"[[{section}]]"
    named = get_origin(annotation) is dict and get_args(annotation)[1] not in (DurationOrOff | None, str | None)
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
        names_follow = get_origin(annotation) is dict
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
