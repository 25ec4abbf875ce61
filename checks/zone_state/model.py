"""Who served which version since when: the values that a zone state is made of; ``update`` changes them."""

from dataclasses import dataclass, field
from datetime import datetime

from checks.model import Address, Soa

SERIAL_CHECK = "soa-serial"
"""The check from whose polls the zone state is made: the only one that asks the primary last."""


@dataclass(frozen=True, slots=True)
class Version:
    """A serial with the two bounds of its first sight: looked and it was not there; looked and it was."""

    serial: int
    absent: datetime | None
    seen: datetime


@dataclass(frozen=True, slots=True)
class UnconfirmedSerial:
    """Something seen that is believed only at a second look on the same address and identity."""

    serial: int
    nsid: str | None
    looks: int
    since: datetime


@dataclass(frozen=True, slots=True)
class IdentityState:
    """One of several machines behind one address: by its NSID (RFC 5001), or, where that is None or one for several, by
    the version that it shows.

    ``since`` is the first look at which it showed ``serial``. ``seen`` is the last look at which it answered, None
    where it has not since the monitor started; ``unseen`` counts the answers of the others since. ``expires`` is what
    it said of its end (EDNS EXPIRE).
    """

    nsid: str | None
    serial: int
    since: datetime
    returns: int = 0
    """How often the address came to show this version after a newer one; two stands for more."""
    seen: datetime | None = field(default=None, compare=False, metadata={"stored": False})
    unseen: int = field(default=0, compare=False, metadata={"stored": False})
    expires: datetime | None = field(default=None, compare=False, metadata={"stored": False})


@dataclass(frozen=True, slots=True)
class AddressState:
    """What one address serves, since when. Fields that tick with every look do not take part in ``==``.

    ``serial`` is the version it last served (kept while it is silent), ``since`` the first look at it.
    ``outcome`` is the open run's outcome: "answered", a transport outcome, or an rcode in lower case; ``changed``
    since when that run (serial and state) stands. ``synced`` is the last look at which it served the
    reference and the primary, where there is one that ever answered, answered too; None while that is so now.
    ``expires`` comes from EDNS EXPIRE or, ``estimated``, from ``synced`` plus the SOA's expire. ``nsid`` is
    that of the first look at the serial.
    """

    server: str
    address: Address
    group: str
    serial: int | None
    since: datetime
    outcome: str
    changed: datetime
    synced: datetime | None = None
    passed: int = 0
    """Versions newer than the served one that came by since."""
    nsid: str | None = None
    doubt: UnconfirmedSerial | None = None
    checked_at: datetime | None = field(default=None, compare=False)
    expires: datetime | None = field(default=None, compare=False)
    estimated: bool = field(default=False, compare=False)
    rtt: float | None = field(default=None, compare=False)
    identities: tuple[IdentityState, ...] = ()
    """The machines that were seen behind the address, while they do not serve the same version; else none."""


@dataclass(frozen=True, slots=True)
class SerialGroup:
    """One serial group of a zone: its versions in RFC 1982 order and the reference among them."""

    group: str
    reference: int | None
    soa: Soa | None
    """The reference's SOA: its timers are the zone's own promise."""
    versions: tuple[Version, ...] = ()
    doubt: UnconfirmedSerial | None = None
    """A primary that seems to have stepped back, until it is believed."""
    regressed: Version | None = None
    """The version the primary stepped back from, while that matters to somebody."""
    jumped: Version | None = None
    """The version before the reference, where that left the dates, or went on to one that is to come."""


@dataclass(frozen=True, slots=True)
class ZoneState:
    """Who served which version of one zone since when. Equal zone states need not be written again."""

    zone: str
    serial_groups: tuple[SerialGroup, ...] = ()
    address_states: tuple[AddressState, ...] = ()
    at: datetime | None = field(default=None, compare=False)
    """The last look."""


@dataclass(frozen=True, slots=True)
class Unsigned:
    """What waits for a zone's signer: ``versions`` of the ``source``, its primary's group, oldest first, all of them
    newer than when the signer went on to its newest one, ``signed``.
    """

    versions: tuple[Version, ...]
    source: SerialGroup
    signed: Version


@dataclass(frozen=True, slots=True)
class StateChange:
    """An address' run ended and another began: a row of history."""

    zone: str
    server: str
    address: Address
    serial: int | None
    outcome: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Propagation:
    """A version reached an address of a secondary, which was first seen there ``at`` that time.

    ``seconds`` from its first sight anywhere; 0.0 where it was there already at the look that first saw it. It may
    have come sooner by up to ``uncertainty`` seconds: so long ago was the look before.
    """

    zone: str
    server: str
    address: Address
    serial: int
    seconds: float
    uncertainty: float
    at: datetime
