"""Zones that are to be looked at again before their next regular look, and when.

By the monotonic clock: whoever sets the other one neither hastens nor holds up anything.
"""

import asyncio
import contextlib
import heapq
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from alerting.alert_state import next_look, waits_until
from alerting.model import Alert, Phase, Policy
from checks.common.epoch import micros
from checks.model import CheckResult, Zone, ZonePoll
from checks.zone_state.model import ZoneState
from checks.zone_state.update import moving_since
from monitor.state.monitor_state import MonitorState
from monitor.state.monitoring_plan import MonitoringPlan
from monitor.state.pending_commit import CheckOfZone, PendingCommit

SOON = timedelta(minutes=1)
"""A difference that is new is looked at again so much later."""


class Rechecks:
    """One appointment at most for a zone and check; a regular look that comes before it makes it anew, or ends it."""

    def __init__(self) -> None:
        self._at: dict[CheckOfZone, float] = {}
        self._next: list[tuple[float, CheckOfZone]] = []
        self._sooner = asyncio.Event()

    def __len__(self) -> int:
        return len(self._at)

    def note(self, wanted: Mapping[CheckOfZone, datetime | None], now: datetime, monotonic: float) -> None:
        """Take these; None ends one. ``now`` and ``monotonic`` (seconds) are the same moment by the two clocks."""
        for look, when in wanted.items():
            if when is None:
                self._at.pop(look, None)
                continue
            at = monotonic + (when - now).total_seconds()
            if self._at.get(look) != at:
                self._at[look] = at
                if not self._next or at < self._next[0][0]:
                    self._sooner.set()
                heapq.heappush(self._next, (at, look))

    def clear(self) -> None:
        self._at.clear()
        self._next.clear()

    def due(self, monotonic: float) -> Mapping[str, Sequence[str]]:
        """The zones whose time has come, by check. They are forgotten: their polls say what is next."""
        come: dict[str, list[str]] = defaultdict(list)
        while self._next and self._next[0][0] <= monotonic:
            at, look = heapq.heappop(self._next)
            if self._at.get(look) == at:
                del self._at[look]
                come[look[0]].append(look[1])
        return come

    async def wait(self, longest: float) -> None:
        """Until the next of them is due, by the loop's clock; ``longest`` seconds at most, or until woken up."""
        self._sooner.clear()
        left = self._next[0][0] - asyncio.get_running_loop().time() if self._next else longest
        if left > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._sooner.wait(), min(left, longest))

    def wake(self) -> None:
        """Whoever waits need not wait any longer."""
        self._sooner.set()


def follow_change(
    state: MonitorState, pending: PendingCommit, zone: Zone, poll: ZonePoll, zone_state: ZoneState
) -> None:
    """While a new version is on its way, or it is open who answers with what, a zone is looked at more often than its
    cadence has it.
    """
    look, followed, identity_looks = (poll.check, poll.zone), state.followed_changes, state.identity_looks
    if poll.zone in followed or poll.zone in identity_looks:
        pending.rechecks.setdefault(look, None)
    for when in (
        followed.next_look(poll.zone, moving_since(zone, zone_state), poll.at, poll.cadence),
        identity_looks.next_look(poll.zone, zone_state, poll.at, poll.cadence),
    ):
        if when is not None:
            pending.rechecks[look] = min(when, pending.rechecks.get(look) or when)


def remember_result(state: MonitorState, pending: PendingCommit, result: CheckResult, cadence: timedelta) -> None:
    """What a result says is to be remembered is kept, of records and transfers; a new difference is looked at again
    soon.
    """
    memory = state.record_memories.note(result)
    if memory is not None:
        pending.record_memories[memory.check, memory.zone] = memory
    if (transfers := state.transfers.note(result)) is not None:
        pending.transfers[transfers.check, transfers.zone] = transfers
    if result.remembered is not None and result.remembered.soon_again and cadence > SOON:
        look, when = (result.check, result.zone), result.at + SOON
        pending.rechecks[look] = min(when, pending.rechecks.get(look) or when)


def forget_untied(state: MonitorState, pending: PendingCommit, before: ZoneState, after: ZoneState) -> None:
    """Other versions than before: what was seen of records since the look before is tied to neither."""
    if before.at is not None and after.serial_groups != before.serial_groups:
        for memory in state.record_memories.forget_untied(after.zone, micros(before.at)):
            pending.record_memories[memory.check, memory.zone] = memory


def rechecks(state: MonitorState, plan: MonitoringPlan, now: datetime) -> dict[CheckOfZone, datetime | None]:
    """When to look again at what waits for the end of grace or settle, by the rules of this plan, at once where it
    is over already; and at what fires. Alerts that a shorter cadence looks at soon enough are not in it.
    """
    found: dict[CheckOfZone, datetime | None] = {}
    for key, alert in state.active_alerts.items():
        zone = plan.zones.get(key.zone)
        cadence = plan.cadence_of(key.check, zone) if zone is not None else None
        when = _when(alert, cadence, plan.alert_policy, now)
        if when is not None:
            look = (key.check, key.zone)
            found[look] = min(when, found.get(look) or when)
    return found


def _when(alert: Alert, cadence: timedelta | None, policy: Policy, now: datetime) -> datetime | None:
    if not cadence:
        return None
    if alert.phase is Phase.FIRING:
        again = next_look(alert, now, cadence, policy)
        return again if again is not None and again < now + cadence else None
    end = waits_until(alert, cadence, policy)
    return max(end, now) if end is not None else None
