"""Incidents kept up to date change by change are those that come out of all alerts at once, whatever happens."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from alerting.alert_state import apply_result, withdraw
from alerting.audience import widest
from alerting.incident import Incident, IncidentFinding, Storm
from alerting.incident_news import Rules
from alerting.incidents import IncidentUpdate, OpenIncidents, begin_index, note_alerts, update_in_steps
from alerting.model import Alert, AlertKey, Policy, Route, Transition
from alerting.reopening import past_incidents
from alerting.root_cause import DependencyGraph
from alerting.silences import ActiveSilences, Matchers, Silence
from alerting.storm_guard import is_due
from checks.model import Address, CheckResult, Expectation, Finding, Health, Server, TransferRule, Zone
from checks.model.finding_type import Severity
from monitor.store.codec import decode, encode
from tests.support.alerts import START
from tests.support.alerts import alert as standing
from tests.support.at_once import due_reminders, update_incidents
from tests.support.whole_fold import whole_update

CODES = {
    "soa-serial": ("serial-late", "serial-overdue", "serial-ahead", "serial-regressed", "serial-stuck"),
    "reachable": ("server-unreachable", "tcp-unreachable", "zone-not-served", "zone-expired"),
    "records": ("record-differs", "transfer-refused", "transfer-open", "ttl-differs"),
    "transfer": ("transfer-failed", "tls-unreachable", "transfer-refused"),
}
SUBJECTS = {
    "records": ("", "", "a", "b"),
    "transfer": ("no key, must be allowed", "key k, must be allowed over TLS", "key k, must be allowed"),
}
RULES = (TransferRule("*", Expectation.ALLOWED, key="k"),)
POLICY = Policy(grace=timedelta(minutes=1), settle=timedelta(minutes=1), remind=timedelta(minutes=10), max_messages=4)
RECEIVERS = ("all", "pager", "b-team", "ns3-team", "patient", "hasty", "quiet")
ROUTES = (
    Route(("all",)),
    Route(("pager",), severity=(Severity.CRITICAL,)),
    Route(("b-team",), zones=("z1.example", "z2*")),
    Route(("ns3-team",), servers=("ns3",), codes=("serial-late", "server-unreachable")),
    Route(("patient",), grace=timedelta(minutes=4), settle=timedelta(minutes=3), remind=timedelta(minutes=7)),
    Route(("hasty", "patient"), severity=(Severity.CRITICAL,), grace=timedelta(0), settle=timedelta(0)),
    Route(("quiet",), zones=("z0.example",), grace=timedelta(minutes=2), send_resolved=False),
)
ALERT_POLICY = widest(POLICY, ROUTES)

SILENCED = (
    Matchers(labels=(("team", ("z1",)),)),
    Matchers(servers=("ns2",)),
    Matchers(servers=("ns3", "ns4"), severity=(Severity.CRITICAL,)),
    Matchers(codes=("serial-late", "server-unreachable")),
    Matchers(zones=("z*",), codes=("record-differs", "not-checked")),
)


def servers(chance: random.Random) -> dict[str, Server]:
    """ns3 may have its zones from ns2; some have two addresses."""
    made = {}
    for number in range(1, 5):
        networks = chance.choice(("192.0.2", "198.51.100")), chance.choice(("2001:db8", "2001:db8:1"))
        addresses = [Address(f"{networks[0]}.{number}"), Address(f"{networks[1]}::{number}")]
        addresses = addresses[slice(*chance.choice(((0, 1), (0, 2), (0, 2), (1, 2))))]
        upstream = ("ns2",) if number == 3 and chance.random() < 0.5 else ()
        made[f"ns{number}"] = Server(f"ns{number}", tuple(addresses), group=chance.choice(("", "g")), upstream=upstream)
    return made


def watched(chance: random.Random, count: int) -> list[Zone]:
    there = servers(chance)
    names = list(there)
    return [
        Zone(
            f"z{n}.example.",
            tuple(there[s] for s in names[: chance.choice((1, 2, 3, 4))]),
            "ns1",
            labels=(("team", f"z{n}"),),
            min_good=chance.choice((1, 1, 2, 3)),
            transfers=chance.choice(((), RULES)),
        )
        for n in range(count)
    ]


@dataclass
class Twin:
    """One history for both: what each made of it must be the same."""

    chance: random.Random
    zones: Sequence[Zone]
    severity: dict[str, Severity] = field(default_factory=dict)
    active_alerts: dict[AlertKey, Alert] = field(default_factory=dict)
    past: dict[AlertKey, Alert] = field(default_factory=dict)
    quick: OpenIncidents = field(default_factory=OpenIncidents)
    whole: OpenIncidents = field(default_factory=OpenIncidents)
    minutes: float = 0
    told: int = 0
    rules: Rules = field(init=False)
    gone: set[str] = field(default_factory=set)
    """Zones that the configuration has no more."""

    def __post_init__(self) -> None:
        self.rules = Rules(DependencyGraph.of(self.zones), ROUTES, RECEIVERS, POLICY, {"records": [timedelta(hours=1)]})

    @property
    def now(self) -> datetime:
        return START + timedelta(minutes=self.minutes)

    def put(self, alert: Alert) -> None:
        if alert.quiet:
            self.active_alerts.pop(alert.key, None)
            self.past[alert.key] = alert
        else:
            self.active_alerts[alert.key] = alert

    def findings(self, zone: Zone, check: str, dead: set[str], bad: float) -> list[Finding]:
        found = {}
        for server in zone.servers:
            for address in (*server.addresses, None):
                for code in CODES[check]:
                    if self.chance.random() < (0.8 if server.name in dead and check == "reachable" else bad):
                        subject = self.chance.choice(SUBJECTS.get(check, ("",)))
                        words = f"{code} {self.minutes}{' (BADKEY)' * (code == 'transfer-refused')}"
                        found[code, server.name, address, subject] = Finding(code, words, server.name, address, subject)
        if self.chance.random() < bad:
            found["ns-set-differs", "", None, ""] = Finding("ns-set-differs", "they differ")
        return list(found.values())

    def look(self, dead: set[str], bad: float) -> None:
        changed: dict[AlertKey, Alert] = {}
        transitions: list[Transition] = []
        for zone in self.zones:
            for check in CODES:
                if zone.name in self.gone or self.chance.random() < 0.5:
                    continue
                unknown = self.chance.random() < 0.1
                findings = [] if unknown else self.findings(zone, check, dead, bad)
                health = Health.UNKNOWN if unknown else Health.BAD if findings else Health.GOOD
                why = "blind" if unknown else ""
                result = CheckResult(zone.name, check, self.now, health, tuple(findings), (), why)
                known = {k: a for k, a in self.active_alerts.items() if (k.zone, k.check) == (zone.name, check)}
                touched, moved = apply_result(result, known, self.severity, ALERT_POLICY, self.past)
                for alert in touched:
                    if alert != known.get(alert.key):
                        changed[alert.key] = alert
                    self.put(alert)
                transitions += moved
                if self.chance.random() < 0.3:
                    some = self.chance.sample(list(changed), self.chance.randint(0, len(changed)))
                    if self.chance.random() < 0.5:
                        self.quick = begin_index(self.quick, self.active_alerts, self.rules.dependency_graph)
                    note_alerts(self.quick, self.active_alerts, some, self.rules.dependency_graph)
        self.fold(list(changed.values()), transitions)

    def offline(self) -> None:
        """The monitor says of itself that it is offline, or that it is so no longer."""
        findings = () if self.chance.random() < 0.5 else (Finding("monitor-offline", "offline", subject="IPv4"),)
        result = CheckResult("", "self", self.now, Health.BAD if findings else Health.GOOD, findings)
        known = {k: a for k, a in self.active_alerts.items() if k.zone == ""}
        touched, moved = apply_result(result, known, {}, ALERT_POLICY)
        changed = [alert for alert in touched if alert != known.get(alert.key)]
        for alert in touched:
            self.put(alert)
        self.fold(changed, moved)

    def reload(self) -> None:
        """A zone is let go of, or there again."""
        name = self.chance.choice(self.zones).name
        self.gone ^= {name}
        left = DependencyGraph.of([zone for zone in self.zones if zone.name not in self.gone])
        self.rules = replace(self.rules, dependency_graph=left)
        gone = [withdraw(alert, self.now) for key, alert in self.active_alerts.items() if key.zone in self.gone]
        for alert, _ in gone:
            self.put(alert)
        moved = [moved for _, moved in gone if moved is not None]
        self.fold([alert for alert, _ in gone], moved, anew=self.chance.random() < 0.5)

    def remove(self) -> None:
        name = self.chance.choice(self.zones).name
        gone = [withdraw(alert, self.now) for key, alert in self.active_alerts.items() if key.zone == name]
        for alert, _ in gone:
            self.put(alert)
        self.fold([alert for alert, _ in gone], [moved for _, moved in gone if moved is not None])

    def silence(self) -> None:
        """Other silences are active than before."""
        chosen = [matchers for matchers in SILENCED if self.chance.random() < 0.3]
        silences = [Silence(str(n), each, START, None, "a", "", START) for n, each in enumerate(chosen)]
        self.rules = replace(self.rules, silences=ActiveSilences(tuple(silences)))
        anew = self.chance.random() < 0.2 or self.quick.index is None  # as a start does
        self.fold([], [], anew=anew, by_other_silences=True)

    def other_severities(self) -> None:
        code = self.chance.choice([code for codes in CODES.values() for code in codes])
        self.severity[code] = self.chance.choice(list(Severity))
        changed = [
            replace(alert, severity=self.severity[code])
            for key, alert in self.active_alerts.items()
            if key.code == code and alert.severity is not self.severity[code]
        ]
        for alert in changed:
            self.put(alert)
        self.fold(changed, (), anew=self.chance.random() < 0.5)

    def restart(self) -> None:
        self.active_alerts = {a.key: a for a in (decode(Alert, encode(a)) for a in self.active_alerts.values())}
        for name in ("quick", "whole"):
            kept = getattr(self, name).incidents
            past = past_incidents(decode(Incident, encode(each)) for each in getattr(self, name).past.values())
            storms = {of: decode(Storm, encode(each)) for of, each in getattr(self, name).storms.items()}
            again = {i: decode(Incident, encode(each)) for i, each in kept.items()}
            setattr(self, name, OpenIncidents(again, past=past, storms=storms))

    def fold(
        self,
        changed: Sequence[Alert],
        transitions: Sequence[Transition],
        *,
        anew: bool = False,
        by_other_silences: bool = False,
    ) -> None:
        before, known = dict(self.active_alerts), self.rules
        if self.chance.random() < 0.1:  # as when the service ends: nothing may come of it
            broken_off = update_in_steps(self.quick, before, changed, transitions, known, self.now)
            next(broken_off)
            broken_off.close()
        one = update_incidents(self.quick, self.active_alerts, changed, transitions, known, self.now, anew=anew)
        other = whole_update(self.whole, before, changed, transitions, known, self.now, anew=anew or by_other_silences)
        self.compare(one, other)

    def remind(self) -> None:
        one = due_reminders(self.quick, self.active_alerts, self.rules, self.now)
        due = any(i.due_at is not None and i.due_at <= self.now for i in self.whole.incidents.values())
        due = due or is_due(self.whole.storms, self.now)
        other = IncidentUpdate(self.whole)
        if due:
            other = whole_update(self.whole, self.active_alerts, (), (), self.rules, self.now)
        self.compare(one, other)

    def compare(self, one: IncidentUpdate, other: IncidentUpdate) -> None:
        assert one.alerts == other.alerts
        assert one.storms == other.storms
        assert list(map(told, one.incidents)) == list(map(told, other.incidents))
        assert [(m, told(m.incident)) for m in one.messages] == [(m, told(m.incident)) for m in other.messages]
        self.told += len(one.messages)
        for alert in one.alerts:
            self.put(alert)
        self.quick, self.whole = one.open_incidents, other.open_incidents
        assert list(self.quick.incidents.items()) == list(self.whole.incidents.items())
        assert list(self.quick.past) == list(self.whole.past)


def told(incident: Incident) -> str:
    """All of it; but what a line said last before it ended may have ticked on, where nobody was told."""
    parts = tuple(replace(part, lines=past_unworded(part.lines)) for part in incident.parts)
    return encode(replace(incident, lines=past_unworded(incident.lines), parts=parts))


def past_unworded(lines: Iterable[IncidentFinding]) -> tuple[IncidentFinding, ...]:
    return tuple(replace(line, text="") if line.ended_at is not None else line for line in lines)


def live(seed: int, steps: int, zones: Sequence[int] = (2, 4, 7)) -> int:
    """So many messages of a life of so many steps; ``zones``: how many there may be."""
    chance = random.Random(seed)
    twin = Twin(chance, watched(chance, chance.choice(zones)))
    dead: set[str] = set()
    bad = 0.0
    moves = {
        twin.remove: 0.05,
        twin.reload: 0.05,
        twin.restart: 0.05,
        twin.offline: 0.1,
        twin.silence: 0.1,
        twin.other_severities: 0.04,
    }
    for _ in range(steps):
        twin.minutes += chance.choice((0.1, 0.5, 1, 1, 3))
        if chance.random() < 0.2:
            dead = {name for name in ("ns1", "ns2", "ns3", "ns4") if chance.random() < 0.4}
        if chance.random() < 0.2:
            bad = chance.choice((0, 0, 0.02, 0.2))
        twin.look(dead, bad)
        for move, likely in moves.items():
            if chance.random() < likely:
                move()
        twin.remind()
    return twin.told


def test_alerts_of_which_it_was_not_told_are_found_all_the_same() -> None:
    """That would be a mistake of the caller, and costs one look at all of them."""
    first, second = standing("z0.example.", "serial-late", "ns2"), standing("z1.example.", "serial-late", "ns2")
    rules = Rules()
    known = update_incidents(OpenIncidents(), {first.key: first}, [first], (), rules, START).open_incidents
    both = {first.key: first, second.key: second}
    update = update_incidents(known, both, [], (), rules, START)
    assert [each.key for each in update.alerts] == [first.key, second.key]


@pytest.mark.parametrize("seed", range(1, 4))
def test_what_is_kept_up_to_date_is_what_is_made_anew(seed: int) -> None:
    assert live(seed, 30, (2, 3))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1000, 1200))
def test_what_is_kept_up_to_date_is_what_is_made_anew_for_long(seed: int) -> None:
    assert live(seed, 200)
