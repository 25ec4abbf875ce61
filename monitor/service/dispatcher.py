"""Delivers the outbox: at least once, in order per incident; a receiver that hangs delays nobody else."""

import asyncio
import contextlib
import itertools
import random
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from alerting.model import DeliveryError, Notification, OutboxMessage
from alerting.notifier import Notifier
from monitor.clock import Now
from monitor.service.retry_policy import PATIENT, Failure, RetryPolicy, Trouble, decide, pause
from monitor.state.ports import Claimed, Commit, Settled, Store, StoreError
from monitor.state.receiver_identity import Successors, follow
from monitor.state.status import ReceiverStatus

log = structlog.get_logger(__name__)


class Dispatcher:
    """Sends what is due until it is stopped. ``render`` puts a telling in words; ``dice`` gives numbers in [0, 1)."""

    def __init__(
        self,
        store: Store,
        receivers: Mapping[str, Notifier],
        render: Callable[[OutboxMessage], Notification],
        now: Now,
        *,
        kinds: Mapping[str, str] | None = None,
        patience: RetryPolicy = PATIENT,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self.instead: Callable[[OutboxMessage], Sequence[OutboxMessage]] = lambda telling: ()
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
        self._mended: set[str] = set()
        """Receivers that are others than before: what they rejected is tried again at once."""
        self._counts: Counter[tuple[str, str]] = Counter()
        self._trouble: dict[str, Trouble] = {}
        self._done: dict[str, tuple[frozenset[str], str]] = {}
        """Telling → who of its receiver's addresses needs no more of it, and who of them was refused for good."""
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
        to, before = moved or {}, self._receivers
        self.moved = {**{name: to.get(now or "", now) for name, now in self.moved.items()}, **to}
        same = {now: name for name in before for now in follow([name], to) if receivers.get(now) == before[name]}
        self._trouble = {now: self._trouble[name] for now, name in same.items() if name in self._trouble}
        self._mended |= receivers.keys() - same.keys()
        self._receivers = dict(receivers)
        self._kinds = dict(kinds or {})
        self._held.clear()
        self.poke()

    def counts(self) -> Mapping[tuple[str, str], int]:
        """(receiver, outcome) → attempts since the start; delivered, in-part, retried, rejected or given-up."""
        return dict(self._counts)

    def failing(self, now: datetime) -> Mapping[str, str]:
        """Receivers that reject what they are told, or have taken nothing for long, and why."""
        texts = {name: each.text(name, now) for name, each in self._trouble.items() if name in self._receivers}
        return {name: text for name, text in texts.items() if text is not None}

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
            await self._recall()
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

    async def tell(self, telling: OutboxMessage) -> bool:
        """Past the outbox, for as long as that cannot be written: whether its receiver took it."""
        notifier = self._notifier(telling.receiver)
        failure = Failure("no longer a receiver") if notifier is None else await self._send(telling, notifier)
        about = log.bind(
            receiver=telling.receiver, news=telling.news.value, incident=telling.incident.id, outbox="none"
        )
        if failure is None:
            about.info("delivered")
        else:
            about.warning("delivered in part" if failure.in_part else "not delivered", error=failure.reason)
        taken = failure is None or failure.in_part
        self._learn(telling.receiver, failure)
        self._counts[telling.receiver, "retried" if not taken else "in-part" if failure else "delivered"] += 1
        if taken:
            self._done.pop(telling.id, None)
        return taken

    async def _recall(self) -> None:
        """What was in trouble when the last run of the service ended: tried again at once, for it may be mended."""
        with contextlib.suppress(StoreError):  # then it is found anew
            for row in await self._store.outbox():
                before, failed = row.last_delivered, row.last_error_at
                if row.oldest is None or failed is None or (before is not None and before > failed):
                    continue
                self._trouble[row.receiver] = Trouble(row.oldest, Failure(row.last_error, row.permanent))
                self._mended |= {row.receiver} if row.permanent else set()

    def _learn(self, receiver: str, failure: Failure | None) -> None:
        """Whether the receiver is in trouble, by what came of the latest attempt."""
        name = receiver if receiver in self._receivers else self.moved.get(receiver)
        if name is None or name not in self._receivers:
            return
        if failure is None:
            self._trouble.pop(name, None)
        else:
            known = self._trouble.get(name)
            self._trouble[name] = Trouble(known.since if known is not None else self._now(), failure)

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
                    await self._store.hasten(self._mended, now)
                    self._mended = set()
                    busy = self._sending.keys() | self._held.keys()
                    for claimed in await self._store.claim(now, lease=self._patience.lease, most=free, busy=busy):
                        if not self._stopping:
                            self._start(claimed)
            due = await self._store.next_due()
        except StoreError as error:
            if not self._troubles:
                log.warning("outbox cannot be read", error=str(error))
            self._troubles += 1
            return pause(self._troubles)
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
            if self._notifier(telling.receiver) == notifier:
                self._learn(telling.receiver, failure)
            elif settled.again is not None:  # it is another by now, of whom nothing is known
                settled = replace(settled, again=self._now() + timedelta(seconds=self._patience.soonest))
            if settled.again is None:
                self._done.pop(telling.id, None)
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
                await asyncio.sleep(pause(failures))
            else:
                break

    async def _send(self, telling: OutboxMessage, notifier: Notifier) -> Failure | None:
        limit = asyncio.timeout(self._patience.deadline)
        done, refused = self._done.get(telling.id, (frozenset(), ""))
        try:
            async with limit:
                await notifier.send(replace(self._render(telling), done=done))
        except DeliveryError as error:
            refused = "; ".join(filter(None, (refused, error.refused)))
            if error.done:
                self._done[telling.id] = (done | error.done, refused)
            if error.permanent and error.done:
                return Failure(_plain(refused), permanent=True, in_part=True)
            return Failure(_plain(error.reason), error.permanent, error.retry_after)
        except TimeoutError:
            return Failure(f"no answer within {self._patience.deadline:g} s" if limit.expired() else "timed out")
        except Exception as error:  # noqa: BLE001  a fault in one notifier must not end delivery
            return _fault(telling.receiver, error)
        return Failure(_plain(refused), permanent=True, in_part=True) if refused else None

    def _note(self, claimed: Claimed, settled: Settled) -> None:
        telling = claimed.telling
        about = log.bind(
            receiver=telling.receiver, news=telling.news.value, incident=telling.incident.id, attempt=claimed.attempt
        )
        if not settled.error:
            outcome = "delivered"
            about.info("delivered")
        elif settled.in_part:
            outcome = "in-part"
            about.warning("delivered in part", error=settled.error)
        elif settled.again is None:
            outcome = "given-up"
            about.error("given up", error=settled.error, id=telling.id)
        else:
            outcome = "rejected" if settled.permanent else "retried"
            about.warning("not delivered", error=settled.error, again=settled.again.isoformat(timespec="seconds"))
        self._counts[telling.receiver, outcome] += 1


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
