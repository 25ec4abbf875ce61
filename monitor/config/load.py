"""Loads the configuration."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from alerting.model import Policy, Secret, Severity
from checks.base import Check
from checks.codes import CODES
from checks.common.text import plural
from checks.registry import CHECKS
from monitor.config import addresses
from monitor.config import file_model as raw
from monitor.config import toml_reader as reading
from monitor.config.advice import advise
from monitor.config.durations import written
from monitor.config.errors import Book, ConfigError, near, quoted
from monitor.config.files import other_kind
from monitor.config.keys import keys
from monitor.config.model import Config, Resolver, Service
from monitor.config.receivers import receivers, routes
from monitor.config.secrets import Place, secret
from monitor.config.servers import server_paths, servers
from monitor.config.settings import settings, severity
from monitor.config.transfer_circles import check_upstreams
from monitor.config.zone_lists import Lists
from monitor.config.zones import Around, ignored
from monitor.probe.settings import Probe, TransferLimits

__all__ = ["ConfigError", "load", "parse"]

SHORTEST_TOKEN = 10
"""Characters."""


def load(path: Path, env: Mapping[str, str], *, elsewhere: bool = False) -> Config:
    """The configuration in the file ``path``; ``env`` is the environment that ``*_env`` keys refer to.

    ``elsewhere``: it is for a service that has credentials which are not here; where they are to be, something stands
    that is good for nothing. Raises ConfigError with every mistake there is. Reads the file, and the lists of zones
    and secret files it names.
    """
    return parse(reading.text_of(path), path, env, elsewhere=elsewhere)


def parse(text: str, path: Path, env: Mapping[str, str], *, elsewhere: bool = False) -> Config:
    """The same from text; ``path`` is what it is called, and where relative paths start from."""
    found, book = reading.document(text, str(path))
    written_servers = tuple(_names(found, "servers"))
    written_keys = tuple(_names(found, "keys"))
    written_receivers = tuple(_names(found, "receivers"))
    file = reading.checked(found, book)
    place = Place(path.absolute().parent, env, elsewhere)
    unwanted = tuple(name for _, name in ignored(book, ("ignore_servers",), file.ignore_servers or ()))
    around = Around(servers(book, file, written_servers), written_keys, ignored=unwanted)
    notifiers, kinds = receivers(book, file, place)
    watched, listed = Lists(book, around, place).read(file)
    check_upstreams(book, server_paths(written_servers), around.servers, watched)
    config = Config(
        path=path,
        service=_service(book, file, place),
        probe=_probe(book, file),
        resolver=Resolver(**_given(file.resolver, seconds=("timeout",))),
        cadence=_cadence(book, file),
        checks=_checks(book, file, place),
        keys=keys(book, file, place),
        zones=watched,
        lists=listed,
        severity=_severity(book, file),
        policy=Policy(**_given(file.alerting)),
        receivers=notifiers,
        kinds=kinds,
        routes=routes(book, file, written_receivers),
    )
    if file.metrics.max_zones is not None:
        config = replace(config, max_zones=file.metrics.max_zones)
    config = replace(config, servers=around.servers)
    _check_patience(book, config)
    book.close()
    advise(book, config, around.places)
    return replace(config, warnings=book.advice(), notes=tuple(map(str, book.notes)))


def _names(found: Mapping[str, Any], section: str) -> tuple[str, ...]:
    """The names defined in a section, whatever is wrong inside."""
    tables = found.get(section)
    return tuple(tables) if isinstance(tables, dict) else ()


def _given(table: BaseModel, seconds: tuple[str, ...] = ()) -> dict[str, Any]:
    """What was written in a table, for a dataclass with the same names; lists as tuples, ``seconds`` as numbers."""
    given: dict[str, Any] = {}
    for name in type(table).model_fields:
        value = getattr(table, name)
        if isinstance(value, list):
            given[name] = tuple(item for item in value if item is not None)
        elif name in seconds and isinstance(value, timedelta):
            given[name] = value.total_seconds()
        elif value is not None:
            given[name] = value
    return given


def _service(book: Book, file: raw.File, place: Place) -> Service:
    table = file.service
    given = _given(table)
    for key in ("token", "token_file", "token_env", "token_credential"):
        given.pop(key, None)
    secrets = {key: getattr(table, key) for key in ("token", "token_file", "token_env", "token_credential")}
    token = secret(book, ("service",), "token", secrets, place, required=False)
    _check_token(book, token, next((key for key, value in secrets.items() if value is not None), "token"))
    if "database" in given and ("://" in given["database"] or given["database"] == ":memory:"):
        book.mistake(("service", "database"), "must be a file", "the record is kept in SQLite")
    database = book.parsed(("service", "database"), given.pop("database", str(Service().database)), place.path)
    if database is not None and (wrong := other_kind(database)):
        book.mistake(("service", "database"), f"{quoted(str(database))} is {wrong}")
    service = Service(**given, token=token, database=database or Service().database)
    host = service.listen[0]
    if not addresses.loopback(host) and not service.public and not any(secrets.values()):
        where = ("service", "listen")
        hint = 'set token_file = "…", or public = true if anyone may read it'
        book.mistake(where, f"{host} can be reached by others, who need no token", hint)
    return service


def _check_token(book: Book, token: Secret | None, key: str) -> None:
    """Whether it can be sent in a header, and is not soon guessed."""
    if token is None:
        return
    text, where = token.reveal(), ("service", key)
    if text != text.strip():
        book.mistake(where, "begins or ends with a space, which does not arrive in a header")
    elif len(text) < SHORTEST_TOKEN:
        said = f"the token has {plural(len(text), 'character')}: so few can be guessed"
        book.warn(where, said, "make one with: openssl rand -hex 20")


def _probe(book: Book, file: raw.File) -> Probe:
    given = _given(file.probe, seconds=("timeout",))
    if "transfer" in given:
        limits = _given(given["transfer"], seconds=("deadline",))
        given["transfer"] = TransferLimits(**{name.removeprefix("max_"): value for name, value in limits.items()})
    sources = given.get("source", ())
    if len({":" in source for source in sources}) < len(sources):
        book.mistake(("probe", "source"), "has two addresses of one family", "one for IPv4, one for IPv6")
    return Probe(**given)


def _cadence(book: Book, file: raw.File) -> dict[str, timedelta]:
    cadence = {name: check.cadence for name, check in CHECKS.items()}
    for name, every in file.cadence.items():
        if name not in CHECKS:
            book.mistake(("cadence", name), "unknown check", near(name, CHECKS))
        elif every is not None:
            cadence[name] = every
    return cadence


def _checks(book: Book, file: raw.File, place: Place) -> dict[str, Check]:
    built: dict[str, Check] = {}
    for name in file.checks:
        if name not in CHECKS:
            book.mistake(("checks", name), "unknown check", near(name, CHECKS))
    for name, cls in CHECKS.items():
        check = settings(book, ("checks", name), cls, file.checks.get(name, {}), place)
        if check is not None:
            built[name] = check
    return built


def _severity(book: Book, file: raw.File) -> dict[str, Severity]:
    found: dict[str, Severity] = {}
    for code, word in file.severity.items():
        if code not in CODES:
            book.mistake(("severity", code), "unknown code", near(code, CODES))
        elif (level := book.parsed(("severity", code), word, severity)) is not None:
            found[code] = level
    return found


def _check_patience(book: Book, config: Config) -> None:
    """Something is asked at all, and whoever is silent is given up before it is time to ask again."""
    if not any(config.cadence.values()) and book.sound("cadence"):
        book.mistake(("cadence",), "every check is off: nothing would be watched")
    patience = timedelta(seconds=config.probe.timeout * config.probe.attempts)
    for name, every in config.cadence.items():
        if every and patience > every and book.sound("probe") and book.sound("cadence"):
            text = f"{config.probe.attempts} attempts of {config.probe.timeout:g}s take {written(patience)}"
            book.mistake(("cadence", name), f"{quoted(written(every))} is too often: {text}")
    lookup = timedelta(seconds=config.resolver.timeout)
    if lookup > config.resolver.interval and book.sound("resolver"):
        text = f"{written(lookup)} is longer than interval, {written(config.resolver.interval)}"
        book.mistake(("resolver", "timeout"), f"{text}: names would be looked up again before that is over")
