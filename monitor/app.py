"""The service: its parts made, joined, started and stopped; the only file that knows them all."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from datetime import timedelta
from importlib.metadata import version
from typing import Any

import structlog

from alerting.cause import Topology as Causes
from alerting.message import render
from alerting.model import DeliveryError, Notification, Telling
from monitor.bus.local import LocalBus
from monitor.clock import now
from monitor.config.errors import ConfigError
from monitor.config.model import Config
from monitor.deliver import Deliverer
from monitor.housekeeping import prune
from monitor.judging import Judging
from monitor.pipeline import Memory, Plan
from monitor.ports import BusClosed, StoreError, Sweep
from monitor.probe.dns import DnsProber
from monitor.record import Record
from monitor.schedule import Schedule
from monitor.sources import Topology, recall, resolve
from monitor.status import Measures, Status, SweepStatus
from monitor.store.sqlite import SqliteStore
from monitor.sweep import sweep, window
from monitor.web.app import build
from monitor.web.context import Settings, WebContext
from monitor.web.serve import WebServer
from monitor.web.watchers import Watchers

log = structlog.get_logger(__name__)

BATCH = 100
"""Rounds judged in one go: few enough that the event loop is free again within some milliseconds."""

LINGER = 0.02
"""Seconds to wait for more rounds before judging: many small commits become one."""

CHORES: Mapping[str, timedelta] = {
    "remind": timedelta(seconds=15),
    "receivers": timedelta(seconds=5),
    "prune": timedelta(minutes=10),
}
"""What the clock calls for beside the checks; "resolve" comes as often as the configuration says."""


FIXED = ("listen", "database", "vantage", "token", "public", "url")
"""Keys of [service] that a reload cannot change."""


def web_settings(config: Config) -> Settings:
    service = config.service
    return Settings(service.token, service.public, config.max_zones, service.url)


class Service:
    """Watch, judge, deliver and show, in one process on one SQLite file.

    ``load`` reads the configuration again for ``reload``. ``start`` raises StoreError or OSError when the database
    or the port cannot be had; nothing is left running then.
    """

    def __init__(self, config: Config, load: Callable[[], Config]) -> None:
        self.config = config
        self._load = load
        self._addresses: Topology | None = None
        self._bus = LocalBus(1000)
        self._stopping = asyncio.Event()
        self._watchers = Watchers()
        self._schedule = Schedule(self._tick)
        self._tasks: list[asyncio.Task[None]] = []
        self._open = contextlib.AsyncExitStack()
        self._published = self._judged = 0
        self._progress = asyncio.Condition()
        self._swept: set[str] = set()
        self._prober = DnsProber(config.probe, config.keys, now)

    @property
    def status(self) -> Status:
        return replace(self._judging.status, heartbeat=self._schedule.heartbeat)

    @property
    def address(self) -> tuple[str, int]:
        """Where page, API and /metrics are."""
        return self._web.address

    def measures(self) -> Measures:
        return Measures(
            probe=self._prober.counts(),
            notifications=self._deliverer.counts(),
            propagation=dict(self._judging.propagation),
            failures=dict(self._judging.failures),
        )

    async def start(self) -> None:
        async with contextlib.AsyncExitStack() as opened:
            self._store = await SqliteStore.open(self.config.service.database, now)
            opened.push_async_callback(self._store.close)
            await self._wire()
            opened.push_async_callback(self._prober.close)
            await self._web.start()
            opened.push_async_callback(self._web.stop)
            self._open = opened.pop_all()
        self._run("judge", self._judge())
        self._run("deliver", self._deliverer.run())
        self._schedule.start(self._cadences())
        host, port = self.address
        log.info(
            "running", page=f"http://{host}:{port}/", zones=len(self._judging.plan.zones), version=version("soawatch")
        )

    async def _wire(self) -> None:
        config = self.config
        remembered = await self._store.restore()
        past = await self._store.incidents(most=50)
        self._addresses = await resolve(config, recall(remembered.ledgers.values(), config.servers), now())
        self._deliverer = Deliverer(self._store, config.receivers, self._render, now, kinds=config.kinds)
        started = now()
        self._judging = Judging(
            memory=Memory.of(remembered),
            plan=self._plan(),
            status=Status(
                version("soawatch"), config.service.vantage, started, started, config_loaded=started,
                incidents={i.id: i for i in (*past, *remembered.incidents.values())},
            ),
            record=Record(self._store, now),
            now=now,
            changed=self._watchers.tell,
            told=self._deliverer.poke,
        )  # fmt: skip
        await self._judging.replan(self._judging.plan)
        await self._receivers()
        context = WebContext(
            lambda: self.status, self.measures, self._store, self._watchers, now, self._stopping, web_settings(config)
        )
        self._web = WebServer(build(context), *config.service.listen, self._stopping)

    async def stop(self) -> None:
        """In a few seconds: nothing new is asked, what was asked is judged, what is being sent ends or is kept."""
        log.info("stopping")
        self._stopping.set()
        await self._schedule.stop()
        await self._prober.close()
        await self._bus.close()
        await self._deliverer.stop()
        for task in self._tasks:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(task), 2.0)
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._open.aclose()
        log.info("stopped")

    async def reload(self) -> bool:
        """Take the configuration anew. A bad one is refused, the old one goes on, and Status says so."""
        try:
            config = await asyncio.to_thread(self._load)
        except ConfigError as error:
            # Not a failure of ours: what is wrong with the file is the whole story.
            log.error("configuration refused", mistakes=len(error.mistakes), first=str(error.mistakes[0]))  # noqa: TRY400
            self._judging.show(config_ok=False, config_error=str(error))
            return False
        before, self.config = self.config, config
        if fixed := [name for name in FIXED if getattr(config.service, name) != getattr(before.service, name)]:
            log.warning("these keys need a restart", keys=fixed)
        if config.max_zones != before.max_zones:
            log.warning("these keys need a restart", keys=["max_zones"])
        self._deliverer.use(config.receivers, config.kinds)
        old = self._prober
        if (config.probe, config.keys) != (before.probe, before.keys):
            self._prober = DnsProber(config.probe, config.keys, now)
        await self._resolve()
        self._schedule.plan(self._cadences())
        self._judging.show(config_ok=True, config_error="", config_loaded=now())
        if old is not self._prober:
            await old.close()
        log.info("configuration loaded", zones=len(self._judging.plan.zones))
        return True

    def _plan(self) -> Plan:
        config, found = self.config, self._addresses
        zones = found.zones if found else ()
        return Plan(
            zones={zone.name: zone for zone in zones},
            checks=config.checks,
            topology=Causes.of(zones, config.service.vantage),
            policy=config.policy,
            severity=config.severity,
            routes=config.routes,
            receivers=tuple(config.receivers),
        )

    def _cadences(self) -> dict[str, timedelta]:
        checks = {name: every for name, every in self.config.cadence.items() if every}
        return {**checks, **CHORES, "resolve": self.config.resolver.interval}

    def _render(self, telling: Telling) -> Notification:
        return render(telling, self.config.service.url, now())

    async def _tick(self, name: str) -> None:
        chore = {"remind": self._remind, "receivers": self._receivers, "prune": self._prune, "resolve": self._resolve}
        if name in chore:
            await chore[name]()
        else:
            await self._sweep(name)

    async def _sweep(self, name: str) -> None:
        config, plan = self.config, self._judging.plan
        check, cadence = plan.checks[name], config.cadence[name]
        patience = config.probe.timeout * config.probe.attempts
        started, swept = now(), None
        self._show_sweep(SweepStatus(name, started, None, 0, 0, self._schedule.missed.get(name, 0), cadence))
        try:
            swept = await sweep(
                check,
                plan.zones.values(),
                self._prober,
                self._publish,
                cadence=cadence,
                over=window(cadence, patience) if name in self._swept else 0.0,
                now=now,
                vantage=config.service.vantage,
            )
            await self._caught_up()
        except* BusClosed:
            log.debug("sweep broken off", check=name)
        if swept is None:
            return
        self._swept.add(name)
        finished = now()
        if swept.zones:
            row = Sweep(name, started, finished, swept.zones, swept.queries, swept.answered, config.service.vantage)
            await self._kept(self._store.sweep(row))
        missed = self._schedule.missed.get(name, 0)
        self._show_sweep(SweepStatus(name, started, finished, swept.zones, swept.queries, missed, cadence))
        if name == "soa-serial" and not self._judging.status.ready:
            self._judging.show(ready=True)

    def _show_sweep(self, status: SweepStatus) -> None:
        self._judging.show(sweeps={**self._judging.status.sweeps, status.check: status})

    async def _publish(self, round: Any) -> None:
        await self._bus.publish(round)
        self._published += 1

    async def _caught_up(self) -> None:
        """What has been published so far is judged and kept."""
        target = self._published
        async with self._progress:
            await self._progress.wait_for(lambda: self._judged >= target)

    async def _judge(self) -> None:
        while rounds := await self._bus.take(BATCH):
            if len(rounds) < BATCH and not self._stopping.is_set():
                await asyncio.sleep(LINGER)
            await self._judging.take(rounds)
            async with self._progress:
                self._judged += len(rounds)
                self._progress.notify_all()

    async def _resolve(self) -> None:
        self._addresses = await resolve(self.config, self._addresses, now())
        for problem in self._addresses.problems:
            log.warning("not resolved", problem=problem)
        plan = self._plan()
        if plan != self._judging.plan:
            fresh = plan.zones != self._judging.plan.zones
            await self._judging.replan(plan)
            for name in self._swept if fresh else ():
                self._schedule.soon(name)

    async def _remind(self) -> None:
        await self._judging.remind()
        await self._tell_directly()

    async def _receivers(self) -> None:
        async def look() -> None:
            status = await self._deliverer.status()
            if status != self._judging.status.receivers:
                pending = sum(receiver.pending for receiver in status.values())
                self._judging.show(receivers=status, outbox_pending=pending)

        await self._kept(look())

    async def _prune(self) -> None:
        await prune(self._store, self.config.service.retention, now)

    async def _tell_directly(self) -> None:
        """While the disk takes nothing there is no outbox; its news is told once, straight from memory."""
        for telling in self._judging.waiting():
            notifier = self.config.receivers.get(telling.receiver)
            if notifier is None:
                continue
            try:
                async with asyncio.timeout(30):
                    await notifier.send(self._render(telling))
            except (DeliveryError, TimeoutError) as error:
                log.warning("not delivered", receiver=telling.receiver, error=str(error), outbox="not writable")
            else:
                self._judging.sent(telling)

    async def _kept(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except StoreError as error:
            log.warning("store failing", error=str(error))

    def _run(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A part that dies takes the service with it: better restarted than half alive."""
        if not task.cancelled() and (error := task.exception()) is not None:
            log.critical("part failed", part=task.get_name(), error=repr(error), exc_info=error)
            self._stopping.set()

    @property
    def stopping(self) -> asyncio.Event:
        """Set when the service stops, or when one of its parts has failed."""
        return self._stopping
