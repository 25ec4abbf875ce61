"""Writes the tables of docs/configuration.md and the sections of config.example.toml from what the configuration is
read into: run ``python docs/make_configuration.py`` after a change to a setting or to the registry of checks.

A table of the page is the first below its heading; a section of the example ends at the first empty line. What is said
of a type of receivers is the docstring of its notifier.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import MISSING, dataclass, is_dataclass
from datetime import timedelta
from inspect import cleandoc
from pathlib import Path
from typing import Any, get_type_hints

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "configuration.md"
EXAMPLE = ROOT / "config.example.toml"

sys.path.insert(0, str(ROOT))

from alerting.model import Route, Secret  # noqa: E402  the project need not be installed to write its documents
from checks.model import Address, TransferRule, WantedRecord  # noqa: E402
from checks.model.finding_type import Severity  # noqa: E402
from checks.registry import CHECKS  # noqa: E402
from monitor.config import secrets  # noqa: E402
from monitor.config.durations import written  # noqa: E402
from monitor.config.file_model import OPTIONS  # noqa: E402
from monitor.config.keys import WrittenKey  # noqa: E402
from monitor.config.maintenance import WrittenWindow  # noqa: E402
from monitor.config.model import Catalog, ServerEntry, ZoneEntry, ZoneList  # noqa: E402
from monitor.config.named_token import NamedToken  # noqa: E402
from monitor.config.receivers import kinds, notifier  # noqa: E402
from monitor.config.sections import SECTIONS  # noqa: E402
from monitor.config.tables import core, descriptions, needed, settings_of  # noqa: E402

HEADINGS = {
    "[tokens.NAME]": NamedToken,
    "[[zones]]": ZoneEntry,
    "records": WantedRecord,
    "transfer": TransferRule,
    "[servers.NAME]": ServerEntry,
    "[keys.NAME]": WrittenKey,
    "[[routes]]": Route,
    "[[maintenance]]": WrittenWindow,
}
TABLES = {
    "servers.ns1": ServerEntry,
    "[zones]": ZoneEntry,
    "[lists]": ZoneList,
    "[catalogs]": Catalog,
    "tokens.anna": NamedToken,
    "keys.xfr": WrittenKey,
    "[routes]": Route,
    "[maintenance]": WrittenWindow,
}
"""Tables of the example that are written by hand; a key that none like it has is added to them."""
IN_A_GROUP = "the same options for members in the group of that name, over those of the catalog"
COMMENT_AT = 47
"""Column of the comments in the example."""
WIDTH = 120


@dataclass(frozen=True)
class Key:
    """One key as it is documented. ``inside`` is the dataclass of a table in the table."""

    names: tuple[str, ...]
    default: str
    text: str
    line: str = ""
    inside: type[Any] | None = None

    @property
    def row(self) -> str:
        return f"| {quoted(self.names)} | {self.default} | {self.text} |\n".replace("|  |", "| |")


def of_dataclass(cls: type[Any], table: str = "") -> Iterator[Key]:
    """The keys of the table that ``cls`` is read from; ``table`` is the section where there is only one."""
    hints, texts = get_type_hints(cls), descriptions(cls)
    for key, field in settings_of(cls):
        kind = core(hints[field.name])
        default = field.default if field.default is not MISSING else None
        value = "" if needed(field) else toml(default, field.metadata.get("unit", ""))
        said = "needed" if needed(field) else f"`{value}`" if value else field.metadata.get("unset", "none")
        names = secrets.secret_keys(key) if kind is Secret else (key,)
        line = field.metadata.get("example") or (f"{key} = {value}" if value else "")
        text = plain(texts.get(field.name, ""))
        if is_dataclass(kind) and kind not in (Address, Secret):
            yield Key(names, "needed" if needed(field) else "", nested(kind, f"{table}.{key}", text), line, kind)
        else:
            yield Key(names, said, text, line)


def nested(cls: type[Any], table: str, text: str) -> str:
    """What is said of a table in a table: all of its keys."""
    inside = ", ".join(f"{quoted(key.names)} ({key.default}; {key.text})" for key in of_dataclass(cls))
    called = "a table" if table.startswith(".") else f"a table, `[{table}]`"
    return f"{called}: {text or plain(cls.__doc__ or '')}. {inside}"


def quoted(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def toml(value: Any, unit: str = "") -> str:
    """A default as the file would write it; empty where there is none."""
    match value:
        case None | () | "":
            return ""
        case bool():
            return "true" if value else "false"
        case float() if unit == "s":
            return f'"{written(timedelta(seconds=value))}"'
        case Severity():
            return f'"{value}"'
        case int() | float():
            return f"{value:_}" if value >= 100_000 else f"{value:g}"
        case timedelta():
            return f'"{written(value)}"'
        case (str(host), int(port)):
            return f'"{Address(host, port)}"'
        case _:
            return f'"{value}"'


def plain(text: str) -> str:
    """A description as part of a sentence: one line, no capital, no full stop."""
    line = " ".join(text.split()).removesuffix(".")
    return line[:1].lower() + line[1:] if line[1:2].islower() or line[1:2] == " " else line


def question(check: type[Any]) -> str:
    """What a check is for: the first line of its module."""
    return plain((sys.modules[check.__module__].__doc__ or "").split("\n")[0].partition(": ")[2])


def page(text: str) -> str:
    """The whole document, its tables written anew."""
    for name, cls in SECTIONS.items():
        text = with_table(text, f"[{name}]", "key | default | ", (key.row for key in of_dataclass(cls, name)))
    for heading, table in HEADINGS.items():
        text = with_table(text, heading, "key | default | ", (key.row for key in of_dataclass(table)))
    text = with_receivers(text)
    lists = [key.row for key in of_dataclass(ZoneList)]
    options = "as for `[[zones]]` | for every zone of the list that has none of its own"
    lists.append(f"| {quoted(OPTIONS)} | {options} |\n")
    text = with_table(text, "[[lists]]", "key | default | ", lists)
    of_members = [key.row for key in of_dataclass(Catalog)]
    of_members += [
        f"| {quoted(OPTIONS)} | as for `[[zones]]` | for every member |\n",
        f"| `groups` | none | tables `[catalogs.groups.NAME]`: {IN_A_GROUP} |\n",
    ]
    text = with_table(text, "[[catalogs]]", "key | default | ", of_members)
    asked = [f'| `{name}` | `"{written(check.cadence)}"` | {question(check)} |\n' for name, check in CHECKS.items()]
    text = with_table(text, "[cadence]", "key | default | checks that ", asked)
    settings = [f"| `{name}` {key.row}" for name, check in CHECKS.items() for key in of_dataclass(check)]
    return with_table(text, "[checks.NAME]", "check | key | default | ", settings)


def with_receivers(text: str) -> str:
    """The document with a heading for each type of receiver, below it what its class says, and its keys."""
    head = table_head("key | default | ")
    kinds_said = (
        f'### type = "{kind}"\n\n{spoken(notifier(kind))}\n\n{head}'
        + "".join(key.row for key in of_dataclass(notifier(kind)))
        for kind in kinds()
    )
    return replaced(r'(?ms)^### type = ".*?(?=^## )', text, "\n".join(kinds_said) + "\n", PAGE)


def spoken(cls: type[Any]) -> str:
    """What a class says of itself, in Markdown; a paragraph is a line."""
    paragraphs = cleandoc(cls.__doc__ or "").replace("``", "`").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def with_table(text: str, heading: str, columns: str, rows: Iterable[str]) -> str:
    """The document with the first table below the heading replaced."""
    first = rf"(?m)(^##+ {re.escape(heading)}\n(?:(?!#|\|).*\n)*)(?:\|.*\n)+"
    return replaced(first, text, table_head(columns) + "".join(rows), PAGE)


def table_head(columns: str) -> str:
    return f"| {columns}|\n|{'---|' * (columns.count('|') + 1)}\n"


def replaced(pattern: str, text: str, made: str, file: Path) -> str:
    """The text with the one place that the pattern finds replaced; what its first group finds stays before it."""
    found, count = re.subn(pattern, lambda found: "".join(found.groups()) + made, text)
    if count != 1:
        raise LookupError(f"{pattern}: {count} such places in {file.name}")
    return found


def example(text: str) -> str:
    """The whole example, its sections written anew."""
    for name, cls in SECTIONS.items():
        text = with_section(text, name, of_dataclass(cls, name))
    settings = {f"checks.{name}": keys for name, check in CHECKS.items() if (keys := tuple(of_dataclass(check)))}
    blocks = [f"#[{name}]\n{''.join(section_lines(name, keys))}\n" for name, keys in settings.items()]
    text = replaced(r"(?ms)(^# --- Settings of checks -+\n\n).*?(?=^# --- )", text, "".join(blocks), EXAMPLE)
    cadences = (
        Key((name,), "", question(check), f'{name} = "{written(check.cadence)}"') for name, check in CHECKS.items()
    )
    text = with_section(text, "cadence", cadences)
    for section, table in TABLES.items():
        text = with_missing(text, section, of_dataclass(table))
    return with_receiver_of_each_type(text)


def with_section(text: str, section: str, keys: Iterable[Key]) -> str:
    """The example with what follows the header, up to an empty line, replaced."""
    lines = "".join(section_lines(section, keys))
    return replaced(rf"(?m)(^#?\[{re.escape(section)}\].*\n)(?:.+\n)*", text, lines, EXAMPLE)


def with_receiver_of_each_type(text: str) -> str:
    """The example with a receiver of each type, and a route to all. One keeps its name, at first that of its type."""
    called = {kind: name for name, kind in re.findall(r'(?m)^#\[receivers\.(.+)\]\n#type = "(.+?)"', text)}
    names = ", ".join(f'"{called.get(kind, kind)}"' for kind in kinds())
    text = replaced(r"(?m)^#receivers = .*", text, f"#receivers = [{names}]", EXAMPLE)
    blocks = []
    for kind in kinds():
        said = spoken(notifier(kind)).partition("\n")[0]
        keys = (Key(("type",), "", plain(said), f'type = "{kind}"'), *of_dataclass(notifier(kind)))
        blocks.append(f"#[receivers.{called.get(kind, kind)}]\n{''.join(map(commented, keys))}\n")
    return replaced(r"(?ms)(^# --- Who is told.*?\n\n).*?(?=^#\[\[routes)", text, "".join(blocks), EXAMPLE)


def with_missing(text: str, section: str, keys: Iterable[Key]) -> str:
    """The example with those keys added to a table that nothing between the headings around it shows."""
    found = re.search(rf"(?m)^#?\[{re.escape(section)}\].*\n(?:.+\n)*", text)
    if found is None:
        raise LookupError(f"[{section}]: no table in {EXAMPLE.name}")
    start, end = text.rindex("\n# --- ", 0, found.start()), text.find("\n# --- ", found.end())
    shown = set(re.findall(r"(?m)(?:^#?|[{,] )(\w+) = ", text[start:end]))
    missing = [key for key in keys if shown.isdisjoint(key.names)]
    if unclear := [key.names[0] for key in missing if not key.line]:
        raise LookupError(f"{', '.join(unclear)}: neither a default nor an example to show")
    return text[: found.end()] + "".join(map(commented, missing)) + text[found.end() :]


def section_lines(section: str, keys: Iterable[Key]) -> Iterator[str]:
    """The keys of a section, then the tables in it."""
    tables = []
    for key in keys:
        if key.inside:
            tables.append(key)
        else:
            yield commented(key)
    for key in tables:
        yield f"#\n#[{section}.{key.names[0]}]\n"
        yield from map(commented, of_dataclass(key.inside))  # type: ignore[arg-type]


def commented(key: Key) -> str:
    """A line of the example, beside it the first thing that is said of the key, as far as there is room."""
    text = re.split(r"[;.] ", key.text.replace("`", ""))[0]
    valued = key.default.startswith("`") or key.default.partition(":")[0] in ("", "needed", "none")
    default = "" if valued else f"; default: {key.default.replace('`', '')}"
    while text and len(line := f"#{key.line:<{COMMENT_AT - 2}} # {text}{default}\n") > WIDTH + 1:
        text = text.rpartition(", ")[0]
    return line if text else f"#{key.line}\n"


def main() -> None:
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    EXAMPLE.write_text(example(EXAMPLE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
