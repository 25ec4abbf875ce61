"""Dispatcher of the outbox: at least once, in order per incident; a receiver that hangs delays nobody else."""

import asyncio
import contextlib
import itertools
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter

from alerting.attempt import attempt, failure_of, printable, where
from alerting.delivery import MAX_IN_DIGEST, Parcel, alone, digest_of, log_result, parcel_of, put_off, settled
from alerting.notification import DeliveryError, Notification, OutboxMessage
from alerting.notifier import Notifier, StateNotifier
from alerting.outbox import DeliveryResult, Lease, Outbox, OutboxError, ReceiverStatus
from alerting.receiver_identity import Successors, follow
from alerting.retry_policy import DEFAULT_RETRY_POLICY, Failure, ReceiverTrouble, RetryPolicy, next_attempt, pause

log = structlog.get_logger(__name__)

CLOCK_MARGIN = timedelta(minutes=1)
"""A clock that is set back by less is waited for."""


class Dispatcher:
    """Sends what is due until it is stopped.

    ``render`` puts a message in words; ``random_fraction`` gives numbers in [0, 1), by which retries are spread.
    """

    def __init__(
        self,
        outbox: Outbox,
        receivers: Mapping[str, Notifier],
        render: Callable[[OutboxMessage], Notification],
        now: Callable[[], datetime],
        *,
        kinds: Mapping[str, str] | None = None,
        policy: RetryPolicy = DEFAULT_RETRY_POLICY,
        random_fraction: Callable[[], float] = random.random,
        registry: CollectorRegistry | None = None,
    ) -> None:
        self._outbox = outbox
        self.replacements: Callable[[OutboxMessage], Sequence[OutboxMessage]] = lambda message: ()
        """What others are told in place of a message whose receiver is gone, and nobody leads there any more."""
        self.moved: Successors = {}
        """Receivers of before who are called otherwise now."""
        self._leasing = asyncio.Lock()
        self._receivers = dict(receivers)
        self._kinds = dict(kinds or {})
        self._render = render
        self._now = now
        self._policy = policy
        self._random_fraction = random_fraction
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._left_alone: dict[str, datetime] = {}
        """Receivers that take nothing at all now, or want to be left alone, until when."""
        self._looked_at = now()
        self._changed: set[str] = set()
        """Receivers that are others than before: what they rejected is tried again at once."""
        self.attempts = Counter(
            "soawatch_notifications",
            "Attempts to hand a notification to a receiver, by how they ended.",
            ("receiver", "outcome"),
            registry=registry,
        )
        """Outcomes are delivered, superseded, in-part, retried, rejected and given-up."""
        self._trouble: dict[str, ReceiverTrouble] = {}
        self._post_failures: dict[str, Failure] = {}
        """Why the state was not taken the last time: a message that is rejected is another trouble."""
        self._addresses_done: dict[str, tuple[frozenset[str], str]] = {}
        """Message → who of its receiver's addresses needs no more of it, and who of them was refused for good."""
        self._woken = asyncio.Event()
        self._stopping = False
        self.turns = 0
        """How often it has looked for what is due."""
        self._outbox_failures = 0

    @property
    def receivers(self) -> Mapping[str, Notifier]:
        """Those of now, by name."""
        return self._receivers

    def wake(self) -> None:
        """There may be something to send: a commit has put it in the outbox."""
        self._woken.set()

    def paused(self) -> contextlib.AbstractAsyncContextManager[None]:
        """While it lasts nothing is leased: for whoever readdresses what waits, and then brings the receivers."""
        return self._leasing

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
        self._changed |= receivers.keys() - same.keys()
        self._receivers = dict(receivers)
        self._kinds = dict(kinds or {})
        self._left_alone.clear()
        self.wake()

    def failing(self, now: datetime) -> Mapping[str, str]:
        """Receivers that reject what they are told, or have taken nothing for long, and why."""
        texts = {name: each.text(name, now) for name, each in self._trouble.items() if name in self._receivers}
        return {name: text for name, text in texts.items() if text is not None}

    async def status(self) -> Mapping[str, ReceiverStatus]:
        """Every configured receiver, and every other one that is still owed something. Raises OutboxError."""
        known = {status.name: status for status in await self._outbox.receivers()}
        owed = [name for name, status in known.items() if status.pending and name not in self._receivers]
        names = [*self._receivers, *owed]
        return {name: replace(known.get(name, ReceiverStatus(name)), kind=self._kinds.get(name, "")) for name in names}

    async def run(self) -> None:
        """Until ``stop``, or until it is cancelled: then what is being sent is broken off, and sent again some day."""
        try:
            await self._restore_trouble()
            while not self._stopping:
                self.turns += 1
                self._woken.clear()
                await self._wait(await self._lease_due())
        except asyncio.CancelledError:
            await self._drain(0.0)
            raise

    async def stop(self) -> None:
        """No more is leased; what is being sent has a few seconds to end. What does not is kept for next time."""
        self._stopping = True
        self.wake()
        await self._drain(self._policy.drain_timeout)

    async def send_directly(self, message: OutboxMessage) -> bool:
        """Past the outbox, for as long as that cannot be written: whether its receiver took it."""
        notifier = self._notifier(message.receiver)
        failure = Failure("no longer a receiver") if notifier is None else await self._send(message, notifier)
        about = log.bind(
            receiver=message.receiver, event_type=message.event.value, incident=message.incident.id, outbox="none"
        )
        if failure is None:
            about.info("delivered")
        else:
            about.warning("delivered in part" if failure.in_part else "not delivered", error=failure.reason)
        accepted = failure is None or failure.in_part
        self._note_trouble(message.receiver, failure)
        outcome = "retried" if not accepted else "in-part" if failure else "delivered"
        self.attempts.labels(message.receiver, outcome).inc()
        if accepted:
            self._addresses_done.pop(message.id, None)
        return accepted

    async def _restore_trouble(self) -> None:
        """What was in trouble when the last run of the service ended: tried again at once, for it may be mended."""
        with contextlib.suppress(OutboxError):  # then it is found anew
            for row in await self._outbox.receivers():
                before, failed = row.last_delivered, row.last_error_at
                if row.oldest is None or failed is None or (before is not None and before > failed):
                    continue
                self._trouble[row.name] = ReceiverTrouble(row.oldest, Failure(row.last_error, row.permanent))
                self._changed.add(row.name)

    def _note_trouble(self, receiver: str, failure: Failure | None) -> None:
        """Whether the receiver is in trouble, by what came of the latest attempt."""
        name = receiver if receiver in self._receivers else self.moved.get(receiver)
        if name is None or name not in self._receivers:
            return
        if failure is None:
            self._left_alone.pop(name, None)
            if self._trouble.pop(name, None) is not None:  # it takes something again, so all that waits is due
                self._changed.add(name)
        else:
            known = self._trouble.get(name)
            self._trouble[name] = ReceiverTrouble(known.since if known is not None else self._now(), failure)

    def _notifier(self, receiver: str) -> Notifier | None:
        """Of that name, or who has its destination now."""
        found = self._receivers.get(receiver)
        return found if found is not None else self._receivers.get(self.moved.get(receiver) or "")

    async def _wait(self, delay: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._woken.wait()

    async def _drain(self, delay: float) -> None:
        if self._sending:
            await asyncio.wait(self._sending.values(), timeout=delay)
        left = list(self._sending.values())
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _lease_due(self) -> float:
        """Starts what is due. Seconds until it should be looked at again."""
        now = self._now()
        if now < self._looked_at - CLOCK_MARGIN:  # by another clock nothing would be due for long
            self._left_alone, self._changed = {}, set(self._receivers)
        self._looked_at = now
        self._left_alone = {name: until for name, until in self._left_alone.items() if until > now}
        free = self._policy.concurrency - len(self._sending)
        try:
            if free > 0:
                async with self._leasing:
                    await self._outbox.expedite(self._changed, now)
                    self._changed = set()
                    busy = self._sending.keys() | self._left_alone.keys()
                    for lease in await self._outbox.lease(now, duration=self._policy.lease, limit=free, busy=busy):
                        if not self._stopping:
                            self._start(lease)
            due = await self._outbox.next_due()
        except OutboxError as error:
            if not self._outbox_failures:
                log.warning("outbox cannot be read", error=str(error))
            self._outbox_failures += 1
            return pause(self._outbox_failures)
        if self._outbox_failures:
            log.info("outbox works again")
        self._outbox_failures = 0
        times = [each for each in (due, *self._left_alone.values()) if each is not None and each > now]
        return max(0.001, min([self._policy.poll_interval, *((each - now).total_seconds() for each in times)]))

    def post(self, receiver: str, sending: Callable[[], Awaitable[None]]) -> bool:
        """Send the state of things beside the outbox, but not while a message to the same receiver is being sent, which
        may make it another state. False: it is busy, wants to be left alone, or is none.
        """
        notifier = self._receivers.get(receiver)
        if notifier is None or self._stopping or receiver in self._sending or receiver in self._left_alone:
            return False
        self._begin(receiver, self._post(receiver, notifier, sending()))
        return True

    def _start(self, lease: Lease) -> None:
        receiver = lease.message.receiver
        self._begin(receiver, self._deliver(lease, self._notifier(receiver)))

    def _begin(self, receiver: str, work: Coroutine[Any, Any, None]) -> None:
        task = self._sending[receiver] = asyncio.create_task(work, name=f"deliver to {receiver}")
        task.add_done_callback(lambda done: self._send_ended(receiver, done))

    def _send_ended(self, receiver: str, task: asyncio.Task[None]) -> None:
        del self._sending[receiver]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("delivery broke off", receiver=receiver, error=type(error).__name__, where=where(error))
        self.wake()

    async def _deliver(self, lease: Lease, notifier: Notifier | None) -> None:
        message = lease.message
        if notifier is None:
            others = self.replacements(message)
            if others:
                await self._write_until_done(lambda: self._outbox.enqueue(others), message.id)
            said = f"{message.receiver} is no longer a receiver"
            told = f", so it goes to {', '.join(each.receiver for each in others)}" if others else ""
            result = DeliveryResult(message.id, self._now(), said + told, permanent=True)
        else:
            result = await self._hand_over(lease, await self._parcel(lease, notifier), notifier)
        self.attempts.labels(message.receiver, log_result(lease, result)).inc()
        if result.superseded:
            self.attempts.labels(message.receiver, "superseded").inc(len(result.superseded))
        await self._write_until_done(lambda: self._outbox.settle(result), result.id)

    async def _parcel(self, lease: Lease, notifier: Notifier) -> Parcel:
        """What stands for all that waits of the incident; for people, where that came and went, of all that did."""
        message = lease.message
        begun = message.id in self._addresses_done
        try:
            parcel = parcel_of(await self._outbox.backlog(message), begun=begun)
            if parcel.message.unheard and not isinstance(notifier, StateNotifier):
                missed = await self._outbox.unheard(message.receiver, MAX_IN_DIGEST, resumed=lease.resumed)
                if len(missed) > 1 and any(message.id in each.ids for each in missed):
                    return digest_of(missed)
        except OutboxError:
            return alone(message)
        return parcel

    async def _hand_over(self, lease: Lease, parcel: Parcel, notifier: Notifier) -> DeliveryResult:
        receiver, message = lease.message.receiver, parcel.message
        failure = await self._send(message, notifier)
        policy = self._policy.of_states() if isinstance(notifier, StateNotifier) else self._policy
        result = next_attempt(replace(lease, message=message), failure, self._now(), policy, self._random_fraction())
        if self._notifier(receiver) == notifier:
            self._note_trouble(receiver, failure)
        else:  # it is another by now, of whom nothing is known
            result = put_off(result, self._now(), self._policy.min_delay)
        if result.again is None:
            for id in (message.id, *parcel.ids):
                self._addresses_done.pop(id, None)
        if failure is not None and result.again is not None and (failure.away or failure.retry_after is not None):
            self._left_alone[receiver] = result.again
        return settled(result, lease, parcel)

    async def _write_until_done(self, write: Callable[[], Awaitable[None]], id: str) -> None:
        """Until that is done its receiver stays busy: while we live it gets nothing twice."""
        for failures in itertools.count(1):
            try:
                await write()
            except OutboxError as error:
                if failures == 1:
                    log.warning("outbox cannot be written", error=str(error), id=id)
                await asyncio.sleep(pause(failures))
            else:
                break

    async def _send(self, message: OutboxMessage, notifier: Notifier) -> Failure | None:
        done, refused = self._addresses_done.get(message.id, (frozenset(), ""))

        async def hand_over() -> None:
            await notifier.send(replace(self._render(message), done=done))

        try:
            failure = await attempt(message.receiver, hand_over(), self._policy.deadline)
        except DeliveryError as error:
            refused = "; ".join(filter(None, (refused, error.refused)))
            if error.done:
                self._addresses_done[message.id] = (done | error.done, refused)
            if error.permanent and error.done:
                return Failure(printable(refused), permanent=True, in_part=True)
            return failure_of(error)
        return Failure(printable(refused), permanent=True, in_part=True) if refused and not failure else failure

    async def _post(self, receiver: str, notifier: Notifier, sending: Awaitable[None]) -> None:
        try:
            failure = await attempt(receiver, sending, self._policy.deadline)
        except DeliveryError as error:
            failure = failure_of(error)
        if self._receivers.get(receiver) != notifier:
            return
        trouble = self._trouble.get(receiver)
        if failure is not None:
            if trouble is None:
                log.warning("state not posted", receiver=receiver, error=failure.reason)
            self._note_trouble(receiver, failure)
            self._post_failures[receiver] = failure
            if failure.retry_after is not None:
                self._left_alone[receiver] = self._now() + timedelta(seconds=failure.retry_after)
        elif trouble and (not trouble.failure.permanent or trouble.failure is self._post_failures.get(receiver)):
            log.info("state posted again", receiver=receiver)
            self._note_trouble(receiver, None)
