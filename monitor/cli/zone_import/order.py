"""What ``soawatch import`` was asked for: zones, servers, lists of zones, as a configuration to ask with."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from checks.common.child_side import ANY_NAME
from checks.model.zone_table import ZoneTable
from monitor.cli.errors import Failure
from monitor.config.addresses import address
from monitor.config.domain_names import domain_name, host_name
from monitor.config.errors import ConfigError, InvalidValue, Mistake
from monitor.config.model import Config, ServerEntry, ZoneEntry
from monitor.config.sections import Resolver
from monitor.config.servers import server_name
from monitor.probe.message.names import show
from monitor.probe.settings import Probe

T = TypeVar("T")

MAX_ZONES = 100
"""Zones that are given by name; each is asked about."""

SAMPLE = 10
"""Zones of a list that are asked about."""


@dataclass(frozen=True, slots=True)
class ImportedList:
    """A file of zones: the path to write, how many zones it has, and those that are asked about."""

    path: Path
    format: str
    zones: int
    asked: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ImportOrder:
    """The zones that were named, lists of zones, and a configuration that has all zones which are asked about."""

    zones: tuple[str, ...]
    lists: tuple[ImportedList, ...]
    config: Config

    @property
    def asked(self) -> tuple[str, ...]:
        return (*self.zones, *(name for one in self.lists for name in one.asked))


def read_order(
    zones: Sequence[str], servers: Sequence[str], lists: Sequence[Path], form: str | None, resolver: str | None
) -> ImportOrder:
    """What was written on the command line. Raises Failure: 2 where it makes no sense, 78 for a bad list."""
    if not zones and not lists:
        raise Failure("name a zone, or a file of zones by --list", 2)
    names = tuple(dict.fromkeys(_meant("", domain_name, zone) for zone in zones))
    if len(names) > MAX_ZONES:
        raise Failure(f"{len(names)} zones are named, at most {MAX_ZONES} may be: write them to a file for --list", 2)
    entries: dict[str, ServerEntry] = {}
    for text in servers:
        name, entry = _meant("--server: ", _server, text)
        there = entries.get(name, ServerEntry(name))
        entries[name] = ServerEntry(
            name, tuple(dict.fromkeys((*there.addresses, *entry.addresses))), there.host or entry.host
        )
    where: dict[str, str] = dict.fromkeys(names, "among those that are named")
    read = tuple(_list(path, form, where) for path in dict.fromkeys(lists))
    settings = Resolver()
    if resolver is not None:
        settings = Resolver((_meant("--resolver: ", address, resolver),))
    # Who names servers wants to know of these, and of no others that the NS set may have.
    given = (tuple(entries), ANY_NAME) if entries else ((), None)
    asked = dict.fromkeys((*names, *(name for one in read for name in one.asked)))
    table = ZoneTable.of(ZoneEntry(name, given[0], ignored=(given[1],) if given[1] else ()) for name in asked)
    return ImportOrder(names, read, Config(zones=table, servers=entries, resolver=settings, probe=Probe()))


def _meant(where: str, parse: Callable[[str], T], text: str) -> T:
    try:
        return parse(text)
    except InvalidValue as error:
        raise Failure(f"{where}{error.text}{f' ({error.hint})' if error.hint else ''}", 2) from None


def _server(text: str) -> tuple[str, ServerEntry]:
    """NAME=ADDRESS, an address alone, or a host name."""
    name, equals, where = text.rpartition("=")
    if not equals:
        try:
            found = address(text)
        except InvalidValue:
            host = host_name(text)
            return host.removesuffix("."), ServerEntry(host.removesuffix("."), host=host)
        return str(found), ServerEntry(str(found), (found,))
    if not name:
        raise InvalidValue("a server is written NAME=ADDRESS[:PORT], ADDRESS or HOST")
    name = server_name(name)
    return name, ServerEntry(name, (address(where),))


def _list(path: Path, form: str | None, where: dict[str, str]) -> ImportedList:
    """The list as the configuration would read it. ``where`` says of each zone so far where it is."""
    from monitor.config.load import parse

    whole = path.absolute()
    text = f"[[lists]]\nfile = {json.dumps(str(whole))}\n" + (f"format = {json.dumps(form)}\n" if form else "")
    unwritten = whole.parent / "import.toml"
    try:
        read = parse(text, unwritten, {})
    except ConfigError as error:
        raise Failure("\n".join(_told(mistake, str(unwritten)) for mistake in error.mistakes), 78) from None
    names = read.zones.names
    for name in names:
        if name in where:
            raise Failure(f"zone {show(name)} is in {whole} and {where[name]}: a configuration has it once", 78)
        where[name] = f"in {whole}"
    step = max(1, len(names) // SAMPLE)
    return ImportedList(whole, read.lists[0].format, len(names), tuple(names[::step][:SAMPLE]))


def _told(mistake: Mistake, unwritten: str) -> str:
    """The mistake where it was made: in a list, or on the command line, as no configuration is there yet."""
    if mistake.file != unwritten:
        return str(mistake)
    if mistake.path.endswith(".format"):
        return f"--format: {mistake.text}{f' ({mistake.hint})' if mistake.hint else ''}"
    return f"--list: {mistake.text}"  # the hint is for who writes a configuration
