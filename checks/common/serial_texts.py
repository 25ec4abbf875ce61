"""What is said of an address by its serial."""

from checks.common.serial import unordered
from checks.common.text import server_at
from checks.model import Finding, Zone
from checks.zone_state.model import AddressState, SerialGroup


def address_finding(code: str, address_state: AddressState, text: str) -> Finding:
    """A finding about an address; the text goes on from its name."""
    return Finding(
        code,
        f"{server_at(address_state.server, address_state.address)} {text}",
        address_state.server,
        address_state.address,
    )


def unordered_text(zone: Zone, serial_group: SerialGroup, serial: int, reference: int) -> str:
    """Of who serves a serial that is neither newer nor older than the reference."""
    why = "these are 2^31 apart" if unordered(serial, reference) else "the zone's serials run in a circle"
    cure = ". Transfer the zone afresh there" if zone.leader(serial_group.group) is not None else ""
    return f"serves {serial} where the reference is {reference}, and neither is newer: {why}{cure}"
