"""A day in the life of healthy zones raises no alert; the same day with one frozen secondary raises one.

Clock and packets are arguments: nothing here sleeps or opens a socket. The day runs through the whole middle of the
service (zone state, checks, alerts, incidents), and now and then through a restart that keeps only what the store
keeps.
"""

import heapq
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from alerting.incident import Incident, IncidentEvent
from alerting.model import Alert, Policy, Transition
from alerting.notification import OutboxMessage
from alerting.root_cause import DependencyGraph
from checks.base import Check
from checks.model import Address, Observation, Outcome, Query, Server, Shape, Soa, Transport, Zone, ZonePoll
from checks.model.finding_type import Severity
from checks.model.zone_table import ZoneTable
from checks.reachable import Reachable
from checks.soa_fields import SoaFields
from checks.soa_serial import SoaSerial
from checks.zone_state.model import ZoneState
from monitor.state.monitor_state import MonitorState
from monitor.state.monitoring_plan import MonitoringPlan
from monitor.state.pipeline import process
from monitor.state.ports import StoredState
from monitor.store.codec import decode, encode
from tests.support.alerts import START
from tests.support.at_once import reminders

SEED = int(os.environ.get("SOAWATCH_SEED", "20261120"))

DAY = timedelta(days=1)
ZONES = 8
LOSS = 0.05
"""Of packets, each way."""
ATTEMPTS = 3
CHANGE_EVERY = 400.0
"""Seconds between two changes of a zone, on average; with the bursts some 3000 changes in all."""
NOTIFY_LOST = 0.1
"""So many changes reach a secondary only when its refresh runs out."""
REFRESH = 300.0
RESTARTS = 6

CHECKS: tuple[tuple[Check, float], ...] = ((Reachable(), 60), (SoaSerial(), 60), (SoaFields(), 300))
"""Each with its cadence in seconds."""


@dataclass
class Nameservers:
    """Who serves what when: the primary changes, the secondaries follow, packets get lost."""

    dice: random.Random
    frozen: str | None = None
    """This server serves every zone as it was at noon, from noon on."""
    changes: dict[str, list[float]] = field(default_factory=dict)
    arrivals: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def plan(self, zones: list[Zone]) -> int:
        """Throw the dice for the day: when each zone changes, when each server has each version."""
        for zone in zones:
            moments = list(self._moments())
            self.changes[zone.name] = moments
            for server in zone.servers:
                delays = [0.0 if server.name == zone.primary else self._delay() for _ in moments]
                self.arrivals[zone.name, server.name] = [m + d for m, d in zip(moments, delays, strict=True)]
        return sum(map(len, self.changes.values()))

    def _moments(self) -> Iterator[float]:
        """Single changes, and now and then a burst of them seconds apart."""
        at = 0.0
        while (at := at + self.dice.expovariate(1 / CHANGE_EVERY)) < DAY.total_seconds():
            yield at
            for _ in range(self.dice.choice((0, 0, 0, 0, 1, 4))):
                yield (at := at + self.dice.uniform(0.5, 3))

    def _delay(self) -> float:
        if self.dice.random() < NOTIFY_LOST:
            return self.dice.uniform(0, REFRESH)
        return self.dice.choice((0.0, 0.5, 5.0)) + self.dice.expovariate(1 / 1.5)

    def serial(self, zone: str, server: str, at: datetime) -> int:
        """A later version brings all earlier ones with it. Serials wrap around in the course of the day."""
        second = (at - START).total_seconds()
        if server == self.frozen:
            second = min(second, DAY.total_seconds() / 2)
        arrivals = self.arrivals[zone, server]
        count = next((n for n in range(len(arrivals), 0, -1) if arrivals[n - 1] <= second), 0)
        return (2**32 - 100 + count) % 2**32

    def answer(self, query: Query, at: datetime) -> Observation:
        for attempt in range(ATTEMPTS):
            if self.dice.random() >= LOSS and self.dice.random() >= LOSS:
                rtt = self.dice.uniform(0.001, 0.2)
                return self._said(query, at + timedelta(seconds=2 * attempt + rtt), rtt)
        return Observation(query, Outcome.TIMEOUT, at + timedelta(seconds=2 * ATTEMPTS))

    def _said(self, query: Query, at: datetime, rtt: float) -> Observation:
        serial = self.serial(query.zone, query.server, at)
        soa = Soa(serial, f"ns1.{query.zone}", f"dns.{query.zone}", int(REFRESH), 60, 1209600, 300, 3600)
        return Observation(
            query,
            Outcome.ANSWERED,
            at,
            rtt,
            query.transport,
            "NOERROR",
            authoritative=True,
            shape=Shape.RECORDS,
            soa=soa,
            nsid=query.server,
            expire=1209600 if query.transport is Transport.UDP else None,
        )


@dataclass
class Watch:
    """What became of the day."""

    transitions: list[Transition] = field(default_factory=list)
    messages: list[OutboxMessage] = field(default_factory=list)
    polls: int = 0
    lost: int = 0
    pending: int = 0
    restarts: int = 0


def zones() -> list[Zone]:
    servers = tuple(
        Server(f"ns{n}", (Address(f"192.0.2.{n}"), Address(f"2001:db8::{n}"))[: 2 if n == 2 else 1]) for n in (1, 2, 3)
    )
    return [Zone(f"z{n:02d}.example.", servers, "ns1") for n in range(ZONES)]


@dataclass(frozen=True)
class Turn:
    """A check asks a zone; ``afresh`` when the monitor has been restarted since the turn before."""

    at: datetime
    zone: Zone
    check: Check
    cadence: timedelta
    afresh: bool


def calendar(zones: list[Zone], dice: random.Random) -> Iterator[Turn]:
    """Every zone has its turn once per cadence, at its own second; while the monitor is down nobody has."""
    outages = sorted((dice.uniform(0, 86400), dice.choice((2, 20, 600))) for _ in range(RESTARTS))
    pairs = [(zone, check, cadence) for zone in zones for check, cadence in CHECKS]
    due = [(dice.uniform(0, pairs[n][2]), n) for n in range(len(pairs))]
    heapq.heapify(due)
    last = 0.0
    while due[0][0] < DAY.total_seconds():
        second, n = heapq.heappop(due)
        zone, check, cadence = pairs[n]
        heapq.heappush(due, (second + cadence, n))
        if not any(start <= second < start + length for start, length in outages):
            afresh = any(last < start + length <= second for start, length in outages)
            yield Turn(START + timedelta(seconds=second), zone, check, timedelta(seconds=cadence), afresh)
            last = second


def restarted(memory: MonitorState) -> MonitorState:
    """What a restart leaves: zone states, alerts and open incidents, as text on a disk."""
    return MonitorState.of(
        StoredState(
            zone_states={name: decode(ZoneState, encode(each)) for name, each in memory.zone_states.items()},
            alerts={each.key: each for each in (decode(Alert, encode(a)) for a in memory.active_alerts.values())},
            incidents={name: decode(Incident, encode(each)) for name, each in memory.open_incidents.incidents.items()},
        )
    )


def look(turn: Turn, servers: Nameservers) -> tuple[tuple[Observation, ...], datetime]:
    """Ask until the check wants nothing more; all questions of a step go out together."""
    seen: tuple[Observation, ...] = ()
    at = turn.at
    while queries := tuple(turn.check.queries(turn.zone, seen)):
        answers = tuple(servers.answer(query, at) for query in queries)
        at = max(answer.at for answer in answers)
        seen = (*seen, *answers)
    return seen, at


def live(servers: Nameservers, dice: random.Random) -> Watch:
    watched = zones()
    print(f"seed {SEED}: {servers.plan(watched)} changes")
    plan = MonitoringPlan(
        zones=ZoneTable.of(watched),
        checks={check.name: check for check, _ in CHECKS},
        dependency_graph=DependencyGraph.of(watched),
        policy=Policy(),
        receivers=("oncall",),
    )
    memory, watch = MonitorState(), Watch()
    for turn in calendar(watched, dice):
        if turn.afresh:
            memory = restarted(memory)
            watch.restarts += 1
        seen, at = look(turn, servers)
        watch.polls += 1
        watch.lost += sum(each.outcome is Outcome.TIMEOUT for each in seen)
        poll = ZonePoll(turn.zone.name, turn.check.name, at, turn.cadence, seen)
        commit, _ = process(memory, [poll], plan, at)
        watch.transitions += commit.transitions
        watch.messages += commit.messages
        watch.pending = max(watch.pending, len(memory.active_alerts))
        if watch.polls % 1000 == 0:
            watch.messages += reminders(memory, plan, at).messages
    return watch


def test_a_quiet_day_raises_no_alert() -> None:
    dice = random.Random(SEED)
    watch = live(Nameservers(dice), dice)
    print(f"{watch.polls} rounds, {watch.lost} questions without an answer, at most {watch.pending} alerts pending")
    assert watch.polls > 20_000
    assert watch.restarts == RESTARTS
    assert watch.lost > 50, "the day was too quiet to prove anything"
    assert watch.pending > 0, "nothing ever looked odd: the day was too quiet to prove anything"
    assert watch.transitions == []
    assert watch.messages == []


def test_the_same_day_with_one_frozen_secondary_is_one_incident() -> None:
    dice = random.Random(SEED)
    watch = live(Nameservers(dice, frozen="ns3"), dice)
    heard = [(message.event, str(message.incident.cause)) for message in watch.messages]
    print(f"{len(watch.transitions)} transitions; heard: {heard}")
    assert [news for news, _ in heard].count(IncidentEvent.OPENED) == 1
    assert heard[-1][1] == "server ns3"
    assert {message.incident.id for message in watch.messages} == {watch.messages[0].incident.id}
    assert {transition.key.server for transition in watch.transitions} == {"ns3"}
    codes = {transition.key.code for transition in watch.transitions}
    assert codes <= {"serial-late", "serial-overdue", "serial-stuck"}
    last = watch.messages[-1].incident
    assert last.severity is Severity.CRITICAL
    assert len(last.zones) == ZONES
    noon = START + DAY / 2
    assert noon < watch.messages[0].at < noon + timedelta(minutes=45)
    news = [each for each, _ in heard]
    assert news.count(IncidentEvent.WORSENED) <= 3, "once per code, and once from a zone to the server"
    assert 2 <= news.count(IncidentEvent.REMINDED) <= 3, "every four hours of the twelve that are left"
    assert news.count(IncidentEvent.RESOLVED) == 0
