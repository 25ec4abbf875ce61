"""What UDP brings of a zone at each of its addresses, as soa-serial has found it: the other checks go by that."""

from checks.common.epoch import micros
from checks.model import Address, Observation, Transport, ZonePoll
from checks.model.finding_type import OverUdp
from monitor.state.columns import STEADY_UP, ZoneColumns
from monitor.state.octets import octet_of


def over_udp(columns: ZoneColumns, number: int) -> tuple[OverUdp, ...]:
    """By address, in the order of the layout: at the latest evaluated poll of soa-serial, and at all since, which
    found the zone as it was (``columns.checked_at``).
    """
    places = len(columns.layouts[columns.zone_table.template_ids[number]])
    if columns.mode[number] == STEADY_UP:
        return (OverUdp.ANSWERED,) * places
    known = columns.udp_patterns[columns.udp_id[number]]
    return known if len(known) == places else (OverUdp.UNKNOWN,) * places


def note_over_udp(columns: ZoneColumns, poll: ZonePoll) -> None:
    """A poll of soa-serial was evaluated, whether or not its zone is steady."""
    number = columns.zone_table.index(poll.zone)
    by_place: dict[tuple[str, Address], list[Observation]] = {}
    for seen in poll.seen:
        by_place.setdefault((seen.query.server, seen.query.address), []).append(seen)
    layout = columns.layouts[columns.zone_table.template_ids[number]]
    found = tuple([_brought(by_place.get((place.server, place.address), [])) for place in layout])
    columns.checked_at[number] = micros(poll.at)
    columns.udp_id[number] = octet_of(columns.udp_patterns, found)


def _brought(seen: list[Observation]) -> OverUdp:
    if any(one.serial is not None and one.query.transport is Transport.UDP and not one.without_edns for one in seen):
        return OverUdp.ANSWERED
    return OverUdp.SILENT if seen and all(one.outcome.transport_failed for one in seen) else OverUdp.UNKNOWN
