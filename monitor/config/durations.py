"""Durations as people write them: "1h30m"."""

import re
from collections.abc import Callable
from datetime import timedelta

from monitor.config.errors import MAX_SHOWN_LENGTH, InvalidValue, quoted

_SPELLING = re.compile(r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?", re.ASCII)
_UNITS = (
    timedelta(days=365),
    timedelta(weeks=1),
    timedelta(days=1),
    timedelta(hours=1),
    timedelta(minutes=1),
    timedelta(seconds=1),
    timedelta(milliseconds=1),
)
_NAMES = ("y", "w", "d", "h", "m", "s", "ms")
_EXAMPLES = 'write for example "30s", "5m", "1h30m"'

MAX_DURATION = timedelta(days=3650)


def duration(value: object) -> timedelta:
    """A length of time above zero, as Prometheus spells it: ``30s 5m 1h30m 2d 500ms``. Raises InvalidValue."""
    length = duration_or_zero(value)
    if not length:
        raise InvalidValue("must be longer than zero")
    return length


def duration_or_zero(value: object) -> timedelta:
    """The same, "0s" allowed."""
    if not isinstance(value, str):
        hint = f'write for example "{value}s"' if isinstance(value, int) and not isinstance(value, bool) else _EXAMPLES
        raise InvalidValue("must be a duration in quotes, with a unit", hint)
    match = _SPELLING.fullmatch(value)
    if not match or not value:
        raise InvalidValue(f"not a duration: {quoted(value)}", _nearest(value))
    try:
        length = sum(
            (int(count) * unit for count, unit in zip(match.groups(), _UNITS, strict=True) if count), timedelta()
        )
    except (OverflowError, ValueError):
        length = MAX_DURATION * 2
    if length > MAX_DURATION:
        raise InvalidValue(f"longer than ten years: {quoted(value)}")
    return length


def duration_or_off(value: object) -> timedelta:
    """The same, "off" is zero, and "0s" is not allowed."""
    return timedelta() if value == "off" else duration(value)


def reader(
    ge: timedelta | float | None = None, *, off: bool = False, seconds: bool = False
) -> Callable[[object], timedelta | float]:
    """Reads a length of time that is longer than zero, or not shorter than ``ge``; as a number if of ``seconds``.

    ``off``: the word is a length of zero, which is then allowed.
    """
    least = ge if ge is None or isinstance(ge, timedelta) else timedelta(seconds=ge)

    spelled = duration_or_off if off else duration_or_zero if least == timedelta() else duration

    def read(value: object) -> timedelta | float:
        length = spelled(value)
        if least and length < least and not (off and not length):
            raise InvalidValue(f"must be at least {written(least)}, got {value}")
        return length.total_seconds() if seconds else length

    return read


def written(length: timedelta) -> str:
    """The duration as it would be written: 1h30m; "off" for zero."""
    if not length:
        return "off"
    text, rest = "", length
    for name, unit in zip(_NAMES[2:], _UNITS[2:], strict=True):
        count, rest = divmod(rest, unit)
        text += f"{count}{name}" if count else ""
    return text or "0s"


def rounded(length: timedelta) -> timedelta:
    """To a second, or a tenth of one where it is shorter than ten: what was measured or estimated is no more exact."""
    seconds = length.total_seconds()
    return timedelta(seconds=round(seconds) if seconds >= 10 else round(seconds, 1))


def _nearest(value: str) -> str:
    """What was meant by "30 seconds", "5 min", "-5m", "30"."""
    if len(value) > MAX_SHOWN_LENGTH:
        return _EXAMPLES
    if re.fullmatch(r"\s*[0-9]+\s*", value):
        return f'without a unit; did you mean "{value.strip()}s"?'
    match = re.fullmatch(r"\s*([0-9]+)\s*(second|sec|minute|min|hour|hr|day|week|year)s?\s*", value, re.IGNORECASE)
    if match:
        return f'did you mean "{match[1]}{match[2][0].lower()}"?'
    squeezed = value.replace(" ", "").lower()
    if squeezed and squeezed != value and _SPELLING.fullmatch(squeezed):
        return f'did you mean "{squeezed}"?'
    return _EXAMPLES
