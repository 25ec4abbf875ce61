"""A board of zones whose pictures are there already."""

from collections.abc import Iterable

from checks.model import Address, Server, Zone
from checks.model.zone_table import ZoneTable
from monitor.state.status import ZoneStatus
from monitor.state.zone_index import ZoneIndex
from tests.web.build import NOW


def board_of(pictures: Iterable[ZoneStatus]) -> ZoneIndex:
    seen = {picture.name: picture for picture in pictures}
    board = ZoneIndex(ZoneTable.of(zone_of(picture) for picture in seen.values()), seen.__getitem__)
    for picture in seen.values():
        note(board, picture)
    checked_at = [a.checked_at for picture in seen.values() for a in picture.addresses if a.checked_at]
    if checked_at:
        board.heard(max(checked_at))
    return board


def note(board: ZoneIndex, picture: ZoneStatus) -> None:
    states = [address.state for address in picture.addresses]
    board.note(picture.name, picture.health, states, picture.findings, picture.since or NOW)


def zone_of(picture: ZoneStatus) -> Zone:
    """The zone a picture is of, as far as it tells."""
    places: dict[tuple[str, bool], list[Address]] = {}
    for one in picture.addresses:
        places.setdefault((one.server, one.hidden), []).append(one.address)
    servers = tuple(Server(name, tuple(addresses), hidden=hidden) for (name, hidden), addresses in places.items())
    return Zone(picture.name, servers, picture.primary)
