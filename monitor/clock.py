"""What time is it? The only module that reads a clock."""

import time
from datetime import UTC, datetime


def now() -> datetime:
    """Wall time, aware, UTC."""
    return datetime.now(UTC)  # noqa: TID251


def monotonic() -> float:
    """Seconds that never go back; for intervals."""
    return time.monotonic()
