"""How is one address of one server doing, and what is there to ask it?"""

from collections import deque

from checks.model import Address, Outcome
from monitor.config.model import Probe
from monitor.probe.found import Failure
from monitor.probe.lane import AFTER_MISSES, MOST_PER_ADDRESS, SCOUTS, Bucket
from monitor.probe.port import Port
from monitor.probe.volley import Load, Trial

WINDOW = 180
"""Queries in flight to an address that answers: a server's buffer holds some 250 of them."""

CLUMP = 50
"""So many are waited for before more is sent, while there is enough to send."""

SILENT_WINDOW = 16384
"""Queries in flight to an address that answers nothing: each costs a slot, and nobody's time."""

ONCE = -1
"""The attempt of a query that is asked only once."""

PLAIN = -2
"""The attempt of one that is asked without EDNS, for its answer with EDNS was an error."""


class Gate:
    """Loads that wait, trials that are due, ports that are open, and whether anybody is there."""

    __slots__ = (
        "_misses", "_timeout", "_timeouts", "_waits", "address", "again", "attempts", "bucket", "busy", "due",
        "heard_ever", "listed", "loads", "ports", "server", "starved", "whole",
    )  # fmt: skip

    def __init__(self, server: str, address: Address, bucket: Bucket, probe: Probe, *, whole: bool) -> None:
        """``whole``: packets may be handed to the system many at a time."""
        self.server, self.address, self.bucket = server, address, bucket
        self.whole = whole
        self.attempts = max(1, probe.attempts)
        first = probe.timeout * 2 / (self.attempts + 1)
        self._waits = tuple(first * number for number in range(1, self.attempts + 1))
        self._timeout = probe.timeout
        self._timeouts: dict[int, Failure] = {}
        self.loads: deque[Load] = deque()
        self.again: deque[Trial] = deque()
        self.ports: dict[int, list[Port]] = {}
        """Those still sent from, by attempt."""
        self.busy = 0
        """Queries asked and not yet answered or given up."""
        self.listed = False
        self.due = 0.0
        """When it is worth looking at it again."""
        self.starved: float | None = None
        """Since when there has been no descriptor, or no room in the system."""
        self.heard_ever = False
        self._misses = 0

    @property
    def silent(self) -> bool:
        return self._misses >= AFTER_MISSES

    @property
    def attempt(self) -> int:
        """How the next query is asked: once, or as the first of several askings."""
        return ONCE if self.attempts == 1 or (self.silent and self.busy >= SCOUTS) else 0

    def wait(self, attempt: int) -> float:
        return self._timeout if attempt < 0 else self._waits[attempt]

    def timeout(self, attempt: int) -> Failure:
        """What is said of a query that was given up after this asking."""
        failure = self._timeouts.get(attempt)
        if failure is None:
            asked = 1 if attempt == ONCE else attempt + 1
            patience = self._timeout if attempt == ONCE else sum(self._waits[: attempt + 1])
            text = f"no answer to {asked} askings within {patience:g} s"
            failure = self._timeouts[attempt] = Failure(Outcome.TIMEOUT, text)
        return failure

    def last(self, attempt: int) -> bool:
        return attempt < 0 or attempt + 1 >= self.attempts

    def room(self) -> int:
        if self.silent:
            return max(0, SILENT_WINDOW - self.busy)
        return max(0, (WINDOW if self.heard_ever else MOST_PER_ADDRESS) - self.busy)

    def heard(self) -> None:
        self._misses = 0
        self.heard_ever = True

    def missed(self) -> None:
        self._misses += 1
