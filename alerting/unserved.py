"""Zones for which no server is left that answers."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from alerting.cause import OUT_OF_SERVICE, Topology
from alerting.model import Alert, Phase
from checks.model import Address, Zone


def unserved_zones(alerts: Iterable[Alert], topology: Topology) -> Mapping[str, Alert]:
    """Zone → the latest of the alerts by which it has no server left, where every address of every server has one.

    Hidden servers are not counted where there are others: no resolver asks them. What recovers counts as good.
    """
    out: dict[str, dict[tuple[str, Address | None], Alert]] = defaultdict(dict)
    for alert in alerts:
        key = alert.key
        if alert.phase is Phase.FIRING and key.code in OUT_OF_SERVICE and key.server is not None:
            known = out[key.zone].get((key.server, key.address))
            if known is None or _since(known) < _since(alert):
                out[key.zone][key.server, key.address] = alert
    found = {}
    for name, places in out.items():
        zone = topology.alike(name)
        if zone is not None and _all_out(zone, places.keys()):
            found[name] = max(places.values(), key=_since)
    return found


def _since(alert: Alert) -> tuple[object, str]:
    return alert.bad_since or alert.since, str(alert.key)


def _all_out(zone: Zone, out: Collection[tuple[str, Address | None]]) -> bool:
    servers = [server for server in zone.servers if not server.hidden] or list(zone.servers)
    asked = [(server.name, address) for server in servers for address in server.addresses]
    return bool(asked) and all((name, address) in out or (name, None) in out for name, address in asked)
