"""Asks the zones of the present plan: the sweeps under way, and what a new plan changes for them."""

import asyncio
import contextlib
import math
from array import array
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from datetime import timedelta
from typing import Any

import structlog
from prometheus_client import CollectorRegistry

from checks.base import Check
from checks.model import Observation, Query, Transport, Zone
from checks.open_transfer import OpenTransfer
from checks.soa_serial import SoaSerial
from checks.transfer import Transfer
from checks.zone_state.model import SERIAL_CHECK
from monitor.clock import Now
from monitor.config.model import Config
from monitor.polling.bulk import BulkProber
from monitor.polling.bulk_factory import make_bulk_prober
from monitor.polling.earlier_serials import AddressHistory, from_earlier, nothing_known
from monitor.polling.rrset_prober import RrsetProber
from monitor.polling.serial_sweep import PublishMessages, SerialSweep, SweepContext
from monitor.polling.standing_polls import StandingPolls
from monitor.polling.sweep import SweepResult, chunk_size, longest_poll, sweep, unhurried, window
from monitor.polling.sweep_order import SweepOrder
from monitor.polling.tcp_prober import TcpProber
from monitor.polling.tcp_turns import TcpTurns
from monitor.polling.workers.process import WorkerMetrics
from monitor.probe.bulk.address_metrics import AddressMetrics
from monitor.probe.client.rates import Rates
from monitor.probe.prober import ServiceProber
from monitor.probe.server_series import ServerSeries
from monitor.probe.stats import ProbeStats
from monitor.state.columns import TableChange, ZoneColumns
from monitor.state.fast_path import FastPathChanges
from monitor.state.monitoring_plan import MonitoringPlan, SweepGroup
from monitor.state.ports import QueueClosed

log = structlog.get_logger(__name__)

MIN_ZONES_FOR_THREAD = 5000
"""Zones that are put in order beside the event loop."""

RECHECK_RATE = 200.0
"""Zones a second that are asked once more between two sweeps; more of them are spread over so much longer."""

RETIRE_INTERVAL = 0.1
"""Seconds between two looks at whether an old prober has anything left to do."""


class Poller:
    """Asks the zones of the present plan, and gives each poll to ``publish``.

    A sweep that lasts an hour does not hold on to what was configured when it began: each zone is asked as it is
    when its turn comes, by the prober of that time.
    """

    def __init__(
        self,
        config: Config,
        plan: MonitoringPlan,
        columns: ZoneColumns,
        publish: PublishMessages,
        now: Now,
        registry: CollectorRegistry | None = None,
        server_series: ServerSeries | None = None,
        history: AddressHistory = nothing_known,
    ) -> None:
        self._config, self._plan, self._history = config, plan, history
        self._publish = publish
        self._now = now
        self.stats = ProbeStats(registry, server_series)
        self._worker_metrics = WorkerMetrics(self.stats, registry)
        self._rates = Rates(config.probe.part())
        self._start_probers(columns)
        self._retiring: set[ServiceProber] = set()
        self._orders: dict[SweepGroup, SweepOrder] = {}
        self._sweeps: dict[SweepGroup, asyncio.Task[SweepResult | None]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._swept: set[SweepGroup] = set()
        self._tcp_turns: dict[SweepGroup, TcpTurns] = {}
        self._serials_known = asyncio.Event()
        """The first sweeps of soa-serial have ended, and are evaluated."""

    async def sweep(self, group: SweepGroup) -> SweepResult | None:
        """Ask all zones of the group; the first time as fast as may be, then spread over the cadence.

        None when it was broken off, or when there is no such group any more.
        """
        if group.check != SERIAL_CHECK and SERIAL_CHECK in self._plan.checks and group in self._plan.sweep_groups:
            with contextlib.suppress(TimeoutError):  # serials first; but who answers nothing is not waited for for ever
                await asyncio.wait_for(self._serials_known.wait(), group.cadence.total_seconds())
        if group not in self._plan.sweep_groups:
            return None
        rounds = 2 if group.check == SERIAL_CHECK else 1  # the primary is asked last
        longest = longest_poll(group.check, self._plan.zones.templates, self._config.probe)
        duration = window(group.cadence, longest, rounds) if group in self._swept else 0.0
        task = asyncio.create_task(self._ask(group, None, duration))
        self._sweeps[group] = task
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
            if self._sweeps.get(group) is task:
                del self._sweeps[group]
        result = None if task.cancelled() else task.result()
        if result is not None:
            self._swept.add(group)
        return result

    def serials_evaluated(self) -> None:
        """What has been published so far is evaluated: if soa-serial has been round, the other checks begin."""
        if self.serials_swept:
            self._serials_known.set()

    @property
    def serials_swept(self) -> bool:
        """Whether soa-serial has been round at all its zones once, or asks none."""
        return all(group in self._swept for group in self._plan.sweep_groups if group.check == SERIAL_CHECK)

    def use(self, config: Config, plan: MonitoringPlan, change: TableChange) -> None:
        """Ask by these from now on. What is new or has changed is asked at once, beside the sweeps.

        A sweep is broken off when its check changed, or no zone is asked in its cadence any more. Any other leaves out
        those that are asked in another by now. The old prober ends what it has begun.
        """
        before, old = self._config, self._plan
        self._config, self._plan = config, plan
        groups = plan.sweep_groups
        self._renew_context(change, new_prober=config.asking != before.asking)
        for group, task in self._sweeps.items():
            if plan.checks.get(group.check) != old.checks.get(group.check) or group not in groups:
                task.cancel()
        swept = {group.check for group in self._swept}
        self._swept = {group for group in groups if group.check in swept or group.check not in old.checks}
        if self.serials_swept:
            self._serials_known.set()
        if plan.cadence != old.cadence:
            self._orders.clear()
        self._tcp_turns = {group: turns for group, turns in self._tcp_turns.items() if group in groups}
        switched_on = plan.usually_on - old.usually_on
        for group in groups:
            if plan.checks[group.check] != old.checks.get(group.check) or group.check in switched_on:
                self._orders.pop(group, None)
                self._run(self._ask(group, None, 0.0))
            elif change.added_or_changed:
                self._run(self._ask(group, change.added_or_changed, 0.0))

    def recheck(self, name: str, zones: Sequence[str]) -> None:
        """Ask these zones once more by this check, beside the sweeps: politely, and capped per server as they are."""
        for group in self._plan.sweep_groups:
            if group.check == name:
                self._run(self._ask(group, zones, len(zones) / RECHECK_RATE))

    def ask_now(self, name: str, zones: Sequence[str]) -> "asyncio.Future[list[Any]]":
        """Ask these zones once more by this check, at once; done when all of them are. Those that are being asked
        already (``is_being_asked``) are left out.
        """
        groups = [group for group in self._plan.sweep_groups if group.check == name]
        return asyncio.gather(*(self._run(self._ask(group, zones, 0.0)) for group in groups), return_exceptions=True)

    def is_being_asked(self, zone: str) -> bool:
        """Whether soa-serial is asking it right now: what it says may be older than what is known since."""
        context = self._context
        return zone in context.columns.zone_table and bool(context.busy[context.columns.zone_table.index(zone)])

    def _renew_context(self, change: TableChange, *, new_prober: bool) -> None:
        """Another context for the sweeps, where it is needed."""
        columns = change.columns
        if new_prober:
            self._context.close()
            self._rrset_prober.close()
            self._bulk_prober.use((), AddressMetrics())  # what it has under way is asked anew
            self._run(self._retire(self._prober, self._bulk_prober))
            self._rates.use(self._config.probe.part())
            self._start_probers(columns)
        elif columns is not self._context.columns:
            self._context.close()
            self._use_columns(columns, change.old_slots)
        else:
            return
        self._orders.clear()

    def _start_probers(self, columns: ZoneColumns) -> None:
        config = self._config
        part, keys = config.probe.part(), config.keys
        self._prober = ServiceProber(part, keys, self._now, stats=self.stats, rates=self._rates, tls=config.tls)
        self._bulk_prober = make_bulk_prober(config, self._now, self._prober, self._worker_metrics)
        self._rrset_prober = RrsetProber(self._bulk_prober, self.probe)
        self._tcp_prober = TcpProber(self._bulk_prober)
        self._use_columns(columns, None)

    def _use_columns(self, columns: ZoneColumns, old_slots: "array[int] | None") -> None:
        self._bulk_prober.use(columns.layouts, columns.address_metrics, old_slots)
        self._rrset_prober.use(columns)
        self._context = SweepContext(
            columns, self._bulk_prober, self.probe, self._publish, self._current, self._now,
            self._config.service.vantage, chunk_size(self._config.probe.workers),
        )  # fmt: skip

    def apply_path_changes(self, path_changes: FastPathChanges) -> None:
        """These zones are steady from now on, or no longer. Of another table's zones nothing is known here."""
        columns = self._context.columns
        if path_changes.zone_table is not columns.zone_table:
            return
        if path_changes.disabled:
            self._bulk_prober.disable_fast_path(
                [slot for number in path_changes.disabled for slot in columns.slots_of(number)]
            )
        if path_changes.enabled:
            slots = [slot for number in path_changes.enabled for slot in columns.slots_of(number)]
            self._bulk_prober.enable_fast_path(
                slots, [min_expire for min_expires in path_changes.enabled.values() for min_expire in min_expires]
            )
        for check, numbers in path_changes.standing.items():
            self._rrset_prober.enable_fast_path(columns, check, numbers)

    async def stop(self) -> None:
        """What is in flight ends as not asked, and is not published; nothing is asked after this."""
        tasks = [*self._sweeps.values(), *self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._bulk_prober.close()
        await asyncio.gather(*(prober.close() for prober in (self._prober, *self._retiring)))

    async def _ask(self, group: SweepGroup, only: Sequence[str] | None, duration: float) -> SweepResult | None:
        """All zones of the group, or some only."""
        result, check = None, self._plan.checks.get(group.check)
        if check is None:
            return None
        try:
            if isinstance(check, SoaSerial):
                result = await self._sweep_serials(check, group, only, duration)
            else:
                order = await self._order(group, only)
                if isinstance(check, OpenTransfer):
                    duration = max(duration, unhurried(len(order), group.cadence, self._config.probe))
                result = await sweep(
                    check, order, self._polls(check, group, only), self._publish, cadence=group.cadence,
                    duration=duration, now=self._now, vantage=self._config.service.vantage,
                    size=self._context.chunk_size, current=self._current, asks=lambda zone: self._asks(group, zone),
                )  # fmt: skip
        except* QueueClosed:
            log.debug("sweep broken off", check=check.name)
        return result

    def _asks(self, group: SweepGroup, zone: Zone) -> bool:
        """Whether the zone is in the group now, and there is something to ask of it."""
        return self._plan.cadence_of(group.check, zone) == group.cadence and self._plan.asks(group.check, zone)

    def _tcp_interval(self, zone: Zone) -> timedelta:
        """How often each zone is asked over TCP by a check that finds the same at most zones of an address."""
        return self._plan.cadence_of(Transfer.name, zone) or Transfer.cadence

    def _polls(self, check: Check, group: SweepGroup, only: Sequence[str] | None) -> StandingPolls:
        """What polls the zones of a sweep: all that stands is passed over, unless they are ``only`` some."""
        tcp_turns = None
        if only is None and any(one.transport is Transport.TCP for one in check.standing_questions(Zone("."))):
            tcp_turns = self._tcp_turns.get(group)
            if tcp_turns is None:
                tcp_turns = self._tcp_turns[group] = TcpTurns(group.cadence, self._tcp_interval)
        return StandingPolls(
            check, lambda: self._plan, group.cadence, lambda: self._context, lambda: self._rrset_prober,
            lambda: self._tcp_prober, tcp_turns,
            in_full=only is not None,
        )  # fmt: skip

    async def _sweep_serials(
        self, check: Check, group: SweepGroup, only: Sequence[str] | None, duration: float
    ) -> SweepResult:
        """The sweep of soa-serial; when there is another table or prober meanwhile it goes on there, where it was."""
        begin, after = asyncio.get_running_loop().time(), -1.0
        whole: SweepResult | None = None
        broken_off: Sequence[str] = ()
        while True:
            order, context = await self._order(group, only), self._context
            zone_table = context.columns.zone_table
            if order.zone_table is not zone_table:  # there is another one since
                continue
            again = [zone_table.index(name) for name in broken_off if self._is_asked(group, name)]
            serial_sweep = SerialSweep(context, check, group.cadence, after=after)
            part = await serial_sweep.sweep(order, duration, begin, again)
            whole = part if whole is None else whole.plus(part)
            after, broken_off = serial_sweep.reached, serial_sweep.broken_off
            if not context.closed:
                return whole

    def _is_asked(self, group: SweepGroup, name: str) -> bool:
        zone = self._current(name)
        return zone is not None and self._asks(group, zone)

    async def _order(self, group: SweepGroup, only: Sequence[str] | None) -> SweepOrder:
        zone_table = self._plan.zones

        def asks(zone: Zone) -> bool:
            return self._asks(group, zone)

        known = self._orders.get(group) if only is None else None
        if known is None or known.zone_table is not zone_table:
            many = len(zone_table if only is None else only) > MIN_ZONES_FOR_THREAD
            known = (
                await asyncio.to_thread(SweepOrder, zone_table, group.check, asks, only)
                if many
                else SweepOrder(zone_table, group.check, asks, only)
            )
            if only is None:
                self._orders[group] = known
        return known

    def _current(self, zone: str) -> Zone | None:
        return self._plan.zones.get(zone)

    def probe(self, queries: Iterable[Query]) -> AsyncIterator[Sequence[Observation]]:
        return from_earlier(queries, self._prober, self._history)

    async def _retire(self, prober: ServiceProber, bulk_prober: BulkProber) -> None:
        """Closed at once it would call unasked what it is asking; so it has as long as its questions may take. Workers
        have rates of their own: what they have left is asked by others.
        """
        self._retiring.add(prober)
        await bulk_prober.close()
        limits = self._config.probe
        for _ in range(math.ceil((limits.transfer.deadline + limits.timeout * limits.attempts) / RETIRE_INTERVAL)):
            if not prober.pending():
                break
            await asyncio.sleep(RETIRE_INTERVAL)
        await prober.close()
        self._retiring.discard(prober)

    def _run(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("asking failed", error=repr(error), exc_info=error)
