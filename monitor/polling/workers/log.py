"""What a worker has to say to people: JSON on its standard error, an event in each line, told in the service's log.

A worker has no log of its own: it does not know where the service's goes, nor how that is written.
"""

import asyncio
import json
import logging
from typing import Any

import structlog

MAX_TEXT = 2000
"""Characters of what a worker has written that is no event: the last words of an interpreter that crashes."""

log = structlog.get_logger(__name__)


class EventFormatter(logging.Formatter):
    """A record of the standard library's logging as an event, in one line."""

    def format(self, record: logging.LogRecord) -> str:
        event: dict[str, Any] = {"logger": record.name, "level": record.levelno, "event": record.getMessage()}
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return json.dumps(event)


def set_up() -> None:
    """In a worker: to standard error, which is a pipe to the service."""
    handler = logging.StreamHandler()
    handler.setFormatter(EventFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)


async def tell(source: asyncio.StreamReader, worker: int) -> None:
    """In the service: all that a worker with this process id writes to its standard error, until that ends."""
    while True:
        try:
            line = await source.readline()
        except ValueError:  # it has no end: what was read of it is gone
            log.error("a worker wrote a line without an end", worker=worker)  # noqa: TRY400 - there is no more to it
            continue
        if not line:
            return
        _tell(line.decode(errors="backslashreplace").rstrip(), worker)


def _tell(line: str, worker: int) -> None:
    try:
        event = json.loads(line)
        name, level, said = event["logger"], event["level"], event["event"]
    except (ValueError, TypeError, KeyError):
        log.error("a worker wrote", text=line[:MAX_TEXT], worker=worker)  # noqa: TRY400 - the line is all there is
        return
    more = {"exception": event["exception"]} if "exception" in event else {}
    structlog.get_logger(name).log(level, said, worker=worker, **more)
