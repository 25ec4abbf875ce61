"""What is counted of each server over the groups of zones that it serves."""

from collections import Counter
from dataclasses import dataclass, field

from checks.model import Address
from monitor.state.level import server_level
from monitor.state.status import CodeTally, ServerTally
from monitor.state.status_group import StatusGroup


@dataclass(slots=True)
class ServerCounts:
    """How many zones a server has, each of its addresses is in, and each state is seen at, and in which groups.

    ``codes``: for each code that was found there, the groups that have it.
    """

    zones: int = 0
    addresses: Counter[Address] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    groups: dict[StatusGroup, None] = field(default_factory=dict)
    codes: dict[str, dict[StatusGroup, None]] = field(default_factory=dict)

    def tally(self, name: str) -> ServerTally:
        """``name`` is that of the server."""
        codes = {code: _code_tally(name, code, groups) for code, groups in self.codes.items() if groups}
        states = +self.states
        level = server_level(states, (code.severity for code in codes.values()))
        return ServerTally(tuple(+self.addresses), self.zones, states, codes, level)


def _code_tally(server: str, code: str, groups: dict[StatusGroup, None]) -> CodeTally:
    """A code that is there at two severities counts the zone once."""
    return CodeTally(
        sum(group.zones for group in groups),
        max(key.severity for group in groups for key in group.finding_keys if (key.server, key.code) == (server, code)),
        min(group.since_when(code, server) for group in groups),
    )


def count_group(counts: dict[str, ServerCounts], group: StatusGroup, more: int) -> set[str]:
    """So many ``more`` zones (fewer, where it is negative) are in the group. The servers for which that is something.

    A server that no zone has any more is forgotten.
    """
    names = {name for name, addresses in group.layout.servers if addresses}
    names |= {key.server for key in group.finding_keys if key.server is not None}
    for name in names:
        here = counts.setdefault(name, ServerCounts())
        here.zones += more
        _keep(here.groups, group)
    for name, addresses in group.layout.servers:
        for address in addresses:
            counts[name].addresses[address] += more
    for (name, _), state in zip(group.layout.server_addresses, group.states, strict=True):
        counts[name].states[state] += more
    for key in group.finding_keys:
        if key.server is not None:
            _keep(counts[key.server].codes.setdefault(key.code, {}), group)
    for name in names:
        if not counts[name].zones:
            del counts[name]
    return names


def _keep(groups: dict[StatusGroup, None], group: StatusGroup) -> None:
    """While it has zones."""
    if group.zones:
        groups[group] = None
    else:
        groups.pop(group, None)
