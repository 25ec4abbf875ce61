"""Zones of ``knot.conf``, the lines of which are a small part of YAML; also of what ``knotc conf-export`` prints."""

import re
from collections.abc import Iterator
from pathlib import Path

from monitor.config.server_files.sources import FileMistake, Source, Sources, WrittenZone

_PLAIN = r"(?:[!$-+\--Z^-~]|\\[ -~])++"
_QUOTED = r'"(?:[ !#-\[\]-~]|\\[ -~])*+"'
_VALUE = f"(?:{_PLAIN}|{_QUOTED})"

_LINE = re.compile(
    rf"(?P<indent> *)(?P<dash>- +)?(?P<key>[A-Za-z0-9\\/._*][A-Za-z0-9\\/._*-]*) *:"
    rf"(?: +(?P<value>{_VALUE}|\[ *{_VALUE}(?: ?, ?{_VALUE})* *\]))? *(?: #.*)?"
)
_NOTHING = re.compile(r" *(?:#.*)?")

_ESCAPED_QUOTE = re.compile(r'\\"')


def knot_zones(path: Path, sources: Sources) -> Iterator[WrittenZone]:
    """The zones of the configuration, whatever their template. Raises FileMistake and OSError."""
    reading = [_zones(sources.first(path), sources)]
    while reading:
        found = next(reading[-1], None)
        if found is None:
            reading.pop()
        elif isinstance(found, Source):
            reading.append(_zones(found, sources))
        else:
            yield found


def _zones(source: Source, sources: Sources) -> Iterator[WrittenZone | Source]:
    """The zones of one file, and the files it includes, each where it is included."""
    section = ""
    for number, whole in enumerate(source.text.split("\n"), 1):
        for line in whole.split("\r"):
            if _NOTHING.fullmatch(line):
                continue
            found = _LINE.fullmatch(line)
            if found is None:
                raise FileMistake(source.path, number, "not a line of knot.conf", _hint(line))
            indent, dash, key, value = found.groups()
            if not indent and not dash:
                section = key
                if key == "include":
                    yield from _included(source, number, _text(value), sources)
                elif value is not None:
                    raise FileMistake(source.path, number, "a section has no value", "its keys are indented")
            elif not section or section == "include":
                raise FileMistake(source.path, number, "is indented and in no section")
            elif dash and section == "zone":
                if key != "domain":
                    raise FileMistake(source.path, number, "a zone begins with - domain: NAME")
                name = _text(value)
                if not name:
                    raise FileMistake(source.path, number, "the zone has no name")
                yield WrittenZone(name, source.path, number)


def _included(source: Source, line: int, written: str, sources: Sources) -> Iterator[Source]:
    """A file, all files of a directory, or what matches a pattern; relative to the file that includes them."""
    base = source.path.absolute().parent
    if written and "\0" not in written and (base / written).is_dir():
        paths = sorted(one for one in (base / written).iterdir() if not one.is_dir() and one.name[0] != ".")
        for path in paths:
            yield from sources.included(source, line, str(path), base, wild=False)
    else:
        yield from sources.included(source, line, written, base)


def _text(value: str | None) -> str:
    """A value without its quotes; "" where there is none, or a list."""
    if value is None or value.startswith("["):
        return ""
    return _ESCAPED_QUOTE.sub('"', value[1:-1] if value.startswith('"') else value)


def _hint(line: str) -> str:
    if "\t" in line:
        return "Knot takes no tabs: indent by spaces"
    return "one KEY: VALUE in each line, values with a space or a # in double quotes"
