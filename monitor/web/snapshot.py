"""The Status that a request sees. What is made from it is made once, and kept until the next one."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace

from alerting.model import Incident
from monitor.state.ports import AddressHistoryRow
from monitor.state.status import ServerTally, Status
from monitor.web.context import View, WebContext
from monitor.web.redaction import Parted, Redaction, public, public_incident, public_runs

TICKING = "heartbeat"
"""The one field of a Status that moves though nothing else does."""


def same(one: Status, other: Status) -> bool:
    """Whether both show the same: one was made from the other, and nothing but the heartbeat was replaced."""
    return one is other or all(
        getattr(one, part.name) is getattr(other, part.name) for part in fields(Status) if part.name != TICKING
    )


class Shown:
    """Every page, the API and the metrics take what they show from here, so that nothing goes past the veil."""

    def __init__(self, context: WebContext) -> None:
        self._context = context
        self._parted: Parted | None = None

    def _now(self) -> Parted:
        status = self._context.status()
        if self._parted is None or not same(self._parted.whole, status):
            self._parted = public(status, self._parted)
        return self._parted

    def status(self, view: View) -> Status:
        status = self._context.status()
        return status if view is View.WHOLE else replace(self._now().public, heartbeat=status.heartbeat)

    def redaction(self, view: View) -> Redaction | None:
        """What must not be shown; None: all may."""
        return None if view is View.WHOLE else self._now().redaction

    def runs(self, view: View, rows: Sequence[AddressHistoryRow]) -> Sequence[AddressHistoryRow]:
        return rows if view is View.WHOLE else public_runs(rows, self._now().redaction)

    def incidents(self, view: View, kept: Sequence[Incident]) -> list[Incident]:
        if view is View.WHOLE:
            return list(kept)
        return [shown for i in kept if (shown := public_incident(i, self._now().redaction)) is not None]

    def servers(self, view: View) -> Mapping[str, ServerTally]:
        return self.status(view).zones.servers()
