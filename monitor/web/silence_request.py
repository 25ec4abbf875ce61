"""Reads what somebody wants to be silenced, of a JSON object or a form."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from alerting.silences import Matchers
from checks.model import LabelPatterns
from monitor.config.durations import duration
from monitor.config.errors import InvalidValue, known, near, quoted
from monitor.config.field_types import severity
from monitor.config.labels import label_pattern
from monitor.config.patterns import code, pattern, zone_pattern
from monitor.web.json_body import ValueReader, flag, read_object, words

MAX_COMMENT = 500
"""Characters."""

MAX_PATTERNS = 100
"""Of each kind."""

EXAMPLE = '{"matchers": {"servers": ["ns2"]}, "duration": "2h", "comment": "new disk"}'

_READERS: Mapping[str, Callable[[Any], Any]] = {
    "zones": zone_pattern, "servers": pattern, "codes": code, "severity": severity, "labels": label_pattern,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class WantedSilence:
    """``starts_at``: None: now; ``ends_at``: None: never."""

    matchers: Matchers
    starts_at: datetime | None
    ends_at: datetime | None
    comment: str


def read_silence(body: bytes, now: datetime) -> WantedSilence:
    """Of the JSON object in the body of a request. Raises InvalidValue."""
    keys: Mapping[str, ValueReader] = {
        "matchers": _matchers, "starts_at": _time, "ends_at": _time, "duration": lambda _, value: duration(value),
        "endless": flag, "comment": partial(words, most=MAX_COMMENT),
    }  # fmt: skip
    return _wanted(read_object(body, keys, EXAMPLE), now)


def read_silence_form(form: Mapping[str, str], now: datetime) -> WantedSilence:
    """Of the fields of the form. Raises InvalidValue."""
    given: dict[str, Any] = {
        "matchers": _matchers(
            "matchers", {kind: form[kind].replace(",", " ").split() for kind in _READERS if form.get(kind, "").strip()}
        ),
        "comment": words("comment", form.get("comment", ""), MAX_COMMENT),
        "endless": form.get("endless") == "on",
    }
    if start := form.get("starts_at", "").strip():
        given["starts_at"] = _time("start", f"{start.removesuffix('UTC').strip()}Z")
    if not given["endless"]:
        given["duration"] = duration(form.get("duration", "").strip())
    return _wanted(given, now)


def _wanted(given: Mapping[str, Any], now: datetime) -> WantedSilence:
    matchers = given.get("matchers") or Matchers()
    if not matchers:
        raise InvalidValue("matches everything", "name zones, labels, servers, codes or severity")
    if not given.get("comment"):
        raise InvalidValue("a comment is missing", "why nobody is to be told")
    ends = [key for key in ("ends_at", "duration", "endless") if given.get(key)]
    if len(ends) != 1:
        said = "says nothing of its end" if not ends else f"has {' and '.join(ends)}"
        raise InvalidValue(f"a silence that {said}", "one of ends_at, duration and endless is needed")
    start = given.get("starts_at")
    ends_at = given.get("ends_at")
    if "duration" in ends:
        try:
            ends_at = (start or now) + given["duration"]
        except OverflowError:
            raise InvalidValue("ends too far away") from None
    if ends_at is not None and ends_at <= max(start or now, now):
        raise InvalidValue("is over before it begins")
    return WantedSilence(matchers, start, ends_at, given["comment"])


def _matchers(key: str, value: object) -> Matchers:
    if not isinstance(value, dict):
        raise InvalidValue(f"{key} is an object", f"write for example {EXAMPLE}")
    if strange := next((kind for kind in value if kind not in _READERS), None):
        raise InvalidValue(f"there is no key {quoted(strange)} in {key}", near(strange, _READERS) or known(_READERS))
    read: dict[str, Any] = {kind: tuple(_each(kind, value[kind])) for kind in value if value[kind] is not None}
    return Matchers(**read | {"labels": _by_name(read.get("labels", ()))})


def _by_name(labels: Iterable[tuple[str, str]]) -> LabelPatterns:
    found: dict[str, list[str]] = {}
    for name, value in labels:
        found.setdefault(name, []).append(value)
    return tuple((name, tuple(values)) for name, values in sorted(found.items()))


def _each(kind: str, value: object) -> Iterable[Any]:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise InvalidValue(f"{kind} is a list of texts")
    if len(listed) > MAX_PATTERNS:
        raise InvalidValue(f"more than {MAX_PATTERNS} {kind}")
    return [_READERS[kind](one) for one in listed]


def _time(key: str, value: object) -> datetime:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise InvalidValue(f"{key} is a time like 2026-11-20T10:02:00Z")
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise InvalidValue(f"{key} is too far away") from None
