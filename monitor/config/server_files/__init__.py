"""Reads which zones a nameserver has from its own configuration, as it is.

``named.conf`` (BIND; also what ``named-checkconf -p`` prints and the ``.nzf`` files of ``rndc addzone``), ``knot.conf``
(Knot DNS; also what ``knotc conf-export`` prints), ``nsd.conf`` and ``zone.list`` (NSD). Each of these readers finds
zones and nothing else: what they do not need is passed over, whatever it is, and no word of it is ever told, since
configurations hold secrets.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from monitor.config.server_files.knot_conf import knot_zones
from monitor.config.server_files.named_conf import named_zones
from monitor.config.server_files.nsd_conf import nsd_zones
from monitor.config.server_files.nsd_zone_list import listed_zones
from monitor.config.server_files.sources import FileMistake, Sources, WrittenZone

__all__ = ["SERVER_FILES", "FileMistake", "WrittenZone", "begins_like_named_conf", "recognise_by_name", "zones_of"]

SERVER_FILES: Mapping[str, Callable[[Path, Sources], Iterator[WrittenZone]]] = MappingProxyType(
    {"named.conf": named_zones, "knot.conf": knot_zones, "nsd.conf": nsd_zones, "zone.list": listed_zones}
)


def zones_of(path: Path, form: str) -> Iterator[WrittenZone]:
    """The zones that a server has data of its own for, in the order of its files; one in several views comes several
    times. ``form`` is one of ``SERVER_FILES``.

    Raises FileMistake at the first thing that cannot be meant, and OSError where ``path`` itself cannot be read.
    """
    return SERVER_FILES[form](path, Sources())


_NAMED_BEGINS = re.compile(
    r"//.*|/\*.*|(zone|view|options|include|acl|key|logging|controls|primaries|masters|server|tls|template"
    r"|statistics-channels|trust-anchors|dnssec-policy)\b.*[{\"].*",
    re.IGNORECASE,
)


def recognise_by_name(path: Path) -> str | None:
    """The format that the name of a file stands for: its own (``named.conf.local`` is one, too), or ``.nzf``."""
    name = path.name.lower()
    if name.endswith(".nzf") or name.startswith("named.conf."):
        return "named.conf"
    return name if name in SERVER_FILES else None


def begins_like_named_conf(lines: Iterable[str]) -> bool:
    """Whether the first line that is not empty and begins with no # can only be of ``named.conf``."""
    first = next((line for line in map(str.strip, lines) if line and not line.startswith("#")), "")
    return _NAMED_BEGINS.fullmatch(first) is not None
