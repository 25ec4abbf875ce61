"""A server's copy of a zone, and what of that it serves right now."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import dns.name
from dns.name import Name

from monitor.pair import zonedata
from monitor.pair.behaviour import Condition, Conduct
from monitor.pair.zonedata import ZoneData

_OTHER_CONTACT = dns.name.from_text("somebody.else.invalid.")
JOURNAL = 16
"""How many older versions are kept for IXFR."""


@dataclass(frozen=True, slots=True)
class Holding:
    """A zone as a server has it. ``expires`` is on the loop's clock; None at a primary: it never does."""

    origin: Name
    data: ZoneData | None = None
    journal: tuple[ZoneData, ...] = ()
    """Older versions, the oldest first."""
    expires: float | None = None

    def changed(self, data: ZoneData) -> "Holding":
        """The same zone with newer data; what it had goes to the journal if the serials tell them apart."""
        if self.data is None or self.data.serial == data.serial:
            return replace(self, data=data)
        return replace(self, data=data, journal=(*self.journal, self.data)[-JOURNAL:])


@dataclass(frozen=True, slots=True)
class Served:
    """A zone as it is answered from. ``expire`` is what EDNS EXPIRE says, in seconds (RFC 7314)."""

    origin: Name
    condition: Condition
    data: ZoneData | None
    journal: tuple[ZoneData, ...] = ()
    expire: int | None = None


Zones = Callable[[Name], Served | None]
"""The zone with that origin, None when the server denies having it."""


def serve(holding: Holding, conduct: Conduct, now: float) -> Served | None:
    """What is answered from that holding at ``now`` (the loop's clock); None when the server denies having it."""
    condition = _condition(holding, conduct, now)
    if condition is Condition.ABSENT:
        return None
    if condition is not Condition.SERVED or holding.data is None:
        return Served(holding.origin, condition, None)
    left = holding.data.soa.expire if holding.expires is None else int(holding.expires - now)
    return Served(holding.origin, condition, holding.data, holding.journal, int(max(0, left) * conduct.expire_share))


def _condition(holding: Holding, conduct: Conduct, now: float) -> Condition:
    if conduct.condition is not Condition.SERVED:
        return conduct.condition
    if holding.data is None:
        return Condition.NOT_LOADED
    if holding.expires is not None and holding.expires <= now:
        return Condition.EXPIRED
    return Condition.SERVED


def disguise(holding: Holding, conduct: Conduct) -> Holding:
    """The holding with the serial and the records that the conduct shows in their place.

    Its journal goes: steps between other serials would not fit.
    """
    data = holding.data
    if data is None or not conduct.disguised:
        return holding
    if conduct.edits:
        data = zonedata.edit(data, conduct.edits)
    if conduct.soa_edit:
        data = zonedata.with_soa(data, rname=_OTHER_CONTACT, retry=data.soa.retry + 1)
    if conduct.serial_shift:
        data = zonedata.with_serial(data, zonedata.stepped(data.serial, conduct.serial_shift))
    return replace(holding, data=data, journal=())
