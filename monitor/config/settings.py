"""Turns a table of the file into the dataclass whose fields are its settings.

Checks and notifiers describe their settings themselves: the fields of the dataclass are the keys, the annotations
the types, the defaults the defaults, and what its metadata calls ``bounds`` (ge, gt, le, lt) the numbers that make
sense. Nothing here knows any of them.
"""

import dataclasses
import json
import types
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from alerting.model import Secret, Severity
from checks.model import Address
from monitor.config import addresses, durations, secrets
from monitor.config.errors import Book, KeyPath, Wrong, near, quoted
from monitor.config.secrets import Place
from monitor.config.toml_reader import words

T = TypeVar("T")


def settings(
    book: Book, path: KeyPath, cls: type[T], table: object, place: Place, extra: tuple[str, ...] = ()
) -> T | None:
    """An instance of the dataclass ``cls`` from a table; None when there was a mistake, which the book then has.

    ``extra`` are keys of the table that are not settings.
    """
    if not isinstance(table, Mapping):
        book.mistake(path, "must be a table")
        return None
    hints = get_type_hints(cls)
    fields = {field.name: field for field in _fields(cls)}
    _refuse_unknown(book, path, table, (*keys(cls), *extra))
    given: dict[str, Any] = {}
    for name, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        hint = _within(field, hints[name])
        value = _value(book, path, _key(name), hint, table, place, required=required)
        if value is not None:
            given[name] = value
    if not book.sound(*path):
        return None
    try:
        return cls(**given)
    except ValueError as error:
        book.wrong(path, error if isinstance(error, Wrong) else Wrong(str(error)))
        return None


def keys(cls: type[Any]) -> tuple[str, ...]:
    """The keys that may stand in the table of ``cls``."""
    hints = get_type_hints(cls)
    found: list[str] = []
    for field in _fields(cls):
        key = _key(field.name)
        found.extend(secrets.keys(key) if _core(hints[field.name]) is Secret else (key,))
    return tuple(found)


def _fields(cls: type[Any]) -> Iterator["dataclasses.Field[Any]"]:
    """Those that are settings: not what the service itself hands in."""
    return (field for field in dataclasses.fields(cls) if field.init and not field.metadata.get("given"))


def _key(field: str) -> str:
    """A field that would be a word of Python carries an underscore: ``from_`` is written ``from``."""
    return field.removesuffix("_")


def _within(field: "dataclasses.Field[Any]", hint: Any) -> Any:
    bounds = field.metadata.get("bounds")
    return hint if bounds is None else Annotated[_spelled(hint), Field(**bounds)]


def _refuse_unknown(book: Book, path: KeyPath, table: Mapping[str, object], allowed: tuple[str, ...]) -> None:
    for key in table:
        if key not in allowed:
            book.mistake((*path, key), "unknown key", near(key, allowed))


def _value(
    book: Book, path: KeyPath, key: str, hint: Any, table: Mapping[str, Any], place: Place, *, required: bool
) -> Any:
    """The value of one field; None when it is not given, or wrong."""
    core = _core(hint)
    if core is Secret:
        return secrets.secret(book, path, key, table, place, required=required)
    if key not in table:
        if required:
            book.mistake((*path, key), "missing")
        return None
    if dataclasses.is_dataclass(core) and core is not Address:
        return settings(book, (*path, key), core, table[key], place)  # type: ignore[arg-type]
    value = _plain(book, (*path, key), hint, table[key])
    return book.parsed((*path, key), str(value), place.path) if isinstance(value, Path) else value


def _plain(book: Book, path: KeyPath, hint: Any, value: object) -> Any:
    """Through JSON, where strictness still lets a list be a tuple and a word a member of an enumeration."""
    if isinstance(value, str) and get_args(_core(hint))[1:] == (...,):
        value = [value]
    adapter: TypeAdapter[Any] = TypeAdapter(_spelled(hint))
    try:
        return adapter.validate_json(json.dumps(value, default=lambda odd: {"date": str(odd)}), strict=True)
    except ValidationError as error:
        for one in error.errors(include_url=False):
            index = tuple(part for part in one["loc"] if isinstance(part, int))[:1] if isinstance(value, list) else ()
            book.wrong((*path, *index), words(one))
        return None


def _core(hint: Any) -> Any:
    """The type itself where it may also be None."""
    if get_origin(hint) in (Union, types.UnionType):
        some = [part for part in get_args(hint) if part is not types.NoneType]
        return some[0] if len(some) == 1 else hint
    return hint


def _spelled(hint: Any) -> Any:
    """The annotation with those types replaced that the file spells in its own way."""
    if hint is timedelta:
        return Annotated[timedelta, BeforeValidator(durations.duration)]
    if hint is Address:
        return Annotated[Any, BeforeValidator(addresses.address)]
    if hint is Severity:
        return Annotated[Any, BeforeValidator(severity)]
    if hint is float:
        return Annotated[float, Field(allow_inf_nan=False)]
    if get_origin(hint) in (Union, types.UnionType):
        return Union[tuple(_spelled(part) for part in get_args(hint))]  # noqa: UP007  the parts are computed
    if get_origin(hint) in (tuple, list, frozenset, dict) and get_args(hint):
        return get_origin(hint)[tuple(part if part is ... else _spelled(part) for part in get_args(hint))]
    return hint


def severity(value: object) -> Severity:
    """One of "critical", "warning", "info". Raises Wrong."""
    allowed = [str(one) for one in Severity]
    if isinstance(value, str) and value in allowed:
        return Severity.parse(value)
    shown = quoted(value) if isinstance(value, str) else "this"
    raise Wrong(f"{shown} is not a severity", near(str(value), allowed) or f"one of {', '.join(reversed(allowed))}")
