"""Wrong tokens: whoever tries one after the other is slowed, and that is logged."""

import hashlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

log = structlog.get_logger(__name__)

FREE_ATTEMPTS = 10
"""Different wrong tokens that a client may send in a row; after these one more …"""

ATTEMPT_INTERVAL = timedelta(seconds=6)
"""… each time so long has passed."""

OLD = "nobody is slowed for it; a program there has an old token: give it the present one, or end it"

LOG_INTERVAL = timedelta(minutes=10)
"""A client is logged once in so long."""

MAX_CLIENTS = 10_000
"""Clients that are remembered; of more, the one that sent nothing for longest is forgotten."""

MAX_REFUSED_TOKENS = 16
"""Refused tokens that are remembered of a client; of more, the one that did not come for longest is forgotten."""


@dataclass(slots=True)
class ClientAttempts:
    """How many different wrong tokens a client has sent, less those that time has forgiven, as of ``at``.

    ``refused``: how often each of the last ones came, by its digest.
    """

    wrong: float
    at: datetime
    logged: datetime | None = None
    refused: dict[bytes, int] = field(default_factory=dict)

    def by(self, now: datetime) -> float:
        """A clock that was set back forgives nothing, and takes nothing back."""
        return max(0.0, self.wrong - max(timedelta(0), now - self.at) / ATTEMPT_INTERVAL)

    def again(self, digest: bytes) -> int:
        """How often that one has come by now."""
        times = self.refused.pop(digest, 0) + 1
        self.refused[digest] = times
        if len(self.refused) > MAX_REFUSED_TOKENS:
            del self.refused[next(iter(self.refused))]
        return times


class LoginAttempts:
    """One for all ways to send a token. A token of a client that is to wait is not looked at: right ones, too, for
    else the quick answer would tell them from wrong ones.

    One that was looked at and refused does not count when it comes again: nobody learns anything by it, and it is what
    a forgotten job does that has an old token. So that alone never keeps the right one, from the same address, waiting.
    What was refused is kept as a digest with a key that ends with the process.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[str, ClientAttempts] = OrderedDict()
        self._key = secrets.token_bytes(32)

    def wait(self, client: str, now: datetime) -> int:
        """Whole seconds until the client's next token is looked at; 0: now."""
        known = self._known.get(client)
        over = 0.0 if known is None else known.by(now) - (FREE_ATTEMPTS - 1)
        return 0 if over <= 0 else max(1, round(over * ATTEMPT_INTERVAL.total_seconds() + 0.5))

    def wrong(self, client: str, given: bytes, now: datetime) -> None:
        """The client sent a token that is not the one."""
        tries = self._known.setdefault(client, ClientAttempts(0.0, now))
        self._known.move_to_end(client)
        while len(self._known) > MAX_CLIENTS:
            self._known.popitem(last=False)
        times = tries.again(hashlib.blake2b(given, key=self._key, digest_size=16).digest())
        if times == FREE_ATTEMPTS:
            log.warning("the same wrong token again and again", client=client or "unknown", times=times, hint=OLD)
        if times > 1:
            return
        tries.wrong, tries.at = tries.by(now) + 1, now
        if tries.wrong > FREE_ATTEMPTS - 1 and (tries.logged is None or abs(now - tries.logged) >= LOG_INTERVAL):
            log.warning("wrong tokens", client=client or "unknown", in_a_row=FREE_ATTEMPTS, now="slowed")
            tries.logged = now
