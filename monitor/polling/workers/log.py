"""What a worker has to say to people: JSON on its standard error, an event in each line (``log_relay`` reads it).

A worker has no log of its own: it does not know where the service's goes, nor how that is written.
"""

import json
import logging
from typing import Any


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
