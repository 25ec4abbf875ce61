"""Zones of ``nsd.conf``. Those that ``nsd-control addzone`` added stand in ``zone.list``, see nsd_zone_list.py."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from monitor.config.server_files.sources import FileMistake, Source, Sources, WrittenZone

_TOKEN = re.compile(
    r"""(?:\s++ | \#[^\n]*+)*+
        (?: "((?:[^"\\]|\\.)*+)"
          | ([a-z0-9-]+:)(?![^"\s\\]|\\.)
          | ((?:[^"\s\\]|\\.)++)
          | (\Z) )""",
    re.VERBOSE | re.DOTALL,
)
"""A string in quotes, a key (which ends in a colon and stands alone), any other word."""

_QUOTED, _KEY, _WORD, _END = 1, 2, 3, 4
_BLANK = re.compile(r"(?:\s++|\#[^\n]*+)*+")

_SECTIONS = frozenset({"server", "zone", "pattern", "key", "tls-auth", "remote-control", "dnstap", "verify", "xdp"})


@dataclass(slots=True)
class _Reading:
    """Where the lines of a file have been counted to."""

    source: Source
    at: int = 0
    line: int = 1

    def line_at(self, at: int) -> int:
        self.line += self.source.text.count("\n", self.at, at)
        self.at = at
        return self.line

    def mistake(self, at: int, text: str, hint: str = "") -> FileMistake:
        return FileMistake(self.source.path, self.line_at(at), text, hint)


@dataclass(slots=True)
class _Zone:
    """The zone that is being read."""

    path: Path
    line: int
    named: bool = False

    def nameless(self) -> FileMistake:
        return FileMistake(self.path, self.line, "the zone that begins here has no name", 'write name: "example.com"')


@dataclass(slots=True)
class _State:
    """What a file that is included finds, and leaves behind: an open section goes on in the next file."""

    section: str = ""
    key: str = ""
    zone: _Zone | None = None


def nsd_zones(path: Path, sources: Sources) -> Iterator[WrittenZone]:
    """The zones of the configuration, whatever their pattern. Raises FileMistake and OSError."""
    base = path.absolute().parent
    state = _State()
    reading = [_zones(sources.first(path), sources, base, state)]
    while reading:
        found = next(reading[-1], None)
        if found is None:
            reading.pop()
        elif isinstance(found, Source):
            reading.append(_zones(found, sources, base, state))
        else:
            yield found
    if state.zone is not None and not state.zone.named:
        raise state.zone.nameless()


def _zones(source: Source, sources: Sources, base: Path, state: _State) -> Iterator[WrittenZone | Source]:
    """The zones of one file, and the files it includes, each where it is included."""
    reading, at = _Reading(source), 0
    while True:
        found = _TOKEN.match(source.text, at)
        if found is None:
            begins = _BLANK.match(source.text, at)
            raise reading.mistake(begins.end() if begins else at, "the string that begins here has no end")
        at, kind = found.end(), found.lastindex or _END
        token, start = found[kind], found.start(kind)
        if kind == _END:
            return
        if kind == _KEY:
            _take_key(token[:-1], reading, start, state)
        elif not state.key:
            raise reading.mistake(start, "not a line of nsd.conf", "each value follows a key that ends in a colon")
        elif state.key == "include":
            state.key = ""
            yield from sources.included(source, reading.line_at(start), token, base)
        elif state.zone is not None and state.key == "name":
            if state.zone.named:
                raise reading.mistake(start, "the zone has a second name", "is zone: missing before it?")
            if not token:
                raise reading.mistake(start, "the name of the zone is empty")
            state.zone.named = True
            yield WrittenZone(token, source.path, reading.line_at(start))
            state.key = ""


def _take_key(key: str, reading: _Reading, start: int, state: _State) -> None:
    """A key: of a section, which ends the one before, or of a value that follows."""
    if key not in _SECTIONS:
        if not state.section and key != "include":
            raise reading.mistake(start, "stands in no section", "a zone begins with zone:")
        state.key = key
        return
    if state.zone is not None and not state.zone.named:
        raise state.zone.nameless()
    state.section, state.key = key, ""
    state.zone = _Zone(reading.source.path, reading.line_at(start)) if key == "zone" else None
