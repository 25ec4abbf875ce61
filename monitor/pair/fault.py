"""A fault that can be switched on and off."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    ``does`` says what the server then does. ``server`` is where it applies unless told otherwise. ``codes`` are
    the findings that must come of it, in the configuration the pair writes for itself, sooner or later: none means
    that the monitor has to ride it out. ``change`` says that the zone must change for it to show. ``story`` is how
    it is told. ``sets`` are the fields of a Conduct. ``spreads_to`` is the server that gets the same fault once the
    first one has been told of.
    """

    name: str
    does: str
    server: str
    codes: tuple[str, ...]
    story: str
    sets: Mapping[str, Any]
    change: bool = False
    changes: float = 0.0
    spreads_to: str = ""


def row(
    name: str,
    server: str,
    codes: str,
    does: str,
    story: str,
    *,
    change: bool = False,
    changes: float = 0.0,
    spreads_to: str = "",
    **sets: Any,
) -> Fault:
    """A row of a table: codes as words, fields of the conduct as arguments."""
    return Fault(name, does, server, tuple(codes.split()), story, MappingProxyType(sets), change, changes, spreads_to)
