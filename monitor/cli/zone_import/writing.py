"""Writes a configuration of what a survey came to, with comments that say what was seen and what was not. Pure."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from checks.common.open_transfers import is_given
from checks.common.text import enumerated, instant, one_line, plural, server_at
from checks.model import Server
from monitor.cli.zone_import.conclusions import Primary, find_primary, hidden, of_address, of_transfer, unwatched
from monitor.cli.zone_import.order import ImportedList, ImportOrder
from monitor.cli.zone_import.survey import Survey, ZoneAnswers

WIDTH = 116
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}


def toml_text(text: str) -> str:
    """A basic string of TOML: quotes, backslashes and whatever is not printable are escaped."""
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def configuration(order: ImportOrder, survey: Survey, at: datetime) -> str:
    """The configuration. ``at`` is when the servers were asked."""
    seen = {each.zone.name: each for each in survey.zones}
    lines = [
        *_comment(
            f"Written by soawatch import, of what was seen from this machine at {instant(at)}. One look is no proof: "
            "read what it says, then try soawatch check-config and soawatch run with it."
        ),
        *(line for problem in survey.problems for line in _comment(f"Not found: {problem}")),
        "",
    ]
    for name in order.config.servers:
        lines += _server(name, order, survey)
    for name in order.zones:
        lines += _zone(seen[name], order, survey)
    for one in order.lists:
        lines += _list(one, [seen[name] for name in one.asked], order, survey)
    return "\n".join(lines).rstrip("\n") + "\n"


def _comment(text: str) -> Iterator[str]:
    """A sentence as lines of comments; words are never broken."""
    line = "#"
    for word in one_line(text).split():
        if len(line) + len(word) + 1 > WIDTH and line != "#":
            yield line
            line = "#"
        line += f" {word}"
    yield line


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else toml_text(name)


def _array(names: Iterable[str]) -> str:
    return f"[{', '.join(map(toml_text, names))}]"


def _server(name: str, order: ImportOrder, survey: Survey) -> list[str]:
    """The table of a server that was named with its addresses; others need none."""
    entry = order.config.servers[name]
    if not entry.addresses or [name] == [str(address) for address in entry.addresses]:
        return []
    server = _asked(name, survey)
    lines = [f"[servers.{_key(name)}]", f"addresses = {_array(map(str, entry.addresses))}"]
    told = hidden(server, survey) if server is not None else None
    if told:
        lines += [*_comment("No NS set that was seen names it, nor one of its addresses."), "hidden = true"]
    elif told is None:
        lines += _comment("Whether it is in the NS set could not be told; if not: hidden = true")
    return [*lines, ""]


def _asked(name: str, survey: Survey) -> Server | None:
    return next((found for each in survey.zones if (found := each.zone.server(name)) is not None), None)


def _zone(seen: ZoneAnswers, order: ImportOrder, survey: Survey) -> list[str]:
    primary = find_primary(seen, survey)
    lines = ["[[zones]]", f"name = {toml_text(seen.zone.name.removesuffix('.') or '.')}"]
    lines += _answers(seen)
    lines += _servers(order, seen.zone.servers)
    lines += _primary(primary)
    lines += _strangers(seen, order, survey)
    lines += _transfers([seen])
    return [*lines, ""]


def _answers(seen: ZoneAnswers) -> Iterator[str]:
    """What each address said."""
    for one in seen.answers:
        where = server_at(one.server, one.address)
        transfer = f"; {of_transfer(one)}" if one.serial is not None else ""
        yield from _comment(f"{where}: {of_address(one)}{transfer}")
    for server in seen.zone.servers:
        if not server.addresses:
            yield from _comment(f"{server.name}: no address is known, so it was not asked")
    if not seen.zone.servers:
        yield from _comment("No server of it was found: whether there is such a zone is not known.")
    serials = {one.serial for one in seen.served}
    if len(serials) > 1:
        yield from _comment(
            f"{plural(len(serials), 'serial')} at one time: a change on its way, a server that is late, or servers "
            "that count apart (group, signer)."
        )


def _servers(order: ImportOrder, found: Sequence[Server]) -> Iterator[str]:
    if order.config.servers:
        yield f"servers = {_array(order.config.servers)}"
    elif found:
        yield from _comment("Without servers it is watched on its NS set, which is looked up again and again.")


def _primary(primary: Primary) -> Iterator[str]:
    if primary.server is None:
        yield from _comment(f"No primary: {primary.why}.")
    else:
        yield from _comment(f"{primary.why}. One behind it that is hidden would not be seen.")
        yield f"primary = {toml_text(primary.server)}"


def _strangers(seen: ZoneAnswers, order: ImportOrder, survey: Survey) -> Iterator[str]:
    if order.config.servers and (names := unwatched(seen, survey)):
        yield from _comment(
            f"The NS set also names {enumerated(names, 20)}: none of these servers, as far as can be told. Each is "
            "told of as unwatched-server, unless ignore_servers has it."
        )


def _transfers(zones: Sequence[ZoneAnswers]) -> Iterator[str]:
    """What to write where the zone is given away and that is meant: it is told of otherwise."""
    axfrs = [(one.server, one.axfr) for seen in zones for one in seen.answers if one.axfr is not None]
    given = sorted({server for server, axfr in axfrs if is_given(axfr)})
    if given:
        yield from _comment("It is told of as transfer-open. If it is meant:")
        rules = ", ".join(f'{{ server = {toml_text(name)}, expect = "allowed" }}' for name in given)
        yield f"# transfer = [{rules}]"


def _list(one: ImportedList, zones: Sequence[ZoneAnswers], order: ImportOrder, survey: Survey) -> list[str]:
    """A list: what all zones have in common that were asked about."""
    lines = [
        "[[lists]]",
        f"file = {toml_text(str(one.path))}",
        f"format = {toml_text(one.format)}",
        *_comment(f"{plural(one.zones, 'zone')}, of which {len(zones)} were asked about:"),
    ]
    for seen in zones:
        name = seen.zone.name
        served = {one.server for one in seen.served}
        silent = [server.name for server in seen.zone.servers if server.name not in served]
        said = f"{name} {enumerated(sorted(served)) or 'nobody'} with authority"
        lines += _comment(f"{said}; not: {enumerated(silent)}" if silent else said)
    lines += _servers(order, [server for seen in zones for server in seen.zone.servers])
    found = {find_primary(seen, survey) for seen in zones}
    named = {each.server for each in found}
    if len(named) == 1:
        lines += _primary(min(found, key=lambda each: each.why))
    else:
        lines += _comment("No primary: it is not the same for all that were asked about.")
    lines += _transfers(zones)
    return [*lines, ""]
