"""Groups of zones that are shown alike: each combination is kept once, with how many have it."""

from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from alerting.model import Alert
from checks.model import Address, Health, Zone
from checks.model.finding_type import Severity
from monitor.state.level import Level, health_after_redaction, level_of, severity_level, state_level
from monitor.state.status import CodeTally, ServerTally

UNKNOWN = "unknown"
"""The state of an address before anything was heard of it."""


@dataclass(frozen=True, slots=True, eq=False)
class ServerLayout:
    """Where some zones are served; there is one of each, and two are the same only if they are one."""

    servers: tuple[tuple[str, tuple[Address, ...]], ...]
    server_addresses: tuple[tuple[str, Address], ...]


def layouts(templates: Iterable[Zone]) -> list[ServerLayout]:
    """The layout of each template, in their order."""
    known: dict[tuple[tuple[str, tuple[Address, ...]], ...], ServerLayout] = {}
    found = []
    for template in templates:
        servers = tuple((server.name, server.addresses) for server in template.servers)
        places = tuple((server.name, address) for server, address in template.server_addresses())
        found.append(known.setdefault(servers, ServerLayout(servers, places)))
    return found


@dataclass(frozen=True, slots=True)
class FindingKey:
    """A finding but for its text and its time: what, how grave, and where."""

    code: str
    severity: Severity
    server: str | None


@dataclass(slots=True, eq=False)
class StatusGroup:
    """How some zones look: where they are served, their health, the states of their addresses, what was found.

    ``level`` is how grave that is, ``public_level`` how grave after redaction. ``since``: for each finding key, since
    when it has stood at any zone that got into this group. ``zones``: how many are in it now.
    """

    number: int
    layout: ServerLayout
    health: Health
    states: tuple[str, ...]
    finding_keys: tuple[FindingKey, ...]
    level: Level
    public_level: Level
    since: dict[FindingKey, datetime] = field(default_factory=dict)
    zones: int = 0

    def at_server(self, name: str) -> Level | None:
        """How grave it is there; None: these zones are not served there, and nothing is said of it."""
        states = zip(self.layout.server_addresses, self.states, strict=True)
        levels = [state_level(state) for (server, _), state in states if server == name]
        least = Severity.WARNING if levels else Severity.INFO
        levels += [severity_level(m.severity) for m in self.finding_keys if m.server == name and m.severity >= least]
        return min(levels, default=None)

    def has(self, code: str, server: str) -> bool:
        return any(key.code == code and key.server == server for key in self.finding_keys)

    def since_when(self, code: str, server: str) -> datetime:
        """Since when the code has stood there; there must be one."""
        return min(at for key, at in self.since.items() if key.code == code and key.server == server)


class StatusGroups:
    """All groups that some zone has. ``all`` has them by number; one that no zone has any more waits for another."""

    def __init__(self, hidden: Collection[str]) -> None:
        """``hidden``: servers that public viewers know nothing of."""
        self.hidden = frozenset(hidden)
        self.all: list[StatusGroup] = []
        self._free: list[int] = []
        self._known: dict[tuple[ServerLayout, Health, tuple[str, ...], tuple[FindingKey, ...]], StatusGroup] = {}
        self._servers: Mapping[str, ServerTally] | None = None

    def of(
        self, layout: ServerLayout, health: Health, states: tuple[str, ...], findings: Sequence[Alert]
    ) -> StatusGroup:
        if not findings:
            return self._group(layout, health, states, ())
        since: dict[FindingKey, datetime] = {}
        for finding in findings:
            key = FindingKey(finding.key.code, finding.severity, finding.key.server)
            since[key] = min(finding.began, since.get(key, finding.began))
        finding_keys = tuple(sorted(since, key=lambda key: (-key.severity, key.code, key.server or "")))
        return self._heard(self._group(layout, health, states, finding_keys), since)

    def unknown(self, layout: ServerLayout) -> StatusGroup:
        """Of a zone of which nothing was noted yet."""
        return self._group(layout, Health.UNKNOWN, (UNKNOWN,) * len(layout.server_addresses), ())

    def with_layout(self, old: StatusGroup, layout: ServerLayout) -> StatusGroup:
        """The same elsewhere: addresses that were there before are as they were, and servers that left take along what
        was found there.
        """
        known = dict(zip(old.layout.server_addresses, old.states, strict=True))
        states = tuple(known.get(place, UNKNOWN) for place in layout.server_addresses)
        here = {None, *(server for server, _ in layout.server_addresses)}
        since = {key: at for key, at in old.since.items() if key.server in here}
        finding_keys = tuple(key for key in old.finding_keys if key in since)
        return self._heard(self._group(layout, old.health, states, finding_keys), since)

    def swap(self, before: StatusGroup, after: StatusGroup) -> None:
        """A zone that had the one has the other now."""
        after.zones += 1
        before.zones -= 1
        if not before.zones:
            self._drop(before)
        self._servers = None

    def count(self, group_ids: "array[int]") -> None:
        """All zones have these; groups that none of them has are dropped. For the beginning, when none is counted."""
        for number, many in Counter(group_ids).items():
            self.all[number].zones = many
        for group in self.all:
            if not group.zones:
                self._drop(group)

    def _drop(self, group: StatusGroup) -> None:
        del self._known[group.layout, group.health, group.states, group.finding_keys]
        self._free.append(group.number)

    def group_ids(self) -> list[StatusGroup]:
        return [group for group in self.all if group.zones]

    def levels(self, *, public_level: bool) -> Mapping[Level, int]:
        found: Counter[Level] = Counter()
        for group in self.group_ids():
            found[group.public_level if public_level else group.level] += group.zones
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
        for group in self.group_ids():
            for name, addresses in group.layout.servers:
                if addresses:
                    tally = found.setdefault(name, _Tally())
                    tally.zones += group.zones
                    tally.addresses |= dict.fromkeys(addresses)
            for (name, _), state in zip(group.layout.server_addresses, group.states, strict=True):
                found[name].states[state] += group.zones
            served = {name for name, addresses in group.layout.servers if addresses}
            for name in {key.server for key in group.finding_keys if key.server is not None} - served:
                found.setdefault(name, _Tally()).zones += group.zones
            for key in group.finding_keys:
                if key.server is not None:
                    found[key.server].add(key, group)
        return {name: found[name].public_level() for name in sorted(found)}

    def _group(
        self, layout: ServerLayout, health: Health, states: tuple[str, ...], finding_keys: tuple[FindingKey, ...]
    ) -> StatusGroup:
        key = (layout, health, states, finding_keys)
        group = self._known.get(key)
        if group is None:
            number = self._free.pop() if self._free else len(self.all)
            level = level_of(health, states, (key.severity for key in finding_keys))
            group = StatusGroup(
                number,
                layout,
                health,
                states,
                finding_keys,
                level,
                self._public_level(level, layout, health, states, finding_keys),
            )
            self._known[key] = group
            if number == len(self.all):
                self.all.append(group)
            else:
                self.all[number] = group
        return group

    def _public_level(
        self,
        level: Level,
        layout: ServerLayout,
        health: Health,
        states: tuple[str, ...],
        finding_keys: tuple[FindingKey, ...],
    ) -> Level:
        if not self.hidden:
            return level
        left = [key.severity for key in finding_keys if key.server not in self.hidden]
        seen = [s for (server, _), s in zip(layout.server_addresses, states, strict=True) if server not in self.hidden]
        return level_of(health_after_redaction(health, len(finding_keys), left), seen, left)

    def _heard(self, group: StatusGroup, since: Mapping[FindingKey, datetime]) -> StatusGroup:
        for key, at in since.items():
            known = group.since.get(key)
            if known is None or at < known:
                group.since[key] = at
                self._servers = None
        return group


@dataclass(slots=True)
class _Tally:
    """A ServerTally in the making."""

    zones: int = 0
    addresses: dict[Address, None] = field(default_factory=dict)
    states: Counter[str] = field(default_factory=Counter)
    codes: dict[str, CodeTally] = field(default_factory=dict)

    def add(self, key: FindingKey, group: StatusGroup) -> None:
        """One finding key of the group; a code that is there at two severities counts the zone once."""
        since, known = group.since[key], self.codes.get(key.code)
        if known is None:
            self.codes[key.code] = CodeTally(group.zones, key.severity, since)
            return
        first = next(m for m in group.finding_keys if m.code == key.code and m.server == key.server)
        self.codes[key.code] = CodeTally(
            known.zones + (group.zones if key is first else 0),
            max(known.severity, key.severity),
            min(known.since, since),
        )

    def public_level(self) -> ServerTally:
        return ServerTally(tuple(self.addresses), self.zones, self.states, self.codes)
