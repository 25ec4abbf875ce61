"""The file as pydantic models, key by key, before names are resolved and defaults filled in.

A field left out is None and gets its default where the configuration is built (monitor/config/model.py and the
dataclasses of checks and notifiers). A field or an element of a list is also None once it was found wrong and
reported, so that one mistake does not hide others; those that must be there are therefore asked for when the
configuration is built.
"""

from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from monitor.config.errors import near, quoted
from monitor.config.field_types import (
    AddressText,
    AnswerTime,
    Duration,
    DurationOrOff,
    DurationOrZero,
    Items,
    Label,
    ListenText,
    LookupPause,
    PageUrl,
    Port,
    RemindPause,
    Retention,
    ServerAddress,
    SourceText,
    TransferTime,
    expected,
    named,
)
from monitor.config.records import spelled

Needed = Field(default=None, json_schema_extra={"needed": True})


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


class Service(Table):
    listen: ListenText = None
    """Address and port of the page, the API and /metrics."""
    database: str | None = None
    """The SQLite file; relative to this file."""
    vantage: Label | None = None
    """What this place of observation is called."""
    token: SecretStr | None = None
    """Who reads the page must know it; needed beyond loopback unless public."""
    token_file: str | None = None
    token_env: str | None = None
    token_credential: str | None = None
    public: bool | None = None
    """Anyone may read the page; hidden servers are left out."""
    url: PageUrl | None = None
    """How people reach the page; notifications link to it."""
    retention: Retention | None = None
    """How long closed history is kept."""
    log_format: Literal["auto", "console", "json"] | None = None
    """"auto" is console on a terminal and JSON elsewhere."""


class TransferLimits(Table):
    deadline: TransferTime | None = None
    """How long one transfer may take."""
    max_octets: Annotated[int, Field(ge=65536)] | None = None
    max_messages: Annotated[int, Field(ge=1)] | None = None
    max_records: Annotated[int, Field(ge=2)] | None = None


class Probe(Table):
    timeout: AnswerTime | None = None
    """How long to wait for one answer."""
    attempts: Annotated[int, Field(ge=1, le=10)] | None = None
    """How often to ask before a server counts as silent."""
    max_qps_per_server: Annotated[float, Field(ge=0.01, allow_inf_nan=False)] | None = None
    max_qps: Annotated[float, Field(ge=0.01, allow_inf_nan=False)] | None = None
    """Questions a second to all servers together; without it there is no such limit."""
    max_in_flight: Annotated[int, Field(ge=1, le=20000)] | None = None
    """Questions without answer at one time, over all servers; the engine that asks for serials has its own measure."""
    transfers_per_server: Annotated[int, Field(ge=1, le=100)] | None = None
    transfer: TransferLimits | None = None
    source: Items[SourceText] | None = None
    """Addresses of this machine to ask from; at most one of each family."""
    workers: Annotated[int, Field(ge=1, le=64)] | None = None
    """Processes that ask for serials, each for its share of the zones."""


class Resolver(Table):
    addresses: Items[AddressText] | None = None
    """Who resolves the names of servers and NS sets; without it the system's resolver."""
    interval: LookupPause | None = None
    timeout: AnswerTime | None = None


class Metrics(Table):
    max_zones: Annotated[int, Field(ge=0)] | None = None
    """With more zones, only those that are not good have series of their own."""


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


class Alerting(Table):
    grace: DurationOrZero | None = None
    """Bad for this long before it fires."""
    settle: DurationOrZero | None = None
    """Good for this long before it resolves."""
    remind: RemindPause | None = None
    """How often an open incident is told again; "off": once is enough."""


class Route(Table):
    receivers: Items[str] | None = Needed
    severity: Items[str] | None = None
    zones: Items[str] | None = None
    servers: Items[str] | None = None
    codes: Items[str] | None = None


class File(Table):
    """The whole file."""

    service: Service = Service()
    cadence: dict[str, DurationOrOff | None] = {}
    """One key per check; "off" switches it off."""
    checks: dict[str, dict[str, Any]] = {}
    """Settings of a check: see its documentation."""
    probe: Probe = Probe()
    resolver: Resolver = Resolver()
    metrics: Metrics = Metrics()
    keys: dict[str, Key] = {}
    servers: dict[str, Server] = {}
    zones: list[Annotated[Zone, BeforeValidator(named, json_schema_input_type=str | Zone)] | None] = []
    """A name alone is a zone with nothing but a name."""
    lists: list[ZoneList | None] = []
    """Zones by the hundred thousand, in files of their own."""
    ignore_servers: Items[str] | None = None
    """Names in NS sets that are not to be watched, whichever zone names them."""
    severity: dict[str, str | None] = {}
    alerting: Alerting = Alerting()
    receivers: dict[str, dict[str, Any]] = {}
    routes: list[Route | None] = []


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
    annotation = File.model_fields[section].annotation
    if get_origin(annotation) is list:
        return f"[[{section}]]"
    named = get_origin(annotation) is dict and get_args(annotation)[1] not in (DurationOrOff | None, str | None)
    return f"[{section}.NAME]" if named else f"[{section}]"


def meant(word: str, loc: tuple[str | int, ...]) -> str:
    """A hint at the key that was perhaps meant in the table at ``loc``."""
    fields = fields_at(loc)
    other = ALSO_CALLED.get(word.lower(), "")
    return f"here that is {quoted(other)}" if other in fields else near(word, fields)


def fields_at(loc: tuple[str | int, ...]) -> tuple[str, ...]:
    """The keys that may stand in the table at ``loc``; none where the table's own names are free."""
    model: type[BaseModel] = File
    names_follow = False
    for part in loc:
        if names_follow or isinstance(part, int):
            names_follow = False
            continue
        annotation = model.model_fields[part].annotation
        names_follow = get_origin(annotation) is dict
        inner = model_in(annotation)
        if inner is None:
            return ()
        model = inner
    return tuple(model.model_fields)


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The table an annotation is about, through lists, unions and dictionaries."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := model_in(inner))), None)
