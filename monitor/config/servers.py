"""Reads the nameservers."""

import ssl
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from checks.model import PORT, Address
from monitor.config import addresses
from monitor.config.domain_names import domain_name, host_name
from monitor.config.errors import InvalidValue, KeyPath, Problems, known, near, quoted
from monitor.config.keys import key_name
from monitor.config.model import ServerEntry
from monitor.config.secrets import FileContext
from monitor.config.tables import NO_FILE, instance_of, table_of
from monitor.probe.settings import TlsSettings


def server_name(text: str) -> str:
    """The name of a server as it is kept: lower case, A-labels, no final dot. Raises InvalidValue."""
    if not text.isascii():
        text = domain_name(text)
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


def servers(
    problems: Problems,
    tables: Mapping[str, Any],
    written: tuple[str, ...],
    keys: Collection[str] = (),
    context: FileContext = NO_FILE,
) -> dict[str, ServerEntry]:
    """The servers of the file by name. ``written`` are the names of all its tables, also of those with mistakes, and
    ``keys`` those of its keys.

    A server with a mistake is still there, so that whoever names it is not told that it does not exist.
    """
    texts: dict[str, str] = {}
    for text in written:
        path = ("servers", text)
        name = problems.parsed(path, text, server_name)
        if name in texts:
            problems.mistake(path, f"server {quoted(name)} is there twice")
        elif name is not None:
            texts[name] = text
    empty = table_of(ServerEntry)()
    return {
        name: _entry(problems, ("servers", text), name, tables.get(text) or empty, texts, keys, context)
        for name, text in texts.items()
    }


def _entry(
    problems: Problems,
    path: KeyPath,
    name: str,
    table: Any,
    defined: Collection[str],
    keys: Collection[str],
    context: FileContext,
) -> ServerEntry:
    sound, given = problems.sound(*path), table.addresses or not problems.sound(*path, "addresses")
    parse = {
        "host": host_name,
        "upstream": lambda text: _upstream(text, name, defined),
        "notify_key": lambda text: key_name(text, keys),
    }
    entry = instance_of(problems, path, ServerEntry, table, context, parse, name=name) or ServerEntry(name)
    entry = replace(entry, addresses=_addresses(problems, (*path, "addresses"), table.addresses or (), entry.port))
    if given and table.host is not None:
        problems.mistake((*path, "host"), "given together with addresses", "one of them is enough")
    elif table.addresses == ():
        problems.mistake((*path, "addresses"), "names no address", "leave it out to have the name resolved")
    elif sound and not given and table.host is None:
        entry = _called_like_its_host(problems, path, entry)
    return replace(entry, tls=_tls(problems, (*path, "tls"), entry))


def _tls(problems: Problems, path: KeyPath, entry: ServerEntry) -> TlsSettings | None:
    """The settings with the name that the certificate must be for."""
    settings = entry.tls
    if settings is None:
        return None
    if settings.ca_file is not None:
        try:
            ssl.create_default_context(cafile=settings.ca_file)
        except ssl.SSLError:
            problems.mistake((*path, "ca_file"), "holds no certificates that can be used", "certificates in PEM")
        except OSError as error:
            problems.mistake((*path, "ca_file"), f"cannot be read: {error.strerror}")
    if not settings.named:
        return settings
    name = problems.parsed((*path, "name"), settings.name, host_name) if settings.name is not None else entry.host
    if name is None and settings.name is None:
        name = _own_name(entry.name)
    if name is None and problems.sound(*path):
        hint = 'name = "ns1.example.net", or pins, or verify = false'
        problems.mistake(path, "it is not said which name the certificate is for", hint)
    return replace(settings, name=name.removesuffix(".") if name is not None else None)


def _own_name(name: str) -> str | None:
    """The name of a server, where it is that of a host."""
    try:
        return host_name(name) if "." in name and not name.replace(".", "").isdigit() else None
    except InvalidValue:
        return None


def _called_like_its_host(problems: Problems, path: KeyPath, entry: ServerEntry) -> ServerEntry:
    """The entry with its own name as the host name that gives its addresses."""
    text, hint = "", 'addresses = ["192.0.2.1"]'
    try:
        host = host_name(entry.name)
    except InvalidValue:
        text = "has no addresses, and its name is not a host name"
    else:
        if "." in entry.name:
            return replace(entry, host=host)
        text = "has neither addresses nor host, and its name is not a full host name"
        hint = f'write {hint} or host = "ns1.example.net"'
    problems.mistake(path, text, hint)
    return entry


def _addresses(problems: Problems, path: KeyPath, written: Iterable[Address | None], port: int) -> tuple[Address, ...]:
    """Each address once, with the port of the server where it has none of its own."""
    found: list[Address] = []
    for at, one in enumerate(written):
        if one is None:
            continue
        address = replace(one, port=one.port or port)
        if address in found:
            problems.mistake((*path, at), f"{quoted(str(address))} is there twice")
        else:
            found.append(address)
    return tuple(found)


def _upstream(text: str, own: str, defined: Collection[str]) -> str:
    """The name of another server. Raises InvalidValue."""
    name = text.lower().removesuffix(".")
    if name == own:
        raise InvalidValue("a server cannot be its own upstream")
    if name not in defined:
        raise InvalidValue(f"no server is called {quoted(text)}", near(name, defined) or known(defined))
    return name


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
        return ServerEntry(name, host=host_name(text))
    return ServerEntry(str(address), (address,))


def _host_with_port(text: str, host: str, port: str | None, wrong: InvalidValue) -> ServerEntry:
    if port is None or "." not in host or host.replace(".", "").isdigit() or ":" in host:
        raise wrong
    number = addresses.port_number(port)
    name = host_name(host)
    called = name.removesuffix(".")
    return ServerEntry(called if number == PORT else f"{called}:{number}", host=name, port=number)
