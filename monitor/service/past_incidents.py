"""The latest incidents, as the page shows them after a start."""

from collections.abc import Sequence

import structlog

from alerting.incident import Incident
from monitor.state.ports import Store, StoreError

log = structlog.get_logger(__name__)

LATEST = 50


async def past_incidents(store: Store) -> Sequence[Incident]:
    """Those that are kept, over or not; none where they cannot be read."""
    try:
        return await store.incidents(limit=LATEST)
    except StoreError as error:
        log.warning("incidents cannot be read", error=str(error))
        return ()
