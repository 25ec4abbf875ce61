"""Looks again between two looks: where grace or settle end, or a new version is on its way."""

import asyncio
from collections.abc import Callable, Sequence

from monitor.state.rechecks import Rechecks

INTERVAL = 1.0
"""Seconds between two looks at whether a grace or settle has ended meanwhile."""


async def recheck_due(
    rechecks: Rechecks, recheck: Callable[[str, Sequence[str]], None], stopping: asyncio.Event
) -> None:
    """Until the service stops; ``recheck`` takes a check and zones to look at at once."""
    now = asyncio.get_running_loop().time
    while not stopping.is_set():
        for name, zones in rechecks.due(now()).items():
            recheck(name, zones)
        await rechecks.wait(INTERVAL)
