"""Zones for which no server is left that answers, or fewer than there are to be (``min_good``)."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from alerting.model import Alert, Phase
from alerting.root_cause import OUT_OF_SERVICE, DependencyGraph
from alerting.silences import NO_SILENCES, ActiveSilences
from checks.model import Address, Server, Zone

BAD = frozenset({Phase.PENDING, Phase.FIRING})

ServerAddress = tuple[str, Address | None]
"""A server, and its address unless all of them are meant."""


@dataclass(frozen=True, slots=True)
class Unserved:
    """A zone that has no server left, or too few: ``short``. ``latest`` is the alert by which that came about,
    ``certain`` whether all of them have come out of their grace. Where some of them are silenced it is the latest of
    the others, for a server that may be away is one less; ``silenced``: all are.
    """

    latest: Alert
    certain: bool
    silenced: bool = False
    short: bool = False


def unserved(
    name: str, alerts: Iterable[Alert], dependency_graph: DependencyGraph, silences: ActiveSilences = NO_SILENCES
) -> Unserved | None:
    """Whether so many servers of the zone have one of its ``alerts`` at each address, that it is of no use, that fewer
    are left than there are to be. A zone that has fewer than that needs all of them.

    Hidden servers are not counted where there are others: no resolver asks them. What recovers counts as good.
    """
    out: dict[ServerAddress, Alert] = {}
    for alert in alerts:
        key = alert.key
        if alert.phase in BAD and key.code in OUT_OF_SERVICE and key.server is not None:
            known = out.get((key.server, key.address))
            if known is None or _certainty(known) < _certainty(alert):
                out[key.server, key.address] = alert
    zone = dependency_graph.template(name) if out else None
    if zone is None or not (gone := places_gone(zone, out.keys())):
        return None
    lost = [out[place] for place in gone]
    heard = [alert for alert in lost if not silences.of(alert, dependency_graph.labels)]
    certain = all(alert.phase is Phase.FIRING for alert in lost)
    return Unserved(max(heard or lost, key=_since), certain, silenced=not heard, short=is_served(zone, out.keys()))


def _certainty(alert: Alert) -> tuple[bool, object, str]:
    return alert.phase is Phase.FIRING, *_since(alert)


def _since(alert: Alert) -> tuple[object, str]:
    return alert.bad_since or alert.since, str(alert.key)


def places_gone(zone: Zone, out: Collection[ServerAddress]) -> list[ServerAddress]:
    """Those of what is ``out`` by which the zone has fewer servers than there are to be; none while it has enough."""
    asked = [server for server in that_count(zone) if server.addresses]
    gone = [server for server in asked if is_out(server, out)]
    if not gone or len(asked) - len(gone) >= min(zone.min_good, len(asked)):
        return []
    names = {server.name for server in gone}
    return [place for place in out if place[0] in names]


def is_served(zone: Zone, out: Collection[ServerAddress]) -> bool:
    """Whether any server of the zone is left."""
    return not all(is_out(server, out) for server in that_count(zone) if server.addresses)


def is_out(server: Server, out: Collection[ServerAddress]) -> bool:
    """Whether the server is of no use with all of its addresses."""
    return (server.name, None) in out or all((server.name, each) in out for each in server.addresses)


def that_count(zone: Zone) -> Sequence[Server]:
    """The servers that resolvers ask: not hidden ones, where there are others."""
    return [server for server in zone.servers if not server.hidden] or zone.servers
