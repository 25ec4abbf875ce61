"""What must be done now and then besides asking: names resolved again, old history taken away."""

import asyncio
from datetime import timedelta

import structlog

from monitor.clock import Now
from monitor.state.ports import Store, StoreError

log = structlog.get_logger(__name__)

ROWS_PER_STEP = 1000
"""Rows that one step takes; between steps others have the writer."""


async def prune(store: Store, retention: timedelta, now: Now) -> int:
    """Take closed history older than ``retention`` in small steps; how many rows went."""
    before, gone = now() - retention, 0
    try:
        while step := await store.prune(before, ROWS_PER_STEP):
            gone += step
            await asyncio.sleep(0)
    except StoreError as error:
        log.warning("pruning failed", error=str(error))
    if gone:
        log.info("pruned", rows=gone, before=before.isoformat())
    return gone
