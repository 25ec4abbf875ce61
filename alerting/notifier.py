"""What every way of message people has in common: the seam that notifiers keep."""

from collections.abc import Iterable
from typing import Protocol

from alerting.model import Notification, Remark, Secret


class Notifier(Protocol):
    """Hands one notification over, or raises DeliveryError. It may be asked twice with the same id."""

    async def send(self, notification: Notification) -> None: ...

    def review(self) -> Iterable[Remark]:
        """What is wrong or unwise in its settings, as far as can be told without the network."""
        ...

    def destination(self) -> Secret:
        """Where it leads: equal for two that tell the same people, whatever they are called. Only to be compared."""
        ...
