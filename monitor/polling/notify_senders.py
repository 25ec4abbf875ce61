"""Who may send NOTIFY for which zone: the servers that the zone is watched at, or that a catalog is read from."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from types import MappingProxyType

from checks.model import Server, Zone
from checks.model.zone_table import ZoneTable
from monitor.config.model import ServerEntry
from monitor.probe.notify.responder import NotifySender

Network = IPv4Network | IPv6Network
IpAddress = IPv4Address | IPv6Address


class NotifySenders:
    """Senders by the plan and by what the configuration says of servers. Ports do not count: NOTIFY comes from any.

    Any server of the zone may send, secondaries too: others may be fed from them. All that it brings about is one more
    look at the zone, and what that look sees is all that is believed. ``catalogs``: catalog → the servers that it is
    read from.
    """

    def __init__(
        self,
        zones: ZoneTable[Zone],
        entries: Mapping[str, ServerEntry],
        catalogs: Mapping[str, Sequence[Server]] = MappingProxyType({}),
    ) -> None:
        self._zones, self._catalogs = zones, catalogs
        used = {zones.templates[template_id] for template_id in set(zones.template_ids)}
        readable = [server for servers in catalogs.values() for server in servers]
        names = {server.name for zone in used for server in zone.servers} | {server.name for server in readable}
        self._entries = {name: entry for name, entry in entries.items() if name in names}
        self._networks: dict[str, tuple[Network, ...]] = {
            name: tuple(ip_network(text) for text in entry.notify_from)
            for name, entry in self._entries.items()
            if entry.notify_from
        }
        self._every_network = tuple({network for networks in self._networks.values() for network in networks})
        watched = {address.host for zone in used for _, address in zone.server_addresses()}
        self._hosts = watched | {address.host for server in readable for address in server.addresses}

    def is_known(self, host: str) -> bool:
        address = parsed(host)
        return str(address) in self._hosts or any(address in network for network in self._every_network)

    def has_zone(self, zone: str) -> bool:
        return zone in self._zones or zone in self._catalogs

    def sender(self, zone: str, host: str) -> NotifySender | None:
        """The primary, where several servers of the zone have this address; each of their keys will do."""
        servers = list(self._at(self._servers(zone), parsed(host)))
        if not servers:
            return None
        entries = [self._entries[server.name] for server in servers if server.name in self._entries]
        return NotifySender(
            servers[0].name, tuple(entry.notify_key for entry in entries if entry.notify_key is not None)
        )

    def _servers(self, zone: str) -> Iterator[Server]:
        """Those of a zone that is watched, its primary first, and those that it is read from as a catalog."""
        if zone in self._zones:
            watched = self._zones.template(zone)
            yield from sorted(watched.servers, key=lambda server: server.name != watched.primary)
        yield from self._catalogs.get(zone, ())

    def _at(self, servers: Iterable[Server], sender: IpAddress) -> Iterator[Server]:
        host = str(sender)
        for server in servers:
            networks = self._networks.get(server.name, ())
            if any(one.host == host for one in server.addresses) or any(sender in network for network in networks):
                yield server


@lru_cache(maxsize=4096)
def parsed(host: str) -> IpAddress:
    """An address as the system writes it; its text is as in the configuration."""
    return ip_address(host.partition("%")[0])
