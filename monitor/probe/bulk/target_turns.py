"""The targets that have something to send: which of them are ready, and when the others are."""

import heapq
import math
from collections import deque
from collections.abc import Callable
from itertools import count

from monitor.clock import monotonic
from monitor.probe.bulk.target import Target

NEVER, TIMER_SLACK = math.inf, 0.0002


class TargetTurns:
    """Those that are ready have turns one after the other; the others cost nothing until they are due."""

    __slots__ = ("_order", "_ready", "_waiting")

    def __init__(self) -> None:
        self._ready: deque[Target] = deque()
        self._waiting: list[tuple[float, int, Target]] = []
        """A heap: when it is due, and a number to order them. One whose target does not wait any more is passed by."""
        self._order = count()

    def activate(self, target: Target) -> None:
        """It may have something to send; retries do not wait."""
        if not target.queued and (target.pending or target.retries):
            target.queued = True
            self._ready.append(target)
        elif target.waiting and target.retries:
            target.waiting = False
            self._ready.append(target)

    def send(self, send_next: Callable[[Target, float], float], stop: float) -> float:
        """``send_next`` for each in turn, until ``stop``. Seconds until there may be more to send.

        It says after how many seconds the target is to have its next turn; -1.0: nothing is left.
        """
        ready, waiting = self._ready, self._waiting
        now = monotonic()
        while waiting and (waiting[0][0] <= now or not waiting[0][2].waiting):
            due, _, target = heapq.heappop(waiting)
            if target.waiting and target.due == due:
                target.waiting = False
                ready.append(target)
        while ready:
            target = ready.popleft()
            now = monotonic()
            after = send_next(target, now)
            if after == 0.0:
                ready.append(target)
            elif after > 0.0:
                target.due, target.waiting = now + after - TIMER_SLACK, True
                heapq.heappush(waiting, (target.due, next(self._order), target))
            else:
                target.queued = False
            if now > stop and ready:
                return 0.0
        return max(0.0, waiting[0][0] + TIMER_SLACK - now) if waiting else NEVER
