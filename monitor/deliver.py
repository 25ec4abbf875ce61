"""Who takes up what the outbox holds, and what becomes of it? At least once, in order per incident, one at a time
per receiver, so that a receiver that hangs delays nobody else."""

import asyncio
import contextlib
import itertools
import random
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from alerting.model import DeliveryError, Notification, Telling
from monitor.destinations import Successors
from monitor.ports import Claimed, Commit, Notifier, Now, Settled, Store, StoreError
from monitor.status import ReceiverStatus

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long things may take and when they are tried again; all in seconds."""

    deadline: float = 30.0
    """A whole sending, from asking the notifier until it has said yes."""
    lease: float = 60.0
    """How long a claimed row is ours. Longer than the deadline, or somebody else would send it too."""
    soonest: float = 5.0
    latest: float = 900.0
    """A passing failure is tried again between these, at random under a bound that doubles each time."""
    rejected: float = 1800.0
    """A permanent failure is tried again after this: an operator may mend it meanwhile."""
    give_up: float = 86400.0
    """From when it was to be told."""
    look: float = 5.0
    """The outbox is looked at so often even when nobody says that there is something in it."""
    at_once: int = 16
    """Receivers that are sent to at the same time."""
    parting: float = 5.0
    """How long ``stop`` waits for those that are being sent."""

    def __post_init__(self) -> None:
        if self.lease <= self.deadline:
            raise ValueError(f"a lease of {self.lease} s must be longer than the deadline of {self.deadline} s")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a receiver did not take it; ``retry_after`` in seconds, as it asked."""

    reason: str
    permanent: bool = False
    retry_after: float | None = None


class Deliverer:
    """Sends what is due until it is stopped. ``render`` puts a telling in words; ``dice`` gives numbers in [0, 1)."""

    def __init__(
        self,
        store: Store,
        receivers: Mapping[str, Notifier],
        render: Callable[[Telling], Notification],
        now: Now,
        *,
        kinds: Mapping[str, str] | None = None,
        patience: Patience = Patience(),
        dice: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self.instead: Callable[[Telling], Sequence[Telling]] = lambda telling: ()
        """What others are told in place of a telling whose receiver is gone, and nobody leads there any more."""
        self.moved: Successors = {}
        """Receivers of before who are called otherwise now."""
        self._choosing = asyncio.Lock()
        self._receivers = dict(receivers)
        self._kinds = dict(kinds or {})
        self._render = render
        self._now = now
        self._patience = patience
        self._dice = dice
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._held: dict[str, datetime] = {}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._poked = asyncio.Event()
        self._stopping = False
        self._troubles = 0

    def poke(self) -> None:
        """There may be something to send: a commit has put it in the outbox."""
        self._poked.set()

    def halted(self) -> contextlib.AbstractAsyncContextManager[None]:
        """While it lasts nothing is taken up: for whoever readdresses what waits, and then brings the receivers."""
        return self._choosing

    def use(
        self, receivers: Mapping[str, Notifier], kinds: Mapping[str, str] | None = None, moved: Successors | None = None
    ) -> None:
        """From now on these receivers; what is being sent is still sent by the old ones.

        ``moved`` are those of before who are called otherwise now: for what could not be readdressed on a full disk.
        """
        self.moved = {
            **{name: (moved or {}).get(now or "", now) for name, now in self.moved.items()},
            **(moved or {}),
        }
        self._receivers = dict(receivers)
        self._kinds = dict(kinds or {})
        self._held.clear()
        self.poke()

    def counts(self) -> Mapping[tuple[str, str], int]:
        """(receiver, outcome) → attempts since the start; delivered, retried, rejected or given-up."""
        return dict(self._counts)

    async def status(self) -> Mapping[str, ReceiverStatus]:
        """Every configured receiver, and every other one that is still owed something. Raises StoreError."""
        rows = {row.receiver: row for row in await self._store.outbox()}
        owed = [name for name, row in rows.items() if row.pending and name not in self._receivers]
        status = {}
        for name in [*self._receivers, *owed]:
            kind, row = self._kinds.get(name, ""), rows.get(name)
            status[name] = ReceiverStatus(name, kind)
            if row is not None:
                status[name] = ReceiverStatus(
                    name, kind, row.pending, row.delivered,
                    row.last_delivered, row.last_error, row.last_error_at, row.permanent,
                )  # fmt: skip
        return status

    async def run(self) -> None:
        """Until ``stop``, or until it is cancelled: then what is being sent is broken off, and sent again some day."""
        try:
            while not self._stopping:
                self._poked.clear()
                await self._wait(await self._take_up())
        except asyncio.CancelledError:
            await self._part(0.0)
            raise

    async def stop(self) -> None:
        """No more is taken up; what is being sent has a few seconds to end. What does not is kept for next time."""
        self._stopping = True
        self.poke()
        await self._part(self._patience.parting)

    async def tell(self, telling: Telling) -> bool:
        """Past the outbox, for as long as that cannot be written: whether its receiver took it."""
        notifier = self._notifier(telling.receiver)
        failure = Failure("no longer a receiver") if notifier is None else await self._send(telling, notifier)
        about = log.bind(
            receiver=telling.receiver, news=telling.news.value, incident=telling.incident.id, outbox="none"
        )
        if failure is None:
            about.info("delivered")
        else:
            about.warning("not delivered", error=failure.reason)
        self._counts[telling.receiver, "retried" if failure else "delivered"] += 1
        return failure is None

    def _notifier(self, receiver: str) -> Notifier | None:
        """Of that name, or who has its destination now."""
        found = self._receivers.get(receiver)
        return found if found is not None else self._receivers.get(self.moved.get(receiver) or "")

    async def _wait(self, delay: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._poked.wait()

    async def _part(self, delay: float) -> None:
        if self._sending:
            await asyncio.wait(self._sending.values(), timeout=delay)
        left = list(self._sending.values())
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _take_up(self) -> float:
        """Starts what is due. Seconds until it should be looked at again."""
        now = self._now()
        self._held = {name: until for name, until in self._held.items() if until > now}
        free = self._patience.at_once - len(self._sending)
        try:
            if free > 0:
                async with self._choosing:
                    busy = self._sending.keys() | self._held.keys()
                    for claimed in await self._store.claim(now, lease=self._patience.lease, most=free, busy=busy):
                        if not self._stopping:
                            self._start(claimed)
            due = await self._store.next_due()
        except StoreError as error:
            if not self._troubles:
                log.warning("outbox cannot be read", error=str(error))
            self._troubles += 1
            return _pause(self._troubles)
        if self._troubles:
            log.info("outbox works again")
        self._troubles = 0
        times = [each for each in (due, *self._held.values()) if each is not None and each > now]
        return max(0.001, min([self._patience.look, *((each - now).total_seconds() for each in times)]))

    def _start(self, claimed: Claimed) -> None:
        receiver = claimed.telling.receiver
        task = asyncio.create_task(self._deliver(claimed, self._notifier(receiver)), name=f"deliver to {receiver}")
        self._sending[receiver] = task
        task.add_done_callback(lambda done: self._ended(receiver, done))

    def _ended(self, receiver: str, task: asyncio.Task[None]) -> None:
        del self._sending[receiver]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("delivery broke off", receiver=receiver, error=type(error).__name__, where=_where(error))
        self.poke()

    async def _deliver(self, claimed: Claimed, notifier: Notifier | None) -> None:
        telling = claimed.telling
        if notifier is None:
            others = self.instead(telling)
            if others:
                await self._insist(lambda: self._store.commit(Commit(tellings=tuple(others))), telling.id)
            said = f"{telling.receiver} is no longer a receiver"
            told = f", so it goes to {', '.join(each.receiver for each in others)}" if others else ""
            settled = Settled(telling.id, self._now(), said + told, permanent=True)
        else:
            failure = await self._send(telling, notifier)
            settled = decide(claimed, failure, self._now(), self._patience, self._dice())
            if failure is not None and failure.retry_after is not None and settled.again is not None:
                self._held[telling.receiver] = settled.again
        self._note(claimed, settled)
        await self._insist(lambda: self._store.settle(settled), settled.id)

    async def _insist(self, write: Callable[[], Awaitable[None]], id: str) -> None:
        """Until that is done its receiver stays busy: while we live it gets nothing twice."""
        for failures in itertools.count(1):
            try:
                await write()
            except StoreError as error:
                if failures == 1:
                    log.warning("outbox cannot be written", error=str(error), id=id)
                await asyncio.sleep(_pause(failures))
            else:
                break

    async def _send(self, telling: Telling, notifier: Notifier) -> Failure | None:
        limit = asyncio.timeout(self._patience.deadline)
        try:
            async with limit:
                await notifier.send(self._render(telling))
        except DeliveryError as error:
            return Failure(_plain(error.reason), error.permanent, error.retry_after)
        except TimeoutError:
            return Failure(f"no answer within {self._patience.deadline:g} s" if limit.expired() else "timed out")
        except Exception as error:  # noqa: BLE001  a fault in one notifier must not end delivery
            return _fault(telling.receiver, error)
        return None

    def _note(self, claimed: Claimed, settled: Settled) -> None:
        telling = claimed.telling
        about = log.bind(
            receiver=telling.receiver, news=telling.news.value, incident=telling.incident.id, attempt=claimed.attempt
        )
        if not settled.error:
            outcome = "delivered"
            about.info("delivered")
        elif settled.again is None:
            outcome = "given-up"
            about.error("given up", error=settled.error, id=telling.id)
        else:
            outcome = "rejected" if settled.permanent else "retried"
            about.warning("not delivered", error=settled.error, again=settled.again.isoformat(timespec="seconds"))
        self._counts[telling.receiver, outcome] += 1


def decide(claimed: Claimed, failure: Failure | None, now: datetime, patience: Patience, die: float) -> Settled:
    """What becomes of a row after an attempt; ``die`` in [0, 1) spreads the next one.

    A passing failure is tried again between ``soonest`` and a bound that doubles with each attempt, a permanent one
    after ``rejected``, neither before the receiver wants it. The last attempt is at ``give_up``, whatever was asked.
    """
    telling = claimed.telling
    if failure is None:
        return Settled(telling.id, now)
    end = telling.at + timedelta(seconds=patience.give_up)
    if now >= end:
        return Settled(telling.id, now, f"given up: {failure.reason}", failure.permanent)
    if failure.permanent:
        delay = patience.rejected
    else:
        bound = min(patience.latest, patience.soonest * 2.0 ** min(claimed.attempt, 30))
        delay = patience.soonest + die * max(0.0, bound - patience.soonest)
    delay = min(max(delay, failure.retry_after or 0.0), patience.give_up)
    again = min(now + timedelta(seconds=delay), end)
    return Settled(telling.id, now, failure.reason, failure.permanent, again)


def _pause(failures: int) -> float:
    """Seconds to leave a failing store alone."""
    return min(30.0, 0.25 * 2.0 ** min(failures, 10))


def _fault(receiver: str, error: Exception) -> Failure:
    """A notifier's own mistake, told without the exception's text, which may hold a URL or a password."""
    where = _where(error)
    log.error("notifier failed", receiver=receiver, error=type(error).__name__, where=where)
    return Failure(f"{type(error).__name__} in {where}")


def _plain(text: str) -> str:
    """It may come from the network: printable, and not too long for a log line or a page."""
    escaped = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
    return escaped[:500] or "no reason given"


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown place"
