"""What workers write to their standard error, told in the service's log."""

import asyncio
import json

import structlog

MAX_TEXT = 2000
"""Characters of what a worker has written that is no event: the last words of an interpreter that crashes."""

log = structlog.get_logger(__name__)


async def tell(source: asyncio.StreamReader, worker: int) -> None:
    """All that a worker with this process id writes to its standard error, until that ends."""
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
