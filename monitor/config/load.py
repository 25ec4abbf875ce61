"""Loads the configuration."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from alerting.heartbeat import Heartbeat
from alerting.http_proxy import proxy_remarks
from alerting.model import Policy, Secret
from checks.base import Check
from checks.redundancy import Redundancy
from checks.registry import CHECKS
from monitor.config import addresses, file_model, toml_reader
from monitor.config.advice import advise
from monitor.config.by_name import cadences, check_pace, severities
from monitor.config.catalogs import catalogs
from monitor.config.durations import written
from monitor.config.errors import ConfigError, Mistake, Problems, near, quoted
from monitor.config.files import other_kind
from monitor.config.keys import read_keys
from monitor.config.maintenance import maintenance
from monitor.config.model import Config
from monitor.config.needed_servers import check_usual
from monitor.config.prefix_tables import prefix_table
from monitor.config.receivers import by_proxy, receivers, review, routes
from monitor.config.secrets import FileContext, is_here, secret_keys
from monitor.config.sections import Metrics, NotifySettings, Resolver, ServiceSettings
from monitor.config.servers import server_paths, servers
from monitor.config.tables import instance_of, table_of
from monitor.config.tokens import check_token, named_tokens
from monitor.config.transfer_circles import check_upstreams
from monitor.config.zone_lists import Lists
from monitor.config.zones import References, ignored
from monitor.probe.message import names
from monitor.probe.settings import Probe

__all__ = ["ConfigError", "load", "parse"]

T = TypeVar("T")


def load(path: Path, env: Mapping[str, str], *, elsewhere: bool = False) -> Config:
    """The configuration in the file ``path``; ``env`` is the environment that ``*_env`` keys refer to.

    ``elsewhere``: it is for a service that has credentials which are not here; where they are to be, something stands
    that is good for nothing. Raises ConfigError with every mistake there is. Reads the file, and the lists of zones
    and secret files it names.
    """
    return parse(toml_reader.text_of(path), path, env, elsewhere=elsewhere)


def parse(text: str, path: Path, env: Mapping[str, str], *, elsewhere: bool = False) -> Config:
    """The same from text; ``path`` is what it is called, and where relative paths start from."""
    found, problems = toml_reader.document(text, str(path))
    written_servers = tuple(_names(found, "servers"))
    written_keys = tuple(_names(found, "keys"))
    written_receivers = tuple(_names(found, "receivers"))
    file = toml_reader.validate(file_model.whole(), found, problems)
    context = FileContext(path.absolute().parent, env, elsewhere)
    unwanted = tuple(name for _, name in ignored(problems, ("ignore_servers",), file.ignore_servers or ()))
    cadence, probe = _cadence(problems, file), _probe(problems, file, context)
    policy = _policy(problems, file, context)
    check_usual(problems, policy)
    references = References(
        servers(problems, file.servers, written_servers, written_keys, context), written_keys, ignored=unwanted,
        cadence=cadence, probe=probe if problems.sound("probe") else None, policy=policy,
    )  # fmt: skip
    notifiers, kinds = receivers(problems, file.receivers, context, policy.proxy)
    lists = Lists(problems, references, context)
    watched, listed = lists.read(file)
    catalogs_read = catalogs(problems, file.catalogs, references)
    check_upstreams(problems, server_paths(written_servers), references.servers, watched)
    service = _service(problems, file, context)
    config = Config(
        path=path,
        service=service,
        tokens=named_tokens(problems, file.tokens, service.token, context),
        probe=probe,
        resolver=_section(problems, file, "resolver", Resolver, context),
        notify=_notify(problems, file, context),
        metrics=_section(problems, file, "metrics", Metrics, context),
        cadence=cadence,
        checks=_checks(problems, file, context),
        keys=read_keys(problems, file.keys, context),
        zones=watched,
        lists=listed,
        catalogs=catalogs_read,
        polled_lists=tuple(lists.polled),
        severity=severities(problems, ("severity",), file.severity),
        policy=policy,
        heartbeat=_heartbeat(problems, file, context, policy.proxy),
        receivers=notifiers,
        kinds=kinds,
        routes=routes(problems, file.routes, written_receivers),
        maintenance=maintenance(problems, file.maintenance),
    )
    config = replace(config, servers=references.servers)
    _check_patience(problems, config)
    problems.close()
    advise(problems, config, references.places)
    return replace(config, warnings=problems.advice(), notes=tuple(map(str, problems.notes)))


def _names(found: Mapping[str, Any], section: str) -> tuple[str, ...]:
    """The names defined in a section, whatever is wrong inside."""
    tables = found.get(section)
    return tuple(tables) if isinstance(tables, dict) else ()


def _section(problems: Problems, file: file_model.File, name: str, cls: type[T], context: FileContext) -> T:
    """A table of which there is one, as far as it is right."""
    return instance_of(problems, (name,), cls, file.section(name), context) or cls()


def _service(problems: Problems, file: file_model.File, context: FileContext) -> ServiceSettings:
    table, service = file.section("service"), _section(problems, file, "service", ServiceSettings, context)
    token = next((key for key in secret_keys("token") if getattr(table, key) is not None), None)
    check_token(problems, service.token, ("service", token or "token"))
    if table.database is None:
        service = replace(service, database=context.path(str(service.database)))
    if wrong := other_kind(service.database):
        problems.mistake(("service", "database"), f"{quoted(str(service.database))} is {wrong}")
    host = service.listen[0]
    if not addresses.loopback(host) and not service.public and token is None and not file.tokens:
        where = ("service", "listen")
        hint = 'set token_file = "…", or public = true if anyone may read it'
        problems.mistake(where, f"{host} can be reached by others, who need no token", hint)
    return service


def _probe(problems: Problems, file: file_model.File, context: FileContext) -> Probe:
    probe = _section(problems, file, "probe", Probe, context)
    if len({":" in source for source in probe.source}) < len(probe.source):
        problems.mistake(("probe", "source"), "has two addresses of one family", "one for IPv4, one for IPv6")
    return probe


def _notify(problems: Problems, file: file_model.File, context: FileContext) -> NotifySettings:
    settings = _section(problems, file, "notify", NotifySettings, context)
    for at, address in enumerate(settings.listen):
        if address.port and address in settings.listen[:at]:
            problems.mistake(("notify", "listen", at), f"{quoted(str(address))} is there twice")
    return settings


def _policy(problems: Problems, file: file_model.File, context: FileContext) -> Policy:
    policy = _section(problems, file, "alerting", Policy, context)
    if policy.proxy is not None and is_here(policy.proxy):
        table = file.section("alerting")
        key = next(key for key in secret_keys("proxy") if getattr(table, key) is not None)
        for remark in proxy_remarks(policy.proxy):
            problems.mistake(("alerting", key), remark.text, remark.hint)
            policy = replace(policy, proxy=None)
    return policy


def _heartbeat(problems: Problems, file: file_model.File, context: FileContext, proxy: Secret | None) -> Heartbeat:
    heartbeat = by_proxy(_section(problems, file, "heartbeat", Heartbeat, context), proxy)
    if problems.sound("heartbeat"):
        review(problems, ("heartbeat",), heartbeat, file.section("heartbeat").model_dump(exclude_none=True))
    return heartbeat


def _cadence(problems: Problems, file: file_model.File) -> dict[str, timedelta]:
    usual = {name: check.cadence for name, check in CHECKS.items()}
    return usual | cadences(problems, ("cadence",), file.cadence)


def _checks(problems: Problems, file: file_model.File, context: FileContext) -> dict[str, Check]:
    built: dict[str, Check] = {}
    for name in file.checks:
        if name not in CHECKS:
            problems.mistake(("checks", name), "unknown check", near(name, CHECKS))
    for name, cls in CHECKS.items():
        path = ("checks", name)
        table = toml_reader.validate(table_of(cls), file.checks.get(name, {}), problems, path)
        if (check := instance_of(problems, path, cls, table, context)) is not None:
            built[name] = _with_prefixes(problems, check) if isinstance(check, Redundancy) else check
    return built


def _with_prefixes(problems: Problems, check: Redundancy) -> Redundancy:
    """The check with what is in the file that it names."""
    path = check.prefix_as_table
    if path is None:
        return check

    def tell(line: int | None, text: str, hint: str) -> None:
        problems.mistakes.append(Mistake(str(path), line, "", text, hint))

    return replace(check, table=prefix_table(path, tell))


def _check_patience(problems: Problems, config: Config) -> None:
    """Something is asked at all, and whoever is silent is given up before it is time to ask again."""
    sound = problems.sound("cadence")
    if not any(config.cadence.values()) and sound:
        without = {kind for kind, entry in enumerate(config.zones.templates) if not entry.cadence}
        name = next(config.zones.names_of(without), None)
        if name is not None:
            others = len(without) < len(config.zones.templates)
            hint = f"{names.show(name)} has no cadence of its own" if others else ""
            problems.mistake(("cadence",), "every check is off: nothing would be watched", hint)
    if sound and problems.sound("probe"):
        check_pace(problems, ("cadence",), config.cadence, config.probe)
    lookup = timedelta(seconds=config.resolver.timeout)
    if lookup > config.resolver.interval and problems.sound("resolver"):
        text = f"{written(lookup)} is longer than interval, {written(config.resolver.interval)}"
        problems.mistake(("resolver", "timeout"), f"{text}: names would be looked up again before that is over")
