"""Writes values as text, so that they are read back exactly.

Values are the frozen dataclasses of ``checks.model`` and ``alerting.model``. A field that is None is left out
where its absence means None; a field the text does not have gets its default, so that a newer version reads
what an older one wrote. Names in the text that a class does not have are passed over.
"""

import dataclasses
import json
import types
from collections.abc import Callable
from datetime import UTC, datetime
from enum import Enum, IntEnum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")
UNREADABLE = (ValueError, TypeError, KeyError, AttributeError)
"""What ``decode`` raises for a text that is not of its kind."""
_Turn = Callable[[Any], Any]
_JSON = json.JSONEncoder(separators=(",", ":"))


def encode(value: object) -> str:
    """One line of ASCII JSON; equal values give equal text, so it can be a key."""
    kind: Any = type(value)
    return _JSON.encode(_writer(kind)(value))


def decode(kind: type[T], text: str) -> T:
    """The value that ``encode`` was given. Raises one of UNREADABLE when the text is not of that kind."""
    wanted: Any = kind
    return cast("T", _reader(wanted)(json.loads(text)))


def stamp(at: datetime) -> str:
    """UTC to the microsecond, always as wide, so that text order is time order."""
    if at.tzinfo is None:
        raise ValueError(f"a time without a zone cannot be kept: {at}")
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    return at.isoformat(timespec="microseconds")[:-6] + "Z"


def stamp_or_none(at: datetime | None) -> str | None:
    return None if at is None else stamp(at)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def moment_or_none(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


@cache
def _writer(kind: Any) -> _Turn:
    if kind is datetime:
        return stamp
    if dataclasses.is_dataclass(kind):
        return _write_fields(kind)
    if isinstance(kind, type) and issubclass(kind, IntEnum):
        return lambda value: value.name.lower()  # the word, as everywhere else; the number is only for order
    if isinstance(kind, type) and issubclass(kind, Enum):
        return lambda value: value.value
    origin = get_origin(kind)
    if origin in (types.UnionType, Union):
        inner = _writer(_wanted(kind))
        return inner if inner is _as_is else lambda value: None if value is None else inner(value)
    if origin is tuple:
        item = _writer(get_args(kind)[0])
        return lambda value: [item(each) for each in value]
    return _as_is


@cache
def _reader(kind: Any) -> _Turn:
    if kind is datetime:
        return moment
    if dataclasses.is_dataclass(kind):
        return _read_fields(kind)
    if isinstance(kind, type) and issubclass(kind, IntEnum):
        names = {member.name.lower(): member for member in kind}
        return lambda value: names[value]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    origin = get_origin(kind)
    if origin in (types.UnionType, Union):
        inner = _reader(_wanted(kind))
        return inner if inner is _as_is else lambda value: None if value is None else inner(value)
    if origin is tuple:
        item = _reader(get_args(kind)[0])
        return lambda value: tuple([item(each) for each in value])
    return _as_is


def _wanted(kind: Any) -> Any:
    """X of ``X | None``, the only union there is."""
    (wanted,) = [each for each in get_args(kind) if each is not type(None)]
    return wanted


def _write_fields(kind: Any) -> _Turn:
    hints = get_type_hints(kind)
    parts = [(each.name, _writer(hints[each.name]), _may_be_left_out(each)) for each in dataclasses.fields(kind)]

    def write(value: Any) -> dict[str, Any]:
        body = {}
        for name, turn, optional in parts:
            field = getattr(value, name)
            if field is not None:
                body[name] = field if turn is _as_is else turn(field)
            elif not optional:
                body[name] = None
        return body

    return write


def _read_fields(kind: Any) -> _Turn:
    hints = get_type_hints(kind)
    parts = {each.name: _reader(hints[each.name]) for each in dataclasses.fields(kind)}
    turned = [(name, turn) for name, turn in parts.items() if turn is not _as_is]
    absent = [
        each.name
        for each in dataclasses.fields(kind)
        if each.default is dataclasses.MISSING
        and each.default_factory is dataclasses.MISSING
        and type(None) in get_args(hints[each.name])
    ]

    def read(body: Any) -> Any:
        for name, turn in turned:
            if name in body:
                body[name] = turn(body[name])
        for name in absent:
            body.setdefault(name, None)
        if not body.keys() <= parts.keys():
            body = {name: each for name, each in body.items() if name in parts}
        return kind(**body)

    return read


def _may_be_left_out(field: "dataclasses.Field[Any]") -> bool:
    if field.default_factory is not dataclasses.MISSING:
        return False
    return field.default is None or field.default is dataclasses.MISSING


def _as_is(value: Any) -> Any:
    return value
