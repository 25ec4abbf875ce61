"""Reads the nameservers."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from checks.model import Address
from monitor.config import addresses
from monitor.config import file_model as raw
from monitor.config.errors import InvalidValue, KeyPath, Problems, known, near, quoted
from monitor.config.model import ServerEntry
from monitor.probe.message import names


def server_name(text: str) -> str:
    """The name of a server as it is kept: lower case, A-labels, no final dot. Raises InvalidValue."""
    if not text.isascii():
        try:
            text = names.parse(text)
        except names.BadName as error:
            raise InvalidValue(f"{quoted(text)}: {error.reason}", error.hint) from None
    name = text.lower().removesuffix(".")
    if not name or len(name) > 253 or any(c.isspace() or not c.isprintable() or c in "*?/\\\"'=,<>&#%" for c in name):
        raise InvalidValue(
            f"{quoted(text)} cannot be the name of a server", "letters, digits, dots, hyphens, underscores"
        )
    return name


def server_paths(written: tuple[str, ...]) -> dict[str, KeyPath]:
    """Name → where the file has it, for all names that are right."""
    found: dict[str, KeyPath] = {}
    for text in written:
        with suppress(InvalidValue):
            found.setdefault(server_name(text), ("servers", text))
    return found


def servers(problems: Problems, file: raw.File, written: tuple[str, ...]) -> dict[str, ServerEntry]:
    """The servers of the file by name. ``written`` are the names of all its tables, also of those with mistakes.

    A server with a mistake is still there, so that whoever names it is not told that it does not exist.
    """
    found: dict[str, ServerEntry] = {}
    for text in written:
        path = ("servers", text)
        try:
            name = server_name(text)
        except InvalidValue as error:
            problems.invalid(path, error)
            continue
        if name in found:
            problems.mistake(path, f"server {quoted(name)} is there twice")
            continue
        found[name] = _entry(problems, path, name, file.servers.get(text) or raw.Server())
    for text, table in file.servers.items():
        _check_upstream(problems, ("servers", text), text, table, found)
    return found


def _entry(problems: Problems, path: KeyPath, name: str, table: raw.Server) -> ServerEntry:
    entry = ServerEntry(
        name=name,
        addresses=_addresses(problems, path, table),
        port=table.port,
        hidden=table.hidden,
        group=table.group,
        upstream=tuple(_named(up) for up in table.upstream or () if up is not None),
    )
    if entry.addresses or not problems.sound(*path):
        if table.host is not None:
            problems.mistake((*path, "host"), "given together with addresses", "one of them is enough")
        return entry
    if table.addresses is not None:
        problems.mistake((*path, "addresses"), "names no address", "leave it out to have the name resolved")
        return entry
    return _hosted(problems, path, entry, table)


def _hosted(problems: Problems, path: KeyPath, entry: ServerEntry, table: raw.Server) -> ServerEntry:
    """The entry with the host name that gives its addresses: the key ``host``, or its own name."""
    try:
        host = names.host(table.host if table.host is not None else entry.name)
    except names.BadName as error:
        if table.host is not None:
            problems.mistake((*path, "host"), f"{quoted(table.host)}: {error.reason}", error.hint)
        else:
            problems.mistake(path, "has no addresses, and its name is not a host name", 'addresses = ["192.0.2.1"]')
        return entry
    if table.host is None and "." not in entry.name:
        hint = 'write addresses = ["192.0.2.1"] or host = "ns1.example.net"'
        problems.mistake(path, "has neither addresses nor host, and its name is not a full host name", hint)
        return entry
    return replace(entry, host=host)


def _addresses(problems: Problems, path: KeyPath, table: raw.Server) -> tuple[Address, ...]:
    """Each address once."""
    found: list[Address] = []
    for at, written in enumerate(table.addresses or ()):
        if written is None:
            continue
        address = addresses.address(written, table.port)
        if address in found:
            problems.mistake((*path, "addresses", at), f"{quoted(str(address))} is there twice")
        else:
            found.append(address)
    return tuple(found)


def _named(text: str) -> str:
    return text.lower().removesuffix(".")


def _check_upstream(
    problems: Problems, path: KeyPath, text: str, table: raw.Server, found: Mapping[str, ServerEntry]
) -> None:
    for at, up in enumerate(table.upstream or ()):
        if up is None:
            continue
        if _named(up) == _named(text):
            problems.mistake((*path, "upstream", at), "a server cannot be its own upstream")
        elif _named(up) not in found:
            problems.mistake(
                (*path, "upstream", at), f"no server is called {quoted(up)}", near(up, found) or known(found)
            )


def reference(text: str, defined: Mapping[str, ServerEntry]) -> ServerEntry:
    """The server a zone means: one that is defined, else an address or a full host name. Raises InvalidValue."""
    if text in defined:
        return defined[text]
    try:
        name = server_name(text)
    except InvalidValue:
        name = ""
    if name in defined:
        return defined[name]
    host, port = addresses.split(text)
    try:
        address = addresses.address(text)
    except InvalidValue as wrong:
        if port is not None or ":" in host or host.replace(".", "").isdigit():
            return _host_with_port(text, host, port, wrong)
        if "." not in name:
            hint = near(text, defined) or known(defined) or "define it as [servers.NAME], or write its address"
            raise InvalidValue(f"no server is called {quoted(text)}", hint) from None
        return ServerEntry(name, host=_host(text))
    return ServerEntry(str(address), (address,))


def _host_with_port(text: str, host: str, port: str | None, wrong: InvalidValue) -> ServerEntry:
    if port is None or "." not in host or host.replace(".", "").isdigit() or ":" in host:
        raise wrong
    number = addresses.port_number(port)
    name = _host(host)
    called = name.removesuffix(".")
    return ServerEntry(called if number == 53 else f"{called}:{number}", host=name, port=number)


def _host(text: str) -> str:
    try:
        return names.host(text)
    except names.BadName as error:
        raise InvalidValue(f"{quoted(text)}: {error.reason}", error.hint) from None
