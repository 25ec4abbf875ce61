"""Names written as seen from a zone, so that zones that are watched alike share what is written; and those above."""

from collections.abc import Iterator

ZONE_PLACEHOLDER = "\0"
"""Stands for the zone's name in records that are not bound to any zone; nothing printable, so it is in no rdata."""


def replaced(rdata: tuple[str, ...] | None, what: str, by: str) -> tuple[str, ...] | None:
    """The root is in every name, and so nothing to be found again."""
    return rdata if not rdata or "." in (what, by) else tuple(text.replace(what, by) for text in rdata)


def relative(name: str, zone: str) -> str:
    """An absolute name as seen from a zone, without final dot, "" for the zone itself; as it is if it is elsewhere."""
    if name == zone:
        return ""
    end = "." if zone == "." else f".{zone}"
    inside = name.endswith(end) and "\\" not in name
    return name.removesuffix(end) if inside else name


def absolute(name: str, zone: str) -> str:
    """The inverse of ``relative``."""
    if name.endswith("."):
        return name
    if not name:
        return zone
    return f"{name}." if zone == "." else f"{name}.{zone}"


def ancestors(name: str) -> Iterator[str]:
    """The names above an absolute one, the nearest first, the root last; there is none above the root."""
    while name != ".":
        dot = 0
        while name[dot] != ".":
            dot += 2 if name[dot] == "\\" else 1  # "\." is no end of a label (RFC 1035 section 5.1)
        name = name[dot + 1 :] or "."
        yield name


def is_within(name: str, zone: str) -> bool:
    """Whether it is the zone's name, or below."""
    return name == zone or zone in ancestors(name)
