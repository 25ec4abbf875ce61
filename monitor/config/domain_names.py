"""Reads domain names."""

from monitor.config.errors import InvalidValue, quoted
from monitor.probe.message import names


def domain_name(text: str) -> str:
    """The name as it is kept: absolute, in lower case, in A-labels. Raises InvalidValue."""
    try:
        return names.parse_name(text)
    except names.BadName as error:
        raise _not_a_name(text, error) from None


def host_name(text: str) -> str:
    """The same, of a host. Raises InvalidValue."""
    try:
        return names.host(text)
    except names.BadName as error:
        raise _not_a_name(text, error) from None


def _not_a_name(text: str, error: names.BadName) -> InvalidValue:
    return InvalidValue(f"{quoted(text)}: {error.reason}", error.hint)
