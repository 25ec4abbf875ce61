"""The evaluator: the one place where polls become memory, commits and Status."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import structlog
from prometheus_client import CollectorRegistry, Counter

from alerting.incidents import IncidentUpdate, OpenIncidents, acted
from alerting.receiver_identity import DestinationHashes, Successors
from alerting.silences import Silence
from checks.zone_state.model import SERIAL_CHECK
from monitor.clock import Now
from monitor.config.zone_sources import SourceTrouble
from monitor.probe.server_series import ServerSeries
from monitor.state.arrival_times import ArrivalTimes
from monitor.state.clock_step import ClockSteps
from monitor.state.columns import TableChange, change_to
from monitor.state.fast_path import FastPathChanges, disable_all, disable_changed, disable_silent, pick_full_polls
from monitor.state.monitor_result import MONITOR
from monitor.state.monitor_state import MonitorState
from monitor.state.monitoring_plan import MonitoringPlan, SweepGroup
from monitor.state.new_zones import new_zones, note_new_zones
from monitor.state.notifies import Notify
from monitor.state.own_troubles import OwnTrouble
from monitor.state.pending_commit import PendingCommit
from monitor.state.pipeline import (
    build_commit,
    drop_unmonitored,
    finish_in_steps,
    process,
    process_batch,
    reminders_in_steps,
)
from monitor.state.ports import Commit, NotKept, PollMessage, Sweep, ZoneSource
from monitor.state.readdressing import readdress
from monitor.state.recent_incidents import recent
from monitor.state.rechecks import Rechecks, rechecks
from monitor.state.silencing import keep_silence
from monitor.state.standing import reset_changed, rrset_questions
from monitor.state.status import Status, ZoneStatus
from monitor.state.turns import in_turns
from monitor.state.whole_commit import whole_commit
from monitor.state.write_buffer import WriteBuffer, merge
from monitor.state.zone_index import ZoneIndex
from monitor.state.zone_views import make_zone_status, make_zone_summary

log = structlog.get_logger(__name__)

MAX_PER_TURN = 100
"""Polls evaluated, or zones looked at for the page, before everybody else has a turn …"""

MAX_TURN = 0.01
"""… or less, if that many take longer than so many seconds: a server that dies makes each of its zones dear."""

_FEW = 10


class Evaluator:
    """Owns memory, plan and Status. ``changed`` is called after each new Status, ``told`` when the outbox got rows.

    Everything that moves the memory goes through here, one thing at a time: polls, a new plan, reminders. What a step
    decided goes to the write buffer before anybody is waited for, so that never holds the second without the first.
    """

    def __init__(
        self,
        memory: MonitorState,
        plan: MonitoringPlan,
        status: Status,
        record: WriteBuffer,
        now: Now,
        changed: Callable[[], None],
        told: Callable[[], None],
        registry: CollectorRegistry | None = None,
        server_series: ServerSeries | None = None,
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        self.plan = plan
        self.moved: Callable[[FastPathChanges], None] = lambda path_changes: None
        """Hears which zones became steady, and which do no longer."""
        self.failing: Callable[[datetime], Mapping[str, str]] = lambda now: {}
        """Receivers that are in trouble, and what it is."""
        self.source_troubles: Callable[[], Sequence[SourceTrouble]] = lambda: ()
        """Sources of zones that cannot be believed."""
        self.own_troubles: Callable[[], Sequence[OwnTrouble]] = lambda: ()
        self.rechecks = Rechecks()
        polls = Counter(
            "soawatch_zone_polls",
            "Polls of a zone by result: evaluated, or unchanged, where every address said what it had said before.",
            ("result",),
            registry=registry,
        )
        self._evaluated, self._unchanged = polls.labels("evaluated"), polls.labels("unchanged")
        self._failures = Counter(
            "soawatch_check_failures",
            "Zones a check could not judge because of a bug of its own.",
            ("check",),
            registry=registry,
        )
        series = server_series or ServerSeries(0)
        self.arrival_times = ArrivalTimes(registry, series)
        self._memory = memory
        self._record = record
        self._now = now
        self._changed, self._told = changed, told
        self._clock_steps = ClockSteps(now, monotonic)
        self._turn = asyncio.Lock()
        self._slice = MAX_PER_TURN
        if memory.columns.zone_table is not plan.zones:
            memory.use(change_to(memory.columns, plan.zones, rrset_questions(plan.zones, plan.checks)).columns)
        self._zone_index = ZoneIndex(memory.columns, self._zone_status)
        self._server_series = series
        self.status = replace(status, zones=self._zone_index.zones())

    async def process(self, heard: Sequence[PollMessage]) -> None:
        """Judge a batch of polls, keep and show what came of it."""
        async with self._turn:
            heard, at = await in_turns(self._clock_steps.follow(self._memory, heard)), self._now()
            self._look_at_ourselves(at)
            first, pending = 0, PendingCommit(FastPathChanges(self._memory.columns.zone_table))
            while first < len(heard):
                some = heard[first : first + self._slice]
                self._absorb(some, pending)
                first += len(some)
                await asyncio.sleep(0)
            await self._keep(await in_turns(finish_in_steps(self._memory, pending, self.plan, at)), pending, at)

    def _absorb(self, heard: Sequence[PollMessage], pending: PendingCommit) -> None:
        """One slice; the next is as large as fits into a turn."""
        clock = asyncio.get_running_loop().time
        begun = clock()
        process_batch(self._memory, pending, heard, self.plan)
        took = (clock() - begun) / max(1, len(heard))
        self._slice = max(_FEW, min(MAX_PER_TURN, int(MAX_TURN / took))) if took else MAX_PER_TURN

    @property
    def no_change(self) -> TableChange:
        """The columns as they are, under the same table."""
        return TableChange(self._memory.columns)

    async def replan(self, plan: MonitoringPlan, *, first: bool = False) -> TableChange:
        """Watch this from now on; what is no longer in it is let go, and its alerts are withdrawn.

        ``first``: the memory is from the disk, and may hold what no plan has had since.
        """
        async with self._turn:
            at, before = self._now(), self.plan
            rrsets = rrset_questions(plan.zones, plan.checks)
            change = await asyncio.to_thread(change_to, self._memory.columns, plan.zones, rrsets)
            new, others = await asyncio.to_thread(new_zones, self._memory, change)
            plan = replace(plan, zones=change.columns.zone_table)
            self._memory.use(change.columns)
            self.plan = plan
            self._memory.notifies.drop(change.removed)
            commit, pending = drop_unmonitored(self._memory, plan, at, None if first else change.removed)
            if change.old_index is not None:
                self._zone_index.use(change.columns, change.old_index)
            self._server_series.use(((name, hidden) for name, _, hidden in self._zone_index.server_addresses), at)
            reset_changed(self._memory, before.checks, plan.checks)
            if plan.checks.get(SERIAL_CHECK) != before.checks.get(SERIAL_CHECK):
                disable_all(self._memory, pending.path_changes)
            elif (plan.alert_policy, plan.severity) != (before.alert_policy, before.severity):
                disable_silent(self._memory, pending.path_changes)
            else:
                disable_changed(self._memory, pending.path_changes, others)
            pending.touched |= self._memory.by_zone.keys()
            pending.touched |= others
            if (plan.alert_policy, plan.cadence) != (before.alert_policy, before.cadence):
                self.rechecks.clear()
                pending.rechecks |= rechecks(self._memory, plan, at)
            if plan.usually_on != before.usually_on:
                pending.touched |= set(plan.zones)
            else:
                await in_turns(note_new_zones(self._zone_index, self._memory, plan, new, at))
            await self._keep(commit, pending, at)
            return change

    async def readdress(self, moved: Successors, destinations: DestinationHashes) -> None:
        """Receivers have other names, or are gone: whoever leads where they led is told what they would have been.

        An incident that only those heard of who are gone is told anew to those who are to hear of it now.
        """
        async with self._turn:
            self._memory.open_incidents, commit = readdress(self._memory.open_incidents, moved, destinations)
            await self._keep(commit, PendingCommit(FastPathChanges(self._memory.columns.zone_table)), self._now())

    async def keep_zone_source(self, source: str, body: str) -> None:
        """Keep what a source of zones said, for the next start; nothing: forget the source."""
        async with self._turn:
            self._memory.zone_sources[source] = body
            await self._record.commit(Commit(zone_sources=(ZoneSource(source, body),)), whole=await self._whole())

    async def keep_silence(self, silence: Silence) -> None:
        """Make one, or have one that is known as it is now: incidents are told by it as soon as it is on the disk.
        Raises NotKept.
        """
        async with self._turn:
            await self._store(Commit(silences=(silence,)))
            at, pending = self._now(), PendingCommit(FastPathChanges(self._memory.columns.zone_table))
            keep_silence(self._memory, silence, at)
            await self._keep(await in_turns(build_commit(self._memory, pending, self.plan, at)), pending, at)

    async def select_for_full_poll(self, group: SweepGroup) -> None:
        """Before a sweep: a few of its zones of which nothing new is expected are asked whole."""
        async with self._turn:
            path_changes = FastPathChanges(self._memory.columns.zone_table)
            pick_full_polls(self._memory, path_changes, self.plan.template_ids(group))
            self.moved(path_changes)

    async def remind(self) -> None:
        """Say again what is still open after a while; try again to write what waits for the disk, and whether it would
        take anything at all.
        """
        async with self._turn:
            await in_turns(self._clock_steps.follow(self._memory, ()))
            at = self._now()
            await self._record.verify()
            self._look_at_ourselves(at)
            commit, pending = process(self._memory, (), self.plan, at)
            again = await in_turns(reminders_in_steps(self._memory, self.plan, at))
            await self._keep(merge(commit, again), pending, at)

    async def act(self, decide: Callable[[OpenIncidents, datetime], IncidentUpdate]) -> IncidentUpdate:
        """Somebody does something about open incidents, and it holds as soon as it is on the disk. Raises NotKept."""
        async with self._turn:
            at, before = self._now(), self._memory.open_incidents
            update = decide(before, at)
            if not update.incidents:
                return update
            commit = Commit.of_incidents(update)
            await self._store(commit)
            self._memory.open_incidents = acted(before, update)
            await self._show_zones(commit, PendingCommit(FastPathChanges(self._memory.columns.zone_table)), at)
            if commit.messages:
                self._told()
            return update

    async def _store(self, commit: Commit) -> None:
        """What somebody wants, or nothing of it: they are there to be told."""
        if not await self._record.keep(commit, whole=await self._whole()):
            self._show_record()
            raise NotKept(self._record.error)

    def _look_at_ourselves(self, at: datetime) -> None:
        memory = self._memory
        memory.store_error, memory.recreated = self._record.error, self._record.recreated
        memory.config_error = next(iter(self.status.config_error.splitlines()), "")
        memory.failing, memory.source_troubles = self.failing(at), self.source_troubles()
        memory.own_troubles = self.own_troubles()

    async def record_sweep(self, row: Sweep) -> None:
        """Keep that a sweep ran."""
        await self._record.sweep(row)
        self._show_record()

    async def finish(self) -> None:
        """Try once more to write what waits for the disk."""
        async with self._turn:
            await self._record.verify()
            if not await self._record.commit(Commit(), whole=await self._whole(), at_once=True):
                log.error(
                    "ended while the disk takes nothing", lost="what was decided since", since=self._record.failing
                )

    def note_notify(self, zone: str, notify: Notify) -> None:
        """A server of the zone says that there is a new version; nothing is believed of it but that it came."""
        self._memory.notifies.note(zone, notify)
        awaited = self._memory.awaited_notifies.get(zone)
        if awaited is not None and awaited.server == notify.server:
            self._memory.awaited_notifies.end(zone, notify.at)

    def note_listening(self, since: datetime) -> None:
        """Since then NOTIFY is heard wherever it is to be heard."""
        self._memory.notifies.since = since

    def show(self, **changes: object) -> None:
        """Swap in a Status with these fields changed."""
        self.status = replace(self.status, at=self._now(), **changes)  # type: ignore[arg-type]
        self._changed()

    async def _keep(self, commit: Commit, pending: PendingCommit, at: datetime) -> None:
        for check in pending.failed:
            self._failures.labels(check).inc()
            log.error("check failed", check=check)
        self.arrival_times.count(commit.propagations, pending.canary_arrivals)
        self.rechecks.note(pending.rechecks, at, asyncio.get_running_loop().time())
        self._unchanged.inc(pending.unchanged)
        self._evaluated.inc(pending.evaluated)
        kept = await self._record.commit(commit, whole=await self._whole())
        self.moved(pending.path_changes)
        await self._show_zones(commit, pending, at)
        if kept and commit.messages:
            self._told()

    async def _whole(self) -> Commit | None:
        """Everything that is remembered, where nothing else is left of it. Only while it is our turn."""
        if not self._record.wants_whole:
            return None
        incidents = {**self.status.incidents, **self._memory.open_incidents.incidents}
        return await whole_commit(self._memory, incidents.values(), MAX_PER_TURN)

    async def _show_zones(self, commit: Commit, pending: PendingCommit, at: datetime) -> None:
        before, zone_index, plan = self.status, self._zone_index, self.plan
        self._show_first(pending, at)
        for number, name in enumerate(pending.touched - {MONITOR}):
            if number % MAX_PER_TURN == MAX_PER_TURN - 1:
                await asyncio.sleep(0)
            if name in plan.zones:
                seen = make_zone_summary(self._memory, plan, name, at)
                zone_index.note(name, seen.health, seen.states, seen.findings, seen.bad_since)
        if pending.unchanged or pending.evaluated:
            zone_index.heard(at)
        zones = zone_index.zones()
        offline = tuple(map(str, self._memory.connectivity.told))
        if zones is not before.zones or pending.unchanged or commit.incidents or offline != before.offline_families:
            incidents = recent(before.incidents, commit.incidents) if commit.incidents else before.incidents
            self.show(zones=zones, incidents=incidents, offline_families=offline)
        silences = self._memory.silence_status(plan.maintenance)
        if silences != self.status.silences:
            self.show(silences=silences)
        self._show_record()

    def _show_first(self, pending: PendingCommit, at: datetime) -> None:
        """The zones whose first poll was like another's, or that have taken over a result, if that is all there is to
        say of them.
        """
        zone_table, by_template = self._zone_index.zone_table, defaultdict[tuple[int, bool], list[int]](list)
        took_over, memory = set(pending.took_over), self._memory
        for number in (*pending.first, *took_over.difference(pending.first)):
            name = zone_table.names[number]
            if number in took_over and (name in memory.by_zone or name in memory.results):
                pending.touched.add(name)
            elif name not in pending.touched:
                by_template[zone_table.template_ids[number], number in took_over].append(number)
        for numbers in by_template.values():
            seen = make_zone_summary(self._memory, self.plan, zone_table.names[numbers[0]], at)
            self._zone_index.note_first(numbers, seen.health, seen.states, seen.bad_since)

    def _zone_status(self, name: str) -> ZoneStatus:
        """The status of a zone, for the zone index."""
        return make_zone_status(self._memory, self.plan, name, self._zone_index.since(name), self._now())

    def _show_record(self) -> None:
        record = self._record
        if self.status.store_ok is not (record.failing is None) or self.status.store_error != record.error:
            self.show(store_ok=record.failing is None, store_error=record.error)
