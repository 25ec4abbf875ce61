"""Reads the body of a request to wait: what is waited for, where, and for how long."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from checks.common.wait_progress import WaitProgress, choose
from checks.model import Zone
from monitor.config.addresses import address
from monitor.config.awaited import awaited, serial_number
from monitor.config.durations import duration
from monitor.config.errors import InvalidValue, known, near, quoted

DEFAULT_TIMEOUT, LEAST_TIMEOUT, MOST_TIMEOUT = 300.0, 0.1, 3600.0
MAX_LOOKS = 100
MAX_NAMES = 1000
"""Servers, or addresses, that may be named."""


def read_wait(zone: Zone, body: bytes) -> tuple[WaitProgress, float]:
    """The wait before its first look, and how many seconds it may last. Raises InvalidValue."""
    try:
        given = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise InvalidValue("the body is not JSON") from None
    if not isinstance(given, dict):
        raise InvalidValue("the body is not an object", 'write for example {"serial": 2026112701}')
    if strange := next((key for key in given if key not in KEYS), None):
        raise InvalidValue(f"there is no key {quoted(strange)}", near(strange, KEYS) or known(KEYS))
    read = {key: KEYS[key](key, value) for key, value in given.items() if value is not None}
    wanted = awaited(
        zone.name,
        read.get("serial"),
        read.get("records", ()),
        read.get("absent", ()),
        exact=read.get("exact", False),
    )
    try:
        servers = [name.lower().removesuffix(".") for name in read.get("servers", ())]
        chosen = choose(zone, servers, map(address, read.get("addresses", ())))
    except LookupError as error:
        raise InvalidValue(str(error.args[0])) from None
    if not chosen:
        raise InvalidValue("no address is left to wait for")
    progress = WaitProgress.begin(zone, wanted, chosen, read.get("looks", 1))
    if progress.counted_apart:
        raise InvalidValue(f"{progress.counted_apart}: name in servers those who count alike, or give records")
    if not progress.comparable:
        raise InvalidValue("one address alone always serves the same version as itself: give a serial or records")
    return progress, read.get("timeout", DEFAULT_TIMEOUT)


def _serial(key: str, value: object) -> int:
    if not isinstance(value, int):
        raise InvalidValue(f"{key} is a number")
    return serial_number(value)


def _texts(key: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise InvalidValue(f"{key} is a list of texts")
    if len(value) > MAX_NAMES:
        raise InvalidValue(f"{key} has more than {MAX_NAMES}")
    return tuple(value)


def _flag(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidValue(f"{key} is true or false")
    return value


def _looks(key: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_LOOKS:
        raise InvalidValue(f"{key} is a number from 1 to {MAX_LOOKS}")
    return value


def _timeout(key: str, value: object) -> float:
    """Seconds as a number, or a duration as in the configuration."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    seconds = float(value) if number else duration(value).total_seconds()  # type: ignore[arg-type]
    if not LEAST_TIMEOUT <= seconds <= MOST_TIMEOUT:
        raise InvalidValue(f"{key} is not between 0.1 s and one hour")
    return seconds


KEYS: Mapping[str, Callable[[str, object], Any]] = {
    "serial": _serial,
    "records": _texts,
    "absent": _texts,
    "exact": _flag,
    "servers": _texts,
    "addresses": _texts,
    "looks": _looks,
    "timeout": _timeout,
}
"""What a body may hold, and who reads it."""
