"""Reads the file as TOML, and refuses what may not stand in it."""

import copy
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from monitor.config import file_model
from monitor.config.errors import MAX_TOLD, ConfigError, InvalidValue, KeyPath, Mistake, Problems, near, quoted
from monitor.config.files import open_file, reason
from monitor.config.toml_lines import Lines, tokens

T = TypeVar("T", bound=BaseModel)

MAX_FILE_SIZE = 10 * 1024 * 1024
MAX_DEPTH = 16
"""Tables and lists inside each other; nothing that means something comes near."""
_DEEP_KEY = re.compile(
    r"""
      "{3}(?:\\.|[^\\])*?"{3,5} | '{3}.*?'{3,5} | \#[^\n]*
    | (?P<deep> (?:(?:[A-Za-z0-9_-]+|"(?:\\.|[^"\\\n])*"|'[^'\n]*')[ \t]*\.[ \t]*){DEEPEST,} )
    | "(?:\\.|[^"\\\n])*" | '[^'\n]*' | [A-Za-z0-9_-]+
    """.replace("DEEPEST", str(MAX_DEPTH)),
    re.VERBOSE | re.DOTALL,
)
"""A dotted key of more parts, outside of strings and comments."""
_LONG_NUMBER = re.compile(r"[0-9A-Fa-f_]{16}")
_WIDEST = 64
"""Bits of a whole number, its sign included (TOML 1.0, "Integer")."""
TOO_DEEP = "tables or lists are nested too deeply"
TOO_WIDE = f"a whole number of more than {_WIDEST} bits"
_TYPES = {
    "string_type": "must be text in quotes",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
}
_BOUNDS = {"greater_than": "gt", "greater_than_equal": "ge", "less_than": "lt", "less_than_equal": "le"}
_COMPARED = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}


def text_of(path: Path) -> str:
    """What the file says. Raises ConfigError when it cannot be had."""
    try:
        with open_file(path) as file:
            octets = file.read(MAX_FILE_SIZE + 1)
    except FileNotFoundError:
        raise ConfigError([Mistake(str(path), None, "", "no such file")]) from None
    except OSError as error:
        raise ConfigError([Mistake(str(path), None, "", f"cannot be read: {reason(error)}")]) from None
    if len(octets) > MAX_FILE_SIZE:
        raise ConfigError([Mistake(str(path), None, "", f"larger than {MAX_FILE_SIZE // 1024 // 1024} MB")])
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        raise ConfigError([Mistake(str(path), line, "", "not UTF-8")]) from None


def document(text: str, file: str) -> tuple[dict[str, Any], Problems]:
    """The TOML document, and problems that know its lines. Raises ConfigError at the first error of syntax."""
    if (line := _deep_key(text)) is not None:
        raise ConfigError([_too_deep(file, line)])
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([_syntax(str(error), text, file)]) from None
    except ValueError:  # a decimal number of more digits than Python turns into one
        raise ConfigError([_too_long(file, _line_of_long_number(text))]) from None
    except RecursionError:
        raise ConfigError([_too_deep(file)]) from None
    if _deep(found):
        raise ConfigError([_too_deep(file)])
    problems = Problems(file, Lines(text))
    for path in _too_wide(found, text):
        problems.mistake(path, f"must be a whole number of at most {_WIDEST} bits")
    problems.close()
    return found, problems


def unfit(row: dict[str, Any], text: str) -> str:
    """Why a row of a list, read from ``text``, is no more to be looked at than such a document; empty if it is."""
    if text.count("[") + text.count("{") > MAX_DEPTH and _deep(row):
        return TOO_DEEP
    return TOO_WIDE if any(_too_wide(row, text)) else ""


def _deep_key(text: str) -> int | None:
    """The line of a dotted key that is too deep: the parser's time grows with the square of its parts."""
    if all(line.count(".") <= 2 * MAX_DEPTH for line in text.split("\n")):
        return None
    at = next((match.start() for match in _DEEP_KEY.finditer(text) if match.lastgroup), None)
    return None if at is None else text.count("\n", 0, at) + 1


def _line_of_long_number(text: str) -> int | None:
    digits = re.compile(r"[+-]?[0-9_]+")
    return next((line for piece, line in tokens(text) if len(piece) > 1000 and digits.fullmatch(piece)), None)


def _too_wide(found: dict[str, Any], text: str) -> Iterator[KeyPath]:
    """Where whole numbers stand that no other program would take either; ``text`` is what was read."""
    inside: list[tuple[KeyPath, Any]] = [((), found)] if _LONG_NUMBER.search(text) else []
    while inside:
        path, value = inside.pop()
        if isinstance(value, dict):
            inside += (((*path, key), one) for key, one in value.items())
        elif isinstance(value, list):
            inside += (((*path, at), one) for at, one in enumerate(value))
        elif isinstance(value, int) and not -(2 ** (_WIDEST - 1)) <= value < 2 ** (_WIDEST - 1):
            yield path


def _deep(found: dict[str, Any]) -> bool:
    """Whether something has a path of more than ``MAX_DEPTH`` parts."""
    level: list[Any] = [found]
    for _ in range(MAX_DEPTH):
        inside = (each.values() if isinstance(each, dict) else each for each in level)
        level = [one for each in inside for one in each if isinstance(one, dict | list)]
    return any(level)


def validate(table: type[T], found: object, problems: Problems, path: KeyPath = ()) -> T:
    """What was found at ``path``, as far as it is right; all that is wrong is in the problems, and left out of it."""
    try:
        return table.model_validate(found)
    except ValidationError as error:
        for one in error.errors(include_url=False)[:MAX_TOLD]:
            _report(one, table, found, problems, path)
        if error.error_count() > MAX_TOLD:
            problems.close(error.error_count())
        return _pruned(table, copy.deepcopy(found), error)


def _pruned(table: type[T], found: object, error: ValidationError) -> T:
    """Takes out what is wrong until the rest is right; each pass takes out something, or what was around it."""
    for _ in range(MAX_DEPTH):
        for one in error.errors(include_url=False, include_context=False, include_input=False):
            _take_out(found, one["loc"])
        try:
            return table.model_validate(found)
        except ValidationError as again:
            error = again
    return table()


def _take_out(found: object, loc: KeyPath) -> None:
    path = _existing(found, loc)
    if not path:
        return
    inside: Any = found
    for part in path[:-1]:
        inside = inside[part]
    if isinstance(inside, list):
        inside[int(path[-1])] = None
    else:
        inside.pop(path[-1], None)


def _existing(found: Any, loc: KeyPath) -> KeyPath:
    """The part of ``loc`` that is really there: pydantic also names what it made of a value."""
    for depth, part in enumerate(loc):
        inside = isinstance(found, dict) and part in found
        if not inside and not (isinstance(found, list) and isinstance(part, int) and part < len(found)):
            return loc[:depth]
        found = found[part]
    return loc


def _report(one: ErrorDetails, table: type[BaseModel], found: object, problems: Problems, path: KeyPath) -> None:
    inside = _existing(found, one["loc"])
    where = (*path, *inside)
    if one["type"] == "extra_forbidden":
        problems.mistake(
            where, "unknown key", file_model.meant(str(inside[-1]), file_model.fields_at(table, inside[:-1]))
        )
        return
    wrong = words(one)
    if len(where) == 1 and not wrong.hint:
        wrong = InvalidValue(wrong.text, f"write {file_model.header(str(where[0]))}")
    problems.invalid(where, wrong)


def words(one: ErrorDetails) -> InvalidValue:
    """What pydantic found, as a sentence about the file. Values are shown only where they cannot be secret."""
    kind, context = one["type"], one.get("ctx", {})
    cause = context.get("error")
    if isinstance(cause, InvalidValue):
        return cause
    if kind in _BOUNDS:
        name = _BOUNDS[kind]
        return InvalidValue(
            f"must be {_COMPARED[name]} {context[name]}, got {quoted(str(one['input']))}".replace('"', "")
        )
    if kind in ("literal_error", "enum"):
        allowed = str(context["expected"]).replace("'", '"')
        return InvalidValue(f"must be {allowed}", near(str(one["input"]), re.findall(r'"([^"]*)"', allowed)))
    return InvalidValue(_TYPES.get(kind, one["msg"][:1].lower() + one["msg"][1:]))


def _too_deep(file: str, line: int | None = None) -> Mistake:
    return Mistake(file, line, "", TOO_DEEP)


def _too_long(file: str, line: int | None) -> Mistake:
    return Mistake(file, line, "", TOO_WIDE)


def _syntax(message: str, text: str, file: str) -> Mistake:
    """tomllib says "… (at line 2, column 8)" or "… (at end of document)"."""
    reason, _, place = message.rpartition(" (at ")
    numbers = [int(word) for word in place.replace(",", " ").replace(")", " ").split() if word.isdigit()]
    line = numbers[0] if numbers else max(1, len(text.splitlines()))
    where = f", column {numbers[1]}" if len(numbers) > 1 else " at the end of the file"
    hint = "is a closing quote missing?" if reason.startswith("Illegal character '\\n'") else ""
    return Mistake(file, line, "", f"not TOML: {reason[:1].lower()}{reason[1:]}{where}", hint)
