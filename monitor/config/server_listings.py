"""How nameservers themselves list the zones that they have: which name stands in which line.

``named-checkconf -l`` (BIND), ``knotc zone-status`` (Knot) and ``nsd-control zonestatus`` (NSD). What
``pdnsutil list-all-zones`` (PowerDNS) prints are names, one in each line, and maybe their count.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from re import Pattern
from types import MappingProxyType

from monitor.config.server_files.named_conf import OTHER_TYPES, SERVED_TYPES

PROGRAMS = "named-checkconf -l, knotc zone-status, nsd-control zonestatus"


@dataclass(frozen=True, slots=True)
class Listing:
    """One software's: ``zone`` finds a name in its lines, ``aside`` are lines without one that belong to it."""

    program: str
    zone: Pattern[str]
    aside: Pattern[str]

    def name(self, line: str) -> str | None:
        """The zone in this line; "" when it has none, or one that is not served; None when it is no such line."""
        found = self.zone.fullmatch(line)
        if found is None:
            return "" if self.aside.fullmatch(line) else None
        said = found.groupdict()
        served = said.get("kind", "primary").lower() in SERVED_TYPES and said.get("rclass", "IN").upper() == "IN"
        return found["name"] if served else ""


LISTINGS: Mapping[str, Listing] = MappingProxyType(
    {
        "bind": Listing(
            "named-checkconf -l",
            re.compile(
                rf"(?P<name>\S+) (?P<rclass>IN|CH|HS) \S.* (?P<kind>{'|'.join(sorted(SERVED_TYPES | OTHER_TYPES))})",
                re.IGNORECASE,  # classes and types are printed as they are written
            ),
            re.compile(r"\s*(#.*)?|\S+ (?i:IN|CH|HS) \S.* in-view \S.*"),  # the view that it is in lists it
        ),
        "knot": Listing(
            "knotc zone-status", re.compile(r"\[(?P<name>\S+)\] [a-z][a-z -]*: .*"), re.compile(r"\s*(#.*)?")
        ),
        "nsd": Listing(
            "nsd-control zonestatus",
            re.compile(r"zone:\s+(?P<name>\S+)"),
            re.compile(r"\s*(#.*)?|\s+[a-z][a-z-]*: .*"),
        ),
    }
)

_COUNT = re.compile(r"[A-Za-z]+ zonecount: *[0-9]+")


def is_count(line: str) -> bool:
    """The last line of ``pdnsutil list-all-zones``, "All zonecount: 5"."""
    return _COUNT.fullmatch(line) is not None


def recognise_listing(lines: Iterable[str]) -> str | None:
    """Whose listing this is, by the first line that is not empty and no comment; None: nobody's that we know."""
    first = next((line for line in lines if line.strip() and not line.lstrip().startswith("#")), "")
    return next((form for form, listing in LISTINGS.items() if listing.zone.fullmatch(first)), None)
