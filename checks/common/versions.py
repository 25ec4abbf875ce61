"""The versions of a serial group that still matter, in the order in which they came."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from checks.common.serial import behind
from checks.zone_state.model import Version

MAX_VERSIONS = 64
"""A zone state is one row, written whole: a dead secondary of a zone that changes every minute must not make it long.
"""
_OLDEST = 8


def version_line(
    reference: int,
    known: Iterable[Version],
    arrivals: Mapping[int, datetime],
    absent: datetime | None,
    served: Iterable[int],
) -> tuple[Version, ...]:
    """The versions up to the reference, oldest first, without those nobody is behind or on any more.

    ``arrivals`` are the serials of this look with their first sight, ``absent`` is the look before. The order is
    that of distance to the reference. No version is first seen later than one that is newer: if a server
    shows an in-between version late, it existed by the time its successor was seen. Versions newer than the
    reference (withdrawn ones) fall out. Above MOST the middle falls out: the oldest tell how late the latest
    server is, the newest how late the others are.
    """
    table = {version.serial: version for version in known}
    for serial, at in arrivals.items():
        table.setdefault(serial, Version(serial, absent, at))
    far = max((steps for serial in served if (steps := behind(reference, serial)) is not None), default=0)
    ranked = sorted(
        (steps, version)
        for version in table.values()
        if (steps := behind(reference, version.serial)) is not None and steps <= far
    )
    versions: list[Version] = []
    for _, version in ranked:
        after = versions[-1] if versions else version
        versions.append(
            replace(version, seen=after.seen, absent=after.absent) if version.seen > after.seen else version
        )
    versions.reverse()
    if len(versions) > MAX_VERSIONS:
        versions = versions[:_OLDEST] + versions[_OLDEST - MAX_VERSIONS :]
    return tuple(versions)


def newer_than(serial: int, reference: int, versions: tuple[Version, ...]) -> tuple[Version, ...]:
    """The versions that came after ``serial``, oldest first; none when it is not behind the reference."""
    steps = behind(reference, serial)
    if not steps:
        return ()
    return tuple(version for version in versions if (reference - version.serial) % 2**32 < steps)
