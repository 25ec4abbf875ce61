"""What is shown of silences."""

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
