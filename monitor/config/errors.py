"""Mistakes in the configuration: what is wrong, where, and what was perhaps meant."""

import difflib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

MAX_TOLD = 500
"""Mistakes, and warnings: who has more gave another kind of file by mistake."""

MAX_SHOWN_LENGTH = 60
"""Characters of a value or a key; longer ones are cut."""

MAX_WORD_LENGTH = 256
"""Characters of a word that may be a misspelt one."""

T = TypeVar("T")
V = TypeVar("V")

KeyPath = tuple[str | int, ...]
"""Where in the file: ("zones", 0, "records", 2, "type")."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing to mend. ``line`` counts from 1, None where there is none; ``path`` is as ``shown`` writes it."""

    file: str
    line: int | None
    path: str
    text: str
    hint: str = ""

    def __str__(self) -> str:
        place = ":".join(part for part in (self.file, str(self.line or "")) if part)
        path = f"{self.path}: " if self.path else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}: {path}{self.text}{hint}"


class ConfigError(Exception):
    """The configuration is refused; ``mistakes`` are in the order of the file. Never holds a secret."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(map(str, self.mistakes)))


class InvalidValue(ValueError):
    """A value that cannot be meant; raised by those who parse one value, who do not know where it stands."""

    def __init__(self, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.hint = hint


@dataclass(slots=True)
class Problems:
    """Collects the mistakes, warnings and notes of one file while it is read."""

    file: str
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    warnings: list[Mistake] = field(default_factory=list)
    notes: list[Mistake] = field(default_factory=list)
    _touched: set[KeyPath] = field(default_factory=set)

    def mistake(self, path: KeyPath, text: str, hint: str = "") -> None:
        self.mistakes.append(Mistake(self.file, self.line(path), shown(self._there(path)), text, hint))
        self._touched.update(path[:depth] for depth in range(len(path) + 1))

    def missing(self, path: KeyPath, hint: str = "") -> None:
        """The key must be there and is not, unless it was, with a mistake that is known already."""
        if self.sound(*path):
            self.mistake(path, "missing", hint)

    def invalid(self, path: KeyPath, error: InvalidValue) -> None:
        self.mistake(path, error.text, error.hint)

    def parsed(self, path: KeyPath, value: V | None, parse: Callable[[V], T]) -> T | None:
        """What ``parse`` makes of a value that must be there; None when it is missing or wrong, which is then kept."""
        if value is None:
            self.missing(path)
            return None
        try:
            return parse(value)
        except InvalidValue as error:
            self.invalid(path, error)
            return None

    def each(self, path: KeyPath, items: Iterable[V | None] | None, parse: Callable[[V], T]) -> list[T]:
        """What ``parse`` makes of every item; those known to be wrong are None and skipped."""
        made = (self.parsed((*path, at), item, parse) for at, item in enumerate(items or ()) if item is not None)
        return [item for item in made if item is not None]

    def warn(self, path: KeyPath, text: str, hint: str = "") -> None:
        self.warnings.append(Mistake(self.file, self.line(path), shown(self._there(path)), text, hint))

    def note(self, path: KeyPath, text: str) -> None:
        """What could not be looked at here, and is nobody's mistake."""
        self.notes.append(Mistake(self.file, self.line(path), shown(self._there(path)), text))

    def line(self, path: KeyPath) -> int | None:
        """The line of the key, or of the nearest table around it."""
        for depth in range(len(path), 0, -1):
            if (line := self.lines.get(path[:depth])) is not None:
                return line
        return None

    def _there(self, path: KeyPath) -> KeyPath:
        """The path without the index of a list that was written as its one element."""
        alone = path and isinstance(path[-1], int) and path not in self.lines and path[:-1] in self.lines
        return path[:-1] if alone else path

    def sound(self, *path: str | int) -> bool:
        """No mistake was found at or below ``path``: what is missing there is really missing."""
        return path not in self._touched

    def misspelt(self, path: KeyPath, key: str) -> bool:
        """There is a mistake in a key of the table at ``path`` that begins like ``key``."""
        return any(place[:-1] == path and str(place[-1]).startswith(key[:4]) for place in self._touched if place)

    def close(self, count: int = 0) -> None:
        """Raises ConfigError when there was any mistake; ``count`` is how many there are, where only some were kept."""
        if self.mistakes:
            more = max(count, len(self.mistakes)) - MAX_TOLD
            rest = [Mistake(self.file, None, "", f"and {more} more mistakes")] if more > 0 else []
            raise ConfigError([*self._in_order(self.mistakes)[:MAX_TOLD], *rest])

    def advice(self) -> tuple[str, ...]:
        """The warnings in the order of the file."""
        told = [str(one) for one in self._in_order(self.warnings)[:MAX_TOLD]]
        more = len(self.warnings) - MAX_TOLD
        return (*told, f"{self.file}: and {more} more warnings") if more > 0 else tuple(told)

    def _in_order(self, mistakes: Iterable[Mistake]) -> list[Mistake]:
        """The file itself first, then those it names."""
        return sorted(mistakes, key=lambda one: (one.file != self.file, one.file, one.line or 0))


def near(word: str, known: Iterable[str]) -> str:
    """A hint that names what is closest to ``word``; empty when nothing is close."""
    if len(word) > MAX_WORD_LENGTH:
        return ""
    folded = {name.casefold(): name for name in known}
    found = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    return f"did you mean {quoted(folded[found[0]])}?" if found else ""


def known(words: Iterable[str]) -> str:
    """A hint that lists what there is."""
    names = sorted(words)
    return f"there is {', '.join(names)}" if names else ""


def quoted(text: str) -> str:
    """As the file would write it: in double quotes, control characters escaped, cut when long."""
    cut = shortened(text)
    return json.dumps(cut, ensure_ascii=not cut.isprintable())


def shortened(text: str) -> str:
    return text if len(text) <= MAX_SHOWN_LENGTH else text[: MAX_SHOWN_LENGTH - 3] + "..."


def shown(path: KeyPath) -> str:
    """``zones[0].records[2].type``; keys that are no bare keys are quoted, long ones cut."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            bare = part != "" and part.isascii() and part.replace("-", "").replace("_", "").isalnum()
            text += ("." if text else "") + (shortened(part) if bare else quoted(part))
    return text
