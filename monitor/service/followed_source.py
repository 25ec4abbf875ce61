"""A source of zones that is asked for again and again: what is known of it, and what each kind has of its own."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple, Protocol

from monitor.config.model import ZoneEntry
from monitor.config.zone_sources import SourceTrouble, too_many_gone

MAX_REMOVED = 10_000
"""Zones that are asked for after they were removed from one source; more that go are not."""

ZoneGroups = tuple[str, ...]


class RemovedFrom(NamedTuple):
    """When a zone was removed, in seconds since the epoch, and the groups that it was in."""

    at: float
    groups: ZoneGroups


@dataclass(slots=True)
class SourceState:
    """What is known of one source. ``believed`` are its zones when it was believed last, ``new`` those that came, or
    changed their groups, since in a version that was not, for it had lost too many; each with its groups.
    """

    serial: int | None = None
    """Of the version that its zones are from, or the new ones; None: of none, or it has no serials."""
    believed: Mapping[str, ZoneGroups] = field(default_factory=dict)
    new: Mapping[str, ZoneGroups] = field(default_factory=dict)
    removed: Mapping[str, RemovedFrom] = field(default_factory=dict)
    """Those that are in it no more."""
    trouble: SourceTrouble | None = None
    """What is wrong with it now."""
    looked_at: int | None = None
    """The serial of the version that was looked at last, believed or not …"""
    trouble_there: SourceTrouble | None = None
    """… and what is wrong with that."""
    passed_over: tuple[str, ...] = ()
    """Sentences on what is no zone in the version that was read last."""
    due: float = 0.0
    """When it is asked next, on the monotonic clock."""
    begun: float = -math.inf
    """When it was asked last, on the same clock."""
    announced_by: str = ""
    """The server that said last that it has changed, until it is asked."""
    anew: bool = True
    """It is read though its serial is the one that is known …"""
    rewound: bool = False
    """… or older."""

    @property
    def zones(self) -> Mapping[str, ZoneGroups]:
        return {**self.believed, **self.new} if self.new else self.believed

    def take(self, reading: "Reading", zones: "ZonesNow | None") -> None:
        """Take up what came of a version; ``zones`` as ``zones_now`` has them, None where it is the known one."""
        if zones is not None:
            self.believed, self.new, self.removed = zones.believed, zones.new, zones.removed
            self.trouble_there = zones.trouble
            self.serial, self.looked_at = reading.serial, reading.serial
            self.passed_over, self.rewound = reading.passed_over, False
        self.trouble, self.anew = self.trouble_there, False

    def refuse(self, error: "SourceUnread") -> None:
        """Keep what is known: it could not be read, or the version is one that must not be taken."""
        self.trouble = error.trouble
        if error.serial is not None:
            self.looked_at, self.trouble_there, self.anew = error.serial, error.trouble, False

    def zones_now(self, source: "FollowedSource", zones: Mapping[str, ZoneGroups], at: float) -> "ZonesNow":
        """What the zones of a version make of those that are known, or those that are new in it if too many are gone.
        Nothing is changed by it, so that it may be worked out beside the event loop: there may be a million.
        """
        if zones == self.believed and not self.new:
            removed = {name: one for name, one in self.removed.items() if name not in zones}
            return ZonesNow(self.believed, self.new, removed)
        was = self.zones
        gone = self.believed.keys() - zones.keys()
        why = too_many_gone(len(self.believed), len(gone), source.max_shrink)
        removed = {name: one for name, one in self.removed.items() if name not in zones}
        believed, new = zones, dict[str, ZoneGroups]()
        if why:
            believed = self.believed
            new = {name: groups for name, groups in zones.items() if believed.get(name) != groups}
        elif len(self.removed) < MAX_REMOVED:
            removed |= {name: RemovedFrom(at, groups) for name, groups in was.items() if name not in zones}
        now = {**believed, **new} if new else believed
        came, left = len(now.keys() - was.keys()), len(was.keys() - now.keys())
        trouble = SourceTrouble.shrunk(source.name, why) if why else None
        changed = (believed, new) != (self.believed, self.new)
        return ZonesNow(believed, new, removed, trouble, changed, other=now != was, came=came, left=left)

    def forget_removed(self, before: float) -> None:
        """Those that were removed before then, or at that moment, are asked for no longer."""
        self.removed = {name: one for name, one in self.removed.items() if one.at > before}


@dataclass(frozen=True, slots=True)
class ZonesNow:
    """The zones of a source once a version of it was looked at: as SourceState has them. ``changed``: that is something
    else than before; ``other``: the zones are, too, of which so many ``came``, and so many have ``left``.
    """

    believed: Mapping[str, ZoneGroups]
    new: Mapping[str, ZoneGroups]
    removed: Mapping[str, RemovedFrom]
    trouble: SourceTrouble | None = None
    changed: bool = False
    other: bool = False
    came: int = 0
    left: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """What a source says now. ``zones`` are all of it, with their groups; None: it is the version that was known."""

    zones: Mapping[str, ZoneGroups] | None
    serial: int | None = None
    passed_over: tuple[str, ...] = ()


class SourceUnread(Exception):
    """A source cannot be read, or says what must not be taken; then ``serial`` is that of the version."""

    def __init__(self, trouble: SourceTrouble, serial: int | None = None) -> None:
        super().__init__(trouble.text)
        self.trouble, self.serial = trouble, serial


class FollowedSource(Protocol):
    """One source, as it is written in the configuration."""

    @property
    def name(self) -> str:
        """What the store and the log call it."""
        ...

    @property
    def refresh(self) -> timedelta:
        """How often it is asked for."""
        ...

    @property
    def max_shrink(self) -> float: ...

    @property
    def watch_removed(self) -> timedelta:
        """How long those that were removed from it are asked for."""
        ...

    async def read(self, known: SourceState, announced_by: str) -> Reading:
        """Ask for it; ``announced_by``: the server that said last that it has changed, or "". Raises SourceUnread."""
        ...

    def entry(self, groups: ZoneGroups) -> ZoneEntry:
        """What a zone of these groups is."""
        ...

    def removed(self, groups: ZoneGroups) -> ZoneEntry:
        """What is watched of one of these groups that was removed; without servers: nothing."""
        ...

    def packed(self, state: SourceState) -> str:
        """What is kept of it; "": nothing."""
        ...

    def unpacked(self, body: str) -> SourceState:
        """What was kept of it."""
        ...
