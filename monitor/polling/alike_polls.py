"""Zones of a sweep that are looked at, and have the result of those that they are like: ``monitor.state.alike``."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from checks.base import Check, ComparesZones
from checks.common.epoch import micros
from checks.model import Observation
from monitor.polling.rrset_prober import RrsetProber
from monitor.polling.serial_sweep import SweepContext
from monitor.state.alike import look_at
from monitor.state.alike_zones import Kind, Look
from monitor.state.columns import ZoneColumns

MAX_WAIT = 5.0
"""Seconds for which zones wait for what a poll in full of the first of their kind comes to."""


@dataclass(slots=True)
class Looked:
    """Zones by name: like one whose result is good, with what was seen of them, or to be polled in full."""

    alike: dict[str, Look] = field(default_factory=dict)
    in_full: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Followers:
    """Zones of one kind, what was seen of them, and since when (by the loop's clock) they wait for the first of it."""

    since: float
    looks: dict[str, Look] = field(default_factory=dict)


class AlikePolls:
    """Of one sweep of one check. Of each kind that is not known the first zone is polled in full, and the others wait
    for what that comes to; where it is not good each is polled in full.
    """

    def __init__(self, check: Check, prober: Callable[[], RrsetProber], context: Callable[[], SweepContext]) -> None:
        """The prober and the context are the present ones: there may be others before the sweep is over."""
        self._check, self._prober, self._context = check, prober, context
        self._of = context().columns
        """What is noted here is of these."""
        self._waiting: dict[Kind, _Followers] = {}
        self._not_good: set[Kind] = set()
        self._left: list[str] = []
        """Zones that waited under other columns."""

    def __bool__(self) -> bool:
        """Whether any zones wait."""
        return bool(self._left) or any(followers.looks for followers in self._waiting.values())

    async def look(self, columns: ZoneColumns, numbers: Sequence[int]) -> Looked:
        """Asks these zones, by number. Those that are in neither wait."""
        looked = Looked()
        if not numbers:
            return looked
        zones = [columns.zone_table.at(number) for number in numbers]
        answers: Mapping[str, Sequence[Observation]] = {}
        began = micros(self._context().now())
        if isinstance(self._check, ComparesZones):
            answers = await self._prober().look(columns, self._check.name, zones)
        self._renew()
        for zone in zones:
            seen = answers.get(zone.name, ())
            look = look_at(columns, self._check, zone, seen, began) if columns is self._of else None
            if look is None or look.kind in self._not_good:
                looked.in_full.append(zone.name)
            elif columns.alike.is_good(self._check.name, look.kind):
                looked.alike[zone.name] = look
            elif look.kind in self._waiting:
                self._waiting[look.kind].looks[zone.name] = look
            else:
                self._waiting[look.kind] = _Followers(asyncio.get_running_loop().time())
                looked.in_full.append(zone.name)
        return looked

    def take(self) -> Looked:
        """Those that wait no more: of the present columns."""
        self._renew()
        looked, now = Looked(in_full=self._left), asyncio.get_running_loop().time()
        self._left = []
        for kind, followers in list(self._waiting.items()):
            if self._of.alike.is_good(self._check.name, kind):
                looked.alike |= followers.looks
            elif now - followers.since > MAX_WAIT:
                self._not_good.add(kind)
                looked.in_full += followers.looks
            else:
                continue
            del self._waiting[kind]
        return looked

    def _renew(self) -> None:
        """With other columns come other kinds."""
        if self._context().columns is not self._of:
            self._of = self._context().columns
            self._left += [name for followers in self._waiting.values() for name in followers.looks]
            self._waiting.clear()
            self._not_good.clear()
