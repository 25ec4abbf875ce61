"""What one receiver is told of an incident, as it waits in the outbox and as it is sent; that it was not taken."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerting.incident import Incident, IncidentEvent


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """One piece of news for one receiver: a row of the outbox. The id is stable over every retry."""

    id: str
    receiver: str
    event: IncidentEvent
    incident: Incident
    at: datetime
    unheard: bool = False
    """It is over, and its receiver never heard that it began."""
    digest: tuple["OutboxMessage", ...] = ()
    """It stands for all of these, of which the receiver never heard that they began."""


DELAYED = timedelta(minutes=10)
"""What is told so much later than it became true is told as late."""


@dataclass(frozen=True, slots=True)
class Notification:
    """A message put in words. ``data`` is the incident as the API shows it, ``summary`` what a small screen has room
    for, ``link`` where the page shows it.

    ``at`` is when it became true, ``sent_at`` when this attempt to say so is made: receivers of webhooks refuse
    signatures that are older than some minutes.
    """

    id: str
    event: IncidentEvent
    at: datetime
    incident: str
    about: Incident
    """That incident, as this receiver is told of it."""
    thread: str
    """Stable per incident: mail threads by it."""
    subject: str
    text: str
    html: str
    data: Mapping[str, object]
    sent_at: datetime | None = None
    summary: str = ""
    link: str | None = None
    done: frozenset[str] = frozenset()
    """Addresses of the receiver that need no more of it: they took an earlier attempt, or refused it for good."""

    @property
    def late(self) -> bool:
        return self.sent_at is not None and self.sent_at - self.at >= DELAYED

    @property
    def details(self) -> Sequence[str]:
        """What the summary says beside its first line, which is in the subject, and the link."""
        return tuple(line for line in self.summary.splitlines()[1:] if line != self.link)


class DeliveryError(Exception):
    """A receiver did not take a notification. ``permanent``: trying again soon will not help.

    ``retry_after`` is what the receiver asked for, in seconds. The text never holds a secret or a URL's path.
    ``done`` are addresses that need no more of it: they have it, or were refused for good, which ``refused`` says.
    Permanent, and some done: the others have it, and that is all there is to it. ``away``: it takes nothing at all now,
    whatever it is sent.
    """

    def __init__(
        self,
        reason: str,
        *,
        permanent: bool = False,
        retry_after: float | None = None,
        done: Iterable[str] = (),
        refused: str = "",
        away: bool = False,
    ) -> None:
        super().__init__(reason)
        self.done = frozenset(done)
        self.refused = refused
        self.reason = reason
        self.permanent = permanent
        self.away = away
        self.retry_after = retry_after
