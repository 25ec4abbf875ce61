"""What comes and goes: findings that are bad again and again, though never for long."""

from dataclasses import replace
from datetime import datetime, timedelta

from alerting.model import NOT_CHECKED, Alert, Flaps, Phase, Policy
from checks.model.finding_type import Severity

FLAPPING_WINDOW = timedelta(hours=1)
"""What has been good for longer than this did not come back, but began anew."""

MIN_ONSETS = 3
"""A finding that has begun so often comes and goes …"""

MIN_BAD_SHARE = 0.25
"""… if it was bad for at least this share of the time since it first began, and for grace altogether."""

MIN_CALM = timedelta(minutes=10)
"""What comes and goes is over, or stays bad, when it has done neither for so long, or twice the time between two …"""

_NO_TIME = timedelta(0)


def note_end(alert: Alert, at: datetime) -> Flaps | None:
    """What is known of how an alert comes and goes, now that it is good again at ``at``."""
    if alert.key.code == NOT_CHECKED or alert.severity is Severity.INFO:
        return None
    known = alert.flaps
    onset = alert.since if known is not None and known.until > alert.began else alert.began
    bad = max(0.0, (at - onset).total_seconds())
    if known is None or _is_apart(known, onset):
        return Flaps(onset, 1, bad, at)
    return Flaps(known.began, known.count + 1, known.bad + bad, at)


def grace_of(alert: Alert, policy: Policy) -> timedelta:
    """How long an alert must have been bad since ``alert.since`` to fire: what it was bad before counts, if it comes
    and goes.
    """
    missing = _missing(alert, alert.since, policy)
    return policy.grace if missing is None else min(policy.grace, missing)


def is_flapping(alert: Alert, at: datetime, policy: Policy) -> bool:
    """Whether an alert that is bad at ``at``, and was good before ``alert.since``, comes and goes."""
    missing = _missing(alert, alert.since, policy)
    return missing is not None and at - alert.since >= missing


def settle_of(alert: Alert, policy: Policy) -> timedelta:
    """How long an alert must have been good to be over."""
    return max(policy.settle, calm(alert.flaps)) if alert.flapping and alert.flaps is not None else policy.settle


def calm(flaps: Flaps) -> timedelta:
    """How long what comes and goes must have been as it is, so that it does not any more."""
    between = (flaps.until - flaps.began) / flaps.count
    return max(MIN_CALM, min(2 * between, FLAPPING_WINDOW))


def steady_at(alert: Alert) -> datetime | None:
    """From when on an alert that fires has come to stay, though it came and went before."""
    if alert.phase is not Phase.FIRING or not alert.flapping or alert.flaps is None:
        return None
    return alert.since + calm(alert.flaps)


def as_steady(alert: Alert) -> Alert:
    """The alert, which comes and goes no more."""
    return replace(alert, flaps=None, flapping=False)


def _missing(alert: Alert, onset: datetime, policy: Policy) -> timedelta | None:
    """How long it has to be bad from ``onset`` on to count as coming and going; None: it did not do so often enough."""
    known = alert.flaps
    if known is None or known.count + 1 < MIN_ONSETS or _is_apart(known, onset):
        return None
    share = (MIN_BAD_SHARE * (onset - known.began).total_seconds() - known.bad) / (1 - MIN_BAD_SHARE)
    return max(_NO_TIME, policy.grace - timedelta(seconds=known.bad), timedelta(seconds=share))


def _is_apart(known: Flaps, onset: datetime) -> bool:
    return onset - known.until > FLAPPING_WINDOW
