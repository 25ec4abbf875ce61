"""How long a sending may take, when it is tried again, and when a receiver is in trouble."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from alerting.outbox import DeliveryResult, Lease
from checks.common.text import format_duration


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long things may take and when they are tried again; all in seconds."""

    deadline: float = 30.0
    """A whole sending, from asking the notifier until it has said yes."""
    lease: float = 60.0
    """How long a leased message is ours. Longer than the deadline, or somebody else would send it too."""
    min_delay: float = 5.0
    max_delay: float = 300.0
    """A passing failure is tried again between these, at random under a bound that doubles each time."""
    rejected_delay: float = 1800.0
    """A permanent failure is tried again after this: an operator may mend it meanwhile."""
    give_up_after: float = 86400.0
    """From when it was to be told."""
    state_give_up_after: float = 31_536_000.0
    """The same for a program with incidents of its own: one that it takes for open stays open there."""
    poll_interval: float = 5.0
    """The outbox is looked at so often even when nobody says that there is something in it."""
    concurrency: int = 16
    """Receivers that are sent to at the same time."""
    drain_timeout: float = 5.0
    """How long ``stop`` waits for those that are being sent."""

    def __post_init__(self) -> None:
        if self.lease <= self.deadline:
            raise ValueError(f"a lease of {self.lease} s must be longer than the deadline of {self.deadline} s")

    def of_states(self) -> "RetryPolicy":
        """For receivers that keep a state."""
        return replace(self, give_up_after=self.state_give_up_after)


DEFAULT_RETRY_POLICY = RetryPolicy()


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a receiver did not take it; ``retry_after`` in seconds, as it asked."""

    reason: str
    permanent: bool = False
    retry_after: float | None = None
    in_part: bool = False
    """Some of its addresses have it, and the others are refused for good."""
    away: bool = False
    """The receiver takes nothing at all now: what else it is owed waits until this is tried again."""


TROUBLE_AFTER = timedelta(minutes=10)
"""A receiver that takes nothing for so long is in trouble, though each failure alone would pass."""


@dataclass(frozen=True, slots=True)
class ReceiverTrouble:
    """What keeps a receiver, since when, from taking what it is sent."""

    since: datetime
    failure: Failure

    def text(self, name: str, now: datetime) -> str | None:
        """In a sentence; None as long as it may pass."""
        reason = self.failure.reason
        if self.failure.in_part:
            return f"not all addresses of {name} are told: {reason}"
        if self.failure.permanent:
            return f"{name} rejects what it is told: {reason}"
        if now - self.since >= TROUBLE_AFTER:
            return f"{name} has taken nothing for {format_duration(now - self.since)}: {reason}"
        return None


def next_attempt(
    lease: Lease, failure: Failure | None, now: datetime, policy: RetryPolicy, random_fraction: float
) -> DeliveryResult:
    """What becomes of a row after an attempt; ``random_fraction`` in [0, 1) spreads the next one.

    A passing failure is tried again between ``min_delay`` and a bound that doubles with each attempt, a permanent one
    after ``rejected_delay``, neither before the receiver wants it. The last attempt is at ``give_up_after``,
    whatever was asked.
    """
    message = lease.message
    if failure is None:
        return DeliveryResult(message.id, now)
    if failure.in_part:
        return DeliveryResult(message.id, now, failure.reason, in_part=True)
    end = message.at + timedelta(seconds=policy.give_up_after)
    if now >= end:
        return DeliveryResult(message.id, now, f"given up: {failure.reason}", failure.permanent)
    if failure.permanent:
        delay = policy.rejected_delay
    else:
        bound = min(policy.max_delay, policy.min_delay * 2.0 ** min(lease.attempt, 30))
        delay = policy.min_delay + random_fraction * max(0.0, bound - policy.min_delay)
    delay = min(max(delay, failure.retry_after or 0.0), policy.give_up_after)
    again = min(now + timedelta(seconds=delay), end)
    return DeliveryResult(message.id, now, failure.reason, failure.permanent, again)


def pause(failures: int) -> float:
    """Seconds to leave a failing store alone."""
    return min(30.0, 0.25 * 2.0 ** min(failures, 10))
