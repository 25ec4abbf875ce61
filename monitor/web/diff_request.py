"""Reads a request to compare a zone on two servers: which, how much is told, and how long it may take."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from checks.common.text import enumerated
from checks.model import Address, Server, Zone
from monitor.config.addresses import address
from monitor.config.errors import InvalidValue, quoted
from monitor.web.json_body import ValueReader, count, flag, read_object, seconds

DEFAULT_LINES, MAX_LINES = 100, 1000
DEFAULT_TIMEOUT, MOST_TIMEOUT = 50.0, 600.0
"""Seconds; most proxies wait for an answer for a minute."""
MAX_TOLD = 10
"""Servers or addresses that an error lists."""

Places = tuple[tuple[Server, Address], ...]
"""Where one server may be asked for the zone, at least at one address."""


@dataclass(frozen=True, slots=True)
class DiffRequest:
    """``lines``: records told at most; ``timeout`` in seconds."""

    before: Places
    after: Places
    lines: int = DEFAULT_LINES
    dnssec: bool = True
    timeout: float = DEFAULT_TIMEOUT


def read_diff(zone: Zone, body: bytes) -> DiffRequest:
    """From a body. Raises InvalidValue."""
    read = read_object(body, KEYS, '{"before": "ns1", "after": "ns2"}')
    return diff_request(
        zone, read, lines=read.get("lines", DEFAULT_LINES), timeout=read.get("timeout", DEFAULT_TIMEOUT)
    )


def diff_request(zone: Zone, read: Mapping[str, Any], *, lines: int, timeout: float = DEFAULT_TIMEOUT) -> DiffRequest:
    """Of the servers ``before`` and ``after``. Raises InvalidValue."""
    if missing := next((key for key in ("before", "after") if not read.get(key)), None):
        raise InvalidValue(f"{missing} is missing", "before and after name two servers of the zone, or their addresses")
    before, after = (places(zone, read[key]) for key in ("before", "after"))
    one, other = ({at for _, at in found} for found in (before, after))
    if one <= other or other <= one:
        same = "the same" if read["before"] == read["after"] else "at the same address"
        raise InvalidValue(f"{quoted(read['before'])} and {quoted(read['after'])} are {same}: name two servers")
    return DiffRequest(before, after, lines, not read.get("ignore_dnssec", False), timeout)


def places(zone: Zone, text: str) -> Places:
    """A server of the zone, by its name; or an address of one, also as ``NAME=ADDRESS``. Raises InvalidValue."""
    name, equals, where = text.rpartition("=")
    name = name.lower().removesuffix(".")
    whole = text.lower().removesuffix(".")
    if any(server.name == whole for server in zone.servers):
        return _at(zone, text, name=whole)
    if not equals and not any(char in text for char in ":[]/") and not text.replace(".", "").isdigit():
        known = enumerated((server.name for server in zone.servers), most=MAX_TOLD) or "none"
        raise InvalidValue(f"{quoted(text)} is not a server of {zone.name}; they are {known}")
    return _at(zone, text, name=name, where=address(where))


def _at(zone: Zone, text: str, *, name: str, where: Address | None = None) -> Places:
    """``name``: none is any server. At an address of several servers it is the first that is meant."""
    found = tuple(
        (server, at)
        for server, at in zone.server_addresses()
        if name in ("", server.name) and where in (None, at)
    )  # fmt: skip
    if found:
        return found if where is None else found[:1]
    if where is None:
        raise InvalidValue(f"no address of {quoted(text)} is known")
    known = enumerated(dict.fromkeys(str(at) for _, at in zone.server_addresses()), most=MAX_TOLD) or "none"
    raise InvalidValue(f"{quoted(text)} is not an address of a server of {zone.name}; they are {known}")


def _server(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidValue(f"{key} is a text", "the name of a server of the zone, or an address of one")
    return value


def _lines(key: str, value: object) -> int:
    return count(key, value, MAX_LINES)


def _timeout(key: str, value: object) -> float:
    return seconds(key, value, MOST_TIMEOUT, "ten minutes")


KEYS: Mapping[str, ValueReader] = {
    "before": _server,
    "after": _server,
    "lines": _lines,
    "ignore_dnssec": flag,
    "timeout": _timeout,
}
"""What a body may hold, and who reads it."""
