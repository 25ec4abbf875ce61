"""What the log says of a configuration, and of what was resolved by it."""

from collections.abc import Iterable

import structlog

from monitor.config.errors import ConfigError
from monitor.config.model import Config
from monitor.probe.cannot_listen import CannotListen

log = structlog.get_logger(__name__)


def log_warnings(config: Config) -> None:
    for warning in config.warnings:
        log.warning("configuration", warning=warning)


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
