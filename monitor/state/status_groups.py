"""Groups of zones that are shown alike: each combination is kept once, with how many have it."""

from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from alerting.model import Severity
from checks.model import Address, Health, Zone
from monitor.state.level import Level, left_over, severity_tone, state_tone, tone_of
from monitor.state.status import CodeTally, FindingStatus, ServerTally

UNKNOWN = "unknown"
"""The state of an address before anything was heard of it."""


@dataclass(frozen=True, slots=True, eq=False)
class ServerLayout:
    """Where some zones are served; there is one of each, and two are the same only if they are one."""

    servers: tuple[tuple[str, tuple[Address, ...]], ...]
    places: tuple[tuple[str, Address], ...]


def lineups(templates: Iterable[Zone]) -> list[ServerLayout]:
    """The lineup of each template, in their order."""
    known: dict[tuple[tuple[str, tuple[Address, ...]], ...], ServerLayout] = {}
    found = []
    for template in templates:
        servers = tuple((server.name, server.addresses) for server in template.servers)
        places = tuple((server.name, address) for server, address in template.places())
        found.append(known.setdefault(servers, ServerLayout(servers, places)))
    return found


@dataclass(frozen=True, slots=True)
class FindingKey:
    """A finding but for its words and its time: what, how grave, and where."""

    code: str
    severity: Severity
    server: str | None


@dataclass(slots=True, eq=False)
class StatusGroup:
    """How some zones look: where they are served, their health, the states of their addresses, what was found.

    ``tone`` is how grave that is, ``told`` how grave it looks to strangers. ``since``: for each mark, since when it has
    stood at any zone that got this face. ``zones``: how many have it now.
    """

    number: int
    lineup: ServerLayout
    health: Health
    states: tuple[str, ...]
    marks: tuple[FindingKey, ...]
    tone: Level
    told: Level
    since: dict[FindingKey, datetime] = field(default_factory=dict)
    zones: int = 0

    def at_server(self, name: str) -> Level | None:
        """How grave it is there; None: these zones are not served there, and nothing is said of it."""
        tones = [state_tone(state) for (server, _), state in zip(self.lineup.places, self.states, strict=True)
                 if server == name]  # fmt: skip
        least = Severity.WARNING if tones else Severity.INFO
        tones += [severity_tone(m.severity) for m in self.marks if m.server == name and m.severity >= least]
        return min(tones, default=None)

    def has(self, code: str, server: str) -> bool:
        return any(mark.code == code and mark.server == server for mark in self.marks)

    def since_when(self, code: str, server: str) -> datetime:
        """Since when the code has stood there; there must be one."""
        return min(at for mark, at in self.since.items() if mark.code == code and mark.server == server)


class StatusGroups:
    """All faces that some zone has. ``all`` has them by number; one that no zone has any more waits for another."""

    def __init__(self, hidden: Collection[str]) -> None:
        """``hidden``: servers that strangers know nothing of."""
        self.hidden = frozenset(hidden)
        self.all: list[StatusGroup] = []
        self._free: list[int] = []
        self._known: dict[tuple[ServerLayout, Health, tuple[str, ...], tuple[FindingKey, ...]], StatusGroup] = {}
        self._servers: Mapping[str, ServerTally] | None = None

    def of(
        self, lineup: ServerLayout, health: Health, states: tuple[str, ...], findings: Sequence[FindingStatus]
    ) -> StatusGroup:
        if not findings:
            return self._face(lineup, health, states, ())
        since: dict[FindingKey, datetime] = {}
        for finding in findings:
            mark = FindingKey(finding.code, finding.severity, finding.server)
            since[mark] = min(finding.since, since.get(mark, finding.since))
        marks = tuple(sorted(since, key=lambda mark: (-mark.severity, mark.code, mark.server or "")))
        return self._heard(self._face(lineup, health, states, marks), since)

    def unknown(self, lineup: ServerLayout) -> StatusGroup:
        """Of a zone of which nothing was noted yet."""
        return self._face(lineup, Health.UNKNOWN, (UNKNOWN,) * len(lineup.places), ())

    def moved(self, old: StatusGroup, lineup: ServerLayout) -> StatusGroup:
        """The same elsewhere: addresses that were there before are as they were, and servers that left take along what
        was found there.
        """
        known = dict(zip(old.lineup.places, old.states, strict=True))
        states = tuple(known.get(place, UNKNOWN) for place in lineup.places)
        here = {None, *(server for server, _ in lineup.places)}
        since = {mark: at for mark, at in old.since.items() if mark.server in here}
        marks = tuple(mark for mark in old.marks if mark in since)
        return self._heard(self._face(lineup, old.health, states, marks), since)

    def swap(self, before: StatusGroup, after: StatusGroup) -> None:
        """A zone that had the one has the other now."""
        after.zones += 1
        before.zones -= 1
        if not before.zones:
            self._drop(before)
        self._servers = None

    def count(self, worn: "array[int]") -> None:
        """All zones have these; faces that none of them has are dropped. For the beginning, when none is counted."""
        for number, many in Counter(worn).items():
            self.all[number].zones = many
        for face in self.all:
            if not face.zones:
                self._drop(face)

    def _drop(self, face: StatusGroup) -> None:
        del self._known[face.lineup, face.health, face.states, face.marks]
        self._free.append(face.number)

    def worn(self) -> list[StatusGroup]:
        return [face for face in self.all if face.zones]

    def tones(self, *, told: bool) -> Mapping[Level, int]:
        found: Counter[Level] = Counter()
        for face in self.worn():
            found[face.told if told else face.tone] += face.zones
        return found

    def servers(self) -> Mapping[str, ServerTally]:
        """Every server that has an address, or of which something was found, by name. Tallied anew only when something
        has changed.
        """
        if self._servers is None:
            self._servers = self._tally()
        return self._servers

    def _tally(self) -> Mapping[str, ServerTally]:
        found: dict[str, _Tally] = {}
        for face in self.worn():
            for name, addresses in face.lineup.servers:
                if addresses:
                    tally = found.setdefault(name, _Tally())
                    tally.zones += face.zones
                    tally.addresses |= dict.fromkeys(addresses)
            for (name, _), state in zip(face.lineup.places, face.states, strict=True):
                found[name].states[state] += face.zones
            served = {name for name, addresses in face.lineup.servers if addresses}
            for name in {mark.server for mark in face.marks if mark.server is not None} - served:
                found.setdefault(name, _Tally()).zones += face.zones
            for mark in face.marks:
                if mark.server is not None:
                    found[mark.server].mark(mark, face)
        return {name: found[name].told() for name in sorted(found)}

    def _face(
        self, lineup: ServerLayout, health: Health, states: tuple[str, ...], marks: tuple[FindingKey, ...]
    ) -> StatusGroup:
        key = (lineup, health, states, marks)
        face = self._known.get(key)
        if face is None:
            number = self._free.pop() if self._free else len(self.all)
            tone = tone_of(health, states, (mark.severity for mark in marks))
            face = StatusGroup(
                number, lineup, health, states, marks, tone, self._told(tone, lineup, health, states, marks)
            )
            self._known[key] = face
            if number == len(self.all):
                self.all.append(face)
            else:
                self.all[number] = face
        return face

    def _told(
        self, tone: Level, lineup: ServerLayout, health: Health, states: tuple[str, ...], marks: tuple[FindingKey, ...]
    ) -> Level:
        if not self.hidden:
            return tone
        left = [mark.severity for mark in marks if mark.server not in self.hidden]
        seen = [s for (server, _), s in zip(lineup.places, states, strict=True) if server not in self.hidden]
        return tone_of(left_over(health, len(marks), left), seen, left)

    def _heard(self, face: StatusGroup, since: Mapping[FindingKey, datetime]) -> StatusGroup:
        for mark, at in since.items():
            known = face.since.get(mark)
            if known is None or at < known:
                face.since[mark] = at
                self._servers = None
        return face


@dataclass(slots=True)
class _Tally:
    """A ServerTally in the making."""

    zones: int = 0
    addresses: dict[Address, None] = field(default_factory=dict)
    states: Counter[str] = field(default_factory=Counter)
    codes: dict[str, CodeTally] = field(default_factory=dict)

    def mark(self, mark: FindingKey, face: StatusGroup) -> None:
        """One of the face's marks; a code that is there at two severities counts the zone once."""
        since, known = face.since[mark], self.codes.get(mark.code)
        if known is None:
            self.codes[mark.code] = CodeTally(face.zones, mark.severity, since)
            return
        first = next(m for m in face.marks if m.code == mark.code and m.server == mark.server)
        self.codes[mark.code] = CodeTally(
            known.zones + (face.zones if mark is first else 0),
            max(known.severity, mark.severity),
            min(known.since, since),
        )

    def told(self) -> ServerTally:
        return ServerTally(tuple(self.addresses), self.zones, self.states, self.codes)
