"""The shape of what a zone differs in on two servers, for the API and for ``soawatch diff --json``."""

from itertools import islice
from typing import Any

from checks.common.zone_difference import ADDED, REMOVED, ComparedZone, ZoneComparison


def comparison_data(found: ZoneComparison, lines: int, characters: int | None = None) -> dict[str, Any]:
    """With ``lines`` records at most, and no more than so many ``characters`` of them, in the order of the zone; the
    counts are of all that are known.
    """
    told, left = [], characters
    for sign, line in islice(found.difference, lines):
        if left is not None and (left := left - len(line)) < 0:
            break
        told.append((sign, line))
    return {
        "zone": found.zone,
        "is_equal": found.equal,
        "is_complete": found.complete,
        "before": _zone(found.before),
        "after": _zone(found.after),
        "removed": [line for sign, line in told if sign == REMOVED],
        "added": [line for sign, line in told if sign == ADDED],
        "removed_count": len(found.difference.removed),
        "added_count": len(found.difference.added),
        "unread_parts": found.unread,
    }


def _zone(one: ComparedZone) -> dict[str, Any]:
    return {"server": one.server, "address": str(one.address), "serial": one.soa.serial, "records": one.records}
