"""Reads the bodies of requests that have nameservers asked: JSON objects with the keys that are known."""

import json
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from monitor.config.durations import duration
from monitor.config.errors import InvalidValue, known, near, quoted
from monitor.config.patterns import NOT_TEXT

ValueReader = Callable[[str, object], Any]
"""The key and what is given for it → the value. Raises InvalidValue."""

LEAST_TIMEOUT = 0.1


def read_object(body: bytes, keys: Mapping[str, ValueReader], example: str) -> dict[str, Any]:
    """What is given, read by ``keys``; null is as if the key were left out. Raises InvalidValue."""
    try:
        given = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise InvalidValue("the body is not JSON") from None
    if not isinstance(given, dict):
        raise InvalidValue("the body is not an object", f"write for example {example}")
    if strange := next((key for key in given if key not in keys), None):
        raise InvalidValue(f"there is no key {quoted(strange)}", near(strange, keys) or known(keys))
    return {key: keys[key](key, value) for key, value in given.items() if value is not None}


def flag(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidValue(f"{key} is true or false")
    return value


def words(key: str, value: object, most: int) -> str:
    """A line for people, without what could move a terminal's cursor."""
    if not isinstance(value, str):
        raise InvalidValue(f"{key} is text")
    text = value.strip()
    if len(text) > most:
        raise InvalidValue(f"{key} is longer than {most} characters")
    if any(unicodedata.category(char) in NOT_TEXT for char in text):
        raise InvalidValue(f"{key} is one line, without control characters")
    return text


def count(key: str, value: object, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise InvalidValue(f"{key} is a number from 1 to {most}")
    return value


def seconds(key: str, value: object, most: float, most_text: str) -> float:
    """Seconds as a number, or a duration as in the configuration."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    found = float(value) if number else duration(value).total_seconds()  # type: ignore[arg-type]
    if not LEAST_TIMEOUT <= found <= most:
        raise InvalidValue(f"{key} is not between 0.1 s and {most_text}")
    return found
