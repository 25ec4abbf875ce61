"""Whether what a source of zones says now may be believed: one that was cut short must let go of nothing."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass

from alerting.finding_types import CATALOG_BROKEN, ZONE_SOURCE_FAILING, ZONE_SOURCE_SHRUNK
from checks.model.zone_table import ZoneTable
from monitor.config.model import ZoneEntry


@dataclass(frozen=True, slots=True)
class SourceTrouble:
    """What is wrong with a source of zones, for whoever runs the monitor. ``source`` is what it is called: "catalog
    catalog.example", "list /etc/soawatch/zones.txt". Both are printable.
    """

    source: str
    code: str
    text: str

    @classmethod
    def failing(cls, source: str, why: str) -> "SourceTrouble":
        """It gives no list at all, so the zones that it gave before stay."""
        return cls(source, ZONE_SOURCE_FAILING.code, why)

    @classmethod
    def broken(cls, source: str, why: str) -> "SourceTrouble":
        """It is a catalog that must not be processed (RFC 9432 section 5.1), so its members stay."""
        return cls(source, CATALOG_BROKEN.code, why)

    @classmethod
    def shrunk(cls, source: str, why: str) -> "SourceTrouble":
        """It gives a list from which too many zones are gone, so these stay."""
        return cls(source, ZONE_SOURCE_SHRUNK.code, why)


def too_many_gone(named: int, gone: int, max_shrink: float) -> str:
    """Why a source is not believed that named so many zones, of which so many are gone; "" where it is.

    A share ``max_shrink`` of them may be gone at once, rounded down, and one zone in any case, but all of them only
    where that share is 1. With a share of 0 none may. What is new does not make up for what is gone.
    """
    allowed = int(named * max_shrink) or (1 if max_shrink else 0)
    if not gone or max_shrink >= 1 or (gone <= allowed and gone < named):
        return ""
    if gone == named:
        said = f"all {named} zones that it named are gone" if named > 1 else "the only zone that it named is gone"
    else:
        said = f"{gone} of the {named} zones that it named {'is' if gone == 1 else 'are'} gone"
    most = f"at most {allowed}" if gone > allowed else "never all"
    return f"{said}, and {most} may be at once (max_shrink = {max_shrink:g}); they are watched as before"


def with_zones(zones: ZoneTable[ZoneEntry], more: Iterable[tuple[str, ZoneEntry]]) -> ZoneTable[ZoneEntry]:
    """The table and more zones that are not in it, each with the entry, without a name, that it has."""
    numbers: dict[ZoneEntry, int] = {}
    template_ids = [numbers.setdefault(entry, len(numbers)) for entry in zones.templates]
    kinds = {name: numbers.setdefault(entry, len(numbers)) for name, entry in more}
    if not kinds:
        return zones
    kinds.update(zip(zones.names, map(template_ids.__getitem__, zones.template_ids), strict=True))
    names = sorted(kinds)
    return ZoneTable(names, array("I", map(kinds.__getitem__, names)), tuple(numbers))
