"""What is wanted of a zone: records, and who may transfer it."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Literal

from checks.model.relative_names import ZONE_PLACEHOLDER, absolute, relative, replaced


@dataclass(frozen=True, slots=True)
class WantedRecord:
    """An RRset to compare. ``name`` is absolute; ``expect`` holds canonical rdata, or None: any, but the same."""

    # monitor/config/tables.py reads the fields, and says what their metadata means

    name: str
    """Relative to the zone; `@` is the zone itself. A name that ends in the zone's name is taken as whole."""
    type: str
    """`A`, `MX`, `TYPE65280` … (the SOA is compared anyway)."""
    expect: tuple[str, ...] | None = field(default=None, metadata={"unset": "any, but the same everywhere"})
    """The records as they must be, in zone file syntax: `["10 mail"]`. Names without final dot are relative to the
    zone. `[]`: there must be none. TXT may be written without inner quotes: it is one string then."""
    ttl: bool = True
    """With `false` TTLs may differ."""

    def __str__(self) -> str:
        return f"{self.name} {self.type}"


DEFAULT_RECORDS = (
    *(WantedRecord("", one, ttl=False) for one in ("A", "AAAA", "MX", "TXT", "CAA")),
    *(WantedRecord("www", one, ttl=False) for one in ("A", "AAAA")),
)
"""What is compared of a zone of which nobody has said what; names as seen from it. What signs a zone and stands for it
at the parent (DNSKEY, CDS, CDNSKEY, CSYNC) is compared by the check signatures.
"""


class Expectation(StrEnum):
    ALLOWED = "allowed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class TransferRule:
    """One row of the transfer matrix. ``server`` is a name or "*"; ``whole`` pulls the zone to its end."""

    # monitor/config/tables.py reads the fields, and says what their metadata means

    server: str = field(metadata={"several": True, "unset": '`"*"`'})
    """A server of the zone, or several; `*` is every server that no other row with the same key, transport and source
    names."""
    expect: Expectation
    """`"allowed"` or `"refused"`."""
    key: str | None = field(default=None, metadata={"unset": "no key"})
    """The TSIG key to ask with, a name of `[keys.…]`."""
    whole: bool = False
    """Permission is read off the first record that is not the zone's SOA; `true` pulls the zone to its end, to see that
    it arrives and that BIND, Knot, NSD and PowerDNS, as secondaries, would take it: its records are read, not kept."""
    transport: Literal["tcp", "tls"] = "tcp"
    """`"tls"`: over TLS (XoT, RFC 9103), as the `tls` of the server says; `*` is then every server that has such."""
    source: str | None = field(default=None, metadata={"unset": "as in `[probe]`"})
    """The address of this machine to ask from; servers' addresses of the other family are left out."""
    max_duration: timedelta | None = field(default=None, metadata={"unset": "no limit"})
    """With `whole`: how long the transfer may take, from the question to its last message, before it is
    `transfer-slow`. What does not end within `deadline` of `[probe.transfer]` is `transfer-failed`."""

    ixfr: bool = False
    """It must answer IXFR (RFC 1995), too, or it is `ixfr-not-offered`: it is asked for what is new since the serial
    that it has, which is a SOA record alone, and since the one that it had before, which shows whether it has the
    differences. The whole zone in place of them is right, too."""

    def __post_init__(self) -> None:
        if self.ixfr and self.expect is not Expectation.ALLOWED:
            raise ValueError('ixfr = true is for transfers that are allowed: expect = "allowed"')
        if self.max_duration is not None and not (self.whole and self.expect is Expectation.ALLOWED):
            raise ValueError('max_duration is for a zone that is pulled to its end: expect = "allowed", whole = true')

    @property
    def plain(self) -> bool:
        """It is asked over TCP, from where everything is asked."""
        return self.transport == "tcp" and self.source is None

    @property
    def row(self) -> tuple[str, str | None, str, str | None]:
        """What tells it from others: there is one expectation for each."""
        return self.server, self.key, self.transport, self.source


def is_named(record: WantedRecord, zone: str, patterns: tuple[str, ...]) -> bool:
    """Whether one of the patterns is for the record: each is a name, as seen from the zone ("@" is the zone itself) or
    whole without final dot, and a type. "*" stands for anything in the name, and for any type.
    """
    names = (relative(record.name, zone) or "@", record.name.removesuffix("."))
    for pattern in patterns:
        owner, type_ = pattern.split(" ")
        if type_ in ("*", record.type) and any(_fits(name, owner.split("*")) for name in names):
            return True
    return False


def _fits(name: str, parts: list[str]) -> bool:
    """Whether the name is made of these, in order, with anything between them."""
    if len(parts) == 1:
        return name == parts[0]
    first, *middle, last = parts
    at = len(first)
    for part in middle:
        found = name.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return name.startswith(first) and name.endswith(last) and len(name) - len(last) >= at


def relativise_records(records: tuple[WantedRecord, ...], zone: str) -> tuple[WantedRecord, ...]:
    """The records of a zone, written without its name: equal for all zones that want the same, each of itself."""
    return tuple(
        WantedRecord(
            relative(wanted.name, zone), wanted.type, replaced(wanted.expect, zone, ZONE_PLACEHOLDER), wanted.ttl
        )
        for wanted in records
    )


def absolutise_records(records: tuple[WantedRecord, ...], zone: str) -> tuple[WantedRecord, ...]:
    """The inverse of ``relativise_records``."""
    return tuple(
        WantedRecord(
            absolute(wanted.name, zone), wanted.type, replaced(wanted.expect, ZONE_PLACEHOLDER, zone), wanted.ttl
        )
        for wanted in records
    )
