"""The log: lines for people on a terminal, JSON for machines; always on stderr, always escaped."""

import logging
import os
import sys

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from checks.common.text import escape_lines, one_line

QUIET_LOGGERS = ("apscheduler", "uvicorn", "httpx", "httpcore", "aiosmtplib", "asyncio")
"""Libraries whose news is ours to tell."""

TRACEBACK = "exception"
"""The key under which structlog puts a traceback: the one value that has several lines."""


def set_up(form: str = "auto", level: str = "info") -> None:
    """``form`` is auto, console or json; auto is console on a terminal."""
    console = form == "console" or (form == "auto" and sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,  # without local variables: there are secrets among them
        printable,
    ]
    end: Processor
    if console:
        colors = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
        end = structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)
    else:
        end = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, end]
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL if name == "apscheduler" else logging.ERROR)


def printable(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """No value brings control characters into a log: a line stays a line, a terminal stays as it is."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = escape_lines(value) if key == TRACEBACK else one_line(value)
    return event
