"""Who may send NOTIFY for which zone: the servers that the zone is watched at, from wherever they send."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from checks.model import Server, Zone
from checks.model.zone_table import ZoneTable
from monitor.config.model import ServerEntry
from monitor.probe.notify.responder import NotifySender

Network = IPv4Network | IPv6Network
IpAddress = IPv4Address | IPv6Address


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
        self._every_network = tuple({network for networks in self._networks.values() for network in networks})
        self._hosts = frozenset(address.host for zone in used for _, address in zone.server_addresses())

    def is_known(self, host: str) -> bool:
        address = parsed(host)
        return str(address) in self._hosts or any(address in network for network in self._every_network)

    def has_zone(self, zone: str) -> bool:
        return zone in self._zones

    def sender(self, zone: str, host: str) -> NotifySender | None:
        """The primary, where several servers of the zone have this address; each of their keys will do."""
        if zone not in self._zones:
            return None
        servers = list(self._at(self._zones.template(zone), parsed(host)))
        if not servers:
            return None
        entries = [self._entries[server.name] for server in servers if server.name in self._entries]
        return NotifySender(
            servers[0].name, tuple(entry.notify_key for entry in entries if entry.notify_key is not None)
        )

    def _at(self, zone: Zone, sender: IpAddress) -> Iterator[Server]:
        host = str(sender)
        for server in sorted(zone.servers, key=lambda server: server.name != zone.primary):
            networks = self._networks.get(server.name, ())
            if any(one.host == host for one in server.addresses) or any(sender in network for network in networks):
                yield server


@lru_cache(maxsize=4096)
def parsed(host: str) -> IpAddress:
    """An address as the system writes it; its text is as in the configuration."""
    return ip_address(host.partition("%")[0])
