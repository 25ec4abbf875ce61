"""Finds the zone that is meant by what stands in a path."""

from monitor.probe.message.names import BadName, parse
from monitor.state.status import Status, ZoneStatus


def find_zone(status: Status, text: str) -> ZoneStatus | None:
    """With or without the final dot, in either form of an internationalised name; ``@`` or nothing is the root."""
    if text in ("", "@"):
        return status.zones.get(".")
    try:
        return status.zones.get(parse(text))
    except BadName:
        return None
