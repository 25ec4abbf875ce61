"""Text for people: times, durations, lists, and the one escaping of what strangers wrote."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def format_duration(length: timedelta | float) -> str:
    """A duration in its two greatest units: "45 s", "22 min", "3 h 5 min", "2 d 4 h". Never negative.

    From ten minutes up seconds are left out; nobody acts on them.
    """
    seconds = round(length.total_seconds() if isinstance(length, timedelta) else length)
    seconds = max(0, seconds)
    if seconds >= 600:
        seconds -= seconds % 60
    for place, (size, unit) in enumerate(_UNITS):
        if seconds >= size:
            parts = [f"{seconds // size} {unit}"]
            if place + 1 < len(_UNITS):
                lesser, word = _UNITS[place + 1]
                if rest := seconds % size // lesser:
                    parts.append(f"{rest} {word}")
            return " ".join(parts)
    return "0 s"


def format_time(when: datetime) -> str:
    """A point in time to the minute: "2026-11-20 12:03 UTC"."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def instant(when: datetime) -> str:
    """A point in time to the second, as logs have it: "2026-11-20 12:03:07 UTC"."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def enumerated(words: Iterable[object], most: int = 5) -> str:
    """ "a", "a and b", "a, b and c", "a, b, c, d, e and 7 more"."""
    all_ = [str(word) for word in words]
    if len(all_) > most:
        return f"{', '.join(all_[:most])} and {len(all_) - most} more"
    if len(all_) < 2:
        return "".join(all_)
    return f"{', '.join(all_[:-1])} and {all_[-1]}"


def server_at(name: str, address: object) -> str:
    """ "ns1 (192.0.2.53)"; the address alone where the server has no other name."""
    return name if name == str(address) else f"{name} ({address})"


def holders(places: Iterable[tuple[str, object]], besides: str, most: int = 3) -> str:
    """ "ns1 has", "ns1 and ns3 have": who serves at these places, and of the server ``besides`` at which address."""
    names = dict.fromkeys(server_at(name, address) if name == besides else name for name, address in places)
    return f"{enumerated(names, most)} {'has' if len(names) == 1 else 'have'}"


def truncate(text: str, most: int = 100) -> str:
    """The text, or its beginning with the number of characters left out: a TXT record may have thousands."""
    return text if len(text) <= most else f"{text[:most]}... ({len(text) - most} more)"


def plural(number: int, noun: str) -> str:
    """ "1 version", "3 versions"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}{'es' if noun.endswith('s') else 's'}"


def one_line(text: str) -> str:
    """Printable characters only: a line stays a line, and a terminal has nothing to obey.

    Control characters, line ends, and what changes the direction of writing are written as escapes.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def escape_lines(text: str) -> str:
    """The same for each line of a text that may have several."""
    return "\n".join(map(one_line, text.expandtabs().split("\n")))
