"""A zone index of zones whose statuses are there already."""

from collections.abc import Iterable

from checks.model import Address, Server, Zone
from checks.model.zone_table import ZoneTable
from monitor.state.columns import ZoneColumns
from monitor.state.status import ZoneStatus
from monitor.state.zone_index import ZoneIndex
from tests.support.web_status import NOW


def zone_index_of(statuses: Iterable[ZoneStatus]) -> ZoneIndex:
    seen = {zone_status.name: zone_status for zone_status in statuses}
    zones = ZoneTable.of(zone_of(zone_status) for zone_status in seen.values())
    zone_index = ZoneIndex(ZoneColumns(zones), seen.__getitem__)
    for zone_status in seen.values():
        note(zone_index, zone_status)
    checked_at = [a.checked_at for zone_status in seen.values() for a in zone_status.addresses if a.checked_at]
    if checked_at:
        zone_index.heard(max(checked_at))
    return zone_index


def note(zone_index: ZoneIndex, zone_status: ZoneStatus) -> None:
    states = [address.state for address in zone_status.addresses]
    zone_index.note(zone_status.name, zone_status.health, states, zone_status.findings, zone_status.since or NOW)


def zone_of(zone_status: ZoneStatus) -> Zone:
    """The zone a status is of, as far as it tells."""
    places: dict[tuple[str, bool], list[Address]] = {}
    for one in zone_status.addresses:
        places.setdefault((one.server, one.hidden), []).append(one.address)
    servers = tuple(Server(name, tuple(addresses), hidden=hidden) for (name, hidden), addresses in places.items())
    return Zone(zone_status.name, servers, zone_status.primary)
