"""What the log says of a configuration, and of what was resolved by it."""

from collections.abc import Iterable, Mapping

import structlog

from checks.model.relative_names import absolute
from monitor.config.errors import ConfigError
from monitor.config.model import Config
from monitor.probe.cannot_listen import CannotListen

log = structlog.get_logger(__name__)


def log_warnings(config: Config, before: Config | None = None) -> None:
    """What is allowed but unwise, what will be changed, and what is not any more since the configuration ``before``."""
    for warning in config.warnings:
        log.warning("configuration", warning=warning)
    canaries, old = _canaries(config), {} if before is None else _canaries(before)
    for record in canaries.keys() - old.keys():
        log.info("canary", will_change=record, at=canaries[record])
    for record in old.keys() - canaries.keys():
        log.warning("canary left", record=record, at=old[record], hint="it is changed no more, and stays as it is")


def _canaries(config: Config) -> Mapping[str, str]:
    """The records that are changed, and the server that is asked to."""
    kinds = {kind for kind, entry in enumerate(config.zones.templates) if entry.canary is not None}
    return {
        f"{absolute(entry.canary.name, entry.name)} TXT": entry.canary.server or entry.primary or ""
        for entry in (config.zones[name] for name in config.zones.names_of(kinds))
        if entry.canary is not None
    }


def log_problems(problems: Iterable[str]) -> None:
    for problem in problems:
        log.warning("not resolved", problem=problem)


def log_refusal(error: ConfigError | CannotListen) -> str:
    """Say that a configuration is refused; why, in the words for Status.

    Not a failure of ours: what is wrong with the file, or with this machine, is the whole story.
    """
    if isinstance(error, CannotListen):
        text = f"{error.setting}: {error}"
        log.error("configuration refused", first=text)
        return text
    log.error("configuration refused", mistakes=len(error.mistakes), first=str(error.mistakes[0]))
    return str(error)
