"""Results of first polls that are taken over for other zones (``monitor.state.first_polls``)."""

from dataclasses import dataclass, field

from checks.zone_state.connectivity import Connectivity
from checks.zone_state.first_row import FirstRow
from monitor.state.columns import ZoneColumns


@dataclass(frozen=True, slots=True)
class FirstResult:
    """What a first poll came to. ``good`` and ``standing`` are the other checks of which it was a poll, too."""

    row: FirstRow
    min_expires: tuple[int, ...]
    good: tuple[str, ...]
    standing: tuple[str, ...]
    primary: tuple[bool, ...]
    """For each address."""


@dataclass(slots=True)
class FirstResults:
    """Results by template and forms, of one plan."""

    known: dict[tuple[int, ...], FirstResult] = field(default_factory=dict)
    _connectivity: Connectivity | None = None
    _heard: dict[int, bool] = field(default_factory=dict)
    """By template, as long as connectivity is as it was."""

    def forget(self) -> None:
        """There is another plan."""
        self.known.clear()
        self._connectivity = None

    def heard(self, connectivity: Connectivity, columns: ZoneColumns, template_id: int) -> bool:
        """Whether each address of these zones was heard at its last look, and the monitor is offline over nothing."""
        if connectivity is not self._connectivity:
            self._connectivity = connectivity
            self._heard.clear()
        known = self._heard.get(template_id)
        if known is None:
            places = columns.layouts[template_id]
            every = all(connectivity.heard.get((place.server, place.address)) for place in places)
            known = self._heard[template_id] = every and not connectivity.offline
        return known
