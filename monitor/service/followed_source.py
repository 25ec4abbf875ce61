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

    def take(self, source: "FollowedSource", reading: "Reading", at: float) -> None:
        """Take up the zones of a version, or those that are new if too many are gone."""
        if reading.zones is not None:
            self.trouble_there = self._take_zones(source, reading.zones, at)
            self.serial, self.looked_at = reading.serial, reading.serial
            self.passed_over, self.rewound = reading.passed_over, False
        self.trouble, self.anew = self.trouble_there, False

    def refuse(self, error: "SourceUnread") -> None:
        """Keep what is known: it could not be read, or the version is one that must not be taken."""
        self.trouble = error.trouble
        if error.serial is not None:
            self.looked_at, self.trouble_there, self.anew = error.serial, error.trouble, False

    def _take_zones(self, source: "FollowedSource", zones: Mapping[str, ZoneGroups], at: float) -> SourceTrouble | None:
        gone = self.believed.keys() - zones.keys()
        why = too_many_gone(len(self.believed), len(gone), source.max_shrink)
        if why:
            self.new = {name: groups for name, groups in zones.items() if self.believed.get(name) != groups}
        else:
            went = self.zones.items() if len(self.removed) < MAX_REMOVED else ()
            self.removed = {**self.removed, **{name: RemovedFrom(at, groups) for name, groups in went}}
            self.believed, self.new = zones, {}
        self.removed = {name: one for name, one in self.removed.items() if name not in zones}
        return SourceTrouble.shrunk(source.name, why) if why else None

    def forget_removed(self, before: float) -> None:
        """Those that were removed before then, or at that moment, are asked for no longer."""
        self.removed = {name: one for name, one in self.removed.items() if one.at > before}


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
