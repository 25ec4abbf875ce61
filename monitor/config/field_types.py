"""The types of values that the file may hold."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from alerting import urls
from checks.model import Address, Expectation
from checks.model.finding_type import Severity
from monitor.config import addresses, durations
from monitor.config.errors import InvalidValue, near, quoted
from monitor.config.validators import BeforeValidator

T = TypeVar("T")


def _listed(value: object) -> object:
    return [value] if isinstance(value, str | dict) else value


def expected(value: object) -> object:
    """The short form "refused" of a transfer rule as the table it stands for. Raises InvalidValue."""
    if not isinstance(value, str):
        return value
    if value in tuple(Expectation):
        return {"expect": value}
    raise InvalidValue(f'{quoted(value)} is neither a table nor "allowed" nor "refused"')


def profiled(value: object) -> object:
    """A profile of timers alone, as a table."""
    return {"profile": value} if isinstance(value, str) else value


def named(value: object) -> object:
    """A zone with nothing but a name, as a table."""
    return {"name": value} if isinstance(value, str) else value


def label(value: object) -> str:
    """A name that needs no quotes anywhere. Raises InvalidValue."""
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", value):
        return value
    raise InvalidValue(f"{quoted(str(value))} is not a name", "letters, digits, dots, hyphens, underscores; at most 63")


def _page_url(value: object) -> str:
    example = 'write for example "https://dns.example.net/"'
    if not isinstance(value, str) or not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", value):
        raise InvalidValue("must be the address of a page, without a password", example)
    try:
        url = urls.parsed(value)
    except urls.BadUrl as error:
        raise InvalidValue(error.text, example) from None
    if why := urls.forbidden(url, allow_private=True):
        raise InvalidValue(f"leads to {why}", example)
    return value


def _database(value: object) -> object:
    if isinstance(value, str) and ("://" in value or value == ":memory:"):
        raise InvalidValue("must be a file", "the record is kept in SQLite")
    return value


def severity(value: object) -> Severity:
    """One of "critical", "warning", "info". Raises InvalidValue."""
    allowed = [str(one) for one in Severity]
    if not isinstance(value, str):
        raise InvalidValue("must be text in quotes")
    if value not in allowed:
        hint = near(value, allowed) or f"one of {', '.join(reversed(allowed))}"
        raise InvalidValue(f"{quoted(value)} is not a severity", hint)
    return Severity.parse(value)


Label = Annotated[str, BeforeValidator(label, written=str)]
PageUrl = Annotated[str, BeforeValidator(_page_url, written=str)]
DatabasePath = Annotated[Path, BeforeValidator(_database)]
DurationOrOff = Annotated[timedelta, BeforeValidator(durations.duration_or_off, written=str)]
AddressText = Annotated[Address, BeforeValidator(addresses.address, written=str)]
PortlessAddress = Annotated[Address, "its port is zero where none is written"]
PortlessAddressText = Annotated[Address, BeforeValidator(addresses.portless, written=str)]
SourceText = Annotated[str, BeforeValidator(addresses.literal, written=str)]
ListenText = Annotated[tuple[str, int], BeforeValidator(addresses.listen, written=str)]
SeverityWord = Annotated[Any, BeforeValidator(severity, written=Literal["critical", "warning", "info"])]
NotifyAddress = Annotated[Address, "port 53 where none is written, 0 for any"]
NotifyAddressText = Annotated[Address, BeforeValidator(addresses.notify_listen, written=str)]
NetworkText = Annotated[str, BeforeValidator(addresses.network, written=str)]
Port = Annotated[int, BeforeValidator(addresses.port_number, written=int)]
Items = Annotated[list[T | None], BeforeValidator(_listed)]
"""A list; one value stands for a list of it."""
