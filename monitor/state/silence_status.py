"""What is shown of silences."""

from collections.abc import Iterable
from dataclasses import dataclass

from alerting.maintenance import MaintenanceWindow
from alerting.silences import Silence


@dataclass(frozen=True, slots=True)
class SilenceStatus:
    """``made`` are those that were made while the service ran: to come, active, and the latest that are over;
    ``active`` those of them by which incidents are told, with those of ``windows``, the configuration's, that are under
    way.
    """

    made: tuple[Silence, ...] = ()
    active: tuple[Silence, ...] = ()
    windows: tuple[MaintenanceWindow, ...] = ()
    hidden: int = 0
    """Active ones of which no more is shown."""

    @property
    def count(self) -> int:
        """How many are active."""
        return len(self.active) + self.hidden

    def redacted(self) -> "SilenceStatus":
        """Who is told of what is not for everybody."""
        return SilenceStatus(hidden=self.count)

    def every(self) -> list[Silence]:
        """Those that were made and windows that are under way, the newest first."""
        windows = [one for one in self.active if one.maintenance]
        return sorted((*self.made, *windows), key=lambda one: (one.starts_at, one.id), reverse=True)

    def by_id(self, names: Iterable[str]) -> list[Silence]:
        """Those of these ids that are known, in the order of their names."""
        known = {one.id: one for one in (*self.made, *self.active)}
        return [known[name] for name in names if name in known]
