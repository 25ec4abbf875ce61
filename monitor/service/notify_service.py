"""NOTIFY as the start signal of a poll: the listener, what is counted and logged of it, and what it sets going."""

from collections import Counter as Tally
from collections.abc import Callable, Mapping, Sequence

import structlog
from prometheus_client import CollectorRegistry, Counter

from checks.model import Server, Zone
from checks.model.zone_table import ZoneTable
from checks.zone_state.model import SERIAL_CHECK
from monitor.clock import Now
from monitor.config.model import Config
from monitor.polling.notify_polls import NotifyPolls
from monitor.polling.notify_senders import NotifySenders
from monitor.polling.poller import Poller
from monitor.probe.notify.listener import NotifyListeners
from monitor.probe.notify.responder import HeardNotify, NotifyResponder, NotifyResult
from monitor.state.evaluator import Evaluator
from monitor.state.notifies import Notify

log = structlog.get_logger(__name__)

LOG_INTERVAL = 60.0
"""Seconds in which each result is logged once at most, however many packets there are."""


class NotifyService:
    """Listens where the configuration says, and has each zone asked that a server of its announces.

    The evaluator hears when a NOTIFY came, and from whom, before the poll that follows it. ``follow_catalog`` is called
    with a catalog that is announced, and the name of the server that does.
    """

    def __init__(
        self,
        poller: Poller,
        evaluator: Evaluator,
        now: Now,
        monotonic: Callable[[], float],
        follow_catalog: Callable[[str, str], None],
        registry: CollectorRegistry | None = None,
    ) -> None:
        self._evaluator, self._now, self._follow_catalog = evaluator, now, follow_catalog
        self._zones: ZoneTable[Zone] = ZoneTable.of(())
        self._catalogs: Mapping[str, Sequence[Server]] = {}
        self._results = NotifyLog(monotonic, registry)
        self._polls = NotifyPolls(lambda zones: poller.ask_now(SERIAL_CHECK, zones), poller.is_being_asked)
        nobody = NotifySenders(self._zones, {})
        self._responder = NotifyResponder(
            nobody, {}, self._heard, self._results.note, seconds=lambda: now().timestamp()
        )
        self._listeners = NotifyListeners(self._responder)

    async def listen(self, config: Config) -> None:
        """Listen where this says. Raises CannotListen, and then everything is as it was."""
        before = self._listeners.addresses
        await self._listeners.use(config.notify.listen)
        new = [address for address in self._listeners.addresses if address not in before]
        for address in new:
            log.info("listening for NOTIFY", address=str(address))
        if new:
            self._evaluator.note_listening(self._now())

    def use(self, config: Config, zones: ZoneTable[Zone], servers: Mapping[str, Server]) -> None:
        """Believe those who are servers of these zones, and those of the catalogs; ``servers`` are all, by name."""
        self._zones = zones
        self._catalogs = {
            each.zone: [servers[name] for name in each.from_ if name in servers] for each in config.catalogs
        }
        self._responder.use(NotifySenders(zones, config.servers, self._catalogs), config.keys)

    async def close(self) -> None:
        await self._listeners.close()
        self._polls.close()

    def _heard(self, heard: HeardNotify) -> None:
        if heard.zone in self._catalogs:
            self._follow_catalog(heard.zone, heard.server)
        if heard.zone not in self._zones:
            return
        self._evaluator.note_notify(heard.zone, Notify(self._now(), heard.server, heard.host, heard.serial))
        if not self._polls.want(heard.zone):
            self._results.note(NotifyResult.DEFERRED, heard.host, heard.zone, "")


class NotifyLog:
    """Counts what became of packets, and logs it: each result once in LOG_INTERVAL, with how many there were since."""

    def __init__(self, monotonic: Callable[[], float], registry: CollectorRegistry | None = None) -> None:
        counter = Counter(
            "soawatch_notifies",
            "Packets and connections at the listener for NOTIFY by what became of them.",
            ("result",),
            registry=registry,
        )
        self._counters: Mapping[NotifyResult, Counter] = {result: counter.labels(result) for result in NotifyResult}
        self._monotonic = monotonic
        self._logged: dict[NotifyResult, float] = {}
        self._unlogged: Tally[NotifyResult] = Tally()

    def note(self, result: NotifyResult, host: str, zone: str, why: str) -> None:
        """``zone`` and ``why`` are printable ASCII: what the network says is escaped."""
        self._counters[result].inc()
        if result is NotifyResult.ACCEPTED:
            log.debug("NOTIFY accepted", zone=zone, source=host)
            return
        now = self._monotonic()
        last = self._logged.get(result)
        if last is not None and now - last < LOG_INTERVAL:
            self._unlogged[result] += 1
            return
        self._logged[result] = now
        said = {"zone": zone, "why": why, "more": self._unlogged.pop(result, 0)}
        log.warning("NOTIFY not taken", result=result.value, source=host, **{k: v for k, v in said.items() if v})
