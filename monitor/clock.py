"""The clock: the only module that reads one."""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

Now = Callable[[], datetime]


def now() -> datetime:
    """Wall time, aware, UTC."""
    return datetime.now(UTC)  # noqa: TID251


def monotonic() -> float:
    """Seconds that never go back; for intervals."""
    return time.monotonic()


def process_age() -> float:
    """Seconds since this process began (proc(5), field starttime); 0.0 where the system does not tell."""
    try:
        began = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
        return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - began)
    except (OSError, ValueError, IndexError, AttributeError):
        return 0.0
