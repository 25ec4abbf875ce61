"""Zones for which no server is left that answers."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from alerting.model import Alert, Phase
from alerting.root_cause import OUT_OF_SERVICE, DependencyGraph
from alerting.silences import NO_SILENCES, ActiveSilences
from checks.model import Address, Zone

BAD = frozenset({Phase.PENDING, Phase.FIRING})

ServerAddress = tuple[str, Address | None]
"""A server, and its address unless all of them are meant."""


@dataclass(frozen=True, slots=True)
class Unserved:
    """A zone that has no server left. ``latest`` is the alert by which that came about, ``certain`` whether all of
    them have come out of their grace. Where some of them are silenced it is the latest of the others, for a server that
    may be away is one less; ``silenced``: all are.
    """

    latest: Alert
    certain: bool
    silenced: bool = False


def unserved(
    name: str, alerts: Iterable[Alert], dependency_graph: DependencyGraph, silences: ActiveSilences = NO_SILENCES
) -> Unserved | None:
    """Whether every address of every server of the zone has one of its ``alerts`` that it is of no use.

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
    if zone is None or not _all_out(zone, out.keys()):
        return None
    heard = [alert for alert in out.values() if not silences.of(alert)]
    certain = all(alert.phase is Phase.FIRING for alert in out.values())
    return Unserved(max(heard or out.values(), key=_since), certain, silenced=not heard)


def _certainty(alert: Alert) -> tuple[bool, object, str]:
    return alert.phase is Phase.FIRING, *_since(alert)


def _since(alert: Alert) -> tuple[object, str]:
    return alert.bad_since or alert.since, str(alert.key)


def _all_out(zone: Zone, out: Collection[ServerAddress]) -> bool:
    servers = [server for server in zone.servers if not server.hidden] or list(zone.servers)
    asked = [(server.name, address) for server in servers for address in server.addresses]
    return bool(asked) and all((name, address) in out or (name, None) in out for name, address in asked)
