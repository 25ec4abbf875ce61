"""Reads the body of a request to wait: what is waited for, where, and for how long."""

from collections.abc import Mapping

from checks.common.wait_progress import WaitProgress, choose
from checks.model import Zone
from monitor.config.addresses import address
from monitor.config.awaited import awaited, serial_number
from monitor.config.errors import InvalidValue
from monitor.web.json_body import ValueReader, count, flag, read_object, seconds

DEFAULT_TIMEOUT, MOST_TIMEOUT = 300.0, 3600.0
MAX_LOOKS = 100
MAX_NAMES = 1000
"""Servers, or addresses, that may be named."""


def read_wait(zone: Zone, body: bytes) -> tuple[WaitProgress, float]:
    """The wait before its first look, and how many seconds it may last. Raises InvalidValue."""
    read = read_object(body, KEYS, '{"serial": 2026112701}')
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


def _looks(key: str, value: object) -> int:
    return count(key, value, MAX_LOOKS)


def _timeout(key: str, value: object) -> float:
    return seconds(key, value, MOST_TIMEOUT, "one hour")


KEYS: Mapping[str, ValueReader] = {
    "serial": _serial,
    "records": _texts,
    "absent": _texts,
    "exact": flag,
    "servers": _texts,
    "addresses": _texts,
    "looks": _looks,
    "timeout": _timeout,
}
"""What a body may hold, and who reads it."""
