"""Reads the receivers, and the routes to them."""

import dataclasses
import pkgutil
import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar, cast

import alerting.notifiers
from alerting.heartbeat import Heartbeat
from alerting.model import Route, Secret
from alerting.notifier import Notifier
from monitor.config.errors import InvalidValue, KeyPath, Problems, known, near, quoted
from monitor.config.files import check_kind, reason
from monitor.config.labels import label_patterns
from monitor.config.patterns import code, pattern, zone_pattern
from monitor.config.secrets import FileContext, is_here, secret_keys
from monitor.config.tables import Table, instance_of, table_of
from monitor.config.toml_reader import validate


def kinds() -> tuple[str, ...]:
    """The types a receiver may have: the modules of alerting.notifiers."""
    found = (module.name for module in pkgutil.iter_modules(alerting.notifiers.__path__))
    return tuple(sorted(name.replace("_", "-") for name in found if not name.startswith("_")))


def notifier(kind: str) -> type[Any]:
    """The class of a type: the one dataclass of its module that can ``send``."""
    module = import_module(f"alerting.notifiers.{kind.replace('-', '_')}")
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and dataclasses.is_dataclass(value)
        and value.__module__ == module.__name__
        and hasattr(value, "send")
    ]
    if len(found) != 1:
        raise LookupError(f"{module.__name__} has {len(found)} notifiers instead of one")
    return found[0]


def receivers(
    problems: Problems, tables: Mapping[str, Mapping[str, Any]], context: FileContext, proxy: Secret | None = None
) -> tuple[dict[str, Notifier], dict[str, str]]:
    """Receivers by name, and the type of each; ``proxy`` is for those that name none."""
    built: dict[str, Notifier] = {}
    types: dict[str, str] = {}
    for name, table in tables.items():
        path = ("receivers", name)
        kind = table.get("type")
        if not isinstance(kind, str):
            problems.mistake((*path, "type"), "missing" if kind is None else "must be text in quotes", known(kinds()))
            continue
        if kind not in kinds():
            problems.mistake((*path, "type"), f"unknown type {quoted(kind)}", near(kind, kinds()) or known(kinds()))
            continue
        cls = notifier(kind)
        settings = {key: value for key, value in table.items() if key != "type"}
        receiver = instance_of(problems, path, cls, validate(table_of(cls), settings, problems, path), context)
        if receiver is not None and problems.sound(*path):
            receiver = by_proxy(receiver, proxy)
            review(problems, path, receiver, table)
            built[name] = receiver
            types[name] = kind
    return built, types


AskedByProxy = TypeVar("AskedByProxy", bound=Notifier | Heartbeat)


def by_proxy(receiver: AskedByProxy, proxy: Secret | None) -> AskedByProxy:
    """Asked by this proxy, where it can be asked by one and names none."""
    if proxy is None or getattr(receiver, "proxy", proxy) is not None:
        return receiver
    return cast("AskedByProxy", replace(cast("Any", receiver), proxy=proxy))


def review(problems: Problems, path: KeyPath, receiver: Notifier | Heartbeat, table: Mapping[str, Any]) -> None:
    """What the receiver says of its own settings, each at the key that gave it; and whether it can trust anybody."""
    _check_certificates(problems, path, receiver)
    for remark in receiver.review():
        *tables, field = remark.setting.split(".")
        inside, made = table, receiver
        for name in tables:
            inside, made = inside[name], getattr(made, name)
        value = getattr(made, field, None)
        if isinstance(value, Secret) and not is_here(value):
            continue
        key = next((key for key in secret_keys(field) if key in inside), field)
        tell = problems.mistake if remark.fatal else problems.warn
        tell((*path, *tables, key), remark.text, remark.hint)


def _check_certificates(problems: Problems, path: KeyPath, receiver: Notifier | Heartbeat) -> None:
    """Those to trust instead of the system's are there; without them nothing could ever be delivered."""
    file: Path | None = getattr(receiver, "ca_file", None)
    if file is None:
        return
    where = (*path, "ca_file")
    try:
        check_kind(file)
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except ssl.SSLError:
        problems.mistake(where, f"{quoted(str(file))}: holds no certificate in PEM format")
    except OSError as error:
        problems.mistake(where, f"{quoted(str(file))}: {reason(error)}")


def routes(problems: Problems, tables: Iterable[Table | None], defined: tuple[str, ...]) -> tuple[Route, ...]:
    """The routes as written; where there is none, every receiver hears everything (alerting/routing.py).

    ``defined`` are the names of all receivers of the file, also of those in which there is a mistake.
    """

    def receiver(name: str) -> str:
        if name not in defined:
            hint = near(name, defined) or known(defined) or "there is no [receivers.…] at all"
            raise InvalidValue(f"no receiver is called {quoted(name)}", hint)
        return name

    parse: Mapping[str, Callable[[Any], Any]] = {
        "receivers": receiver,
        "zones": zone_pattern,
        "servers": pattern,
        "codes": code,
        "labels": label_patterns,
    }
    found: list[Route] = []
    for index, table in enumerate(tables):
        path = ("routes", index)
        route = None if table is None else instance_of(problems, path, Route, table, parse=parse)
        if route is not None:
            found.append(replace(route, receivers=tuple(dict.fromkeys(route.receivers))))
            if not route.receivers and problems.sound(*path, "receivers"):
                problems.mistake((*path, "receivers"), "names no receiver")
    told = {receiver for route in found for receiver in route.receivers}
    for name in defined if found else ():
        if name not in told and problems.sound("routes"):
            problems.warn(("receivers", name), "no route leads to this receiver: it will never be told anything")
    return tuple(found)
