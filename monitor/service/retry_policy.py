"""How long a sending may take, when it is tried again, and when a receiver is in trouble."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from checks.common.text import format_duration
from monitor.state.ports import Claimed, Settled


@dataclass(frozen=True, slots=True)
class RetryPolicy:
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


PATIENT = RetryPolicy()


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a receiver did not take it; ``retry_after`` in seconds, as it asked."""

    reason: str
    permanent: bool = False
    retry_after: float | None = None
    in_part: bool = False
    """Some of its addresses have it, and the others are refused for good."""


LASTING = timedelta(minutes=10)
"""A receiver that takes nothing for so long is in trouble, though each failure alone would pass."""


@dataclass(frozen=True, slots=True)
class Trouble:
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
        if now - self.since >= LASTING:
            return f"{name} has taken nothing for {format_duration(now - self.since)}: {reason}"
        return None


def decide(claimed: Claimed, failure: Failure | None, now: datetime, patience: RetryPolicy, die: float) -> Settled:
    """What becomes of a row after an attempt; ``die`` in [0, 1) spreads the next one.

    A passing failure is tried again between ``soonest`` and a bound that doubles with each attempt, a permanent one
    after ``rejected``, neither before the receiver wants it. The last attempt is at ``give_up``, whatever was asked.
    """
    telling = claimed.telling
    if failure is None:
        return Settled(telling.id, now)
    if failure.in_part:
        return Settled(telling.id, now, failure.reason, in_part=True)
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


def pause(failures: int) -> float:
    """Seconds to leave a failing store alone."""
    return min(30.0, 0.25 * 2.0 ** min(failures, 10))
