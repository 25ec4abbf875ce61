"""The file as pydantic models: tables that name others, and so mean something only once all are read.

What stands below a key is what docs/configuration.md says of it (docs/make_configuration.py). A field or an element of
a list is None, or has its default, where it was not given, and where it was found wrong and reported, so that one
mistake does not hide others; what must be there is therefore asked for when the configuration is built.
"""

from collections.abc import Collection
from datetime import timedelta
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
    SeverityWord,
    expected,
    named,
)
from monitor.config.model import SECTIONS
from monitor.config.records import spelled
from monitor.config.tables import Table, table_of

Needed = Field(default=None, json_schema_extra={"needed": True})


def without(words: str, example: str = "") -> Any:
    """The default of a key that has no value of its own: what the page says then, and a line for the example."""
    return Field(default=None, json_schema_extra={"unset": words, "example": example})


class Key(Table):
    name: str | None = without("NAME")
    """What the servers call the key."""
    algorithm: str | None = without('`"hmac-sha256"`')
    """Or `hmac-sha512`, `hmac-sha384`, `hmac-sha224`, `hmac-sha256-128`, `hmac-sha384-192`, `hmac-sha512-256`;
    `hmac-sha1` and `hmac-md5` are deprecated."""
    secret: SecretStr | None = without("needed")
    """Base64, or a whole `key "…" { … };` clause as `tsig-keygen` writes it, which then also gives the algorithm."""
    secret_file: str | None = None
    secret_env: str | None = None
    secret_credential: str | None = None


class Server(Table):
    addresses: Items[ServerAddress] | None = without("")
    """Every address it has; each is watched on its own."""
    host: str | None = without("NAME")
    """A host name; all its A and AAAA addresses are watched, and looked up again every `resolver.interval`."""
    port: Port = 53
    """For addresses without a port, and for the host."""
    hidden: bool = False
    """It is not in the NS set (a hidden primary), and not shown on a public page."""
    group: Label = ""
    """Servers of one group share one serial. Give each provider its own where providers count their own serials."""
    upstream: Items[str] | None = without("the zone's primary")
    """The servers it transfers from, where that is not the primary: their lateness explains its own. Circles are
    refused; the upstream of a zone's primary does not count in that zone."""


class Record(Table):
    name: str | None = Needed
    """Relative to the zone; `@` is the zone itself. A name that ends in the zone's name is taken as whole."""
    type: str | None = Needed
    """`A`, `MX`, `TYPE65280` … (the SOA is compared anyway)."""
    expect: Items[str] | None = without("any, but the same everywhere")
    """The records as they must be, in zone file syntax: `["10 mail"]`. Names without final dot are relative to the
    zone. `[]`: there must be none. TXT may be written without inner quotes: it is one string then."""
    ttl: bool = True
    """With `false` TTLs may differ."""


class Transfer(Table):
    server: Items[str] | None = without('`"*"`')
    """A server of the zone, or several; `*` is every server that no other row with the same key names."""
    key: str | None = without("no key")
    """The TSIG key to ask with, a name of `[keys.…]`."""
    expect: Literal["allowed", "refused"] | None = Needed
    """`"allowed"` or `"refused"`."""
    whole: bool = False
    """Permission is read off the first record that is not the zone's SOA; `true` pulls the zone to its end, to see that
    it arrives and that BIND, Knot, NSD and PowerDNS, as secondaries, would take it: its records are read, not kept."""


WantedRecord = Annotated[Record, BeforeValidator(spelled, json_schema_input_type=str | Record)]
Rule = Annotated[Transfer, BeforeValidator(expected, json_schema_input_type=str | Transfer)]


class Options(Table):
    """What is said of zones beside their names."""

    servers: Items[str] | None = without("the NS set")
    """The servers to watch: names of `[servers.…]`, full host names, or addresses. Without it they are found from the
    zone's NS records, and found again every `resolver.interval`."""
    primary: str | None = None
    """The server where the zone is made; its serial is the reference. It is one of `servers`, also when it is hidden.
    Without `servers` it is watched beside the NS set. Without `primary` the newest serial seen anywhere is the
    reference."""
    max_lag: Duration = timedelta(minutes=10)
    """How long a server may be behind before it is `serial-late`."""
    records: Items[WantedRecord] | None = None
    """Records to compare on all servers, see below."""
    transfer: Items[Rule] | None = None
    """Who may transfer the zone, see below."""
    ignore_servers: Items[str] | None = None
    """Full names in the NS set that are not to be watched, and so are not told of as `unwatched-server` or
    `ns-unresolvable`; `"*"`: none that is not among `servers`. At the top of the file, before the first table, it holds
    for every zone."""


class Zone(Options):
    name: str | None = Needed
    """The zone. Zones with nothing but a name may also be written `zones = ["example.com", "example.org"]`, in place of
    all `[[zones]]`; very many go into [lists](#lists)."""


class ZoneList(Options):
    """A file of zones, or a directory of such files; the options are those of every zone that has none of its own."""

    file: str | None = without("")
    """The file of zones. Either this or `directory` is needed."""
    directory: str | None = without("")
    """Every file in it is a list; hidden files, backups (`~`, `.bak`, `.orig`, `.tmp`) and directories in it are passed
    over; whatever else cannot be read (a link that leads nowhere, a pipe) is a mistake."""
    format: Literal["names", "csv", "jsonl", "bind", "knot", "nsd"] | None = without("by the suffix of the file")
    """`"csv"` (`.csv`); `"jsonl"` (`.jsonl`, `.ndjson`); any other suffix: `"names"`, or `"bind"`, `"knot"`, `"nsd"`
    where it begins as their own lists do."""


class Route(Table):
    receivers: Items[str] | None = Needed
    """Who is told."""
    severity: Items[SeverityWord] | None = without("any")
    """`"critical"`, `"warning"`, `"info"`: the severity of the incident."""
    zones: Items[str] | None = without("any")
    """Any of its zones: shell globs. `"*.example.com"` matches what is below `example.com`, not the zone itself."""
    servers: Items[str] | None = without("any")
    """Any of its servers: shell globs."""
    codes: Items[str] | None = without("any")
    """Any of its codes."""


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
    severity: dict[str, SeverityWord | None] = Field(default_factory=dict)
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
