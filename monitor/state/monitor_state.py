"""What the evaluator remembers between polls."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from alerting.audience_news import heard_incidents
from alerting.incident import Incident
from alerting.incidents import OpenIncidents
from alerting.maintenance import MaintenanceWindow
from alerting.model import NOT_CHECKED, Alert, AlertKey
from alerting.reopening import past_incidents
from alerting.silences import NO_SILENCES, ActiveSilences, Silence
from checks.common.epoch import micros, moment_of
from checks.model import CanaryArrival, CheckResult, Family, Health, SignatureEnd
from checks.model.finding_type import Severity
from checks.model.zone_table import ZoneTable
from checks.zone_state.connectivity import Connectivity, offline_families
from checks.zone_state.model import SERIAL_CHECK
from monitor.config.zone_sources import SourceTrouble
from monitor.state.awaited_notifies import AwaitedNotifies
from monitor.state.columns import NO_RESULT, STEADY_UP, ZoneColumns
from monitor.state.first_results import FirstResults
from monitor.state.followed_changes import FollowedChanges
from monitor.state.identity_looks import IdentityLooks
from monitor.state.latest_transfers import LatestTransfers
from monitor.state.notifies import Notifies
from monitor.state.octets import octet_of
from monitor.state.own_troubles import ClockSkew, OwnTrouble
from monitor.state.past_alerts import PastAlerts
from monitor.state.ports import Recreated, StoredState
from monitor.state.record_memories import RecordMemories
from monitor.state.silence_status import SilenceStatus
from monitor.state.zone_states import ZoneStates


@dataclass(slots=True)
class MonitorState:
    """All of it but the check results and the NOTIFYs survives a restart. ``columns`` are those of the table that is
    watched.
    """

    columns: ZoneColumns = field(default_factory=lambda: ZoneColumns(ZoneTable.of(())))
    zone_states: ZoneStates = field(init=False)
    active_alerts: dict[AlertKey, Alert] = field(default_factory=dict)
    """Every alert that is not OK."""
    past_alerts: PastAlerts = field(default_factory=PastAlerts)
    by_zone: dict[str, dict[str, dict[AlertKey, Alert]]] = field(default_factory=dict)
    """The same, by zone and check."""
    results: dict[str, dict[str, CheckResult]] = field(default_factory=dict)
    """By zone and check, where there is more to say than the columns hold."""
    ends: dict[tuple[str, str], tuple[SignatureEnd, ...]] = field(default_factory=dict)
    """By zone and check, where the latest result has any."""
    arrivals: dict[tuple[str, str], tuple[CanaryArrival, ...]] = field(default_factory=dict)
    """By zone and check, where the latest result has any."""
    transfers: LatestTransfers = field(default_factory=LatestTransfers)
    open_incidents: OpenIncidents = field(default_factory=OpenIncidents)
    connectivity: Connectivity = field(default_factory=Connectivity)
    witnessed: frozenset[Family] = frozenset()
    """The address families that have witnesses."""
    weighed: Connectivity | None = None
    """What it was when it was last weighed whose fault it is."""
    steady_results: list[tuple[Health, str]] = field(default_factory=lambda: [(Health.UNKNOWN, ""), (Health.GOOD, "")])
    """What check results say of steady zones, and why, by ``columns.result_id``."""
    reachability_patterns: list[tuple[bool, ...]] = field(default_factory=lambda: [()])
    """Of which addresses of a zone that is STEADY_SILENT answer, by ``columns.reachability_id``; 0 is nobody's."""
    store_error: str = ""
    """Why the last commit was refused; empty when it was not."""
    config_error: str = ""
    """Why the configuration was refused when it was last read again; empty when it was not."""
    failing: Mapping[str, str] = field(default_factory=dict)
    """Receivers that are in trouble, and what it is."""
    source_troubles: Sequence[SourceTrouble] = ()
    """Sources of zones that cannot be believed."""
    own_troubles: Sequence[OwnTrouble] = ()
    """What else is wrong with the monitor itself."""
    clock_skews: dict[str, ClockSkew] = field(default_factory=dict)
    """Server → how far its clock and ours are apart, where it has said so."""
    zone_sources: dict[str, str] = field(default_factory=dict)
    """Source of zones → what is kept of it, as whoever reads it writes that."""
    notifies: Notifies = field(default_factory=Notifies)
    awaited_notifies: AwaitedNotifies = field(default_factory=AwaitedNotifies)
    first_results: FirstResults = field(default_factory=FirstResults)
    followed_changes: FollowedChanges = field(default_factory=FollowedChanges)
    identity_looks: IdentityLooks = field(default_factory=IdentityLooks)
    record_memories: RecordMemories = field(default_factory=RecordMemories)
    silences: dict[str, Silence] = field(default_factory=dict)
    """By id those that were made while the service ran: to come, active, and the latest that are over."""
    active_silences: ActiveSilences = NO_SILENCES
    """Those that incidents are told by, maintenance windows among them."""
    endless_listed: datetime | None = None
    """When those without an end were named last."""
    recreated: Recreated | None = None
    """When the database had to be made anew last."""

    def __post_init__(self) -> None:
        self.zone_states = ZoneStates()
        self.zone_states.columns = self.columns

    def standing(self) -> Mapping[str, Incident]:
        """The open incidents, by id, as they are decided: before it is kept, and before anybody is told. Without what
        is silenced.
        """
        return heard_incidents(self.open_incidents.incidents, self.open_incidents.index, self.active_alerts)

    def silence_status(self, windows: tuple[MaintenanceWindow, ...]) -> SilenceStatus:
        """What is shown of silences; ``windows`` are the configuration's."""
        return SilenceStatus(tuple(self.silences.values()), self.active_silences.silences, windows)

    @classmethod
    def of(cls, stored: StoredState) -> "MonitorState":
        state = cls(
            open_incidents=OpenIncidents(
                dict(stored.incidents),
                past=past_incidents(stored.past_incidents),
                storms={one.receiver: one for one in stored.storms},
            ),
            zone_sources={one.source: one.body for one in stored.zone_sources},
            silences={one.id: one for one in stored.silences},
            transfers=LatestTransfers.of(stored.transfers),
        )
        state.zone_states = ZoneStates.of(stored.zone_states)
        state.zone_states.columns = state.columns
        for alert in stored.alerts.values():
            state.put(alert)
        for alert in stored.past_alerts:
            state.past_alerts.put(alert)
        state.awaited_notifies.restore(stored.alerts.values())
        state.record_memories.restore(stored.record_memories)
        return state

    def use(self, columns: ZoneColumns) -> None:
        """The columns of another plan."""
        self.columns = columns
        columns.server_findings.clear()
        self.first_results.forget()
        self.zone_states.columns = columns
        self.record_memories.use(columns.zone_table)

    def put(self, alert: Alert) -> None:
        """Keep an alert as it is now; one that is OK is forgotten, but that it came and went."""
        key = alert.key
        self.past_alerts.put(alert)
        if not alert.quiet:
            self.active_alerts[key] = alert
            self.by_zone.setdefault(key.zone, {}).setdefault(key.check, {})[key] = alert
        elif self.active_alerts.pop(key, None) is not None:
            checks = self.by_zone[key.zone]
            del checks[key.check][key]
            if not checks[key.check]:
                del checks[key.check]
            if not checks:
                del self.by_zone[key.zone]

    def of_check(self, zone: str, check: str) -> Mapping[AlertKey, Alert]:
        return self.by_zone.get(zone, {}).get(check, {})

    def is_new(self, zone: str) -> bool:
        """Whether nothing at all is known of the zone."""
        return not (zone in self.zone_states or zone in self.by_zone or zone in self.results)

    def of_zone(self, zone: str) -> list[Alert]:
        return [alert for alerts in self.by_zone.get(zone, {}).values() for alert in alerts.values()]

    def is_explained(self, zone: str) -> bool:
        """We are offline over a family that it is served over, or something is known to be wrong with it: that is why a
        check can say nothing of it.
        """
        return self._is_offline_for(zone) or any(
            alert.severity >= Severity.WARNING and alert.key.code != NOT_CHECKED for alert in self.of_zone(zone)
        )

    def _is_offline_for(self, zone: str) -> bool:
        offline, zone_table = offline_families(self.connectivity), self.columns.zone_table
        if not offline or zone not in zone_table:
            return bool(offline)
        return any(address.family in offline for _, address in zone_table.template(zone).server_addresses())

    def steady_result_id(self, result: CheckResult) -> int:
        """The number of what a check result without findings says; NO_RESULT when there is no number left for it."""
        return octet_of(self.steady_results, (result.health, result.reason))

    def reachability_id(self, reachable: tuple[bool, ...]) -> int:
        """The number of who was heard; 0 when there is none left for it."""
        return octet_of(self.reachability_patterns, reachable)

    def is_answering(self, zone: str) -> bool:
        """Whether the zone is steady and every address serves its version."""
        return zone in self.columns.zone_table and self.columns.mode[self.columns.zone_table.index(zone)] == STEADY_UP

    def store_result(self, result: CheckResult) -> None:
        """Keep what a check says of a zone: as a time, where that is all."""
        columns, name, check = self.columns, result.zone, result.check
        if result.ends:
            self.ends[name, check] = result.ends
        else:
            self.ends.pop((name, check), None)
        if result.arrivals:
            self.arrivals[name, check] = result.arrivals
        else:
            self.arrivals.pop((name, check), None)
        ok_at = result.health is Health.GOOD and not (result.findings or result.unsure or result.reason)
        if check != SERIAL_CHECK and name in columns.zone_table:
            columns.note_ok(check, columns.zone_table.index(name), micros(result.at) if ok_at else 0)
            if ok_at:
                self.drop_result(name, check)
                return
        self.results.setdefault(name, {})[check] = result

    def keep_results(self, applies: Callable[[str, str], bool]) -> None:
        """Forget what was said by checks of zones that they do not apply to any more."""
        kept = {
            name: {check: result for check, result in results.items() if applies(check, name)}
            for name, results in self.results.items()
        }
        self.results = {name: results for name, results in kept.items() if results}
        self.ends = {(name, check): ends for (name, check), ends in self.ends.items() if applies(check, name)}
        self.arrivals = {key: some for key, some in self.arrivals.items() if applies(key[1], key[0])}

    def drop_result(self, name: str, check: str) -> None:
        results = self.results.get(name)
        if results is not None and results.pop(check, None) is not None and not results:
            del self.results[name]

    def results_of(self, name: str) -> Mapping[str, CheckResult]:
        """What each check last said of a zone."""
        found = dict(self.results.get(name, {}))
        columns = self.columns
        if name not in columns.zone_table:
            return found
        number = columns.zone_table.index(name)
        for check, column in columns.ok_at.items():
            if column[number]:
                at, ends = moment_of(column[number]), self.ends.get((name, check), ())
                arrivals = self.arrivals.get((name, check), ())
                found.setdefault(check, CheckResult(name, check, at, Health.GOOD, ends=ends, arrivals=arrivals))
        result_id = columns.result_id[number]
        if result_id != NO_RESULT and SERIAL_CHECK not in found:
            health, why = self.steady_results[result_id]
            found[SERIAL_CHECK] = CheckResult(
                name, SERIAL_CHECK, moment_of(columns.checked_at[number]), health, reason=why
            )
        return found
