"""Tables of the file whose keys are the fields of a dataclass: of a section, a check or a notifier.

The dataclass is the only description of its table: fields are keys, annotations types, defaults defaults, and the text
below a field says what it is for. What an annotation cannot say stands in the metadata of the field:

``bounds``  ge, gt, le, lt; without them a duration must be longer than zero
``unit``    "s": a number of seconds, which the file writes as a duration
``off``     True: "off" is a duration of zero
``given``   True: handed in by the service, and no key
``unset``   what the documentation says in place of a default that is no value
``example`` the line that stands for it in config.example.toml, where that is not its default
"""

import ast
import dataclasses
import inspect
import textwrap
import types
from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import StrEnum
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, create_model

from alerting.model import Secret
from checks.model import Address
from checks.model.finding_type import Severity
from monitor.config import durations, secrets
from monitor.config.errors import InvalidValue, KeyPath, Problems
from monitor.config.field_types import AddressText, SeverityWord, SourceText
from monitor.config.secrets import FileContext
from monitor.probe.settings import LocalAddress

T = TypeVar("T")

_SPELLED: Mapping[Any, Any] = {
    Address: AddressText,
    LocalAddress: SourceText,
    Severity: SeverityWord,
    Path: str,
    float: Annotated[float, Field(allow_inf_nan=False)],
}


class Table(BaseModel):
    """A table as it is written. None: not given, or wrong and reported."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


def settings_of(cls: type[Any]) -> "Iterator[tuple[str, dataclasses.Field[Any]]]":
    """Key and field of each setting. A field that would be a word of Python carries an underscore: ``from_``."""
    for field in dataclasses.fields(cls):
        if field.init and not field.metadata.get("given"):
            yield field.name.removesuffix("_"), field


def core(hint: Any) -> Any:
    """The type itself where it may also be None."""
    if get_origin(hint) in (Union, types.UnionType):
        some = [part for part in get_args(hint) if part is not types.NoneType]
        return some[0] if len(some) == 1 else hint
    return hint


def needed(field: "dataclasses.Field[Any]") -> bool:
    """Whether it has no default."""
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def table_of(cls: type[Any], *, described: bool = False) -> type[Table]:
    """The table that ``instance_of`` turns into an instance of the dataclass ``cls``; a secret has all four keys.

    ``described``: with what the fields are for, which has to be read from the source.
    """
    return _table_of(cls, described)  # type: ignore[arg-type]  # classes can be hashed


@cache
def _table_of(cls: Any, described: bool) -> type[Table]:
    hints, texts = get_type_hints(cls, include_extras=True), descriptions(cls) if described else {}
    keys: dict[str, Any] = {}
    for key, field in settings_of(cls):
        text = texts.get(field.name)
        if core(hints[field.name]) is Secret:
            ways = {way: SecretStr if way == key else str for way in secrets.keys(key)}
            keys |= {way: (kind | None, Field(default=None, description=text)) for way, kind in ways.items()}
        else:
            mark = Field(default=None, description=text, json_schema_extra={"needed": True} if needed(field) else None)
            keys[key] = (_spelled(hints[field.name], field.metadata, described=described) | None, mark)
    summary = (cls.__doc__ or "").partition("\n\n")[0]
    return create_model(f"{cls.__name__}Settings", __base__=Table, __doc__=inspect.cleandoc(summary), **keys)


def _spelled(hint: Any, metadata: Mapping[str, Any], *, described: bool) -> Any:
    """The annotation as the file spells its values; of a list every element may be None."""
    inner, bounds = core(hint), dict(metadata.get("bounds", ()))
    if inner is timedelta or metadata.get("unit") == "s":
        read = durations.reader(**bounds, off=metadata.get("off", False), seconds=inner is not timedelta)
        return Annotated[inner, BeforeValidator(read, json_schema_input_type=str)]
    if dataclasses.is_dataclass(inner) and inner is not Address:
        return table_of(inner, described=described)  # type: ignore[arg-type]
    if inner in _SPELLED:
        inner = _SPELLED[inner]
    elif get_origin(inner) is Annotated and inner.__origin__ in _SPELLED:
        inner = Annotated[_SPELLED[inner.__origin__], *inner.__metadata__]
    elif isinstance(inner, type) and issubclass(inner, StrEnum):
        inner = Annotated[inner, Field(strict=False)]
    elif get_origin(inner) is tuple:
        parts = get_args(inner)
        if parts[1:] == (...,):
            inner = tuple.__class_getitem__((_spelled(parts[0], {}, described=described) | None, ...))
        inner = Annotated[inner, BeforeValidator(_listed)]
    return Annotated[inner, Field(**bounds)] if bounds else inner


def _listed(value: object) -> object:
    if isinstance(value, list):
        return tuple(value)
    return (value,) if isinstance(value, str | dict) else value


def instance_of(problems: Problems, path: KeyPath, cls: type[T], table: Table, context: FileContext) -> T | None:
    """An instance of the dataclass ``cls`` from its table; None where something needed is missing or wrong.

    A class that looks at its settings as a whole (``__post_init__``) is only made of such as are right, each by itself.
    """
    hints = get_type_hints(cls)
    given: dict[str, Any] = {}
    for key, field in settings_of(cls):
        where, hint = (*path, key), core(hints[field.name])
        if hint is Secret:
            ways = {way: getattr(table, way) for way in secrets.keys(key)}
            value: Any = secrets.secret(problems, path, key, ways, context, required=needed(field))
        else:
            value = getattr(table, key)
            if value is None and needed(field):
                problems.missing(where)
            elif isinstance(value, Table):
                value = instance_of(problems, where, hint, value, context)
            elif isinstance(value, tuple):
                value = tuple(part for part in value if part is not None)
            elif hint is Path:
                value = problems.parsed(where, value, context.path) if value is not None else None
        if value is not None:
            given[field.name] = value
    lacking = any(needed(field) and field.name not in given for _, field in settings_of(cls))
    if lacking or (hasattr(cls, "__post_init__") and not problems.sound(*path)):
        return None
    try:
        return cls(**given)
    except ValueError as error:
        problems.invalid(path, error if isinstance(error, InvalidValue) else InvalidValue(str(error)))
        return None


def descriptions(cls: type[Any]) -> dict[str, str]:
    """Field → the text below it in the source of the class."""
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    found: dict[str, str] = {}
    statements = getattr(body, "body", [])
    for before, after in pairwise(statements):
        match before, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = inspect.cleandoc(text)
    return found
