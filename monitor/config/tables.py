"""Tables of the file, whose keys are the fields of a dataclass: of a section, a check, a zone, a route …

The dataclass is the only description of its table: fields are keys, annotations types, defaults defaults, and the text
below a field says what it is for. What an annotation cannot say stands in the metadata of the field:

``bounds``  ge, gt, le, lt; without them a duration must be longer than zero
``unit``    "s": a number of seconds, which the file writes as a duration
``off``     True: "off" is a duration of zero
``given``   True: handed in by whoever makes the instance, and no key
``key``     what the key is called, where that is not the field's name
``several`` True: the file may have a list, of which each stands for an instance of its own
``lines``   True: the secret may have several lines
``unset``   what the documentation says in place of a default that is no value
``example`` the line that stands for it in config.example.toml, where that is not its default
"""

import ast
import dataclasses
import inspect
import re
import textwrap
import types
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from enum import StrEnum
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, SecretStr, create_model

from alerting.finding_types import FINDING_TYPES
from alerting.model import Secret
from checks.model import Address, Cadences, LabelPatterns, Labels, Severities
from checks.model.finding_type import Severity
from checks.registry import CHECKS
from monitor.config import durations, secrets
from monitor.config.errors import InvalidValue, KeyPath, Problems
from monitor.config.field_types import (
    AddressText,
    DurationOrOff,
    NotifyAddress,
    NotifyAddressText,
    PortlessAddress,
    PortlessAddressText,
    SeverityWord,
    SourceText,
)
from monitor.config.secrets import FileContext
from monitor.config.validators import BeforeValidator
from monitor.probe.settings import LocalAddress

T = TypeVar("T")

_CadenceTable = Annotated[
    dict[str, DurationOrOff | None], Field(json_schema_extra={"propertyNames": {"enum": list(CHECKS)}})
]
_SeverityTable = Annotated[
    dict[str, SeverityWord | None], Field(json_schema_extra={"propertyNames": {"enum": list(FINDING_TYPES)}})
]


def _as_tuple(value: object) -> object:
    """A list, or one value for a list of it."""
    if isinstance(value, list):
        return tuple(value)
    return (value,) if isinstance(value, str | dict) else value


_SPELLED: Mapping[Any, Any] = {
    Address: AddressText,
    PortlessAddress: PortlessAddressText,
    NotifyAddress: NotifyAddressText,
    LocalAddress: SourceText,
    Severity: SeverityWord,
    Cadences: _CadenceTable,
    Severities: _SeverityTable,
    Labels: dict[str, str | None],
    LabelPatterns: dict[str, Annotated[tuple[str | None, ...], BeforeValidator(_as_tuple)] | None],
    Path: str,
    float: Annotated[float, Field(allow_inf_nan=False)],
}


NO_FILE = FileContext(Path(), {})
"""For what has neither secrets nor paths."""
_hints = cache(get_type_hints)


class Table(BaseModel):
    """A table as it is written. A key or an element of a list is None where it was not given, and where it was found
    wrong and reported, so that one mistake does not hide others.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def settings_of(cls: type[Any]) -> "Iterator[tuple[str, dataclasses.Field[Any]]]":
    """Key and field of each setting, those that others have too last. A field that would be a word of Python carries
    an underscore: ``from_``.
    """
    own = inspect.get_annotations(cls)
    for field in sorted(dataclasses.fields(cls), key=lambda field: field.name not in own):
        if field.init and not field.metadata.get("given"):
            yield field.metadata.get("key") or field.name.removesuffix("_"), field


def core(hint: Any) -> Any:
    """The type itself where it may also be None."""
    if get_origin(hint) in (Union, types.UnionType):
        some = [part for part in get_args(hint) if part is not types.NoneType]
        return some[0] if len(some) == 1 else hint
    return hint


def needed(field: "dataclasses.Field[Any]") -> bool:
    """Whether there is nothing that holds where it is not given."""
    given = (field.default, field.default_factory)
    return given == (dataclasses.MISSING, dataclasses.MISSING) and "unset" not in field.metadata


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
            ways = {way: SecretStr if way == key else str for way in secrets.secret_keys(key)}
            keys |= {way: (kind | None, Field(default=None, description=text)) for way, kind in ways.items()}
        else:
            mark = Field(default=None, description=text, json_schema_extra={"needed": True} if needed(field) else None)
            keys[key] = (_spelled(hints[field.name], field.metadata, described=described) | None, mark)
    summary = re.split(r"(?<=\.)\s", cls.__doc__ or "", maxsplit=1)[0]
    return create_model(f"{cls.__name__}Settings", __base__=Table, __doc__=summary, **keys)


def _spelled(hint: Any, metadata: Mapping[str, Any], *, described: bool) -> Any:
    """The annotation as the file spells its values; of a list every element may be None."""
    inner, bounds = core(hint), dict(metadata.get("bounds", ()))
    if inner is timedelta or metadata.get("unit") == "s":
        read = durations.reader(**bounds, off=metadata.get("off", False), seconds=inner is not timedelta)
        return Annotated[inner, BeforeValidator(read, written=str)]
    if dataclasses.is_dataclass(inner) and inner is not Address:
        return table_of(inner, described=described)  # type: ignore[arg-type]
    if metadata.get("several"):
        inner = tuple.__class_getitem__((inner, ...))
    if inner in _SPELLED:
        inner = _SPELLED[inner]
    elif get_origin(inner) is Annotated and inner.__origin__ in _SPELLED:
        inner = Annotated[_SPELLED[inner.__origin__], *inner.__metadata__]
    elif get_origin(inner) is Annotated and dataclasses.is_dataclass(inner.__origin__):
        table, (form,) = table_of(inner.__origin__, described=described), inner.__metadata__  # type: ignore[arg-type]
        inner = or_short(table, form.read)
    elif isinstance(inner, type) and issubclass(inner, StrEnum):
        inner = Annotated[inner, Field(strict=False)]
    elif get_origin(inner) is tuple:
        parts = get_args(inner)
        if parts[1:] == (...,):
            inner = tuple.__class_getitem__((_spelled(parts[0], {}, described=described) | None, ...))
        inner = Annotated[inner, BeforeValidator(_as_tuple)]
    return Annotated[inner, Field(**bounds)] if bounds else inner


def or_short(table: Any, read: Callable[[Any], Any]) -> Any:
    """The annotation of a table for which a text may stand, of which ``read`` makes the table."""
    return Annotated[table, BeforeValidator(read, written=str | table)]


def instance_of(
    problems: Problems,
    path: KeyPath,
    cls: type[T],
    table: Table,
    context: FileContext = NO_FILE,
    parse: Mapping[str, Callable[[Any], Any]] = MappingProxyType({}),
    **known: Any,
) -> T | None:
    """An instance of the dataclass ``cls`` from its table; None where something needed is missing or wrong.

    ``parse`` has what is made of a field, or of each element of it, where it takes more than its type to tell; it may
    raise InvalidValue. Fields that are ``known`` are not read. A class that looks at its settings as a whole
    (``__post_init__``) is only made of such as are right, each by itself.
    """
    hints = _hints(cls)  # type: ignore[arg-type]  # classes can be hashed
    given = dict(known)
    for key, field in settings_of(cls):
        if field.name in known:
            continue
        where, hint = (*path, key), core(hints[field.name])
        if hint is Secret:
            ways, lines = (
                {way: getattr(table, way) for way in secrets.secret_keys(key)},
                field.metadata.get("lines", False),
            )
            value: Any = secrets.secret(problems, path, key, ways, context, required=needed(field), lines=lines)
        else:
            value = getattr(table, key)
            read = parse.get(field.name) or (context.path if hint is Path else None)
            if value is None and needed(field):
                problems.missing(where, _choice(key, hint))
            elif isinstance(value, Table):
                value = instance_of(problems, where, hint, value, context)
            elif isinstance(value, tuple):
                value = tuple(problems.each(where, value, read or _as_it_is))
            elif value is not None and read is not None:
                value = problems.parsed(where, value, read)
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


def _as_it_is(value: Any) -> Any:
    return value


def _choice(key: str, hint: Any) -> str:
    """A hint at the words of which one must be there."""
    words = get_args(hint) if get_origin(hint) is Literal else hint if isinstance(hint, type(StrEnum)) else ()
    return "write " + " or ".join(f'{key} = "{word}"' for word in words) if words else ""


def descriptions(cls: type[Any]) -> dict[str, str]:
    """Field → the text below it in the source of the class."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if dataclasses.is_dataclass(base):
            found |= _texts(base)
    return found


def _texts(cls: type[Any]) -> dict[str, str]:
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    found: dict[str, str] = {}
    statements = getattr(body, "body", [])
    for before, after in pairwise(statements):
        match before, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = inspect.cleandoc(text)
    return found
