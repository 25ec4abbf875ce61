"""The files of a nameserver's configuration: read whole, within bounds, with those that they include."""

import glob
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from checks.common.text import plural
from monitor.config.errors import InvalidValue, quoted
from monitor.config.files import open_file, reason

MAX_FILES = 10_000
"""Of one configuration, each counted as often as it is included."""

MAX_DEPTH = 50
"""Files that include each other, one inside the other."""

MAX_SIZE = 256 * 1024 * 1024
"""Octets of all files together."""


@dataclass(frozen=True, slots=True)
class WrittenZone:
    """A zone as it is written: its name, not looked at yet, and where."""

    name: str
    path: Path
    line: int


class FileMistake(InvalidValue):
    """Something in a server's configuration that cannot be meant; ``line`` is None where it is about the whole file."""

    def __init__(self, path: Path, line: int | None, text: str, hint: str = "") -> None:
        super().__init__(text, hint)
        self.path = path
        self.line = line


@dataclass(frozen=True, slots=True)
class Source:
    """A file: its text, and the files that include it, outermost first, with itself."""

    path: Path
    text: str
    inside: tuple[Path, ...]


@dataclass(slots=True)
class Sources:
    """Opens the files of one configuration; ``files`` and ``size`` say how many, and of how many octets, so far."""

    files: int = 0
    size: int = 0

    def first(self, path: Path) -> Source:
        """The file that was named. Raises OSError and FileMistake."""
        return self._read(path, (path.resolve(),), path, None)

    def included(self, source: Source, line: int, written: str, base: Path, *, wild: bool = True) -> Iterator[Source]:
        """The files that ``written`` on this line includes, in order; ``base`` is where relative paths begin.

        With ``wild`` the letters ``*?[`` make it a pattern; one that nothing matches includes nothing. Raises
        FileMistake.
        """
        pattern = base / written
        if not written or "\0" in written:
            raise FileMistake(source.path, line, "names no file to include")
        paths = [pattern]
        if wild and glob.has_magic(str(pattern)):
            # As glob(3), which the servers use, and not as Path.glob: there two stars mean any depth.
            paths = [Path(found) for found in sorted(glob.glob(str(pattern)))]  # noqa: PTH207
        for path in paths:
            told = f"includes {quoted(written if path == pattern else path.name)}, which"
            try:
                resolved = path.resolve()
                if resolved in source.inside:
                    raise FileMistake(source.path, line, f"{told} includes this file")
                if len(source.inside) >= MAX_DEPTH:
                    raise FileMistake(source.path, line, f"is included at depth {MAX_DEPTH} and includes another file")
                yield self._read(path, (*source.inside, resolved), source.path, line)
            except OSError as error:
                text = f"{told} cannot be read: {reason(error)}"
                raise FileMistake(source.path, line, text, _hint(error)) from None

    def _read(self, path: Path, inside: tuple[Path, ...], told: Path, line: int | None) -> Source:
        self.files += 1
        if self.files > MAX_FILES:
            raise FileMistake(told, line, f"includes more than {plural(MAX_FILES, 'file')}")
        with open_file(path) as file:
            octets = file.read(MAX_SIZE + 1 - self.size)
        self.size += len(octets)
        if self.size > MAX_SIZE:
            raise FileMistake(told, line, f"with all that it includes larger than {MAX_SIZE // 1024**2} MB")
        if b"\0" in octets:
            raise FileMistake(path, octets.count(b"\n", 0, octets.index(b"\0")) + 1, "not text: holds a zero octet")
        # Comments may be in any encoding: only a name has to be readable.
        return Source(path, octets.decode("utf-8", errors="surrogateescape").removeprefix("\ufeff"), inside)


def _hint(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "what named-checkconf -px or knotc conf-export print needs no other file, and -px shows no secrets"
    return ""
