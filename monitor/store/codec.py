"""Writes values as text, so that they are read back exactly.

Values are the frozen dataclasses of ``checks`` and ``alerting``. A field that is None is left out; a field
the text does not have gets its default, or None where it may be None, so that a newer version reads what an older one
wrote. Names in the text that a class does not have are passed over. A field is written under its own name, unless
``STORED_NAMES`` has another; not at all if its metadata says that it is not ``stored``.
"""

import dataclasses
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import IntEnum
from functools import cache
from typing import Annotated, Any, TypeVar, cast, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter
from pydantic_core import CoreSchema, core_schema

T = TypeVar("T")
UNREADABLE = (ValueError, TypeError, KeyError)
"""What ``decode`` raises for a text that is not of its kind."""

STORED_NAMES: Mapping[tuple[str, str], str] = {("AddressState", "outcome"): "state", ("Incident", "notified"): "told"}
"""Class and field → what the field is called in the text, where that is something else."""

_PLAIN: dict[Any, CoreSchema] = {
    str: core_schema.str_schema(strict=True),
    int: core_schema.int_schema(strict=True),
    float: core_schema.float_schema(strict=True),
    bool: core_schema.bool_schema(strict=True),
}


def encode(value: object) -> str:
    """One line of ASCII JSON; equal values give equal text, so it can be a key. Raises ValueError."""
    kind: Any = type(value)
    return _adapter(kind).dump_json(value, by_alias=True, exclude_none=True, ensure_ascii=True).decode("ascii")


def decode(kind: type[T], text: str) -> T:
    """The value that ``encode`` was given. Raises one of UNREADABLE when the text is not of that kind."""
    wanted: Any = kind
    return cast("T", _adapter(wanted).validate_json(text))


def stamp(at: datetime) -> str:
    """UTC to the microsecond, always as wide, so that text order is time order. Raises ValueError without a zone."""
    if at.tzinfo is None:
        raise ValueError(f"a time without a zone cannot be kept: {at}")
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    return at.isoformat(timespec="microseconds")[:-6] + "Z"


def stamp_or_none(at: datetime | None) -> str | None:
    """``stamp``, or None of None."""
    return None if at is None else stamp(at)


def moment(text: str) -> datetime:
    """The inverse of ``stamp``."""
    return datetime.fromisoformat(text)


def moment_or_none(text: str | None) -> datetime | None:
    """``moment``, or None of None."""
    return None if text is None else datetime.fromisoformat(text)


class _Format:
    """Tells pydantic how a class of ours is written, without the class knowing of pydantic."""

    def __get_pydantic_core_schema__(self, kind: Any, handler: object) -> CoreSchema:
        return _schema(kind)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(Annotated[kind, _Format()])


def _schema(kind: Any) -> CoreSchema:
    """Of one of _PLAIN, datetime, an Enum, a dataclass, ``X | None``, ``tuple[X, ...]`` or ``tuple[X, Y]``."""
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind is datetime:
        return _as_text(moment, stamp)
    if dataclasses.is_dataclass(kind):
        return _fields(kind)
    if get_origin(kind) is tuple:
        parts = [_schema(part) for part in get_args(kind) if part is not Ellipsis]
        return core_schema.tuple_schema(parts, variadic_item_index=0 if ... in get_args(kind) else None)
    if type(None) in get_args(kind):
        (wanted,) = [each for each in get_args(kind) if each is not type(None)]
        return core_schema.nullable_schema(_schema(wanted))
    if issubclass(kind, IntEnum):
        names = {member.name.lower(): member for member in kind}
        return _as_text(names.__getitem__, _lower_name)  # the word, as everywhere else; the number is only for order
    return core_schema.enum_schema(kind, list(kind))


def _lower_name(member: IntEnum) -> str:
    return member.name.lower()


def _as_text(read: Callable[[str], Any], write: Callable[[Any], str]) -> CoreSchema:
    written = core_schema.plain_serializer_function_ser_schema(write, return_schema=core_schema.str_schema())
    return core_schema.no_info_plain_validator_function(read, serialization=written)


def _fields(kind: Any) -> CoreSchema:
    hints, fields = get_type_hints(kind), dataclasses.fields(kind)
    arguments = core_schema.dataclass_args_schema(
        kind.__name__, [_named(kind, each, _field(each, hints[each.name])) for each in fields]
    )
    return core_schema.dataclass_schema(
        kind,
        arguments,
        [each.name for each in fields],
        slots=hasattr(kind, "__slots__"),
        config=core_schema.CoreConfig(ser_json_inf_nan="constants"),
    )


def _named(kind: Any, field: "dataclasses.Field[Any]", schema: CoreSchema) -> core_schema.DataclassField:
    stored = STORED_NAMES.get((kind.__name__, field.name))
    left_out = not field.metadata.get("stored", True)
    return core_schema.dataclass_field(
        field.name, schema, validation_alias=stored, serialization_alias=stored, serialization_exclude=left_out
    )


def _field(field: "dataclasses.Field[Any]", kind: Any) -> CoreSchema:
    schema = _schema(kind)
    if field.default is not dataclasses.MISSING:
        return core_schema.with_default_schema(schema, default=field.default)
    if field.default_factory is not dataclasses.MISSING:
        return core_schema.with_default_schema(schema, default_factory=field.default_factory)
    return core_schema.with_default_schema(schema, default=None) if type(None) in get_args(kind) else schema
