"""The figures of the latest transfers of each zone: they stand until there are newer ones, and after a restart."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from checks.common.transfer_rules import transfer_ways
from checks.model import CheckResult, TransferFigures
from checks.model.transfer_way import TransferWay
from monitor.state.monitoring_plan import MonitoringPlan
from monitor.state.ports import KeptTransfers


@dataclass(slots=True)
class LatestTransfers:
    """By zone and check; of each way in which the zone is asked for the latest, however long ago that was."""

    _known: dict[str, dict[str, TransferFigures]] = field(default_factory=dict)

    @classmethod
    def of(cls, stored: Iterable[KeptTransfers]) -> "LatestTransfers":
        """As they were kept."""
        made = cls()
        for check, zone, figures in stored:
            made._known.setdefault(zone, {})[check] = figures
        return made

    def note(self, result: CheckResult) -> KeptTransfers | None:
        """Those that a result tells of; what is to be kept now, None: as before."""
        if not result.transfers and not result.ixfr:
            return None
        of_zone = self._known.setdefault(result.zone, {})
        figures = of_zone.get(result.check, TransferFigures()).updated(result.transfers, result.ixfr)
        of_zone[result.check] = figures
        return KeptTransfers(result.check, result.zone, figures)

    def of_zone(self, zone: str) -> Collection[TransferFigures]:
        """Those of each check that has any."""
        return self._known.get(zone, {}).values()

    def keep_only(self, plan: MonitoringPlan) -> Iterator[KeptTransfers]:
        """Forget those that nobody asks for any more; what is to be kept in their place."""
        ways = _WaysAsked(plan)
        for zone, of_zone in list(self._known.items()):
            for check, figures in list(of_zone.items()):
                left = figures.only(ways.of(check, zone))
                if left == figures:
                    continue
                yield KeptTransfers(check, zone, left)
                of_zone[check] = left
                if left == TransferFigures():
                    del of_zone[check]
            if not of_zone:
                del self._known[zone]

    def every(self) -> Iterator[KeptTransfers]:
        """All that are known."""
        for zone, of_zone in self._known.items():
            yield from (KeptTransfers(check, zone, figures) for check, figures in of_zone.items())


class _WaysAsked:
    """In which ways checks ask for transfers of zones: the same for all zones that are watched alike."""

    def __init__(self, plan: MonitoringPlan) -> None:
        self._plan = plan
        self._known: dict[tuple[str, int], frozenset[TransferWay]] = {}

    def of(self, check: str, zone: str) -> frozenset[TransferWay]:
        zones = self._plan.zones
        if zone not in zones:
            return frozenset()
        key = (check, zones.template_ids[zones.index(zone)])
        if key not in self._known:
            watched = zones[zone]
            self._known[key] = transfer_ways(watched) if self._plan.asks(check, watched) else frozenset()
        return self._known[key]
