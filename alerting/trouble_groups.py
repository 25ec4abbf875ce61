"""Where a trouble of several zones is their server's, kept up to date place by place."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from types import MappingProxyType

MAJORITY = 0.5
"""A server is at fault when more than this share of its zones has such alerts there; the monitor itself, when it
could not check more than this share of all zones."""

MIN_GROUP = 2
"""So many zones are a group."""

Shape = tuple[int | None, bool]
"""All that decides which zones of a server are in its group, beside how many servers have the trouble with them."""


class TroubleGroups:
    """The places, zones at servers, that have one trouble; and which of them have it because of their server.

    Those are all of a server that is *failing*: most of its zones have it there. Of another server they are the zones
    that have it at fewer servers than the server has zones with it; servers that are failing anyway are not counted.
    A place more or less costs the servers of its zone; all zones of a server are walked only when it begins or ceases
    to be failing.
    """

    def __init__(self, served: Mapping[str, int], groups: Mapping[str, str] = MappingProxyType({})) -> None:
        """``served``: server → in how many zones it is listed. ``groups``: server → the name of the group that it is in
        with others.
        """
        self._served, self._groups = served, groups
        self._group_sizes = Counter(groups.values())
        self._failing_in: Counter[str] = Counter()
        self._zones: defaultdict[str, set[str]] = defaultdict(set)
        self._servers: defaultdict[str, set[str]] = defaultdict(set)
        self._failing: set[str] = set()
        self._width: Counter[str] = Counter()
        """Zone → at how many servers that are not failing it has the trouble."""
        self._widths: defaultdict[str, Counter[int]] = defaultdict(Counter)
        """Server → how many of its zones have which width."""
        self._spread = False

    def add(self, zone: str, server: str) -> None:
        """The place has the trouble, and had it not."""
        self._zones[server].add(zone)
        self._servers[zone].add(server)
        self._count(server, self._width[zone], 1)
        if server not in self._failing:
            self._widen(zone, 1)
        self._set_failing(server)

    def remove(self, zone: str, server: str) -> None:
        """The place had the trouble, and has it no longer."""
        if server not in self._failing:
            self._widen(zone, -1)
        self._count(server, self._width[zone], -1)
        self._zones[server].remove(zone)
        self._servers[zone].remove(server)
        if not self._servers[zone]:
            del self._servers[zone], self._width[zone]
        self._set_failing(server)

    def has(self, zone: str, server: str) -> bool:
        """Whether what the zone has there is its server's trouble."""
        here = self._zones.get(server, ())
        if zone not in here or self.size(server) < MIN_GROUP:
            return False
        return server in self._failing or self._width[zone] < len(here)

    def size(self, server: str) -> int:
        """How many zones have the trouble because of the server, if they are enough to be a group."""
        count = len(self._zones.get(server, ()))
        if server in self._failing:
            return count
        size = sum(zones for width, zones in self._widths.get(server, {}).items() if width < count)
        return size if size >= MIN_GROUP else 0

    def is_down(self, server: str) -> bool:
        """Whether most of its zones have the trouble because of it."""
        return self.size(server) > MAJORITY * self._served.get(server, 0)

    def is_of_group(self, server: str) -> bool:
        """Whether all servers of its group are failing, and some other server is not."""
        group = self._groups.get(server)
        whole = group is not None and self._failing_in[group] == self._group_sizes[group]
        return whole and len(self._failing) < len(self._served)

    def shape(self, server: str) -> Shape:
        """While this is the same, so are the zones that are in the group, but for those whose width changed."""
        count = len(self._zones.get(server, ()))
        every = server in self._failing or count > max(self._widths.get(server, ()), default=0)
        return None if every else count, self.size(server) >= MIN_GROUP

    def take_spread(self) -> bool:
        """Whether a server has begun or ceased to be failing since this was asked last, and that matters to others."""
        spread, self._spread = self._spread, False
        return spread

    def _set_failing(self, server: str) -> None:
        count = len(self._zones[server])
        failing = count >= MIN_GROUP and count > MAJORITY * self._served.get(server, 0)
        if failing == (server in self._failing):
            return
        if failing:
            self._failing.add(server)
        else:
            self._failing.remove(server)
        if server in self._groups:
            self._failing_in[self._groups[server]] += 1 if failing else -1
        self._spread = self._spread or bool(self._groups)
        for zone in self._zones[server]:
            self._spread = self._spread or len(self._servers[zone]) > 1
            self._widen(zone, -1 if failing else 1)

    def _widen(self, zone: str, by: int) -> None:
        width = self._width[zone]
        for server in self._servers[zone]:
            self._count(server, width, -1)
            self._count(server, width + by, 1)
        self._width[zone] = width + by

    def _count(self, server: str, width: int, by: int) -> None:
        widths = self._widths[server]
        widths[width] += by
        if not widths[width]:
            del widths[width]
