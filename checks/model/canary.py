"""A canary: a TXT record of a zone that the service changes, to see the change arrive at every address."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from checks.model.address import Address

_VALUE = re.compile(r'"soawatch (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})Z ([0-9a-f]{8}) (\d{1,15})"')


@dataclass(frozen=True, slots=True)
class CanaryRecord:
    """A TXT record that is changed at each look, by signed UPDATE (RFC 2136, RFC 8945)."""

    # monitor/config/tables.py reads the fields, and says what their metadata means

    key: str
    """The TSIG key that signs the update, a name of `[keys.…]`. Without a key nothing is ever changed."""
    name: str = "_soawatch-canary"
    """The owner of the record, relative to the zone; its first label begins with an underscore. All TXT records there
    are replaced by one; where others than a canary's are there, nothing is changed. Each soawatch that has a canary in
    one zone needs a name of its own."""
    server: str | None = field(default=None, metadata={"unset": "the zone's primary"})
    """The server of the zone that takes the update: its primary, or a secondary that forwards updates to it."""
    ttl: int = field(default=60, metadata={"bounds": {"ge": 0, "le": 86400}})
    """The TTL of the record, in seconds."""
    max_lag: timedelta | None = field(default=None, metadata={"unset": "that of the zone"})
    """Within which the new value has to be answered at every address; shorter than the cadence of the check
    `canary`."""


@dataclass(frozen=True, slots=True)
class CanaryValue:
    """One value of a canary. ``run`` tells the process that wrote it, which counts its values by ``number``."""

    at: datetime
    """When it was made, to the millisecond."""
    run: str
    number: int

    def __str__(self) -> str:
        """As the text of the record."""
        at = self.at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
        return f"soawatch {at}Z {self.run} {self.number}"

    def covers(self, other: "CanaryValue") -> bool:
        """Whether who has this one has had the other: it is that, or one that the same process wrote later."""
        return self.run == other.run and self.number >= other.number


def canary_value(rdata: str) -> CanaryValue | None:
    """The value in a TXT record; None where it is none of a canary's. ``rdata`` is canonical text."""
    found = _VALUE.fullmatch(rdata)
    if found is None:
        return None
    try:
        at = datetime.fromisoformat(found[1]).replace(tzinfo=UTC)
    except ValueError:
        return None
    return CanaryValue(at, found[2], int(found[3]))


@dataclass(frozen=True, slots=True)
class CanaryUpdate:
    """The TXT records at a name are replaced by one. Without a ``value`` the prober makes one."""

    ttl: int
    value: CanaryValue | None = None


@dataclass(frozen=True, slots=True)
class AwaitedValue:
    """A question is asked again until its answer has the value, or one written later, for so many ``seconds``."""

    value: CanaryValue
    seconds: float


@dataclass(frozen=True, slots=True)
class CanaryArrival:
    """``seconds`` from the making of a value to the first answer with it at an address."""

    server: str
    address: Address
    at: datetime
    seconds: float
