"""Times and numbers as they are written on a page."""

from datetime import datetime

from checks.common.text import format_duration

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def clock(at: datetime, now: datetime) -> str:
    """``10:02 UTC`` today, ``18 Nov 10:02 UTC`` this year, ``18 Nov 2025 10:02 UTC`` otherwise."""
    time = f"{at:%H:%M} UTC"
    if at.date() == now.date():
        return time
    day = f"{at.day} {_MONTHS[at.month - 1]}"
    return f"{day} {time}" if at.year == now.year else f"{day} {at.year} {time}"


def since(at: datetime, now: datetime) -> str:
    """``since 10:02 UTC (22 min)``"""
    return f"since {clock(at, now)} ({format_duration(now - at)})"


def until(at: datetime, now: datetime) -> str:
    """``in 3 d 2 h``, or ``5 min ago`` once it is over."""
    return f"{format_duration(now - at)} ago" if at <= now else f"in {format_duration(at - now)}"


def iso(at: datetime | None) -> str | None:
    """As the API writes a time: RFC 3339, UTC, whole seconds."""
    return None if at is None else at.strftime("%Y-%m-%dT%H:%M:%SZ")


def precise_iso(at: datetime) -> str:
    """The same to the millisecond, for what is measured."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"


def milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1000:.0f} ms" if seconds >= 0.01 else f"{seconds * 1000:.1f} ms"


def took(seconds: float | None) -> str:
    """``0.6 s`` below ten seconds, ``12 s``, ``3 min 20 s``; a dash where it is not known."""
    return "\N{EN DASH}" if seconds is None else f"{seconds:.1f} s" if seconds < 9.95 else format_duration(seconds)


def number(count: int) -> str:
    """Thousands apart by a thin space that does not break."""
    return f"{count:,}".replace(",", "\u202f")


def many(count: int, noun: str, plural: str = "") -> str:
    """``1 zone``, ``12 zones``, ``12 000 zones``."""
    return f"{number(count)} {noun if count == 1 else plural or noun + 's'}"
