"""What every way of message people has in common: the seam that notifiers keep."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from alerting.model import Remark, Secret
from alerting.notification import Notification


class Notifier(Protocol):
    """Hands one notification over, or raises DeliveryError. It may be asked twice with the same id."""

    async def send(self, notification: Notification) -> None: ...

    def review(self) -> Iterable[Remark]:
        """What is wrong or unwise in its settings, as far as can be told without the network."""
        ...

    def destination(self) -> Secret:
        """Where it leads: equal for two that tell the same people, whatever they are called. Only to be compared."""
        ...


@runtime_checkable
class StateNotifier(Protocol):
    """What a notifier has in addition that leads to a program with incidents of its own: each is told to it by itself,
    also when many are over before it can be told, and until it takes it.
    """

    keeps_state: bool


@runtime_checkable
class AcknowledgingNotifier(Protocol):
    """What a notifier has in addition whose receiver has a notion of acknowledgements: it is told of them."""

    hears_acknowledgements: bool


@runtime_checkable
class StandingNotifier(Protocol):
    """What a notifier has in addition whose receiver forgets what it is not told again and again."""

    @property
    def resend(self) -> timedelta:
        """How often it is told what stands."""
        ...

    async def post_standing(self, notifications: Sequence[Notification], at: datetime) -> None:
        """Tell it, beside the news, what stands ``at`` this time: one of each open incident that it has heard of."""
        ...
