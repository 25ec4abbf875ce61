"""One attempt to send: how long it may take, and what is said of it when it fails."""

import asyncio
import traceback
from collections.abc import Awaitable
from pathlib import Path

import structlog

from alerting.notification import DeliveryError
from alerting.retry_policy import Failure
from checks.common.text import one_line

log = structlog.get_logger(__name__)


async def attempt(receiver: str, sending: Awaitable[None], deadline: float) -> Failure | None:
    """Why it could not be sent within ``deadline`` seconds, where nobody has refused it. Raises DeliveryError."""
    limit = asyncio.timeout(deadline)
    try:
        async with limit:
            await sending
    except DeliveryError:
        raise
    except TimeoutError:
        return Failure(f"no answer within {deadline:g} s" if limit.expired() else "timed out")
    except Exception as error:  # noqa: BLE001  a fault in one notifier must not end delivery
        return _notifier_failure(receiver, error)
    return None


def failure_of(error: DeliveryError) -> Failure:
    """What is remembered of a refusal. Who rejects something is there."""
    away = error.away and not error.permanent
    return Failure(printable(error.reason), error.permanent, error.retry_after, away=away)


def printable(text: str) -> str:
    """It may come from the network: printable, and not too long for a log line or a page."""
    return one_line(text)[:500] or "no reason given"


def where(error: BaseException) -> str:
    """File and line in which it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown place"


def _notifier_failure(receiver: str, error: Exception) -> Failure:
    """A notifier's own mistake, told without the exception's text, which may hold a URL or a password."""
    place = where(error)
    log.error("notifier failed", receiver=receiver, error=type(error).__name__, where=place)
    return Failure(f"{type(error).__name__} in {place}")
