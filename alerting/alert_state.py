"""The state machine of an alert: grace before it fires, settle before it is resolved.

    OK --bad--> PENDING --bad for grace--> FIRING --good--> RECOVERING --good for settle--> OK
                   `--good--> OK              ^------bad------'

UNKNOWN has no row: losing sight of something moves nothing.

What comes and goes (``alerting.flapping``) fires when it has been bad for grace altogether, and is over only when it
has been calm for longer than settle.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from alerting.finding_types import severity_of
from alerting.flapping import as_steady, grace_of, is_flapping, note_end, settle_of, steady_at
from alerting.model import NOT_CHECKED, Alert, AlertKey, Phase, Policy, Reason, Transition
from checks.model import CheckResult, Finding, Health
from checks.model.finding_type import Severity

MIN_NOT_CHECKED_GRACE = timedelta(minutes=10)
"""A check that can say nothing is given at least this long. How often it comes is not known here: a check
that comes less often than this fires at its second look that decides nothing."""

MAX_LATENESS = timedelta(minutes=30)
"""A look older than the last by up to this came late; older still, and the clock was set back."""

NO_TIME = timedelta(0)

MIN_RECHECK_DELAY = timedelta(seconds=10)
"""What fires is looked at again no sooner, however short settle is."""

RECHECK_MARGIN = 10
"""A recheck that comes less than one part in so many of a cadence before the next regular look is left to that."""


@dataclass(frozen=True, slots=True)
class TransitionRule:
    """One row of the table: where to, after how long in the phase before (a field of Policy), and what is said."""

    to: Phase
    after: str = ""
    reason: Reason | None = None


TRANSITIONS: Mapping[tuple[Phase, Health], TransitionRule] = MappingProxyType(
    {
        (Phase.OK, Health.BAD): TransitionRule(Phase.PENDING),
        (Phase.PENDING, Health.GOOD): TransitionRule(Phase.OK),
        (Phase.PENDING, Health.BAD): TransitionRule(Phase.FIRING, "grace", Reason.FIRED),
        (Phase.FIRING, Health.GOOD): TransitionRule(Phase.RECOVERING),
        (Phase.RECOVERING, Health.BAD): TransitionRule(Phase.FIRING),
        (Phase.RECOVERING, Health.GOOD): TransitionRule(Phase.OK, "settle", Reason.RESOLVED),
    }
)

_WAITS = {phase: rule.after for (phase, _), rule in TRANSITIONS.items() if rule.after}


def advance(alert: Alert, health: Health, at: datetime, policy: Policy) -> tuple[Alert, Transition | None]:
    """The alert after a look at ``at``, and the transition if it fired or was resolved by it.

    A repeated or late look (not after ``alert.seen``) changes nothing. Where only ``seen`` ticked, the
    alert equals the one before. After a clock was set back, what has been waited for begins anew.
    """
    if is_stale(alert, at):
        return alert, None
    if at < alert.since:
        alert = replace(alert, since=at, bad_since=min(alert.bad_since or at, at))
    before, reason = alert.phase, None
    alert = replace(alert, seen=at)
    while rule := TRANSITIONS.get((alert.phase, health)):
        if at - alert.since < _wait(alert, rule.after, policy):
            break
        alert = _in_phase(alert, rule.to, at, policy)
        reason = rule.reason or reason
    if health is Health.BAD and (steady := steady_at(alert)) is not None and steady <= at:
        alert = as_steady(alert)
    if reason is None:
        return alert, None
    return alert, Transition(alert.key, before, alert.phase, reason, at)


def withdraw(alert: Alert, at: datetime) -> tuple[Alert, Transition | None]:
    """The alert when what it is about is no longer monitored: over, and said so if it had fired."""
    if alert.phase is Phase.OK:
        return alert, None
    gone = as_steady(replace(alert, phase=Phase.OK, since=at, good_since=alert.good_since or at, seen=at))
    if alert.phase is Phase.PENDING:
        return gone, None
    return gone, Transition(alert.key, alert.phase, Phase.OK, Reason.WITHDRAWN, at)


def apply_result(
    result: CheckResult,
    alerts: Mapping[AlertKey, Alert],
    severity: Mapping[str, Severity],
    policy: Policy,
    past: Mapping[AlertKey, Alert] = MappingProxyType({}),
) -> tuple[tuple[Alert, ...], tuple[Transition, ...]]:
    """What a check result makes of the alerts of its zone and check.

    ``alerts`` are those of this zone and check that are not OK, ``past`` has others that were not a while ago;
    ``severity`` is what the operator changed. Returned is
    every alert the check result spoke of; one that equals the one before needs no write. A finding that is absent is
    good if the check result decided it, and unknown if the check result is unknown or unsure of that place. A check
    result that is unknown as a whole is a finding of its own, ``not-checked``, about the monitor.
    """
    if not alerts and result.health is Health.GOOD and not result.findings:
        return (), ()
    found = dict(_present(result))
    touched, transitions = [], []
    for key in [*alerts, *(key for key in found if key not in alerts)]:
        alert = alerts.get(key) or _new(key, result.at, severity_of(key.code, severity), past.get(key))
        if is_stale(alert, result.at):
            continue
        if finding := found.get(key):
            severe = severity_of(key.code, severity)
            alert = replace(
                alert, text=finding.text, severity=severe, inherited=finding.inherited, difference=finding.difference
            )
        alert, transition = advance(alert, _health(key, finding, result), result.at, _policy_for(key, policy))
        touched.append(alert)
        if transition is not None:
            transitions.append(transition)
    return tuple(touched), tuple(transitions)


def next_transition(result: CheckResult, alerts: Mapping[AlertKey, Alert], policy: Policy) -> datetime | None:
    """When the same check result, said again and again, next moves one of ``alerts``; None when it never does.

    ``alerts`` are those of this zone and check that are not OK, after the check result was applied to them.
    """
    found = dict(_present(result))
    return min(
        (
            when
            for key, alert in alerts.items()
            if (when := _next_at(alert, _health(key, found.get(key), result), _policy_for(key, policy))) is not None
        ),
        default=None,
    )


def _next_at(alert: Alert, health: Health, policy: Policy) -> datetime | None:
    """When the alert next moves if it stays as it is."""
    rule = TRANSITIONS.get((alert.phase, health))
    if rule is not None:
        return alert.since + _wait(alert, rule.after, policy)
    return steady_at(alert) if health is Health.BAD else None


def recheck(alerts: Iterable[Alert], at: datetime, cadence: timedelta, policy: Policy) -> datetime | None:
    """When to look again before the next regular look, because grace or settle end before it, or to see whether what
    was told is over; None: no need.

    ``alerts`` are those of one zone and check after the look at ``at``, which is made every ``cadence``. A cadence that
    is no longer than the wait itself is quick enough. Where the wait is over and the look decided nothing, the next is
    as far away as it has waited by then: the pauses double, until the cadence is shorter. So do those between looks at
    what fires, the first of which is as long as settle: its end is seen before it has lasted twice as long. Nobody
    hears of severity info, so nothing is looked at again for it.
    """
    first = min((when for alert in alerts if (when := next_look(alert, at, cadence, policy)) is not None), default=None)
    return first if first is not None and first < at + cadence - cadence / RECHECK_MARGIN else None


def next_look(alert: Alert, at: datetime, cadence: timedelta, policy: Policy) -> datetime | None:
    """When to look at an alert again after ``at``, if its cadence is longer than its wait; None if it waits for
    nothing.
    """
    end = waits_until(alert, cadence, policy)
    if end is None:
        return None
    return end if at < end else at + (at - alert.since)


def waits_until(alert: Alert, cadence: timedelta, policy: Policy) -> datetime | None:
    """When the grace or settle of an alert ends, or the first pause after it fired; None as in ``next_look``."""
    if alert.phase is Phase.OK or alert.severity is Severity.INFO:
        return None
    wait = _wait(alert, _WAITS.get(alert.phase, "settle"), _policy_for(alert.key, policy))
    if alert.phase is Phase.FIRING:
        wait = max(wait, MIN_RECHECK_DELAY)
    return alert.since + wait if cadence > wait else None


def is_stale(alert: Alert, at: datetime) -> bool:
    return alert.seen is not None and NO_TIME <= alert.seen - at <= MAX_LATENESS


def _new(key: AlertKey, at: datetime, severity: Severity, past: Alert | None) -> Alert:
    return Alert(key, Phase.OK, at, severity, "", flaps=past.flaps if past is not None else None)


def _wait(alert: Alert, name: str, policy: Policy) -> timedelta:
    """How long an alert stays in its phase, by the ``name`` of that."""
    if not name:
        return NO_TIME
    return grace_of(alert, policy) if name == "grace" else settle_of(alert, policy)


def _in_phase(alert: Alert, to: Phase, at: datetime, policy: Policy) -> Alert:
    if to is Phase.PENDING:
        return replace(alert, phase=to, since=at, bad_since=at, good_since=None, incident=None)
    if to is Phase.FIRING:
        onset = alert if alert.phase is Phase.PENDING else replace(alert, since=at)
        flapping = alert.flapping or is_flapping(onset, at, policy)
        return replace(alert, phase=to, since=at, good_since=None, flapping=flapping)
    good = replace(alert, phase=to, since=at, good_since=alert.good_since or at)
    if alert.phase is Phase.RECOVERING:
        return as_steady(good) if alert.flapping else good
    return replace(good, flaps=note_end(alert, at))


def _present(result: CheckResult) -> Iterator[tuple[AlertKey, Finding]]:
    if result.health is Health.UNKNOWN:
        key = AlertKey(result.zone, result.check, NOT_CHECKED, subject=result.check)
        why = f": {result.reason}" if result.reason else ""
        yield key, Finding(NOT_CHECKED, f"{result.check} could not be checked{why}", subject=result.check)
        return
    for found in result.findings:
        yield AlertKey(result.zone, result.check, found.code, found.server, found.address, found.subject), found


def _health(key: AlertKey, finding: Finding | None, result: CheckResult) -> Health:
    if finding is not None:
        return Health.BAD
    if key.code == NOT_CHECKED:
        return Health.GOOD
    if result.health is Health.UNKNOWN:
        return Health.UNKNOWN
    if any(u.covers(key.server, key.address, key.subject) for u in result.unsure):
        return Health.UNKNOWN
    return Health.GOOD


def _policy_for(key: AlertKey, policy: Policy) -> Policy:
    return replace(policy, grace=max(policy.grace, MIN_NOT_CHECKED_GRACE)) if key.code == NOT_CHECKED else policy
