"""The types of values that the file may hold."""

import re
from datetime import timedelta
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator

from alerting import urls
from checks.model import Address
from monitor.config import addresses, durations
from monitor.config.errors import Wrong, quoted

T = TypeVar("T")


def _listed(value: object) -> object:
    return [value] if isinstance(value, str | dict) else value


def expected(value: object) -> object:
    """The short form "refused" of a transfer rule as the table it stands for. Raises Wrong."""
    if not isinstance(value, str):
        return value
    if value in ("allowed", "refused"):
        return {"expect": value}
    raise Wrong(f'{quoted(value)} is neither a table nor "allowed" nor "refused"')


def named(value: object) -> object:
    """A zone with nothing but a name, as a table."""
    return {"name": value} if isinstance(value, str) else value


def _label(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", value):
        return value
    raise Wrong(f"{quoted(str(value))} is not a name", "letters, digits, dots, hyphens, underscores; at most 63")


def _page_url(value: object) -> str:
    example = 'write for example "https://dns.example.net/"'
    if not isinstance(value, str) or not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", value):
        raise Wrong("must be the address of a page, without a password", example)
    try:
        url = urls.parsed(value)
    except urls.BadUrl as error:
        raise Wrong(error.text, example) from None
    if why := urls.forbidden(url, allow_private=True):
        raise Wrong(f"leads to {why}", example)
    return value


Label = Annotated[str, BeforeValidator(_label, json_schema_input_type=str)]
PageUrl = Annotated[str, BeforeValidator(_page_url, json_schema_input_type=str)]
Duration = Annotated[timedelta, BeforeValidator(durations.duration, json_schema_input_type=str)]
AnswerTime = Annotated[timedelta, BeforeValidator(durations.at_least("10ms"), json_schema_input_type=str)]
"""With less nobody is heard, and everybody accused of silence."""
TransferTime = Annotated[timedelta, BeforeValidator(durations.at_least("100ms"), json_schema_input_type=str)]
"""With less no transfer comes to its end."""
LookupPause = Annotated[timedelta, BeforeValidator(durations.at_least("10s"), json_schema_input_type=str)]
"""With less the resolver is asked without a pause."""
Retention = Annotated[timedelta, BeforeValidator(durations.at_least("1h"), json_schema_input_type=str)]
"""With less there is no history."""
RemindPause = Annotated[timedelta, BeforeValidator(durations.at_least("1m", or_off=True), json_schema_input_type=str)]
"""With less, receivers are flooded."""
DurationOrZero = Annotated[timedelta, BeforeValidator(durations.duration_or_zero, json_schema_input_type=str)]
DurationOrOff = Annotated[timedelta, BeforeValidator(durations.duration_or_off, json_schema_input_type=str)]
AddressText = Annotated[Address, BeforeValidator(addresses.address, json_schema_input_type=str)]
ServerAddress = Annotated[str, BeforeValidator(addresses.checked, json_schema_input_type=str)]
SourceText = Annotated[str, BeforeValidator(addresses.literal, json_schema_input_type=str)]
ListenText = Annotated[Any, BeforeValidator(addresses.listen, json_schema_input_type=str)]
Port = Annotated[int, BeforeValidator(addresses.port_number, json_schema_input_type=int)]
Items = Annotated[list[T | None], BeforeValidator(_listed)]
"""A list; one value stands for a list of it."""
