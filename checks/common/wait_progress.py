"""How far a wait has come: which addresses have what is waited for, and what the others say instead."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from checks.common.arrival import Look, serial_text
from checks.common.serial import newest
from checks.common.text import enumerated, server_at
from checks.model import Address, Zone
from checks.model.awaited import Awaited
from checks.zone_state.connectivity import ServerAddress

MAX_NSIDS = 8
"""Machines of an address that are told."""

MAX_TOLD = 8
"""Servers, or addresses, that a mistake is told with."""

GONE_LOOKS = 20
"""Looks that others answered, in a row, after which a machine that did not have it is waited for no more."""

NOT_LOOKED = Look(False, "has not answered yet")


@dataclass(frozen=True, slots=True)
class MachineLook:
    """The last look that was answered by one machine of an address alone, and how many others answered since."""

    nsid: str
    look: Look
    unseen: int = 0


@dataclass(frozen=True, slots=True)
class AddressProgress:
    """One address, and what its looks came to. ``row``: the good ones in a row at the end.

    Where the version of the others is waited for, the row is that of looks at which it served the serial it serves now.
    ``arrived``: seconds since the wait began at the first look of that row. ``chosen``: it is waited for; others are
    asked only to know the primary's serial.
    """

    server: str
    address: Address
    group: str = ""
    chosen: bool = True
    primary: bool = False
    look: Look = NOT_LOOKED
    looks: int = 0
    row: int = 0
    arrived: float | None = None
    nsids: tuple[str, ...] = ()
    machines: tuple[MachineLook, ...] = ()
    """Those of its machines that are known by NSID, the last to answer last."""

    def __str__(self) -> str:
        return server_at(self.server, self.address)

    def after(self, look: Look, at: float, *, same_version: bool) -> "AddressProgress":
        """The same address after one more look."""
        goes_on = self.row > 0 and look.good and not (same_version and look.serial != self.look.serial)
        row = (self.row + 1 if goes_on else 1) if look.good else 0
        arrived = (self.arrived if goes_on else at) if look.good else None
        nsids = tuple(dict.fromkeys((*self.nsids, *look.nsids)))[-MAX_NSIDS:]
        machines = self.machines
        if len(look.nsids) == 1:
            others = (replace(one, unseen=one.unseen + 1) for one in machines if one.nsid != look.nsids[0])
            machines = (*others, MachineLook(look.nsids[0], look))[-MAX_NSIDS:]
        return replace(self, look=look, looks=self.looks + 1, row=row, arrived=arrived, nsids=nsids, machines=machines)


@dataclass(frozen=True, slots=True)
class WaitProgress:
    """All addresses of a wait. ``needed`` good looks in a row make one of them done."""

    zone: str
    awaited: Awaited
    addresses: Mapping[ServerAddress, AddressProgress]
    needed: int = 1
    seconds: float = 0.0
    """Since it began, at the last look."""
    references: Mapping[str, int | None] = field(default_factory=dict)
    """Group → the serial that all of it are to serve, where nothing else is waited for."""

    @classmethod
    def begin(cls, zone: Zone, awaited: Awaited, chosen: Iterable[ServerAddress], needed: int = 1) -> "WaitProgress":
        """Before the first look. Where it is the reference, the primary is asked, chosen or not."""
        picked = frozenset(chosen)
        there = {}
        for server, address in zone.server_addresses():
            place = (server.name, address)
            primary = server.name == zone.primary
            if place in picked or (primary and awaited.same_version):
                there[place] = AddressProgress(server.name, address, server.group, place in picked, primary)
        return cls(zone.name, awaited, there, needed)

    @property
    def comparable(self) -> bool:
        """Whether there is anything to wait for: a serial, a record, or another address in the group of each chosen."""
        if not self.awaited.same_version:
            return bool(self.chosen)
        groups = [one.group for one in self.addresses.values()]
        return any(groups.count(one.group) > 1 for one in self.chosen)

    @property
    def counted_apart(self) -> str | None:
        """Why one serial cannot be waited for at all the chosen: those of several groups say nothing of each other."""
        if self.awaited.serial is None:
            return None
        groups: dict[str, dict[str, None]] = {}
        for one in self.chosen:
            groups.setdefault(one.group, {})[one.server] = None
        if len(groups) < 2:
            return None
        who = "; ".join(enumerated(servers, most=MAX_TOLD) for servers in groups.values())
        return f"no one serial can be waited for at servers that count apart ({who})"

    @property
    def served(self) -> int | None:
        """The one serial that all are to serve, where that is what is waited for."""
        serials = set(self.references.values())
        return serials.pop() if len(serials) == 1 else None

    @property
    def chosen(self) -> tuple[AddressProgress, ...]:
        return tuple(one for one in self.addresses.values() if one.chosen)

    @property
    def late(self) -> tuple[AddressProgress, ...]:
        """Those that are waited for and not done."""
        return tuple(one for one in self.chosen if not self.is_done(one))

    @property
    def done(self) -> bool:
        """All have it; who is asked only for the primary's serial has been asked."""
        return not self.late and all(one.looks for one in self.addresses.values())

    def after(self, place: ServerAddress, look: Look, at: float) -> "WaitProgress":
        """The same wait after one more look at one address, ``at`` seconds after it began."""
        same_version = self.awaited.same_version
        one = self.addresses[place].after(look, at, same_version=same_version)
        addresses = {**self.addresses, place: one}
        references = dict(_references(addresses.values())) if same_version else {}
        return replace(self, addresses=addresses, seconds=at, references=references)

    def is_good(self, one: AddressProgress) -> bool:
        """Whether it had at its last look what is waited for."""
        return self._is_good(one, one.look)

    def _is_good(self, one: AddressProgress, look: Look) -> bool:
        return look.good and (not self.awaited.same_version or look.serial == self.references.get(one.group))

    def late_machines(self, one: AddressProgress) -> tuple[MachineLook, ...]:
        """The machines of an address that did not have it when they were last asked, and may be there still."""
        late = (machine for machine in one.machines if not self._is_good(one, machine.look))
        return tuple(machine for machine in late if machine.unseen < GONE_LOOKS)

    def is_done(self, one: AddressProgress) -> bool:
        return self.is_good(one) and one.row >= self.needed and not self.late_machines(one)

    def rests(self, one: AddressProgress) -> bool:
        """Nothing more is to be asked of it, unless another version is seen; the primary may change at any time."""
        return self.is_done(one) and not (self.awaited.same_version and one.primary)

    def text(self, one: AddressProgress, look: Look | None = None) -> str:
        """What it has, at its last look or at this one, as a predicate: "the server …"."""
        reference, look = self.references.get(one.group), look or one.look
        if look.serial is None or reference is None:
            return look.text
        return serial_text(look.serial, reference)


def _references(addresses: Iterable[AddressProgress]) -> Iterator[tuple[str, int | None]]:
    """Group by group the serial of the primary, where it is in it and answers, else the newest that is served."""
    groups: dict[str, list[AddressProgress]] = {}
    for one in addresses:
        groups.setdefault(one.group, []).append(one)
    for group, members in groups.items():
        serials = [(one.primary, one.look.serial) for one in members if one.look.serial is not None]
        leading = [serial for primary, serial in serials if primary] or [serial for _, serial in serials]
        yield group, newest(leading)


def choose(zone: Zone, servers: Iterable[str] = (), addresses: Iterable[Address] = ()) -> list[ServerAddress]:
    """The addresses of the zone that are at one of these servers, and one of these addresses; empty: any.

    Raises LookupError with a sentence where one of them is none of the zone's.
    """
    wanted, places = tuple(servers), tuple(addresses)
    known = {server.name: server for server in zone.servers}
    there = dict.fromkeys(address for _, address in zone.server_addresses())
    for name in wanted:
        if name not in known:
            known_names = enumerated(known, most=MAX_TOLD) or "none"
            raise LookupError(f"{name} is not a server of {zone.name}; they are {known_names}")
    for address in places:
        if address not in there:
            known_ones = enumerated(map(str, there), most=MAX_TOLD) or "none"
            raise LookupError(f"{address} is not an address of a server of {zone.name}; they are {known_ones}")
    return [
        (server.name, address)
        for server, address in zone.server_addresses()
        if (not wanted or server.name in wanted) and (not places or address in places)
    ]
