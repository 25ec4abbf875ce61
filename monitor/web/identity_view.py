"""The machines behind one address that do not serve the same version, in words: for the page and for the commands."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from checks.common.lateness import nsid_text
from checks.common.serial import newer
from checks.common.text import format_duration, server_at
from checks.zone_state.model import IdentityState
from monitor.state.level import Level
from monitor.state.status import AddressStatus


@dataclass(frozen=True, slots=True)
class IdentityRow:
    """``machine`` is how it is told from the others, ``seen`` when it answered last."""

    address: AddressStatus
    machine: str
    serial: int
    level: Level
    word: str
    since: datetime
    seen: str


def identity_rows(addresses: Iterable[AddressStatus], now: datetime) -> list[IdentityRow]:
    """Of those addresses at which several were seen, and where they serve different versions, or end at different
    times.
    """
    return [row for address in addresses for row in _rows(address, now)]


def _rows(address: AddressStatus, now: datetime) -> Iterator[IdentityRow]:
    serials = [one.serial for one in address.identities]
    for one in sorted(address.identities, key=lambda one: (one.nsid or "", one.serial)):
        behind = any(newer(serial, one.serial) for serial in serials)
        level, word = (Level.PROPAGATING, "Behind the others") if behind else (Level.GOOD, "Newest of them")
        yield IdentityRow(address, _machine(one), one.serial, level, word, one.since, _seen(one, now))


def _machine(one: IdentityState) -> str:
    return "without NSID" if one.nsid is None else f"NSID {nsid_text(one.nsid)}"


def _seen(one: IdentityState, now: datetime) -> str:
    return "not yet" if one.seen is None else f"{format_duration(now - one.seen)} ago"


def identity_lines(addresses: Iterable[AddressStatus], now: datetime) -> Iterator[str]:
    """The same for a terminal."""
    for row in identity_rows(addresses, now):
        place = server_at(row.address.server, row.address.address)
        yield f"behind {place}: {row.machine} serves {row.serial}, {row.word.lower()}; answered last {row.seen}"
