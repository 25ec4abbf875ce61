"""Alerts that are over, but came and went, which is remembered for a while."""

from collections.abc import Iterator, Mapping

from alerting.flapping import FLAPPING_WINDOW
from alerting.model import Alert, AlertKey

MAX_PAST_ALERTS = 50_000
"""Of more the oldest are forgotten."""


class PastAlerts(Mapping[AlertKey, Alert]):
    """The latest to be over are last."""

    def __init__(self) -> None:
        self._alerts: dict[AlertKey, Alert] = {}

    def __getitem__(self, key: AlertKey) -> Alert:
        return self._alerts[key]

    def __iter__(self) -> Iterator[AlertKey]:
        return iter(self._alerts)

    def __len__(self) -> int:
        return len(self._alerts)

    def put(self, alert: Alert) -> None:
        """One as it is now: kept if it is over and may come again."""
        self._alerts.pop(alert.key, None)
        if not alert.quiet or alert.flaps is None:
            return
        self._alerts[alert.key] = alert
        while len(self._alerts) > MAX_PAST_ALERTS or self._first().since < alert.since - FLAPPING_WINDOW:
            del self._alerts[self._first().key]

    def _first(self) -> Alert:
        return next(iter(self._alerts.values()))
