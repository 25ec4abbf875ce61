"""What ends it that a server is ahead of its primary, in words, as far as that is known."""

from checks.common.serial import above, behind, path
from checks.common.serial_styles import mixed
from checks.common.text import enumerated, server_at
from checks.model import Zone
from checks.zone_state.address import ANSWERED
from checks.zone_state.model import AddressState, SerialGroup, ZoneState


def cure_for_ahead(zone: Zone, zone_state: ZoneState, serial_group: SerialGroup, address_state: AddressState) -> str:
    """A serial to publish is named only where every server would take it.

    Where the primary was never seen with that serial the two may count apart, and nothing leads from one way of
    counting to another. Where nobody else follows the primary either, nothing speaks against it.
    """
    afresh = "ransfer the zone afresh there"
    if had(serial_group, address_state.serial):
        return f"T{afresh}{_forward(zone_state, serial_group)}"
    forward = _forward(zone_state, serial_group) if _followed(zone, zone_state, serial_group, address_state) else ""
    apart = (
        f'If it signs the zone, its serials are its own: set signer = "{address_state.server}" in the zone; if it gets '
        "the zone from elsewhere, another group for it and for who follows it"
    )
    reference = serial_group.reference
    if styles := mixed(address_state.serial, reference, zone_state.at):
        return f"Two ways of counting are mixed{styles}. T{afresh}{_forward(zone_state, serial_group)}"
    return f"{apart}. Otherwise t{afresh}{forward}"


def had(serial_group: SerialGroup, serial: int | None) -> bool:
    """Whether the primary itself was seen with that version, or with a newer one, before it went back."""
    return (
        serial_group.regressed is not None
        and serial is not None
        and behind(serial_group.regressed.serial, serial) is not None
    )


def _followed(zone: Zone, zone_state: ZoneState, serial_group: SerialGroup, address_state: AddressState) -> bool:
    """Whether another secondary of the group serves what the primary serves."""
    return any(
        other.serial == serial_group.reference and other.server not in (zone.primary, address_state.server)
        for other in zone_state.address_states
        if other.group == serial_group.group
    )


def _forward(zone_state: ZoneState, serial_group: SerialGroup) -> str:
    """The serials to publish instead, each of which every server takes as things stand; "" where that is not known."""
    group = [address_state for address_state in zone_state.address_states if address_state.group == serial_group.group]
    sure = serial_group.doubt is None and all(one.outcome == ANSWERED and one.doubt is None for one in group)
    known = [serial for serial in (*(one.serial for one in group), serial_group.reference) if serial is not None]
    step = above(known) if sure else None
    if step is None or serial_group.reference is None:
        return ""
    back = enumerated(path(step, serial_group.reference))
    return (
        f"; or publish a serial newer than all that are served, such as {step}. To count on from "
        f"{serial_group.reference} after that, set the serial to {back}, each once all servers have the one before"
    )


def regressed(zone: Zone, serial_group: SerialGroup, zone_state: ZoneState) -> str:
    """That the primary went back, from what, and who is ahead of it."""
    now, was = serial_group.reference, serial_group.regressed.serial if serial_group.regressed is not None else None
    ahead = [
        server_at(s.server, s.address)
        for s in zone_state.address_states
        if s.group == serial_group.group and s.serial is not None and now is not None and behind(now, s.serial) is None
    ]
    why = mixed(was, now, zone_state.at)
    return f"{zone.primary} is the primary and went back from {was} to {now}{why}; ahead of it: {enumerated(ahead)}"
