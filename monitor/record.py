"""Is it kept? Commits that wait in memory, in order, while the disk does not take them."""

from dataclasses import replace
from datetime import datetime

import structlog

from alerting.model import Telling
from monitor.ports import Commit, Now, Store, StoreError

log = structlog.get_logger(__name__)


def merge(older: Commit, newer: Commit) -> Commit:
    """Two commits as one: what is a state is the newer's, what is a history is both, in order."""
    return Commit(
        ledgers=tuple(({x.zone: x for x in older.ledgers} | {x.zone: x for x in newer.ledgers}).values()),
        runs=older.runs + newer.runs,
        propagations=older.propagations + newer.propagations,
        alerts=tuple(({x.key: x for x in older.alerts} | {x.key: x for x in newer.alerts}).values()),
        transitions=older.transitions + newer.transitions,
        incidents=tuple(({x.id: x for x in older.incidents} | {x.id: x for x in newer.incidents}).values()),
        tellings=older.tellings + newer.tellings,
        dropped_zones=tuple(dict.fromkeys(older.dropped_zones + newer.dropped_zones)),
    )


class Record:
    """Writes commits to the store; while that fails they are merged and tried again with the next one.

    ``failing`` is since when nothing could be written, ``error`` why. Nothing that was decided is lost unless the
    process ends while the disk still refuses.
    """

    def __init__(self, store: Store, now: Now) -> None:
        self._store = store
        self._now = now
        self._waiting = Commit()
        self.failing: datetime | None = None
        self.error = ""

    async def commit(self, commit: Commit) -> bool:
        """Whether everything decided so far is on disk."""
        whole = merge(self._waiting, commit) if not self._waiting.empty else commit
        if whole.empty:
            return True
        try:
            await self._store.commit(whole)
        except StoreError as error:
            self._waiting = whole
            self._fail(str(error))
            return False
        self._waiting = Commit()
        if self.failing is not None:
            log.info("store works again", failing_since=self.failing.isoformat())
        self.failing, self.error = None, ""
        return True

    def _fail(self, why: str) -> None:
        self.error = why
        if self.failing is None:
            self.failing = self._now()
            log.error("store failing", error=why, kept="in memory until the disk takes it")

    @property
    def tellings(self) -> tuple[Telling, ...]:
        """What would be in the outbox, had the disk taken it."""
        return self._waiting.tellings

    def sent(self, telling: str) -> None:
        """It reached its receiver without the outbox: it need not be written any more."""
        rest = tuple(t for t in self._waiting.tellings if t.id != telling)
        self._waiting = replace(self._waiting, tellings=rest)
