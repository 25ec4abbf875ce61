"""Words and marks of ``named.conf``, through all the files that it includes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from monitor.config.server_files.sources import FileMistake, Source, Sources

END = ""
MARKS = frozenset({"{", "}", ";", END})

_TOKEN = re.compile(
    r"""(?:\s++ | \#[^\n]*+ | //[^\n]*+ | /\*.*?\*/)*+   # white space, and comments of three kinds
        (?: ([{};])
          | "((?:[^"\\]|\\.)*+)"
          | ([^\s{};="!/#]++ | [=!] | /(?!\*))
          | (\Z) )""",
    re.VERBOSE | re.DOTALL,
)
"""What stands alone of ``/``, ``=`` and ``!`` is a word of its own, as it is to named."""

_MARK, _QUOTED, _WORD, _END = 1, 2, 3, 4
_BLANK = re.compile(r"(?:\s++|\#[^\n]*+|//[^\n]*+|/\*.*?\*/)*+", re.DOTALL)


@dataclass(slots=True)
class _Reading:
    """A file and how far it has been read. ``line`` is that of the character at ``counted``."""

    source: Source
    following: Iterator[Source]
    """The files that the same statement includes after this one."""
    at: int = 0
    token: int = 0
    counted: int = 0
    line: int = 1


class NamedTokens:
    """One token after the other. ``quoted`` says whether that read last was a string in quotes."""

    def __init__(self, sources: Sources, path: Path) -> None:
        self.quoted = False
        self._sources = sources
        self._files = [_Reading(sources.first(path), iter(()))]

    def read(self) -> str:
        """The next token; ``END`` behind the last. Raises FileMistake, also for files that are included."""
        while True:
            reading = self._files[-1]
            found = _TOKEN.match(reading.source.text, reading.at)
            if found is None:
                raise self._without_end(reading)
            kind = found.lastindex
            if kind == _END and len(self._files) > 1:
                self._files.pop()
                self._go_on(reading.following)
                continue
            reading.at = found.end()
            reading.token = found.start(kind or 0)
            self.quoted = kind == _QUOTED
            return found[kind or 0].replace('\\"', '"') if kind == _QUOTED else found[kind or 0]

    def include(self, written: str, base: Path) -> None:
        """Goes on with the files that the statement read last includes, and then where it stands."""
        path, line = self.place()
        source = self._files[-1].source
        before = self._sources.files
        self._go_on(self._sources.included(source, line, written, base))
        if self._sources.files == before:
            raise FileMistake(path, line, "includes files of which there is none")

    def place(self) -> tuple[Path, int]:
        """File and line of the token that was read last."""
        reading = self._files[-1]
        reading.line += reading.source.text.count("\n", reading.counted, reading.token)
        reading.counted = reading.token
        return reading.source.path, reading.line

    def _go_on(self, sources: Iterator[Source]) -> None:
        source = next(sources, None)
        if source is not None:
            self._files.append(_Reading(source, sources))

    def _without_end(self, reading: _Reading) -> FileMistake:
        """Only a string or a comment without an end is no token at all."""
        begins = _BLANK.match(reading.source.text, reading.at)
        reading.token = begins.end() if begins else reading.at
        what = "string in quotes" if reading.source.text[reading.token : reading.token + 1] == '"' else "comment"
        return FileMistake(*self.place(), f"the {what} that begins here has no end")
