"""Wrong tokens: whoever sends one after the other is slowed, and that is logged."""

from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

log = structlog.get_logger(__name__)

FREE = 10
"""Wrong tokens that a client may send in a row; after these one more …"""

EVERY = timedelta(seconds=6)
"""… each time so long has passed."""

PERIOD = timedelta(minutes=10)
"""A client is logged once in so long."""

MOST = 10_000
"""Clients that are remembered; of more, the one that was quiet for longest is forgotten."""


@dataclass(frozen=True, slots=True)
class Tries:
    """How many wrong tokens a client has sent, less those that time has forgiven, as of ``at``."""

    wrong: float
    at: datetime
    logged: datetime | None = None

    def by(self, now: datetime) -> float:
        """A clock that was set back forgives nothing, and takes nothing back."""
        return max(0.0, self.wrong - max(timedelta(0), now - self.at) / EVERY)


class Attempts:
    """One for all ways to send a token. A token of a client that is to wait is not looked at: right ones, too, for
    else the quick answer would tell them from wrong ones.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[str, Tries] = OrderedDict()

    def wait(self, client: str, now: datetime) -> int:
        """Whole seconds until the client's next token is looked at; 0: now."""
        known = self._known.get(client)
        over = 0.0 if known is None else known.by(now) - (FREE - 1)
        return 0 if over <= 0 else max(1, round(over * EVERY.total_seconds() + 0.5))

    def wrong(self, client: str, now: datetime) -> None:
        """The client sent a token that is not the one."""
        known = self._known.pop(client, None) or Tries(0.0, now)
        tries = replace(known, wrong=known.by(now) + 1, at=now)
        if tries.wrong > FREE - 1 and (tries.logged is None or abs(now - tries.logged) >= PERIOD):
            log.warning("wrong tokens", client=client or "unknown", in_a_row=FREE, now="slowed")
            tries = replace(tries, logged=now)
        self._known[client] = tries
        while len(self._known) > MOST:
            self._known.popitem(last=False)
