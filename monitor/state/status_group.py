"""How some zones look that are shown alike, and where they are served."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from checks.model import Address, Health, Zone
from checks.model.finding_type import Severity
from monitor.state.level import Level, severity_level, state_level


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
    when it has stood at any zone that got into this group. ``zones``: how many are in it now, ``tallied``: how many of
    them the servers' counts have.
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
    tallied: int = 0

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
