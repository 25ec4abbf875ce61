"""Who may send NOTIFY for which zone: the servers that the zone is watched at, from wherever they send."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from checks.model import Server, Zone
from checks.model.zone_table import ZoneTable
from monitor.config.model import ServerEntry
from monitor.probe.notify.responder import NotifySender

Network = IPv4Network | IPv6Network


class NotifySenders:
    """Senders by the plan and by what the configuration says of servers. Ports do not count: NOTIFY comes from any.

    Any server of the zone may send, secondaries too: others may be fed from them. All that it brings about is one more
    look at the zone, and what that look sees is all that is believed.
    """

    def __init__(self, zones: ZoneTable[Zone], entries: Mapping[str, ServerEntry]) -> None:
        self._zones = zones
        used = {zones.templates[template_id] for template_id in set(zones.template_ids)}
        servers = {server.name for zone in used for server in zone.servers}
        self._entries = {name: entry for name, entry in entries.items() if name in servers}
        self._networks: dict[str, tuple[Network, ...]] = {
            name: tuple(ip_network(text) for text in entry.notify_from)
            for name, entry in self._entries.items()
            if entry.notify_from
        }
        self._hosts = frozenset(address.host for zone in used for _, address in zone.server_addresses())

    def is_known(self, host: str) -> bool:
        host = canonical(host)
        return host in self._hosts or any(self._is_inside(host, name) for name in self._networks)

    def has_zone(self, zone: str) -> bool:
        return zone in self._zones

    def sender(self, zone: str, host: str) -> NotifySender | None:
        """The primary, where several servers of the zone have this address; each of their keys will do."""
        if zone not in self._zones:
            return None
        servers = list(self._at(self._zones.template(zone), canonical(host)))
        if not servers:
            return None
        entries = [self._entries[server.name] for server in servers if server.name in self._entries]
        return NotifySender(
            servers[0].name, tuple(entry.notify_key for entry in entries if entry.notify_key is not None)
        )

    def _at(self, zone: Zone, host: str) -> Iterator[Server]:
        ordered = sorted(zone.servers, key=lambda server: server.name != zone.primary)
        for server in ordered:
            if any(address.host == host for address in server.addresses) or self._is_inside(host, server.name):
                yield server

    def _is_inside(self, host: str, server: str) -> bool:
        networks = self._networks.get(server)
        return networks is not None and any(ip_address(host) in network for network in networks)


@lru_cache(maxsize=4096)
def canonical(host: str) -> str:
    """The text of an address as the configuration has it, from that of the system."""
    return str(ip_address(host.partition("%")[0]))
