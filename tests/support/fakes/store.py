"""A Store in memory."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from alerting.flapping import FLAPPING_WINDOW
from alerting.incident import Incident, Storm
from alerting.model import Alert, AlertKey, Phase
from alerting.notification import OutboxMessage
from alerting.outbox import Backlog, Delivery, DeliveryResult, DeliveryState, Lease, ReceiverStatus
from alerting.silences import Silence
from alerting.timeline import TimelineEntry
from checks.model import TransferFigures
from checks.zone_state.model import SERIAL_CHECK, Propagation, StateChange, ZoneState
from monitor.clock import Now
from monitor.state.label_search import SoughtLabel
from monitor.state.ports import (
    AddressHistoryRow,
    Commit,
    IncidentRecord,
    KeptTransfers,
    RecordMemory,
    Recreated,
    StoredState,
    StoreError,
    Sweep,
    ZoneSource,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Row:
    message: OutboxMessage
    due: datetime
    lease: datetime | None = None
    begun: bool = False
    """It is leased, or was when the process ended."""
    attempts: int = 0
    settled: datetime | None = None
    error: str = ""
    delivered: bool = False
    superseded: bool = False

    @property
    def delivery(self) -> Delivery:
        done = DeliveryState.DELIVERED if self.delivered else DeliveryState.GIVEN_UP
        done = DeliveryState.SUPERSEDED if self.superseded else done
        state = DeliveryState.WAITING if self.settled is None else done
        message = self.message
        return Delivery(message.receiver, message.event, message.at, state, self.attempts, self.error, self.settled)

    def leased(self, now: datetime) -> bool:
        return self.settled is None and self.lease is not None and self.lease > now


class MemoryStore:
    """A Store that forgets everything when it is closed."""

    def __init__(self, now: Now) -> None:
        self._now = now
        self._zone_states: dict[str, ZoneState] = {}
        self._history: list[AddressHistoryRow] = []
        self._sweeps: list[Sweep] = []
        self._propagations: list[Propagation] = []
        self._alerts: dict[AlertKey, Alert] = {}
        self._transitions: list[datetime] = []
        self._incidents: dict[str, Incident] = {}
        self._storms: dict[str, Storm] = {}
        self._outbox: dict[str, _Row] = {}
        self._timeline: list[TimelineEntry] = []
        self._counts: dict[str, ReceiverStatus] = {}
        self._destinations: dict[str, str] = {}
        self._record_memories: dict[tuple[str, str], RecordMemory] = {}
        self._zone_sources: dict[str, ZoneSource] = {}
        self._silences: dict[str, Silence] = {}
        self._transfers: dict[tuple[str, str], KeptTransfers] = {}
        self._closed = False
        self.recreated: Recreated | None = None

    async def verify(self) -> None:
        self._check_open()

    async def rewrite(self, whole: Commit) -> None:
        raise StoreError("the record in memory is never lost while it is open")

    async def restore(self) -> StoredState:
        self._check_open()
        look = max((each.started for each in self._sweeps if each.check == SERIAL_CHECK), default=None)
        return StoredState(
            zone_states={zone: _as_looked(each, look) for zone, each in self._zone_states.items()},
            alerts={key: each for key, each in self._alerts.items() if each.phase is not Phase.OK},
            past_alerts=sorted((each for each in self._alerts.values() if each.quiet), key=lambda each: each.since),
            incidents={id_: each for id_, each in self._incidents.items() if each.phase == "open"},
            storms=[each for each in self._storms.values() if each != Storm(each.receiver)],
            past_incidents=sorted(
                (each for each in self._incidents.values() if each.resolved_at is not None),
                key=lambda each: each.resolved_at,
            ),
            destinations=dict(self._destinations),
            record_memories=tuple(self._record_memories.values()),
            silences=sorted(self._silences.values(), key=lambda each: (each.starts_at, each.id)),
            zone_sources=tuple(one for one in self._zone_sources.values() if one.body),
            transfers=tuple(one for one in self._transfers.values() if one.figures != TransferFigures()),
        )

    async def commit(self, commit: Commit) -> None:
        self._check_open()
        for zone in commit.dropped_zones:
            self._zone_states.pop(zone, None)
            self._record_memories = {key: one for key, one in self._record_memories.items() if key[1] != zone}
            self._transfers = {key: one for key, one in self._transfers.items() if key[1] != zone}
            self._end(zone, self._now())
        if commit.new_zones:
            states, changes = tuple(commit.new_zones.states()), tuple(commit.new_zones.state_changes())
            await self.commit(Commit(zone_states=states, state_changes=changes))
        for zone_state in {each.zone: each for each in commit.zone_states}.values():
            self._zone_states[zone_state.zone] = zone_state
            address_state = {(each.server, str(each.address)) for each in zone_state.address_states}
            self._end(zone_state.zone, zone_state.at or self._now(), staying=address_state)
        for change in commit.state_changes:
            self._change_state(change)
        self._propagations += commit.propagations
        self._record_memories |= {(one.check, one.zone): one for one in commit.record_memories}
        self._zone_sources |= {one.source: one for one in commit.zone_sources}
        self._silences |= {one.id: one for one in commit.silences}
        self._transfers |= {(one.check, one.zone): one for one in commit.transfers}
        for alert in commit.alerts:
            if alert.phase is Phase.OK and alert.flaps is None:
                self._alerts.pop(alert.key, None)
            else:
                self._alerts[alert.key] = alert
        past = max((each.since for each in commit.alerts if each.quiet and each.flaps is not None), default=None)
        self._alerts = {
            key: each
            for key, each in self._alerts.items()
            if past is None or not each.quiet or each.since >= past - FLAPPING_WINDOW
        }
        self._transitions += [each.at for each in commit.transitions]
        self._incidents |= {each.id: each for each in commit.incidents}
        self._timeline += commit.timeline
        self._storms |= {each.receiver: each for each in commit.storms}
        for id_, row in self._outbox.items():
            if row.settled is None and row.message.receiver in commit.readdressed:
                to = commit.readdressed[row.message.receiver]
                self._outbox[id_] = replace(row, message=replace(row.message, receiver=to))
        counted = {to: self._counts.pop(name) for name, to in commit.readdressed.items() if name in self._counts}
        self._counts = {name: replace(count, name=name) for name, count in counted.items()} | self._counts
        if commit.destinations is not None:
            self._destinations = dict(commit.destinations)
        for message in commit.messages:
            self._outbox.setdefault(message.id, _Row(message, message.at))

    async def sweep(self, row: Sweep) -> None:
        self._check_open()
        self._sweeps.append(row)

    async def enqueue(self, messages: Sequence[OutboxMessage]) -> None:
        await self.commit(Commit(messages=tuple(messages)))

    async def lease(self, now: datetime, *, duration: float, limit: int, busy: Iterable[str] = ()) -> Sequence[Lease]:
        self._check_open()
        taken = set(busy) | {row.message.receiver for row in self._outbox.values() if row.leased(now)}
        leases: list[Lease] = []
        due = [row for row in self._without_elder() if row.due <= now]
        until = now + timedelta(seconds=duration)
        for receiver in dict.fromkeys(row.message.receiver for row in self._outbox.values() if row.settled is None):
            rows = [row for row in due if row.message.receiver == receiver]
            if rows and len(leases) < limit and receiver not in taken:
                row = min(rows, key=lambda one: not one.begun)
                self._outbox[row.message.id] = replace(row, attempts=row.attempts + 1)
                self._lease(self._owed(receiver)[row.message.incident.id].ids, until)
                leases.append(Lease(row.message, row.attempts + 1, until, row.begun))
        return leases

    def _lease(self, ids: Iterable[str], until: datetime | None) -> None:
        for id_ in ids:
            self._outbox[id_] = replace(self._outbox[id_], lease=until, begun=until is not None)

    def _owed(self, receiver: str) -> Mapping[str, Backlog]:
        """By incident; where some of it is leased, that."""
        found: dict[str, list[_Row]] = {}
        for row in self._outbox.values():
            if row.settled is None and row.message.receiver == receiver:
                found.setdefault(row.message.incident.id, []).append(row)
        chosen = {name: [row for row in rows if row.begun] or rows for name, rows in found.items()}
        return {
            name: Backlog(
                tuple(row.message.id for row in rows), tuple(row.message.event for row in rows), rows[-1].message
            )
            for name, rows in chosen.items()
        }

    async def backlog(self, message: OutboxMessage) -> Backlog:
        self._check_open()
        alone = Backlog((message.id,), (message.event,), message)
        return self._owed(message.receiver).get(message.incident.id, alone)

    async def unheard(self, receiver: str, limit: int, *, resumed: bool = False) -> Sequence[Backlog]:
        self._check_open()
        owed = [each for each in self._owed(receiver).values() if each.unheard]
        if resumed:
            return [each for each in owed if self._outbox[each.ids[0]].begun][:limit]
        until = max((row.lease for row in self._outbox.values() if row.lease), default=None)
        for each in owed[:limit]:
            self._lease(each.ids, until)
        return owed[:limit]

    async def settle(self, settled: DeliveryResult) -> None:
        self._check_open()
        row = self._outbox.get(settled.id)
        if row is None or row.settled is not None:
            return
        done = settled.again is None
        self._lease([i for i, one in self._outbox.items() if one.message.receiver == row.message.receiver], None)
        self._outbox[settled.id] = replace(
            self._outbox[settled.id], due=settled.again or row.due, settled=settled.at if done else None,
            error=settled.error, delivered=not settled.error or settled.in_part,
        )  # fmt: skip
        for id_ in (*settled.together, *settled.superseded):
            superseded = id_ in settled.superseded
            self._outbox[id_] = replace(
                self._outbox[id_], settled=settled.at, delivered=not settled.error, superseded=superseded
            )
        self._count(row.message.receiver, settled)

    async def expedite(self, receivers: Collection[str], now: datetime) -> None:
        self._check_open()
        for id_, row in self._outbox.items():
            if row.settled is None and row.message.receiver in receivers:
                self._outbox[id_] = replace(row, due=min(row.due, now))

    async def receivers(self) -> Sequence[ReceiverStatus]:
        self._check_open()
        waiting: dict[str, list[datetime]] = {}
        for row in self._outbox.values():
            if row.settled is None:
                waiting.setdefault(row.message.receiver, []).append(row.message.at)
        return [
            replace(
                self._counts.get(name, ReceiverStatus(name)),
                pending=len(waiting.get(name, ())),
                oldest=min(waiting.get(name, ()), default=None),
            )
            for name in sorted(waiting.keys() | self._counts.keys())
        ]

    async def next_due(self) -> datetime | None:
        self._check_open()
        return min((max(row.due, row.lease or row.due) for row in self._without_elder()), default=None)

    async def address_history(self, zone: str, since: datetime, limit: int = 2000) -> Sequence[AddressHistoryRow]:
        self._check_open()
        rows = [row for row in self._history if row.zone == zone and (row.until is None or row.until >= since)]
        return sorted(rows, key=lambda row: row.since)[-limit:]

    async def incidents(
        self,
        *,
        limit: int = 100,
        before: datetime | None = None,
        zone: str | None = None,
        labels: Sequence[SoughtLabel] = (),
    ) -> Sequence[Incident]:
        self._check_open()
        found = [
            each
            for each in self._incidents.values()
            if (before is None or each.opened_at < before) and (zone is None or zone in (*each.zones, *each.past_zones))
            if all(label.is_in(each.labels) for label in labels)
        ]
        return sorted(found, key=lambda each: (each.opened_at, each.id), reverse=True)[:limit]

    async def incident_record(self, id: str) -> IncidentRecord | None:
        self._check_open()
        if id not in self._incidents:
            return None
        timeline = sorted((each for each in self._timeline if each.incident == id), key=lambda each: each.at)
        among_many = {each.message for each in timeline}
        deliveries = [
            replace(row.delivery, among_many=row.message.incident.id != id)
            for row in self._outbox.values()
            if row.message.incident.id == id or row.message.id in among_many
        ]
        return IncidentRecord(self._incidents[id], timeline, deliveries)

    async def propagations(
        self, since: datetime, *, zone: str | None = None, server: str | None = None, limit: int = 5000
    ) -> Sequence[Propagation]:
        self._check_open()
        ours = [p for p in self._propagations if zone in (None, p.zone) and server in (None, p.server)]
        return sorted((p for p in ours if p.at >= since), key=lambda p: p.at)[-limit:]

    async def prune(self, before: datetime, limit: int = 1000) -> int:
        self._check_open()
        left = limit
        self._history, left = _keep(self._history, lambda row: row.until is None or row.until >= before, left)
        self._propagations, left = _keep(self._propagations, lambda each: each.at >= before, left)
        self._transitions, left = _keep(self._transitions, lambda at: at >= before, left)
        silences, left = _keep(list(self._silences.values()), lambda each: not each.is_over(before), left)
        self._silences = {each.id: each for each in silences}
        rows, left = _keep(list(self._outbox.items()), lambda i: i[1].settled is None or i[1].settled >= before, left)
        self._outbox = dict(rows)
        open_ = {id_ for id_, each in self._incidents.items() if each.phase == "open"}
        self._timeline, left = _keep(self._timeline, lambda each: each.at >= before or each.incident in open_, left)
        last = {each.check: each.started for each in sorted(self._sweeps, key=lambda each: each.started)}
        self._sweeps, left = _keep(
            self._sweeps, lambda each: each.finished >= before or each.started == last[each.check], left
        )
        incidents, left = _keep(
            list(self._incidents.items()),
            lambda item: item[1].phase == "open" or item[1].resolved_at is None or item[1].resolved_at >= before,
            left,
        )
        self._incidents = dict(incidents)
        return limit - left

    async def backup(self, path: str) -> None:
        self._check_open()
        raise StoreError(f"{path}: there is nothing to back up: the record is kept in memory only")

    async def close(self) -> None:
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("the record in memory has been closed")

    def _change_state(self, change: StateChange) -> None:
        address = str(change.address)
        for number, row in enumerate(self._history):
            if row.until is None and (row.zone, row.server, row.address) == (change.zone, change.server, address):
                self._history[number] = replace(row, until=max(row.since, change.since))
        self._history.append(
            AddressHistoryRow(change.zone, change.server, address, change.serial, change.outcome, change.since, None)
        )

    def _end(self, zone: str, at: datetime, staying: Collection[tuple[str, str]] = ()) -> None:
        for number, row in enumerate(self._history):
            if row.zone == zone and row.until is None and (row.server, row.address) not in staying:
                self._history[number] = replace(row, until=max(row.since, at))

    def _without_elder(self) -> list[_Row]:
        """Waiting rows without a waiting elder, eldest first."""
        told: set[tuple[str, str]] = set()
        rows = []
        for row in self._outbox.values():
            who = (row.message.receiver, row.message.incident.id)
            if row.settled is None and who not in told:
                told.add(who)
                rows.append(row)
        return rows

    def _count(self, receiver: str, settled: DeliveryResult) -> None:
        count = self._counts.get(receiver, ReceiverStatus(receiver))
        if settled.in_part:
            count = replace(
                count,
                delivered=count.delivered + 1,
                last_delivered=settled.at,
                last_error=settled.error,
                last_error_at=settled.at,
                permanent=False,
            )
        elif settled.error:
            count = replace(
                count,
                last_error=settled.error,
                last_error_at=settled.at,
                permanent=settled.permanent,
                given_up=count.given_up + (settled.again is None),
            )
        elif settled.again is None:
            count = replace(count, delivered=count.delivered + 1, last_delivered=settled.at, permanent=False)
        self._counts[receiver] = count


def _keep(rows: list[T], stays: Callable[[T], bool], most: int) -> tuple[list[T], int]:
    """Without the first ``most`` rows that need not stay; how many more could have gone."""
    kept, left = [], most
    for row in rows:
        if left and not stays(row):
            left -= 1
        else:
            kept.append(row)
    return kept, left


def _as_looked(zone_state: ZoneState, look: datetime | None) -> ZoneState:
    if look is None or (zone_state.at is not None and zone_state.at >= look):
        return zone_state
    return replace(zone_state, at=look)
