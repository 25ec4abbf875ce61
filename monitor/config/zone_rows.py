"""Reads the rows of a file of zones: names, and options beside them; or the zones of a nameserver's own files.

There may be hundreds of thousands: files are read in blocks, names that need no looking at are not looked at one by
one, and options are handed on once for each way they are written, not for each row.
"""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path
from typing import Protocol

from monitor.config import server_listings
from monitor.config.domain_names import domain_name
from monitor.config.errors import InvalidValue, near, quoted
from monitor.config.file_model import OPTIONS
from monitor.config.files import open_file
from monitor.config.server_files import (
    SERVER_FILES,
    FileMistake,
    begins_like_named_conf,
    recognise_by_name,
    zones_of,
)
from monitor.config.server_listings import LISTINGS, PROGRAMS, Listing, is_count
from monitor.config.toml_reader import unfit
from monitor.probe.message import names

SUFFIXES = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
COLUMNS = ("name", *OPTIONS)
"""What may stand in a CSV file; names of servers, and ``check=cadence``, with spaces between them, records with
semicolons."""

_MARKS = frozenset(',;|"')
"""What stands between the cells of a table, or around them, and in no name."""

_TABLE = 'name the columns in its first line and write format = "csv"'
_SEVERAL = f"one name in each line, or what {PROGRAMS} print; other keys need CSV or JSON lines"

MAX_COLUMNS = 64
"""Of a file that is looked at more closely."""

BLOCK_SIZE = 256 * 1024
MAX_LINE_LENGTH = 64 * 1024
BATCH_SIZE = 4096


class Tell(Protocol):
    """Takes a mistake: the line, the key (or nothing), what is wrong, a hint; and the file where it is not that of the
    list. May raise, to hear no more of the file."""

    def __call__(self, line: int | None, key: str, text: str, hint: str, path: Path | None = None, /) -> None: ...


Learn = Callable[[Mapping[str, object], int], int]
"""Takes options as they are written, and the line where they first are; what they are called from then on."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some zones of a file, and the line of each. ``kinds`` say with which options; None: those of the list. ``path``
    is the file that they stand in where the list includes others."""

    names: Sequence[str]
    lines: Sequence[int]
    kinds: Sequence[int] | None = None
    path: Path | None = None


def batches(path: Path, form: str, tell: Tell, learn: Learn, plain: int) -> Iterator[Batch]:
    """The zones of a file; ``plain`` is what no options are called. Mistakes are told and left out."""
    if form == "csv":
        return _from_csv(path, tell, learn, plain)
    if form == "jsonl":
        return _from_json(path, tell, learn, plain)
    if form in SERVER_FILES:
        return _from_server_file(path, form, tell)
    return _from_listing(path, LISTINGS[form], tell) if form in LISTINGS else _from_names(path, tell)


def recognise_format(path: Path) -> str:
    """The format of a file that nobody has named: a nameserver's own file or listing, or names."""
    if form := SUFFIXES.get(path.suffix.lower()) or recognise_by_name(path):
        return form
    with suppress(OSError):  # it will be told when the file is read
        first = next(_blocks(path, lambda *_: None), (1, []))[1]
        listing = server_listings.recognise_listing(first)
        return listing or ("named.conf" if begins_like_named_conf(first) else "names")
    return "names"


@dataclass(slots=True)
class _Alike:
    """Lines that are wrong in one way, told as one mistake: what is not the file that is meant has thousands."""

    line: int = 0
    text: str = ""
    hint: str = ""
    more: int = -1

    def add(self, line: int, text: str, hint: str) -> None:
        self.more += 1
        if not self.more:
            self.line, self.text, self.hint = line, text, hint

    def tell(self, tell: Tell) -> None:
        if self.more >= 0:
            as_well = "1 more line is alike" if self.more == 1 else f"{self.more} more lines are alike"
            tell(self.line, "", f"{self.text}; {as_well}" if self.more else self.text, self.hint)


def _from_listing(path: Path, listing: Listing, tell: Tell) -> Iterator[Batch]:
    """A nameserver's own list. A zone in several views is one."""
    seen: set[str] = set()
    alike = _Alike()
    for first, lines in _blocks(path, tell):
        found, places = [], []
        for number, line in enumerate(lines, first):
            text = listing.name(line.rstrip())
            if text is None:
                alike.add(number, f"{quoted(line.strip())}: not a line of {listing.program}", "")
            elif text and (name := _name(text, number, tell)) is not None and name not in seen:
                seen.add(name)
                found.append(name)
                places.append(number)
        yield Batch(found, places)
    alike.tell(tell)


def _from_server_file(path: Path, form: str, tell: Tell) -> Iterator[Batch]:
    """The zones of a nameserver's own configuration. One in several views is one."""
    seen: set[str] = set()
    try:
        for file, zones in groupby(zones_of(path, form), key=lambda zone: zone.path):
            found, places = [], []
            for zone in zones:
                name = _name(zone.name, zone.line, tell, file)
                if name is not None and name not in seen:
                    seen.add(name)
                    found.append(name)
                    places.append(zone.line)
            yield Batch(found, places, path=file)
    except FileMistake as error:
        tell(error.line, "", error.text, error.hint, error.path)


def _from_names(path: Path, tell: Tell) -> Iterator[Batch]:
    """One name in each line; the usual ones are taken together."""
    alike = _Alike()
    for first, lines in _blocks(path, tell):
        if all(map(names.plain, lines)):
            yield Batch([line if line[-1] == "." else line + "." for line in lines], range(first, first + len(lines)))
            continue
        found, places = [], []
        for number, line in enumerate(lines, first):
            text = line.strip()
            if "#" in text:
                text = "" if text[0] == "#" else text.partition(" #")[0].partition("\t#")[0].rstrip()
            if not text or is_count(text):
                continue
            if not _MARKS.isdisjoint(text):
                alike.add(number, f"{quoted(text)}: not a domain name, but like a row of a table", _TABLE)
            elif len(text.split()) > 1:
                alike.add(number, f"{quoted(text)}: not a domain name: holds a space or a control character", _SEVERAL)
            elif (name := _name(text, number, tell)) is not None:
                found.append(name)
                places.append(number)
        yield Batch(found, places)
    alike.tell(tell)


def _from_csv(path: Path, tell: Tell, learn: Learn, plain: int) -> Iterator[Batch]:
    reader = csv.reader((f"{line}\n" for _, lines in _blocks(path, tell) for line in lines), strict=True)
    try:
        columns = [cell.strip().lower() for cell in next(reader, [])]
        if not _sound_columns(columns, tell):
            return
        at = columns.index("name")
        rest = [column for column in columns if column != "name"]
        known: dict[tuple[str, ...], int] = {("",) * len(rest): plain}
        for rows in _some((row, reader.line_num) for row in reader):
            found, places, kinds = [], [], []
            for row, line in rows:
                if not row:
                    continue
                if len(row) != len(columns):
                    tell(line, "", f"has {len(row)} cells, the first line has {len(columns)}", "")
                    continue
                name = _name(row.pop(at).strip(), line, tell)
                options = tuple(row)
                kind = known.get(options)
                if kind is None:
                    kind = known[options] = learn(_of_cells(rest, options, line, tell), line)
                if name is not None:
                    found.append(name)
                    places.append(line)
                    kinds.append(kind)
            yield Batch(found, places, kinds)
    except csv.Error as error:
        tell(reader.line_num, "", f"not CSV: {error}", "")


def _sound_columns(columns: list[str], tell: Tell) -> bool:
    """Whether the first line names columns that there are, each once, and the one that must be there."""
    if len(columns) > MAX_COLUMNS:
        tell(1, "", f"has {len(columns)} columns", f"there is {', '.join(COLUMNS)}")
        return False
    wrong = [
        (f"unknown column {quoted(column)}", near(column, COLUMNS) or f"there is {', '.join(COLUMNS)}")
        for column in dict.fromkeys(columns)
        if column not in COLUMNS
    ]
    wrong += [
        (f"column {quoted(column)} is there twice", "")
        for column in dict.fromkeys(columns)
        if columns.count(column) > 1
    ]
    if not wrong and "name" not in columns:
        wrong.append(("no column is called name", "the first line names the columns: name,servers,…"))
    for text, hint in wrong:
        tell(1, "", text, hint)
    return not wrong


def _of_cells(columns: Sequence[str], cells: Sequence[str], line: int, tell: Tell) -> dict[str, object]:
    """Options as a table; what is empty is not given."""
    table: dict[str, object] = {}
    for column, cell in zip(columns, map(str.strip, cells), strict=True):
        if cell and column in ("cadence", "severity", "labels"):
            pairs = [(name, value) for name, _, value in (word.partition("=") for word in cell.split())]
            table[column] = dict(pairs)
            names = [name for name, _ in pairs]
            for name in dict.fromkeys(names):
                if names.count(name) > 1:
                    tell(line, column, f"{quoted(name)} is there twice", "")
        elif cell and column in ("servers", "ignore_servers"):
            table[column] = cell.split()
        elif column in ("quorum", "min_good") and cell.isdecimal():
            table[column] = int(cell)
        elif cell and column in ("records", "ignore_between_groups"):
            table[column] = [record.strip() for record in cell.split(";") if record.strip()]
        elif cell:
            table[column] = cell
    return table


def _from_json(path: Path, tell: Tell, learn: Learn, plain: int) -> Iterator[Batch]:
    known: dict[str, int] = {}
    for first, lines in _blocks(path, tell):
        found, places, kinds = [], [], []
        for number, line in enumerate(lines, first):
            row = _row(line, number, tell) if line and not line.isspace() else None
            if row is None:
                continue
            text, kind = row.pop("name", None), plain
            if row:
                written = repr(row)
                if (learnt := known.get(written)) is None:
                    learnt = known[written] = learn(row, number)
                kind = learnt
            if not isinstance(text, str):
                tell(number, "name", "missing" if text is None else "must be text in quotes", "")
            elif (name := _name(text, number, tell)) is not None:
                found.append(name)
                places.append(number)
                kinds.append(kind)
        yield Batch(found, places, kinds)


def _row(line: str, number: int, tell: Tell) -> dict[str, object] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = getattr(error, "msg", "nested too deeply, or a number too long")
        tell(number, "", f"not JSON: {reason[:1].lower()}{reason[1:]}", "")
        return None
    if not isinstance(row, dict):
        tell(number, "", "must be a JSON object", 'write {"name": "example.com"}')
        return None
    if why := unfit(row, line):
        tell(number, "", why, "")
        return None
    return row


def _name(text: str, line: int, tell: Tell, path: Path | None = None) -> str | None:
    try:
        return domain_name(text)
    except InvalidValue as error:
        tell(line, "", error.text, error.hint, path)
        return None


def _some(rows: Iterator[tuple[list[str], int]]) -> Iterator[list[tuple[list[str], int]]]:
    taken: list[tuple[list[str], int]] = []
    for row in rows:
        taken.append(row)
        if len(taken) == BATCH_SIZE:
            yield taken
            taken = []
    yield taken


def _blocks(path: Path, tell: Tell) -> Iterator[tuple[int, list[str]]]:
    """The lines of a file, many at a time, and the number of the first of them."""
    line, tail = 1, b""
    with open_file(path) as file:
        for block in chain(iter(lambda: file.read(BLOCK_SIZE), b""), (b"\n",)):
            whole, end, rest = (tail + block).rpartition(b"\n")
            if not end and len(rest) > MAX_LINE_LENGTH:
                tell(line, "", f"longer than {MAX_LINE_LENGTH // 1024} kB", "")
                return
            tail = rest
            if not end:
                continue
            if line == 1:
                whole = whole.removeprefix(b"\xef\xbb\xbf")
            try:
                lines = whole.decode().split("\n")
            except UnicodeDecodeError as error:
                tell(line + whole.count(b"\n", 0, error.start), "", "not UTF-8", "")
                return
            if b"\r" in whole:
                lines = [text.removesuffix("\r") for text in lines]
            if block == b"\n" and not lines[-1]:  # the end of the last line, not another one
                lines.pop()
            yield line, lines
            line += len(lines)
