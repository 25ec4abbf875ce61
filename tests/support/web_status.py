"""Statuses to show: a service of some zones, and what the web needs around it."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from functools import cache
from pathlib import Path

from prometheus_client import CollectorRegistry

from alerting.dispatcher import Dispatcher
from alerting.finding_types import FINDING_TYPES
from alerting.incident import Acknowledgement, Cause, Incident, IncidentFinding
from alerting.maintenance import MaintenanceWindow, Recurrence
from alerting.model import Alert, AlertKey, Phase, Secret
from alerting.outbox import ReceiverStatus
from alerting.render import render
from alerting.silences import Matchers, Silence
from alerting.timeline import TimelineEvent, entry
from checks.common.transfer_tree import TransferHop
from checks.model import (
    Address,
    CanaryArrival,
    Health,
    IxfrAnswer,
    IxfrResponse,
    Observation,
    Outcome,
    ZoneTransfer,
)
from checks.model.finding_type import Severity
from checks.model.ixfr import DifferenceSize
from checks.model.zone_table import ZoneTable
from checks.zone_state.model import Propagation, StateChange
from monitor.config.low_caps import LowCap
from monitor.config.named_token import NamedToken, Role
from monitor.config.zone_sources import SourceTrouble
from monitor.polling.workers.process import WorkerMetrics
from monitor.probe.notify.responder import NotifyResult
from monitor.probe.server_series import ServerSeries
from monitor.probe.stats import ProbeStats
from monitor.service.diffs import ServiceDiffs
from monitor.service.heartbeat_task import heartbeat_counter
from monitor.service.notify_service import NotifyLog
from monitor.service.self_monitoring import disk_gauge
from monitor.service.waits import ServiceWaits
from monitor.service.witnesses import witness_gauge
from monitor.state.evaluator import Evaluator
from monitor.state.monitor_state import MonitorState
from monitor.state.notifies import Notify
from monitor.state.ports import Commit, NotKept
from monitor.state.silence_status import SilenceStatus
from monitor.state.source_status import SourceStatus
from monitor.state.status import (
    AddressStatus,
    CheckStatus,
    Status,
    ZoneStatus,
)
from monitor.state.sweep_status import SweepStatus, not_begun
from monitor.state.write_buffer import WriteBuffer
from monitor.store.durable import DurableStore
from monitor.web.app import Settings, WebContext
from monitor.web.event_hub import EventHub
from monitor.web.snapshot import ZoneDiffs, ZoneWaits
from tests.support.fakes.prober import FakeProber
from tests.support.fakes.store import MemoryStore
from tests.support.fakes.zones import FakeZones
from tests.support.monitor_state import plan

NOW = datetime(2026, 11, 20, 10, 24, 30, tzinfo=UTC)
HIDDEN = "hush-primary"
HIDDEN_ADDRESS = "198.51.100.77"
HIDDEN_ADDRESS6 = "2001:db8:77::53"
SERVERS: Mapping[str, tuple[Address, ...]] = {
    HIDDEN: (Address(HIDDEN_ADDRESS), Address(HIDDEN_ADDRESS6)),
    "ns1": (Address("192.0.2.1"), Address("2001:db8::1")),
    "ns2": (Address("192.0.2.2"), Address("2001:db8::2", 5353)),
    "ns3.anycast.example.net": (Address("203.0.113.53"),),
}
SERIAL = 2026112007
OVERDUE = "ns2 serves 2026112006, behind 2026112007 for 1 h 20 min"
TTL_DIFFERS = f"www A: 300 at ns1, 600 at {HIDDEN}"


TREE = (
    TransferHop("ns3.anycast.example.net", (), 0, answers=True),
    TransferHop("ns2", ("ns3.anycast.example.net",), 1, answers=True, behind_since=NOW - timedelta(minutes=41)),
    TransferHop("ns1", ("ns2",), 2, answers=True, behind_since=NOW - timedelta(minutes=41), waits_for="ns2"),
)
"""Of example.com while it is troubled."""


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def _ixfr(server: str, where: Address) -> IxfrResponse:
    """ns1 alone has the differences."""
    answer = IxfrAnswer.INCREMENTAL if server == "ns1" else IxfrAnswer.FULL_ZONE
    size = DifferenceSize(0.02, 3125, 1, 6) if server == "ns1" else None
    return IxfrResponse(server, where, ago(minutes=5), answer, SERIAL - 1, SERIAL, size, "xfr")


def address(server: str, where: Address, **what: object) -> AddressStatus:
    start = AddressStatus(
        server=server, address=where, hidden=server == HIDDEN, primary=server == HIDDEN, serial=SERIAL,
        state="in-sync", outcome="answered", rtt=0.0123, since=ago(hours=3), behind_since=None,
        checked_at=ago(seconds=12),
        expires=NOW + timedelta(days=6, hours=4), signatures_end=NOW + timedelta(days=9),
        nsid=f"{server.partition('.')[0]}-fra",
        canary=CanaryArrival(server, where, ago(minutes=7), 0.42),
        transfers=(ZoneTransfer(server, where, ago(minutes=5), 1.25, 2_500_000, 40, 31_000, SERIAL, "xfr"),),
        ixfr=(_ixfr(server, where),),
    )  # fmt: skip
    return replace(start, **what)


def zone(name: str, unicode: str = "", servers: Iterable[str] = SERVERS) -> ZoneStatus:
    """A zone that is well on all its servers."""
    return _well(name, unicode or name, tuple(servers))


@cache
def _well(name: str, unicode: str, servers: Iterable[str]) -> ZoneStatus:
    """Made once: most tests of the web show the same zones."""
    return ZoneStatus(
        name=name,
        unicode=unicode,
        health=Health.GOOD,
        reference_serials={"": SERIAL},
        addresses=tuple(address(server, where) for server in servers for where in SERVERS[server]),
        checks=tuple(
            CheckStatus(check, ago(seconds=12), Health.GOOD) for check in ("reachable", "records", "soa-serial")
        ),
        primary=HIDDEN,
        catalog="catalog.example." if name.endswith(".example.") else None,
        soa_timers=(3600, 900, 604800, 300),
        since=ago(days=2, hours=3),
    )


def change(zone: ZoneStatus, server: str, **what: object) -> ZoneStatus:
    """The same zone with all addresses of a server changed."""
    changed = tuple(replace(a, **what) if a.server == server else a for a in zone.addresses)
    return replace(zone, addresses=changed)


def finding(code: str, text: str, server: str | None = None, at: Address | None = None, **what: object) -> Alert:
    """``check`` and ``subject`` go into its key; ``since`` is when it was first seen."""
    key = AlertKey("z.", str(what.pop("check", "soa-serial")), code, server, at, str(what.pop("subject", "")))
    start = Alert(
        key=key, severity=FINDING_TYPES[code].severity, text=text, phase=Phase.FIRING, since=ago(minutes=22),
        incident="20261120T100430-a1b2c3",
    )  # fmt: skip
    return replace(start, **what)


def bad(zone: ZoneStatus, *findings: Alert) -> ZoneStatus:
    return replace(zone, health=Health.BAD, findings=findings, since=min(f.began for f in findings))


def incident(
    name: str, cause: Cause, severity: Severity, lines: tuple[IncidentFinding, ...], **what: object
) -> Incident:
    start = Incident(
        id=name, cause=cause, severity=severity, phase="open", zones=tuple(dict.fromkeys(x.zone for x in lines)),
        servers=tuple(dict.fromkeys(x.server for x in lines if x.server)), opened_at=ago(minutes=20),
        began_at=ago(minutes=22), worst=severity, lines=lines, findings=len(lines),
    )  # fmt: skip
    return replace(start, **what)


def line(code: str, zone: str, server: str | None, address: str | None, text: str, **what: object) -> IncidentFinding:
    start = IncidentFinding(code, FINDING_TYPES[code].severity, zone, server, address, text, ago(minutes=22))
    return replace(start, **what)


NAMES = (
    "example.com.", "example.net.", "example.org.", "xn--bcher-kva.example.", "2.0.192.in-addr.arpa.",
    "0/25.2.0.192.in-addr.arpa.", "corp.example.",
    "shop.example.", "mail.example.", "dyn.example.", "lab.example.", "archive.example.",
)  # fmt: skip
UNICODE = {"xn--bcher-kva.example.": "bücher.example."}


SOURCES = (
    SourceStatus("list /etc/soawatch/zones.csv", 3, read_at=ago(days=12)),
    SourceStatus("catalog catalog.example.", 7, timedelta(minutes=1), 2026112003, ago(seconds=20)),
    SourceStatus("powerdns http://127.0.0.1:8081/api/v1/servers/localhost/zones", refresh=timedelta(minutes=1)),
)
"""One that was read with the configuration, one that is followed, one of which nothing is known yet."""


def failing_source() -> SourceStatus:
    """The last of the sources, no longer answering."""
    trouble = SourceTrouble.failing(SOURCES[2].source, f"it cannot be asked: {HIDDEN} is silent")
    known = replace(SOURCES[2], zones=2, read_at=ago(hours=5))
    return known.after_look(ago(minutes=40), 2, trouble)


def status(zones: Iterable[ZoneStatus] | None = None, **what: object) -> Status:
    """All is well, unless it is told otherwise."""
    chosen = [zone(name, UNICODE.get(name, "")) for name in NAMES] if zones is None else zones
    start = Status(
        version="0.1.0", vantage="fra1", started=ago(days=12), at=ago(seconds=2), zones=FakeZones(chosen),
        sweeps={
            "soa-serial every 1m": SweepStatus(
                "soa-serial", ago(seconds=72), ago(seconds=12), 12, 72, 3, timedelta(seconds=60), ago(seconds=12),
                under_way=True, interval=timedelta(seconds=60), low_caps=(),
            ),
            "transfer every 1h": SweepStatus(
                "transfer", ago(seconds=5), None, 12, 24, 0, timedelta(hours=1), ago(seconds=5), under_way=True,
                low_caps=(),
            ),
        },
        sources=SOURCES,
        receivers={"oncall": ReceiverStatus("oncall", "email", delivered=4, last_delivered=ago(minutes=20))},
        config_loaded=ago(days=12), ready=True, heartbeat=ago(seconds=1),
    )  # fmt: skip
    return replace(start, **what)


def statuses(seen: Status) -> dict[str, ZoneStatus]:
    return {name: seen.zones[name] for name in seen.zones}


def slow() -> Mapping[str, SweepStatus]:
    """Sweeps that do not keep their cadence: a cap is too low for two of them, nobody knows why of the third; one has
    not begun.
    """
    minute = timedelta(minutes=1)
    at_server = LowCap("probe.max_qps_per_server", HIDDEN, 200, 508.35)
    whole = LowCap("probe.max_qps", None, 300, 450)
    late = SweepStatus(
        "soa-serial", ago(seconds=170), ago(seconds=20), 30_000, 180_000, 7, minute, ago(seconds=14), under_way=True,
        interval=3 * minute, late=4, low_caps=(at_server, whole),
    )  # fmt: skip
    return {
        "ns-set every 5m": not_begun("ns-set", 5 * minute),
        "reachable every 1m": replace(late, check="reachable", low_caps=()),
        "records every 5m": replace(
            late, check="records", cadence=5 * minute, begun=ago(minutes=9), interval=5 * minute, late=0,
            low_caps=(at_server,),
        ),
        "soa-fields every 1m": replace(late, check="soa-fields", begun=ago(seconds=30), interval=2 * minute, late=1),
        "soa-serial every 1m": late,
        "transfer every 1h": SweepStatus(
            "transfer", ago(hours=1), ago(minutes=10), 12, 24, 0, 60 * minute, ago(hours=1), low_caps=(),
        ),
    }  # fmt: skip


LABELS = (("team", "web shop"), ("tier", "gold"))
"""Of example.com, where anything is wrong."""


def troubled() -> Status:
    """Two zones are bad, one is unknown, one has a version on its way; one incident of a zone, one of a server."""
    zones = statuses(status())
    late = change(
        zones["example.com."], "ns2", serial=SERIAL - 1, state="overdue", behind_since=ago(hours=1, minutes=20)
    )
    zones["example.com."] = bad(
        replace(late, tree=TREE, labels=LABELS),
        finding("serial-overdue", OVERDUE, "ns2", SERVERS["ns2"][0]),
        finding("serial-overdue", OVERDUE, "ns2", SERVERS["ns2"][1]),
        finding("ttl-differs", TTL_DIFFERS, "ns1", phase=Phase.PENDING, check="records"),
    )
    silent = change(
        zones["shop.example."], "ns3.anycast.example.net", serial=None, state="silent", outcome="timeout", rtt=None
    )
    zones["shop.example."] = bad(
        replace(silent, last_notify=Notify(ago(minutes=3), "ns1", "198.51.100.7", SERIAL)),
        finding(
            "server-unreachable", "203.0.113.53 answers neither over UDP nor over TCP", "ns3.anycast.example.net",
            SERVERS["ns3.anycast.example.net"][0], check="reachable", phase=Phase.PENDING, since=ago(seconds=70),
        ),
    )  # fmt: skip
    zones["lab.example."] = replace(
        zones["lab.example."],
        health=Health.UNKNOWN,
        reference_serials={"": None},
        addresses=tuple(
            replace(a, serial=None, state="unknown", outcome="unasked", rtt=None)
            for a in zones["lab.example."].addresses
        ),
        checks=(CheckStatus("soa-serial", ago(minutes=5), Health.UNKNOWN, "no address gave a serial"),),
    )
    zones["dyn.example."] = change(
        zones["dyn.example."], "ns1", serial=SERIAL - 1, state="propagating", behind_since=ago(seconds=14)
    )
    opened = (
        incident(
            "20261120T100430-a1b2c3", Cause("zone", "example.com."), Severity.CRITICAL,
            (line("serial-overdue", "example.com.", "ns2", "192.0.2.2", OVERDUE),
             line("ttl-differs", "example.com.", "ns1", None, TTL_DIFFERS, ended_at=ago(minutes=3))), labels=LABELS,
        ),
        incident(
            "20261120T101010-d4e5f6", Cause("server", HIDDEN), Severity.WARNING,
            (line("tcp-unreachable", "mail.example.", HIDDEN, HIDDEN_ADDRESS, f"{HIDDEN_ADDRESS} refuses TCP"),),
        ),
    )  # fmt: skip
    return status(zones.values(), incidents={i.id: i for i in opened}, sources=(*SOURCES[:2], failing_source()))


class Counters:
    """Everything that the parts of a service count, each as if something had happened to it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.server_series = ServerSeries(1)
        """As many places as there are; every server has its own series until the test calls ``use``."""
        self.probe_stats = ProbeStats(self.registry, self.server_series)
        buckets = [0, 0, 1, 4, 9, 20, 5, 1, 0, 0, 0, 0, 2, 3.25]
        self.probe_stats.queries |= {
            ("ns1", "udp", "answered"): 1200,
            ("ns2", "udp", "timeout"): 3,
            (HIDDEN, "tcp", "answered"): 7,
        }
        self.probe_stats.durations |= {("ns1", "udp"): buckets, (HIDDEN, "udp"): buckets}
        self.probe_stats.discarded |= {"ns2": 5, HIDDEN: 1}
        self.probe_stats.transfers |= {key: [0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 1.9, 7500000] for key in ("ns1", HIDDEN)}
        WorkerMetrics(self.probe_stats, self.registry).restarts.inc()
        DurableStore(Path("soawatch.db"), lambda: NOW, self.registry)
        NotifyLog(lambda: 0.0, self.registry).note(NotifyResult.ACCEPTED, "192.0.2.1", "example.com.", "")
        disk_gauge(self.registry).set(4_000_000_000)
        heartbeat_counter(self.registry).labels("success", "delivered").inc()
        witness_gauge(self.registry).labels("192.0.2.53").set(1)
        kept = MemoryStore(now=lambda: NOW)
        self.dispatcher = Dispatcher(kept, {}, render, lambda: NOW, registry=self.registry)
        self.dispatcher.attempts.labels("oncall", "delivered").inc(4)
        self.dispatcher.attempts.labels("oncall", "retried").inc()
        self.evaluator = Evaluator(
            MonitorState(),
            plan(),
            status(()),
            WriteBuffer(kept, lambda: NOW),
            lambda: NOW,
            list,
            list,
            self.registry,
            self.server_series,
        )
        self.evaluator._failures.labels("records")
        self.evaluator._evaluated.inc(40)
        self.evaluator._unchanged.inc(9000)
        for server in ("ns1", HIDDEN):
            for _ in range(42):
                self.evaluator.arrival_times.propagation.labels(server).observe(3.0)
                self.evaluator.arrival_times.canary.labels(server).observe(0.3)


PAST = incident(
    "20261118T020000-0a0b0c", Cause("zone", "example.com."), Severity.WARNING,
    (line("serial-late", "example.com.", "ns1", "192.0.2.1", f"ns1 serves 2026111801, {HIDDEN} has 2026111802",
          since=ago(days=2, hours=9), ended_at=ago(days=2, hours=8)),),
    phase="resolved", opened_at=ago(days=2, hours=9), began_at=ago(days=2, hours=9), resolved_at=ago(days=2, hours=8),
)  # fmt: skip


def runs() -> tuple[StateChange, ...]:
    """A day of example.com: ns2 stays behind, ns3 was silent for a while, and is quick otherwise."""
    hours = {2026112003: 30.0, 2026112004: 17.0, 2026112005: 11.3, 2026112006: 6.0, 2026112007: 1.33}
    steps = [(timedelta(hours=before), serial) for serial, before in hours.items()]
    delays = {HIDDEN: 0, "ns1": 40, "ns2": 1800, "ns3.anycast.example.net": 90}
    made = []
    for server, addresses in SERVERS.items():
        for where in addresses:
            for before, serial in steps if server != "ns2" else steps[:-1]:
                since = NOW - before + timedelta(seconds=delays[server])
                made.append(StateChange("example.com.", server, where, serial, "answered", since))
    gone = SERVERS["ns3.anycast.example.net"][0]
    made.append(StateChange("example.com.", "ns3.anycast.example.net", gone, 2026112005, "timeout", ago(hours=9)))
    made.append(
        StateChange("example.com.", "ns3.anycast.example.net", gone, 2026112005, "answered", ago(hours=7, minutes=10))
    )
    return tuple(sorted(made, key=lambda run: run.since))


def arrivals() -> tuple[Propagation, ...]:
    """How the versions of that day came; HIDDEN is a secondary, too, and ns1 had one of them at once."""
    return tuple(
        Propagation("example.com.", run.server, run.address, run.serial or 0, seconds, seconds / 2, run.since)
        for run in runs()
        if run.outcome == "answered"
        for seconds in [0.0 if (run.server, run.serial) == ("ns1", SERIAL) else 0.25 + run.since.minute]
    )


async def store() -> MemoryStore:
    kept = MemoryStore(now=lambda: NOW)
    incidents = (PAST, *troubled().incidents.values())
    await kept.commit(Commit(state_changes=runs(), propagations=arrivals(), incidents=incidents))
    return kept


def silenced() -> SilenceStatus:
    """One that is active, one without an end, one that somebody has ended, and a window that comes at night."""
    new_disk = Silence(
        "s1", Matchers(servers=("ns2",)), ago(hours=1), NOW + timedelta(hours=1), "anna", "new disk", NOW
    )
    endless = Silence("s2", Matchers(zones=("lab.*",)), ago(days=3), None, "bert", "a lab", ago(days=3))
    over = Silence("s3", Matchers(codes=("ttl-differs",)), ago(days=1), ago(hours=9), "anna", "move", NOW, "bert")
    night = Recurrence(time(2), timedelta(hours=2), frozenset(range(7)), UTC)
    window = MaintenanceWindow("night", Matchers(servers=("ns1",)), "backup", night)
    return SilenceStatus((new_disk, endless, over), (new_disk, endless), (window,))


def nobody_asked() -> FakeProber:
    return FakeProber(lambda query: Observation(query, Outcome.UNASKED, NOW), lambda: NOW)


def no_waits() -> ServiceWaits:
    """Where no zone is watched."""
    return ServiceWaits(lambda: ZoneTable.of(()), nobody_asked())


def no_diffs() -> ServiceDiffs:
    return ServiceDiffs(lambda: ZoneTable.of(()), nobody_asked())


@dataclass
class Stage:
    """A service in the state of the test's choice: ``status`` may be swapped while it is served."""

    status: Status
    store: MemoryStore
    settings: Settings = field(default_factory=Settings)
    counters: Counters = field(default_factory=Counters)
    now: datetime = NOW
    event_hub: EventHub = field(default_factory=EventHub)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    waits: ZoneWaits = field(default_factory=no_waits)
    diffs: ZoneDiffs = field(default_factory=no_diffs)
    tokens: tuple[NamedToken, ...] = ()
    full: bool = False
    """Its database takes nothing."""

    def take(self) -> None:
        if self.full:
            raise NotKept("soawatch.db: the disk is full\x1b[2J")

    def context(self) -> WebContext:
        return WebContext(
            status=lambda: self.status,
            registry=self.counters.registry,
            probe_stats=self.counters.probe_stats,
            server_series=self.counters.server_series,
            store=self.store,
            event_hub=self.event_hub,
            now=lambda: self.now,
            stopping=self.stopping,
            waits=self.waits,
            diffs=self.diffs,
            incident_actions=StagedActions(self),
            silence_actions=StagedSilences(self),
            settings=self.settings,
            named_tokens=lambda: self.tokens,
        )

    def show(self, status: Status) -> None:
        self.status = status
        self.event_hub.notify()


class StagedActions:
    """What is done on a stage: its status is swapped, and its store keeps it."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    async def acknowledge(self, id: str, who: str, note: str) -> Incident | None:
        return await self._become(id, TimelineEvent.ACKNOWLEDGED, Acknowledgement(self._stage.now, who, note), who)

    async def unacknowledge(self, id: str, who: str, note: str) -> Incident | None:
        return await self._become(id, TimelineEvent.UNACKNOWLEDGED, None, who)

    async def _become(self, id: str, event: TimelineEvent, known: Acknowledgement | None, who: str) -> Incident | None:
        stage, incident = self._stage, self._stage.status.incidents.get(id)
        if incident is None or incident.phase != "open":
            return None
        stage.take()
        done = replace(incident, acknowledged=known)
        said = entry(done, event, stage.now, who=who, note=known.note if known else "")
        await stage.store.commit(Commit(incidents=(done,), timeline=(said,)))
        stage.show(replace(stage.status, incidents={**stage.status.incidents, id: done}))
        return done


class StagedSilences:
    """Silences that are shown as soon as they are made, and change nothing else."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    async def make(
        self, matchers: Matchers, starts_at: datetime | None, ends_at: datetime | None, who: str, comment: str
    ) -> Silence:
        stage, name = self._stage, f"s{len(self._stage.status.silences.made) + 1}"
        stage.take()
        made = Silence(name, matchers, starts_at or stage.now, ends_at, who, comment, stage.now)
        self._show({one.id: one for one in (*stage.status.silences.made, made)})
        return made

    async def end(self, id: str, who: str) -> Silence | None:
        known = {one.id: one for one in self._stage.status.silences.made}
        if id not in known:
            return None
        self._stage.take()
        known[id] = replace(known[id], ends_at=self._stage.now, ended_by=who)
        self._show(known)
        return known[id]

    def _show(self, made: Mapping[str, Silence]) -> None:
        stage = self._stage
        active = tuple(one for one in made.values() if one.is_active(stage.now))
        silences = replace(stage.status.silences, made=tuple(made.values()), active=active)
        stage.show(replace(stage.status, silences=silences))


TOKEN = "correct-horse-battery"
BEARER = {"Authorization": f"Bearer {TOKEN}"}

ANNA = NamedToken("anna", Secret("annas-own-token"), Role.OPERATE)
VIEWER = NamedToken("viewer", Secret("viewers-own-token"))


def bearer(token: NamedToken) -> dict[str, str]:
    return {"Authorization": f"Bearer {token.token.reveal()}"}


WHO_MAY_ASK: list[tuple[bool, bool, dict[str, str], int]] = [
    (False, False, {}, 200),
    (False, True, {}, 403),
    (False, True, BEARER, 403),
    (True, False, {}, 401),
    (True, True, {}, 401),
    (True, True, {"Authorization": "Bearer wrong"}, 401),
    (True, True, BEARER, 200),
    (True, False, BEARER, 200),
]
"""Whether there is a token, whether the page is public, the headers of one who has nameservers asked, the status."""


async def stage(status: Status, *, token: bool = False, public: bool = False) -> Stage:
    return Stage(status, await store(), Settings(token=Secret(TOKEN) if token else None, public=public))


LEAKS = (
    f"ns1 and {HIDDEN} disagree",
    f"{HIDDEN.upper()} has 7",
    f"transfer from {HIDDEN}.example.net refused",
    f"{HIDDEN_ADDRESS}: REFUSED",
    f"({HIDDEN_ADDRESS}:5353) gave no answer.",
    f"as {HIDDEN_ADDRESS}.",
    f"[{HIDDEN_ADDRESS6}]:5353 is ahead",
    "2001:DB8:77:0::53 is ahead",
    f"ahead of {HIDDEN_ADDRESS6}.",
)


def leaky() -> Status:
    """Every place that can hold a word about a hidden server holds one."""
    seen = troubled()
    zones = statuses(seen)
    texts = [finding("record-differs", text, "ns1", SERVERS["ns1"][0], subject=text) for text in LEAKS]
    own = [finding("tcp-unreachable", "no TCP", HIDDEN, where) for where in SERVERS[HIDDEN]]
    zones["example.net."] = replace(
        bad(zones["example.net."], *texts, *own),
        addresses=tuple(replace(a, nsid=f"{HIDDEN}.fra") for a in zones["example.net."].addresses),
        checks=(CheckStatus("transfer", seen.at, Health.UNKNOWN, f"{HIDDEN} gave no serial"),),
        reference_serials={"": 7, "of-the-hidden": 8},
        signer=HIDDEN,
        tree=(TransferHop(HIDDEN, (), 0, answers=True), TransferHop("ns1", (HIDDEN,), 1, answers=True)),
        last_notify=Notify(seen.at, HIDDEN, HIDDEN_ADDRESS),
    )
    notify = Notify(seen.at, "ns1", HIDDEN_ADDRESS)
    zones["shop.example."] = replace(zones["shop.example."], last_notify=notify)
    lines = tuple(line("record-differs", "example.net.", "ns1", None, text) for text in LEAKS)
    more = tuple(line("tcp-unreachable", "example.net.", HIDDEN, HIDDEN_ADDRESS, "no TCP") for _ in range(2))
    more += tuple(
        line(code, "", None, None, f"{store}: {HIDDEN}")
        for code, store in (
            ("database-failing", "/var/lib/soawatch.db"),
            ("configuration-refused", "/var/lib/soawatch.toml"),
        )
    )
    receiver = replace(
        seen.incidents["20261120T100430-a1b2c3"],
        id="receiver",
        cause=Cause("receiver", "oncall"),
        lines=(line("receiver-failing", "", None, None, "oncall: mx.example.com refuses for good: dns@example.com"),),
    )
    told = replace(
        seen.incidents["20261120T100430-a1b2c3"],
        id="leaky",
        lines=lines + more,
        findings=40,
        servers=("ns1", HIDDEN),
        acknowledged=Acknowledgement(NOW, "anna of hush-primary", f"{HIDDEN} is mine"),
    )
    return replace(
        seen,
        zones=FakeZones(zones.values()),
        incidents={**seen.incidents, told.id: told, receiver.id: receiver},
        receivers={"oncall": ReceiverStatus("oncall", "email", last_error=f"{HIDDEN} refused", pending=2)},
        store_ok=False,
        store_error="/var/lib/soawatch.db is read-only",
        config_ok=False,
        config_error=f"/var/lib/soawatch.toml: {HIDDEN}",
        sweeps=slow(),
    )
