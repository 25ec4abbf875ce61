"""Reads lists of zones, files beside the configuration that may hold hundreds of thousands."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from checks.model.zone_table import ZoneTable
from monitor.config import file_model as raw
from monitor.config import toml_reader as reading
from monitor.config import zone_rows as rows
from monitor.config.errors import Book, KeyPath, Mistake, Wrong, quoted, shown
from monitor.config.files import check_kind, reason
from monitor.config.model import Listed, ZoneEntry
from monitor.config.secrets import Place
from monitor.config.zone_census import Build, Census, Options
from monitor.config.zones import Around, entry_of, zones
from monitor.probe.message import names

MOST_MISTAKES = 20
"""Of one file; then it is not read on."""

LARGEST = 1024 * 1024 * 1024

ROW: KeyPath = ("zones", 0)
"""How a row is known while it is read: as the one zone of a configuration of its own."""


class Enough(Exception):
    """So many mistakes that the rest of the file is not worth reading."""


@dataclass(slots=True)
class Sheet:
    """A file of zones: where it is, which section wants it, and what was wrong with it so far."""

    path: Path
    form: str
    section: KeyPath
    table: raw.ZoneList
    plain: int
    book: Book
    told: int = 0
    count: int = 0

    def tell(self, line: int | None, key: str, text: str, hint: str) -> None:
        if self.told == MOST_MISTAKES:
            self.book.mistakes.append(Mistake(str(self.path), line, "", "and more mistakes; it was not read on"))
            raise Enough
        self.told += 1
        self.book.mistakes.append(Mistake(str(self.path), line, key, text, hint))


@dataclass(slots=True)
class Lists:
    """Reads all zones, those of the configuration and those of its lists."""

    book: Book
    around: Around
    place: Place
    census: Census = field(default_factory=Census)
    sheets: list[Sheet] = field(default_factory=list)

    def read(self, file: raw.File) -> tuple[ZoneTable[ZoneEntry], tuple[Listed, ...]]:
        for entry in zones(self.book, file, self.around):
            self.census.add_alike((entry.name,), self._number(entry))
        for index, table in enumerate(file.lists):
            if table is not None:
                self.sheets += self._sheets(("lists", index), table)
        for sheet in self.sheets:
            self._take(sheet)
        if self.census.doubled:
            self._tell_doubled()
        listed = tuple(Listed(sheet.path, sheet.form, sheet.count) for sheet in self.sheets)
        with suppress(Enough):
            return self.census.zone_table(), listed
        return ZoneTable.of(()), listed

    def _number(self, entry: ZoneEntry) -> int:
        return self.census.learn(entry.nameless())

    def _sheets(self, section: KeyPath, table: raw.ZoneList) -> Iterator[Sheet]:
        """The files of a section."""
        paths = self._paths(section, table)
        plain = self._learn_defaults(section, table)
        for path in paths:
            form = table.format or rows.SUFFIXES.get(path.suffix.lower()) or rows.recognised(path)
            yield Sheet(path, form, section, table, plain, self.book)

    def _paths(self, section: KeyPath, table: raw.ZoneList) -> list[Path]:
        if table.file is not None and table.directory is not None:
            self.book.mistake((*section, "directory"), "given together with file", "one of them is enough")
            return []
        key = "file" if table.directory is None else "directory"
        written = table.file if table.directory is None else table.directory
        if written is None:
            if self.book.sound(*section):
                self.book.mistake(section, "names neither a file nor a directory", 'file = "zones.txt"')
            return []
        where = (*section, key)
        path = self.book.parsed(where, written, self.place.path)
        if path is None:
            return []
        try:
            if key == "file":
                return [_readable(path)]
            # What leads nowhere, or is no file, is a mistake: its zones would leave the watch without a word.
            found = sorted(one for one in path.iterdir() if not one.is_dir() and not _aside(one.name))
            if not found:
                self.book.mistake(where, f"there is no file in {quoted(written)}")
        except OSError as error:
            self.book.mistake(where, f"{quoted(written)} cannot be read: {reason(error)}")
            return []
        except Wrong as error:
            self.book.wrong(where, error)
            return []
        return [one for one in found if self._usable(where, one)]

    def _usable(self, where: KeyPath, path: Path) -> bool:
        """Whether one of a directory's files can be read as a list."""
        try:
            _readable(path)
        except OSError as error:
            leads = f", which leads to {quoted(str(path.readlink()))}," if path.is_symlink() else ""
            self.book.mistake(where, f"{quoted(path.name)}{leads} cannot be read: {reason(error)}")
        except Wrong as error:
            self.book.wrong(where, error)
        else:
            return True
        return False

    def _learn_defaults(self, section: KeyPath, table: raw.ZoneList) -> int:
        def build(name: str) -> ZoneEntry:
            many = len(self.book.mistakes) > MOST_MISTAKES
            return entry_of(Book("") if many else self.book, section, table, name, self.around)

        options, entry = Options.of(table, build, self._quietly(table))
        return self.census.learn(entry, options if self.book.sound(*section) else None)

    def _quietly(self, table: raw.Options) -> Build:
        return lambda name: entry_of(Book(""), ROW, table, name, self.around)

    def _learn(self, sheet: Sheet, row: Mapping[str, object], line: int) -> int:
        """The options of a row, over those of its list."""
        book = Book(str(sheet.path))
        given = next(iter(reading.checked(raw.File, {"zones": [{**row, "name": "zone.example"}]}, book).zones), None)
        if given is None or book.mistakes or not self.book.sound(*sheet.section):
            _pass_on(book, sheet, line)
            return sheet.plain
        table = given.model_copy(
            update={
                key: getattr(sheet.table, key) for key in raw.Options.model_fields if key not in given.model_fields_set
            }
        )

        def build(name: str) -> ZoneEntry:
            book = Book(str(sheet.path))
            entry = entry_of(book, ROW, table, name, self.around)
            _pass_on(book, sheet, line)
            return entry

        told = sheet.told
        options, entry = Options.of(table, build, self._quietly(table))
        return self.census.learn(entry, options if sheet.told == told else None)

    def _take(self, sheet: Sheet) -> None:
        def learn(row: Mapping[str, object], line: int) -> int:
            return self._learn(sheet, row, line)

        with suppress(Enough):
            try:
                for batch in rows.batches(sheet.path, sheet.form, sheet.tell, learn, sheet.plain):
                    sheet.count += len(batch.names)
                    if batch.kinds is None:
                        self.census.add_alike(batch.names, sheet.plain)
                    else:
                        self.census.add(batch.names, batch.kinds)
            except OSError as error:
                sheet.tell(None, "", f"cannot be read: {reason(error)}", "")
            if not sheet.count and not sheet.told:
                sheet.tell(None, "", "names no zone", "was it cut short? take it away if it is meant to be empty")

    def _tell_doubled(self) -> None:
        """Which names came twice, and where: so seldom that all is read again to find out."""
        seen = {
            name: f"on line {self.book.line(path)} of {self.book.file}" for name, path in self.around.places.items()
        }
        for sheet in self.sheets:
            with suppress(Enough, OSError):
                for batch in rows.batches(sheet.path, sheet.form, lambda *_: None, lambda *_: 0, 0):
                    for name, line in zip(batch.names, batch.lines, strict=True):
                        if (first := seen.get(name)) is not None:
                            sheet.tell(line, "", f"zone {names.show(name)} is there twice", f"first {first}")
                        else:
                            seen[name] = f"on line {line} of {sheet.path}"


def _pass_on(book: Book, sheet: Sheet, line: int) -> None:
    """What is wrong with the options of a row, to its sheet."""
    for mistake in book.mistakes:
        sheet.tell(line, mistake.path.removeprefix(shown(ROW)).removeprefix("."), mistake.text, mistake.hint)


def _aside(name: str) -> bool:
    """Files that editors and people leave behind."""
    return name.startswith((".", "#")) or name.endswith(("~", ".bak", ".orig", ".tmp"))


def _readable(path: Path) -> Path:
    """The path of a file of a size that can be meant. Raises Wrong and OSError."""
    if path.is_dir():
        raise Wrong(f"{quoted(path.name)} is a directory", 'write directory = "…"')
    check_kind(path)
    if path.stat().st_size > LARGEST:
        raise Wrong(f"{quoted(path.name)} is larger than {LARGEST // 1024**3} GB")
    return path
