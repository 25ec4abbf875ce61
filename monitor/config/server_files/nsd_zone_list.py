"""Zones that ``nsd-control addzone`` added: NSD keeps them in the file ``zone.list``, and in no configuration."""

from collections.abc import Iterator
from pathlib import Path

from monitor.config.server_files.sources import FileMistake, Sources, WrittenZone


def listed_zones(path: Path, sources: Sources) -> Iterator[WrittenZone]:
    """The zones of the list; those that were deleted stand in it as ``del``. Raises FileMistake and OSError."""
    for number, line in enumerate(sources.first(path).text.split("\n"), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] not in ("add", "del") or len(words) != 3:
            raise FileMistake(path, number, "not a line of NSD's zone.list", "each is: add ZONE PATTERN")
        if words[0] == "add":
            yield WrittenZone(words[1], path, number)
