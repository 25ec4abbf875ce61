"""The service: its parts made, joined, started and stopped; the only file that knows them all."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from typing import Any

import structlog
from prometheus_client import CollectorRegistry

from alerting.direct_dispatch import dispatch_directly
from alerting.dispatcher import Dispatcher
from alerting.notification import Notification, OutboxMessage
from alerting.render import render
from alerting.retry_policy import RetryPolicy
from alerting.standing_posts import StandingPosts
from checks.delegation import Delegation
from checks.zone_state.model import SERIAL_CHECK
from monitor.clock import monotonic, now
from monitor.config.errors import ConfigError
from monitor.config.model import Config
from monitor.polling.discovery import DiscoveredZones, resolve
from monitor.polling.further_names import NsNames, resolve_further
from monitor.polling.poller import Poller
from monitor.polling.stored_addresses import recall_addresses
from monitor.probe.cannot_listen import CannotListen
from monitor.probe.server_series import ServerSeries
from monitor.service.config_log import log_problems, log_refusal, log_warnings
from monitor.service.heartbeat_task import HeartbeatTask
from monitor.service.notify_service import NotifyService
from monitor.service.past_incidents import past_incidents
from monitor.service.plan import as_started, cadences, plan_of
from monitor.service.queue import PollQueue
from monitor.service.receiver_moves import ReceiverMoves
from monitor.service.receiver_status import show_receivers
from monitor.service.recheck_due import recheck_due
from monitor.service.retention import prune
from monitor.service.scheduler import Scheduler
from monitor.service.self_monitoring import SelfMonitoring
from monitor.service.service_progress import ServiceProgress
from monitor.service.sourced_zones import SourcedZones
from monitor.service.sweep_record import SweepRecord
from monitor.service.web_context import web_context
from monitor.service.witnesses import Witnesses
from monitor.state.evaluator import Evaluator
from monitor.state.monitor_state import MonitorState
from monitor.state.monitoring_plan import SweepGroup
from monitor.state.ports import PollMessage, Sweep
from monitor.state.status import Status
from monitor.state.write_buffer import WriteBuffer
from monitor.state.zone_index import no_zones
from monitor.store.durable import DurableStore
from monitor.web.app import build
from monitor.web.event_hub import EventHub
from monitor.web.server import WebServer

log = structlog.get_logger(__name__)

SHUTDOWN_TIMEOUT = 3.0
"""Seconds that the end of the service leaves to what is being evaluated and sent."""


class Service:
    """Watch, judge, deliver and show, in one process on one SQLite file.

    ``load`` reads the configuration again for ``reload``. ``start`` raises StoreError or OSError when the database
    or the port cannot be had; nothing is left running then.
    """

    def __init__(self, config: Config, load: Callable[[], Config]) -> None:
        self.config = config
        self._load = load
        self._queue = PollQueue(1000)
        self._stopping = asyncio.Event()
        self._registry = CollectorRegistry()
        """Every part registers what it counts; /metrics shows all of it."""
        self._event_hub = EventHub()
        self._schedule = Scheduler(self._tick, self._show_missed)
        self._changing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = contextlib.AsyncExitStack()
        self._ns_names = NsNames()
        self._direct_dispatch: asyncio.Task[None] | None = None

    @property
    def status(self) -> Status:
        heartbeat, sources = self._schedule.heartbeat, self._sourced_zones.statuses
        return replace(self._evaluator.status, heartbeat=heartbeat, sources=sources)

    @property
    def stopping(self) -> asyncio.Event:
        """Set when the service stops, or when one of its parts has failed."""
        return self._stopping

    @property
    def address(self) -> tuple[str, int]:
        """Where page, API and /metrics are."""
        return self._web.address

    async def start(self) -> None:
        async with contextlib.AsyncExitStack() as opened:
            self._store = await DurableStore.open(self.config.service.database, now, self._registry)
            opened.push_async_callback(self._store.close)
            await self._wire()
            opened.push_async_callback(self._poller.stop)
            await self._web.start()
            opened.push_async_callback(self._web.stop)
            await self._notify.listen(self.config)
            opened.push_async_callback(self._notify.close)
            self._open = opened.pop_all()
        self._run("evaluate", self._queue.evaluate(self._evaluator.process))
        self._run("deliver", self._dispatcher.run())
        self._run("recheck", recheck_due(self._evaluator.rechecks, self._poller.recheck, self._stopping))
        for part in (self._witnesses, self._heartbeat, self._self_monitoring):
            self._run(type(part).__name__, part.run(self._stopping))
        self._run("estimate", self._estimate())
        self._run("zones", self._sourced_zones.follow(self._take_zones, self._evaluator.keep_zone_source))
        self._schedule.start(cadences(self.config, self._evaluator.plan), later=frozenset({"resolve"}))
        log_warnings(self.config)
        page = "http://{}:{}/".format(*self.address)
        log.info("running", page=page, zones=len(self._evaluator.plan.zones), version=version("soawatch"))

    async def _wire(self) -> None:
        started = now()
        remembered = await self._store.restore()
        kept = {one.source: one.body for one in remembered.zone_sources}
        self._sourced_zones = SourcedZones(kept, now, lambda: self._found.servers)
        config = self.config = await self._sourced_zones.use(self.config, None)
        past = await past_incidents(self._store)
        self._found = await resolve(config, recall_addresses(remembered.zone_states, config), started)
        log_problems(self._found.problems)
        plan = plan_of(config, self._found)
        self._dispatcher = Dispatcher(
            self._store,
            config.receivers,
            self._render,
            now,
            kinds=config.kinds,
            policy=RetryPolicy(drain_timeout=SHUTDOWN_TIMEOUT),
            registry=self._registry,
        )
        memory = MonitorState.of(remembered)
        self._posts = StandingPosts(self._dispatcher, memory.standing, self._render, now, monotonic)
        self._witnesses = Witnesses(memory, lambda: self.config, self._publish, now, monotonic, self._registry)
        await self._witnesses.read()
        self._write_buffer = WriteBuffer(self._store, now)
        server_series = ServerSeries(config.metrics.max_servers)
        self._evaluator = Evaluator(
            memory=memory,
            plan=plan,
            status=Status(
                version("soawatch"), config.service.vantage, started, started, no_zones(), config_loaded=started,
                incidents={i.id: i for i in (*past, *remembered.incidents.values())},
            ),
            record=self._write_buffer,
            now=now, monotonic=monotonic,
            changed=self._event_hub.notify,
            told=self._dispatcher.wake,
            registry=self._registry,
            server_series=server_series,
        )  # fmt: skip
        self._evaluator.failing = self._dispatcher.failing
        self._evaluator.source_troubles = lambda: self._sourced_zones.troubles
        self._self_monitoring = SelfMonitoring(
            config.service.database, lambda: self.status.sweeps, now, monotonic, self._registry
        )
        self._evaluator.own_troubles = self._self_monitoring.troubles
        self._receiver_moves = ReceiverMoves(self._store, self._evaluator, self._dispatcher, remembered.destinations)
        await self._receiver_moves.use(config)
        await self._sourced_zones.keep(self._evaluator.keep_zone_source)
        change = await self._evaluator.replan(plan, first=True)
        self._sweeps = SweepRecord(self._evaluator, now)
        self._poller = Poller(
            config, self._evaluator.plan, change.columns, self._publish, now, self._registry, server_series,
            self._store.address_history,
        )  # fmt: skip
        self._evaluator.moved = self._poller.apply_path_changes
        heard_of = self._sourced_zones.announce
        self._notify = NotifyService(self._poller, self._evaluator, now, monotonic, heard_of, self._registry)
        self._notify.use(config, self._evaluator.plan.zones, self._found.servers)
        progress = ServiceProgress(
            self._schedule, self._poller, self._evaluator, self._write_buffer, self._dispatcher, now
        )
        self._heartbeat = HeartbeatTask(
            lambda: self.config.heartbeat, progress.marks, progress.troubles, now, monotonic, self._registry
        )
        await self._receivers()
        context = web_context(
            config, lambda: self.config, lambda: self.status, self._evaluator, self._poller, self._store,
            server_series, self._event_hub, self._registry, self._stopping,
        )  # fmt: skip
        self._web = WebServer(build(context), *config.service.listen, self._stopping)

    async def stop(self) -> None:
        """In a few seconds: nothing new is asked, what was seen is evaluated, what is being sent ends or is kept."""
        log.info("stopping")
        self._stopping.set()
        self._evaluator.rechecks.wake()
        self._sourced_zones.stop()
        await self._schedule.stop()
        await self._notify.close()
        await self._poller.stop()
        await self._queue.close()
        parting = asyncio.create_task(self._dispatcher.stop(), name="dispatcher")
        _, left = await asyncio.wait({parting, *self._tasks}, timeout=SHUTDOWN_TIMEOUT + 1)
        for task in left:
            log.warning("a part does not end and is cancelled", part=task.get_name())
            task.cancel()
        await asyncio.gather(parting, *left, return_exceptions=True)
        await self._evaluator.finish()
        await self._open.aclose()
        log.info("stopped")

    async def reload(self) -> bool:
        """Take the configuration anew. A bad one is refused, the old one goes on, and Status says so."""
        async with self._changing:
            try:
                config, kept = as_started(await asyncio.to_thread(self._load), self.config)
                await self._notify.listen(config)
            except (ConfigError, CannotListen) as error:
                self._evaluator.show(config_ok=False, config_error=log_refusal(error))
                return False
            if kept:
                log.warning("these keys need a restart", keys=kept)
            config = await self._sourced_zones.use(config, self.config)
            found = await self._discover(config)
            if self._stopping.is_set():
                return False
            await self._receiver_moves.use(config)
            await self._sourced_zones.keep(self._evaluator.keep_zone_source)
            log_warnings(config, self.config)
            zones = self._evaluator.plan.zones
            await self._take(config, found)
            plan = self._evaluator.plan
            await self._self_monitoring.reloaded(zones, plan.zones)
            self._schedule.plan(cadences(config, plan))
            self._evaluator.show(config_ok=True, config_error="", config_loaded=now())
            log.info("configuration loaded", zones=len(plan.zones))
            return True

    async def _resolve(self) -> None:
        async with self._changing:
            await self._take(self.config, await self._discover(self.config))

    async def _take_zones(self) -> None:
        """Watch the zones that sources have now."""
        async with self._changing:
            config = await self._sourced_zones.watched()
            found = await self._discover(config)
            if not self._stopping.is_set():
                await self._take(config, found)
                self._schedule.plan(cadences(config, self._evaluator.plan))

    async def _resolve_further(self, names: Iterable[str] = ()) -> None:
        """Find out where the servers are that NS sets name, and that are not listed under that name; and parents'."""
        async with self._changing:
            found = await resolve_further(self.config, self._found, names, self._poller.probe, now())
            if found is not self._found and not self._stopping.is_set():
                await self._take(self.config, found)

    async def _discover(self, config: Config) -> DiscoveredZones:
        """Where the zones of this configuration are served, and those above them."""
        return await resolve_further(config, await resolve(config, self._found, now()), (), self._poller.probe, now())

    async def _take(self, config: Config, found: DiscoveredZones) -> None:
        """Judge by the new plan first, and only then ask by it: no poll is of a zone that is not known yet."""
        log_problems(problem for problem in found.problems if problem not in self._found.problems)
        plan = plan_of(config, found)
        other = plan != self._evaluator.plan or found.names != self._found.names or found.parents != self._found.parents
        loads_alike = config is self.config and found.zones is self._found.zones
        self._found = found
        change = await self._evaluator.replan(plan) if other else self._evaluator.no_change
        self.config = config
        self._poller.use(config, self._evaluator.plan, change)
        self._notify.use(config, self._evaluator.plan.zones, found.servers)
        self._sweeps.follow_plan()
        if not loads_alike:
            await self._sweeps.estimate(config, found.zones)

    async def _estimate(self) -> None:
        async with self._changing:
            await self._sweeps.estimate(self.config, self._found.zones)

    def _render(self, message: OutboxMessage) -> Notification:
        return render(message, self.config.service.url, now())

    async def _tick(self, name: str) -> None:
        chores: dict[str, Callable[[], Awaitable[object]]] = {
            "remind": self._remind, "receivers": self._receivers, "resolve": self._resolve,
            "stand": self._posts.post_due, "prune": partial(prune, self._store, self.config.service.retention, now),
        }  # fmt: skip
        if (chore := chores.get(name)) is not None:
            await chore()
        elif (group := self._evaluator.plan.sweep_group(name)) is not None:
            await self._sweep(group)

    async def _sweep(self, group: SweepGroup) -> None:
        with self._sweeps.under_way(group):
            if group.check == SERIAL_CHECK:
                await self._evaluator.select_for_full_poll(group)
            elif group.check == Delegation.name:
                await self._resolve_further()
            if (swept := await self._poller.sweep(group)) is None:
                return
            await self._queue.caught_up()
            self._poller.serials_evaluated()
            if names := self._ns_names.taken():
                await self._resolve_further(names)
            finished = self._sweeps.complete(group, swept)
        if swept.zones:
            vantage = self.config.service.vantage
            await self._evaluator.record_sweep(
                Sweep(group.check, swept.started, finished, swept.zones, swept.queries, swept.answered, vantage)
            )
        if not self._evaluator.status.ready and self._poller.serials_swept:
            self._evaluator.show(ready=True)

    def _show_missed(self, name: str) -> None:
        if (group := self._evaluator.plan.sweep_group(name)) is not None:
            self._sweeps.missed(group, self._schedule.missed[name])

    async def _publish(self, *heard: PollMessage) -> None:
        self._ns_names.note(heard, self._evaluator.plan.zones, self._found)
        await self._queue.publish(*heard)

    async def _remind(self) -> None:
        await self._evaluator.remind()
        if self._write_buffer.messages and self._direct_dispatch not in self._tasks:
            self._direct_dispatch = self._run(
                "tell directly", dispatch_directly(self._write_buffer, self._dispatcher.send_directly)
            )

    async def _receivers(self) -> None:
        await show_receivers(self._dispatcher, self._evaluator, self._write_buffer)

    def _run(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A part that dies takes the service with it: better restarted than half alive."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.critical("part failed", part=task.get_name(), error=repr(error), exc_info=error)
            self._stopping.set()
