"""Which servers have series of their own in /metrics, and the label under which all others are counted together.

Each event is counted once, under the label that its server has at that time: so every series only grows, and the rates
of all of them add up to what was counted, whoever comes and goes.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

OTHER = "other servers"
"""Stands for the servers without series of their own. No server is called so: names have no spaces."""

OTHER_HIDDEN = "other hidden servers"
"""The same for servers that public viewers know nothing of: what they do must not show in a sum, either."""

LINGER = timedelta(minutes=5)
"""For so long the series of a server that lost its place are still there, as they were: whoever scrapes less often than
this hears the last of what was counted in them. To Prometheus a series is stale after as long a time."""


class ServerSeries:
    """Up to ``most`` servers have series of their own, and as many hidden ones: what befalls those must not move the
    others about.

    Until ``use`` is called every server has its own series.
    """

    def __init__(self, most: int) -> None:
        self._open, self._hidden = _Places(most, OTHER), _Places(most, OTHER_HIDDEN)
        self._labels: dict[str, str] = {}
        self._visible: frozenset[str] | None = None
        self._retired: set[str] = set()

    def label(self, server: str) -> str:
        """What its events are counted under just now."""
        return self._labels.get(server, server)

    def is_shown(self, label: str) -> bool:
        """Whether the series of this label are to be shown."""
        return self._visible is None or label in self._visible

    @property
    def labels(self) -> Collection[str]:
        """Under which something may be counted from now on."""
        return sorted(set(self._labels.values()))

    def omitted(self, *, hidden: bool) -> int:
        """How many servers have none; of the hidden ones, or of the others."""
        return (self._hidden if hidden else self._open).omitted

    def use(self, servers: Iterable[tuple[str, bool]], now: datetime) -> None:
        """These are the servers from now on, and whether each is hidden; one that is hidden anywhere is.

        Whoever has a place keeps it; free ones are given in the order of names. A server that is in no plan any more
        has none: what it still says is told to no public viewer.
        """
        hidden: dict[str, bool] = {}
        for server, is_hidden in servers:
            hidden[server] = hidden.get(server, False) or is_hidden
        self._retired = (self._retired | self._labels.keys()) - hidden.keys()
        self._open.use([server for server, is_hidden in hidden.items() if not is_hidden], now)
        self._hidden.use([server for server, is_hidden in hidden.items() if is_hidden], now)
        self._relabel(now)

    def place(self, troubled: Collection[str], now: datetime) -> None:
        """Servers in trouble get places, those first that others need least: of servers that are not in trouble."""
        changed = [places.place(troubled, now) for places in (self._open, self._hidden)]
        if any(changed):
            self._relabel(now)

    @property
    def crowded(self) -> bool:
        """Whether there are more servers than places, or series that linger: else ``place`` has nothing to do."""
        return any(places.omitted or places.leaving for places in (self._open, self._hidden))

    def _relabel(self, now: datetime) -> None:
        labels = dict.fromkeys(self._retired, OTHER_HIDDEN)
        visible = {OTHER, OTHER_HIDDEN}
        for places in (self._open, self._hidden):
            labels.update((server, server if server in places.shown else places.other) for server in places.servers)
            visible |= places.shown.keys() | places.leaving.keys()
        self._labels, self._visible = labels, frozenset(visible)


class _Places:
    """The places of some servers: ``shown`` have one, the longest without trouble first; ``leaving`` had one.

    No more are ``leaving`` (server → since when) than there are places: so no more than twice ``most`` are ever seen.
    """

    def __init__(self, most: int, other: str) -> None:
        self.most, self.other = most, other
        self.servers: frozenset[str] = frozenset()
        self.shown: dict[str, None] = {}
        self.leaving: dict[str, datetime] = {}

    @property
    def omitted(self) -> int:
        return len(self.servers) - len(self.shown)

    def use(self, servers: Collection[str], now: datetime) -> None:
        self.servers = frozenset(servers)
        for gone in [server for server in self.shown if server not in self.servers]:
            self._leave(gone, now)
        free = self.most - len(self.shown)
        for server in sorted(self.servers - self.shown.keys())[:free]:
            self._enter(server)

    def place(self, troubled: Collection[str], now: datetime) -> bool:
        """Whether anything has changed."""
        over = [server for server, at in self.leaving.items() if now - at >= LINGER]
        for server in over:
            del self.leaving[server]
        wanting = []
        for server in sorted(self.servers.intersection(troubled)):
            if server in self.shown:
                del self.shown[server]
                self.shown[server] = None
            else:
                wanting.append(server)
        well = [server for server in self.shown if server not in troubled]
        free = self.most - len(self.shown)
        room = free + min(len(well), max(0, self.most - len(self.leaving)))
        for server in well[: min(room, len(wanting)) - free] if len(wanting) > free else ():
            self._leave(server, now)
        for server in wanting[:room]:
            self._enter(server)
        return bool(over or wanting[:room])

    def _enter(self, server: str) -> None:
        self.leaving.pop(server, None)
        self.shown[server] = None

    def _leave(self, server: str, now: datetime) -> None:
        del self.shown[server]
        self.leaving[server] = now
        if len(self.leaving) > self.most:
            del self.leaving[next(iter(self.leaving))]
