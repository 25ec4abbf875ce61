"""Reads the labels of zones, and those by which routes select zones."""

import re
from collections.abc import Mapping

from checks.model import LabelPatterns, Labels
from monitor.config.errors import InvalidValue, KeyPath, Problems, quoted

MAX_LABELS = 16
"""That a zone may have."""

MAX_VALUE = 100
"""Characters of a value."""

ANY_VALUE = "*"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


def labels(problems: Problems, path: KeyPath, table: Mapping[str, str | None] | None) -> Labels:
    """Name and value of each label, by name; what is wrong with them is in the problems."""
    given = [(name, value) for name, value in (table or {}).items() if value is not None]
    for name, value in given:
        problems.parsed((*path, name), (name, value), _label)
    if len(given) > MAX_LABELS:
        problems.mistake(path, f"has more than {MAX_LABELS} labels")
    return tuple(sorted(given))


def label_patterns(table: Mapping[str, tuple[str | None, ...] | None]) -> LabelPatterns:
    """What a route wants, by name. Raises InvalidValue."""
    wanted = [(name, tuple(value for value in values or () if value is not None)) for name, values in table.items()]
    for name, values in wanted:
        for value in values:
            _label((name, value))
    return tuple(sorted(wanted))


def label_pattern(text: str) -> tuple[str, str]:
    """Name and glob of ``team=web``; without a glob, that for any value. Raises InvalidValue."""
    name, said, value = text.partition("=")
    return _label((name, value if said else ANY_VALUE))


def _label(label: tuple[str, str]) -> tuple[str, str]:
    name, value = label
    if not _NAME.fullmatch(name):
        hint = "letters, digits and underscores, no digit at first; at most 63"
        raise InvalidValue(f"{quoted(name)} is not the name of a label", hint)
    if not value or len(value) > MAX_VALUE or not value.isprintable():
        raise InvalidValue(f"the value of a label must have one to {MAX_VALUE} characters that can be printed")
    return label
