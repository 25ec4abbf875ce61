"""Groups of zones that are shown alike: each combination is kept once, with how many have it."""

from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from alerting.model import Alert
from checks.model import Health
from monitor.state.level import UNKNOWN_STATE, Level, health_after_redaction, level_of
from monitor.state.server_counts import ServerCounts, count_group
from monitor.state.status import ServerTally
from monitor.state.status_group import FindingKey, ServerLayout, StatusGroup


class StatusGroups:
    """All groups that some zone has. ``all`` has them by number; one that no zone has any more waits for another.

    What is counted of servers and levels follows the groups that have changed, whenever somebody asks for it: very many
    servers of a zone each cost no more than the few that something happened to.
    """

    def __init__(self, hidden: Collection[str]) -> None:
        """``hidden``: servers that public viewers know nothing of."""
        self.hidden = frozenset(hidden)
        self.all: list[StatusGroup] = []
        self._free: list[int] = []
        self._known: dict[tuple[ServerLayout, Health, tuple[str, ...], tuple[FindingKey, ...]], StatusGroup] = {}
        self._changed: dict[StatusGroup, None] = {}
        """What was not counted yet: groups with more zones, or fewer, or with a finding that is older than known."""
        self._counts: dict[str, ServerCounts] = {}
        self._levels: Counter[tuple[Level, Level]] = Counter()
        """(level, public level) → zones."""
        self._servers: Mapping[str, ServerTally] = {}

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
        return self._group(layout, Health.UNKNOWN, (UNKNOWN_STATE,) * len(layout.server_addresses), ())

    def with_layout(self, old: StatusGroup, layout: ServerLayout) -> StatusGroup:
        """The same elsewhere: addresses that were there before are as they were, and servers that left take along what
        was found there.
        """
        known = dict(zip(old.layout.server_addresses, old.states, strict=True))
        states = tuple(known.get(place, UNKNOWN_STATE) for place in layout.server_addresses)
        here = {None, *(server for server, _ in layout.server_addresses)}
        since = {key: at for key, at in old.since.items() if key.server in here}
        finding_keys = tuple(key for key in old.finding_keys if key in since)
        return self._heard(self._group(layout, old.health, states, finding_keys), since)

    def swap(self, before: StatusGroup, after: StatusGroup) -> None:
        """A zone that had the one has the other now."""
        after.zones += 1
        before.zones -= 1
        self._changed[before] = self._changed[after] = None
        if not before.zones:
            self._drop(before)

    def count(self, group_ids: "array[int]") -> None:
        """All zones have these; groups that none of them has are dropped. For the beginning, when none is counted."""
        for number, many in Counter(group_ids).items():
            self.all[number].zones = many
        self._changed = dict.fromkeys(self.all)
        for group in self.all:
            if not group.zones:
                self._drop(group)

    def _drop(self, group: StatusGroup) -> None:
        del self._known[group.layout, group.health, group.states, group.finding_keys]
        self._free.append(group.number)

    def group_ids(self) -> list[StatusGroup]:
        return [group for group in self.all if group.zones]

    def levels(self, *, public_level: bool) -> Mapping[Level, int]:
        self._count_changes()
        found: Counter[Level] = Counter()
        for levels, zones in self._levels.items():
            found[levels[public_level]] += zones
        return +found

    def servers(self) -> Mapping[str, ServerTally]:
        """Every server that has an address, or of which something was found, by name. Another object whenever
        something has changed.
        """
        self._count_changes()
        return self._servers

    def at_server(self, name: str) -> Iterable[StatusGroup]:
        """The groups of zones that are served there, or at which something was found there."""
        self._count_changes()
        counts = self._counts.get(name)
        return counts.groups if counts else ()

    def _count_changes(self) -> None:
        changed, self._changed = self._changed, {}
        stale: set[str] = set()
        for group in changed:
            more, group.tallied = group.zones - group.tallied, group.zones
            self._levels[group.level, group.public_level] += more
            stale |= count_group(self._counts, group, more)
        if not stale:
            return
        tallies = {**self._servers, **{name: self._counts[name].tally(name) for name in stale if name in self._counts}}
        gone = stale - self._counts.keys()
        if gone or len(tallies) != len(self._servers):
            tallies = {name: tallies[name] for name in sorted(tallies) if name not in gone}
        self._servers = tallies

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
                self._changed[group] = None
        return group
