"""Reads lists of zones, files beside the configuration that may hold hundreds of thousands."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from checks.model.zone_table import ZoneTable
from monitor.config import file_model, toml_reader, zone_rows
from monitor.config.errors import InvalidValue, KeyPath, Mistake, Problems, quoted, shown
from monitor.config.files import check_kind, reason
from monitor.config.model import MAX_SHRINK, PolledList, ZoneEntry, ZoneFile
from monitor.config.polled_lists import polled_list, refuse_without_url
from monitor.config.secrets import FileContext
from monitor.config.tables import table_of
from monitor.config.zone_collector import Build, WrittenOptions, ZoneCollector
from monitor.config.zones import References, entry_of, zones
from monitor.probe.message import names

MAX_MISTAKES = 20
"""Of one file; then it is not read on."""

MAX_LIST_SIZE = 1024 * 1024 * 1024

ROW: KeyPath = ("zones", 0)
"""How a row is known while it is read: as the one zone of a configuration of its own."""


class TooManyMistakes(Exception):
    """So many mistakes that the rest of the file is not worth reading."""


@dataclass(slots=True)
class ListFile:
    """A file of zones: where it is, which section wants it, and what was wrong with it so far."""

    path: Path
    form: str
    section: KeyPath
    table: Any
    plain: int
    problems: Problems
    source: str
    entry: ZoneEntry
    told: int = 0
    names: list[str] = field(default_factory=list)

    def zone_file(self) -> ZoneFile:
        """What was read."""
        share = MAX_SHRINK if self.table.max_shrink is None else self.table.max_shrink
        return ZoneFile(self.path, self.form, self.names, self.source, share, self.entry)

    def tell(self, line: int | None, key: str, text: str, hint: str, path: Path | None = None) -> None:
        if self.told == MAX_MISTAKES:
            self.problems.mistakes.append(Mistake(str(self.path), line, "", "and more mistakes; it was not read on"))
            raise TooManyMistakes
        self.told += 1
        self.problems.mistakes.append(Mistake(str(path or self.path), line, key, text, hint))


@dataclass(slots=True)
class Lists:
    """Reads all zones, those of the configuration and those of its lists."""

    problems: Problems
    references: References
    context: FileContext
    collector: ZoneCollector = field(default_factory=ZoneCollector)
    list_files: list[ListFile] = field(default_factory=list)
    polled: list[PolledList] = field(default_factory=list)

    def read(self, file: file_model.File) -> tuple[ZoneTable[ZoneEntry], tuple[ZoneFile, ...]]:
        misspelt = self.problems.misspelt((), "zone") or self.problems.misspelt((), "list")
        if not (file.zones or file.lists or file.catalogs) and not misspelt:
            self.problems.mistake((), "no zones", 'add [[zones]] with name = "example.com"')
        for entry in zones(self.problems, file.zones, self.references):
            self.collector.add_alike((entry.name,), self._number(entry))
        for index, table in enumerate(file.lists):
            if table is not None and table.url is not None:
                self._poll(("lists", index), table)
            elif table is not None:
                self.list_files += self._list_files(("lists", index), table)
        for list_file in self.list_files:
            self._take(list_file)
        if self.collector.doubled:
            self._tell_doubled()
        listed = tuple(map(ListFile.zone_file, self.list_files))
        with suppress(TooManyMistakes):
            return self.collector.zone_table(), listed
        return ZoneTable.of(()), listed

    def _number(self, entry: ZoneEntry) -> int:
        return self.collector.learn(entry.without_name())

    def _poll(self, section: KeyPath, table: Any) -> None:
        """A list that is not in a file."""
        found = polled_list(self.problems, section, table, self.references, self.context)
        if found is None:
            return
        if any(found.url == one.url for one in self.polled):
            self.problems.mistake((*section, "url"), "another list has the same")
        self.polled.append(found)

    def _list_files(self, section: KeyPath, table: Any) -> Iterator[ListFile]:
        """The files of a section."""
        paths = self._paths(section, table)
        plain, entry = self._learn_defaults(section, table)
        written = table.file if table.directory is None else table.directory
        for path in paths:
            form = table.format or zone_rows.recognise_format(path)
            source = str(self.context.path(written))
            yield ListFile(path, form, section, table, plain, self.problems, source, entry)

    def _paths(self, section: KeyPath, table: Any) -> list[Path]:
        refuse_without_url(self.problems, section, table)
        if table.file is not None and table.directory is not None:
            self.problems.mistake((*section, "directory"), "given together with file", "one of them is enough")
            return []
        key = "file" if table.directory is None else "directory"
        written = table.file if table.directory is None else table.directory
        if written is None:
            if self.problems.sound(*section):
                self.problems.mistake(section, "names neither a file nor a directory nor a url", 'file = "zones.txt"')
            return []
        where = (*section, key)
        path = self.problems.parsed(where, written, self.context.path)
        if path is None:
            return []
        try:
            if key == "file":
                return [_readable(path)]
            # What leads nowhere, or is no file, is a mistake: its zones would leave the watch without a word.
            found = sorted(one for one in path.iterdir() if not one.is_dir() and not _aside(one.name))
            if not found:
                self.problems.mistake(where, f"there is no file in {quoted(written)}")
        except OSError as error:
            self.problems.mistake(where, f"{quoted(written)} cannot be read: {reason(error)}")
            return []
        except InvalidValue as error:
            self.problems.invalid(where, error)
            return []
        return [one for one in found if self._usable(where, one)]

    def _usable(self, where: KeyPath, path: Path) -> bool:
        """Whether one of a directory's files can be read as a list."""
        try:
            _readable(path)
        except OSError as error:
            leads = f", which leads to {quoted(str(path.readlink()))}," if path.is_symlink() else ""
            self.problems.mistake(where, f"{quoted(path.name)}{leads} cannot be read: {reason(error)}")
        except InvalidValue as error:
            self.problems.invalid(where, error)
        else:
            return True
        return False

    def _learn_defaults(self, section: KeyPath, table: Any) -> tuple[int, ZoneEntry]:
        def build(name: str) -> ZoneEntry:
            many = len(self.problems.mistakes) > MAX_MISTAKES
            return entry_of(Problems("") if many else self.problems, section, table, name, self.references)

        options, entry = WrittenOptions.of(table, build, self._quietly(table))
        return self.collector.learn(entry, options if self.problems.sound(*section) else None), entry

    def _quietly(self, table: Any) -> Build:
        return lambda name: entry_of(Problems(""), ROW, table, name, self.references)

    def _learn(self, list_file: ListFile, row: Mapping[str, object], line: int) -> int:
        """The options of a row, over those of its list."""
        problems = Problems(str(list_file.path))
        given = toml_reader.validate(table_of(ZoneEntry), {**row, "name": "zone.example"}, problems, ROW)
        if getattr(given, "canary", None) is not None:
            problems.mistake((*ROW, "canary"), "is for zones that are written in the configuration alone")
        if problems.mistakes or not self.problems.sound(*list_file.section):
            _pass_on(problems, list_file, line)
            return list_file.plain
        table = given.model_copy(
            update={
                key: getattr(list_file.table, key) for key in file_model.OPTIONS if key not in given.model_fields_set
            }
        )

        def build(name: str) -> ZoneEntry:
            problems = Problems(str(list_file.path))
            entry = entry_of(problems, ROW, table, name, self.references)
            _pass_on(problems, list_file, line)
            return entry

        told = list_file.told
        options, entry = WrittenOptions.of(table, build, self._quietly(table))
        return self.collector.learn(entry, options if list_file.told == told else None)

    def _take(self, list_file: ListFile) -> None:
        def learn(row: Mapping[str, object], line: int) -> int:
            return self._learn(list_file, row, line)

        with suppress(TooManyMistakes):
            try:
                for batch in zone_rows.batches(list_file.path, list_file.form, list_file.tell, learn, list_file.plain):
                    list_file.names += batch.names
                    if batch.kinds is None:
                        self.collector.add_alike(batch.names, list_file.plain)
                    else:
                        self.collector.add(batch.names, batch.kinds)
            except OSError as error:
                list_file.tell(None, "", f"cannot be read: {reason(error)}", "")
            if not list_file.names and not list_file.told:
                list_file.tell(None, "", "names no zone", "was it cut short? take it away if it is meant to be empty")

    def _tell_doubled(self) -> None:
        """Which names came twice, and where: so seldom that all is read again to find out."""
        seen = {
            name: f"on line {self.problems.line(path)} of {self.problems.file}"
            for name, path in self.references.places.items()
        }
        for list_file in self.list_files:
            with suppress(TooManyMistakes, OSError):
                for batch in zone_rows.batches(list_file.path, list_file.form, lambda *_: None, lambda *_: 0, 0):
                    path = batch.path or list_file.path
                    for name, line in zip(batch.names, batch.lines, strict=True):
                        if (first := seen.get(name)) is not None:
                            list_file.tell(line, "", f"zone {names.show(name)} is there twice", f"first {first}", path)
                        else:
                            seen[name] = f"on line {line} of {path}"


def _pass_on(problems: Problems, list_file: ListFile, line: int) -> None:
    """What is wrong with the options of a row, to its file."""
    for mistake in problems.mistakes:
        list_file.tell(line, mistake.path.removeprefix(shown(ROW)).removeprefix("."), mistake.text, mistake.hint)


def _aside(name: str) -> bool:
    """Files that editors and people leave behind."""
    return name.startswith((".", "#")) or name.endswith(("~", ".bak", ".orig", ".tmp"))


def _readable(path: Path) -> Path:
    """The path of a file of a size that can be meant. Raises InvalidValue and OSError."""
    if path.is_dir():
        raise InvalidValue(f"{quoted(path.name)} is a directory", 'write directory = "…"')
    check_kind(path)
    if path.stat().st_size > MAX_LIST_SIZE:
        raise InvalidValue(f"{quoted(path.name)} is larger than {MAX_LIST_SIZE // 1024**3} GB")
    return path
