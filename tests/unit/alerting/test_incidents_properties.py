"""Whatever happens, in whatever order: what must hold of incidents and of what is told of them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from alerting.alert_state import apply_result, withdraw
from alerting.audience import widest
from alerting.incident import Incident, IncidentEvent, IncidentFinding, Storm
from alerting.incident_index import IncidentIndex
from alerting.incident_lines import current, line_key
from alerting.incident_members import IncidentMembers
from alerting.incident_news import Rules
from alerting.incident_told import as_heard
from alerting.incidents import IncidentUpdate, OpenIncidents
from alerting.model import Alert, AlertKey, Phase, Policy, Route
from alerting.notification import OutboxMessage
from alerting.reopening import past_incidents
from alerting.root_cause import DependencyGraph
from alerting.routing import route
from alerting.silences import NO_SILENCES, ActiveSilences, Matchers, Silence
from checks.model import Finding
from checks.model.finding_type import Severity
from monitor.store.codec import decode, encode
from tests.support.alerts import START, finding, result, zone
from tests.support.at_once import due_reminders, update_incidents
from tests.support.examples import examples

ZONES = ("a.example.", "b.example.", "c.example.", "d.example.")
CODES = ("server-unreachable", "serial-late", "serial-overdue", "transfer-open", "ttl-differs")
SERVERS = ("ns1", "ns2", "ns3")
TOPOLOGY = DependencyGraph.of([zone(name, *SERVERS) for name in ZONES])
POLICY = Policy(grace=timedelta(minutes=1), settle=timedelta(minutes=1), remind=timedelta(minutes=10))
RECEIVERS = ("all", "pager", "b-team", "ns3-team", "patient", "hasty", "c-team")
ROUTES = (
    Route(("all",)),
    Route(("pager",), severity=(Severity.CRITICAL,)),
    Route(("b-team",), zones=("b.example",)),
    Route(("ns3-team",), servers=("ns3",)),
    Route(("patient",), grace=timedelta(minutes=4), settle=timedelta(minutes=3), remind=timedelta(0)),
    Route(("hasty",), severity=(Severity.CRITICAL,), grace=timedelta(0), settle=timedelta(0)),
    Route(("c-team",), zones=("c.example",), grace=timedelta(minutes=3)),
)
ALERT_POLICY = widest(POLICY, ROUTES)
RULES = Rules(TOPOLOGY, ROUTES, RECEIVERS, POLICY)
SILENCED = (
    Matchers(zones=("a.example",)),
    Matchers(servers=("ns2", "ns3")),
    Matchers(severity=(Severity.CRITICAL,)),
    Matchers(codes=("serial-late", "ttl-differs"), zones=("b*", "c*")),
)

FINDINGS = st.lists(
    st.builds(finding, st.sampled_from(CODES), st.sampled_from(SERVERS)),
    max_size=4,
    unique_by=lambda found: (found.code, found.server),
)
BATCH = st.dictionaries(st.sampled_from(ZONES), st.one_of(st.none(), FINDINGS), max_size=4)
"""Zone → what one check says of it: findings, nothing wrong, or (None) nothing at all."""
STEP = st.one_of(
    BATCH.map(lambda said: ("look", said)),
    st.just(("restart", {})),
    st.sets(st.sampled_from(range(len(SILENCED)))).map(lambda chosen: ("silence", dict.fromkeys(map(str, chosen)))),
    st.sampled_from(ZONES).map(lambda name: ("remove", {name: None})),
)


@dataclass
class Life:
    """A monitor that keeps only what the store keeps, and everything it ever told."""

    active_alerts: dict[AlertKey, Alert] = field(default_factory=dict)
    past: dict[AlertKey, Alert] = field(default_factory=dict)
    open_incidents: OpenIncidents = field(default_factory=OpenIncidents)
    plan: Rules = RULES
    told: list[OutboxMessage] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)
    minute: int = 0
    silences: ActiveSilences = NO_SILENCES
    counted: dict[str, set[AlertKey]] = field(default_factory=lambda: defaultdict(set))
    """By incident what was counted in it and has not become OK since."""
    gone: set[str] = field(default_factory=set)
    """Zones that the configuration has no more."""

    @property
    def rules(self) -> Rules:
        return replace(self.plan, silences=self.silences)

    def silence(self, numbers: Iterable[str]) -> None:
        self.silences = ActiveSilences(
            tuple(Silence(n, SILENCED[int(n)], START, None, "ann", "", START) for n in sorted(numbers))
        )
        self.take(update_incidents(self.open_incidents, self.active_alerts, (), (), self.rules, self.now, anew=True))

    def step(self, what: str, said: dict[str, list[Finding] | None]) -> None:
        self.minute += 1
        if what == "restart":
            self.restart()
        elif what == "wait":
            pass
        elif what == "silence":
            self.silence(said)
        elif what == "remove":
            self.remove(next(iter(said)))
        else:
            self.look(said)
        self.take(due_reminders(self.open_incidents, self.active_alerts, self.rules, self.now))

    def remove(self, name: str) -> None:
        """A reload lets go of the zone; a second one has it again."""
        self.gone ^= {name}
        left = DependencyGraph.of([zone(each, *SERVERS) for each in ZONES if each not in self.gone])
        self.plan = replace(self.plan, dependency_graph=left)
        gone = [withdraw(alert, self.now) for alert in self.of(name)] if name in self.gone else []
        self.change([alert for alert, _ in gone], [moved for _, moved in gone], anew=True)

    @property
    def now(self):  # type: ignore[no-untyped-def]
        return START + timedelta(minutes=self.minute)

    def of(self, name: str) -> list[Alert]:
        return [alert for alert in self.active_alerts.values() if alert.key.zone == name]

    def look(self, said: dict[str, list[Finding] | None]) -> None:
        changed, transitions = [], []
        for name, findings in said.items():
            if name in self.gone:
                continue
            known = {alert.key: alert for alert in self.of(name)}
            spoken = result(name, self.minute, *(findings or ()), reason="blind" if findings is None else "")
            touched, moved = apply_result(spoken, known, {}, ALERT_POLICY, self.past)
            changed += [alert for alert in touched if alert != known.get(alert.key)]
            transitions += moved
        self.change(changed, transitions)

    def change(self, changed=(), transitions=(), *, anew=False) -> None:  # type: ignore[no-untyped-def]
        for alert in changed:
            self.put(alert)
        moved = [each for each in transitions if each is not None]
        known, rules = self.open_incidents, self.rules
        self.take(update_incidents(known, self.active_alerts, changed, moved, rules, self.now, anew=anew))

    def take(self, kept: IncidentUpdate) -> None:
        for alert in kept.alerts:
            self.put(alert)
        self.open_incidents = kept.open_incidents
        for keys in self.counted.values():
            keys.intersection_update(self.active_alerts)
        for message in kept.messages:
            self.tells_what_is_heard(message)
            self.tells_of_nothing_bad_that_it_is_over(message)
        index = kept.open_incidents.index
        for name in kept.open_incidents.incidents if index is not None else ():
            self.counted[name] |= set(index.members[name])
        self.told += kept.messages
        self.ended |= {incident.id for incident in kept.incidents if incident.phase == "resolved"}
        self.ended -= kept.open_incidents.incidents.keys()

    def tells_what_is_heard(self, message: OutboxMessage) -> None:
        """News names nothing that is silenced, unless somebody is released from what he knows."""
        if message.event is IncidentEvent.RESOLVED:
            return
        heard = [alert for alert in self.active_alerts.values() if not self.silences.of(alert, TOPOLOGY.labels)]
        assert message.incident.findings
        assert set(message.incident.zones) <= {alert.key.zone for alert in heard}
        assert set(message.incident.codes) <= {alert.key.code for alert in heard}
        assert set(message.incident.servers) <= {alert.key.server for alert in heard}

    def tells_of_nothing_bad_that_it_is_over(self, message: OutboxMessage) -> None:
        incident = message.incident
        known = self.counted[incident.id]
        bad = {key for key in known if self.active_alerts[key].phase in (Phase.PENDING, Phase.FIRING)}
        assert not set(incident.past_zones) & {key.zone for key in bad}
        assert not self.gone & set(incident.past_zones) & set(incident.left_zones)
        for line in incident.lines:
            named = {key.zone for key in bad if line_key(key) == (line.code, line.server, line.address)}
            assert line.ended_at is None or not named & {line.zone, *line.sample}
        before = [each.incident for each in self.told if each.receiver == message.receiver]
        last = next((each for each in reversed(before) if each.id == incident.id), None)
        if incident.change is not None and last is not None and message.event is IncidentEvent.IMPROVED:
            here = {*incident.zones, *incident.left_zones, *incident.moved_zones}
            assert not set(last.zones).difference(here) & {key.zone for key in bad}

    def put(self, alert: Alert) -> None:
        if alert.quiet:
            self.active_alerts.pop(alert.key, None)
            self.past[alert.key] = alert
        else:
            self.active_alerts[alert.key] = alert

    def restart(self) -> None:
        alerts = [decode(Alert, encode(alert)) for alert in self.active_alerts.values()]
        self.active_alerts = {alert.key: alert for alert in alerts}
        past = past_incidents(decode(Incident, encode(each)) for each in self.open_incidents.past.values())
        self.open_incidents = OpenIncidents(
            {name: decode(Incident, encode(each)) for name, each in self.open_incidents.incidents.items()},
            past=past,
            storms={name: decode(Storm, encode(each)) for name, each in self.open_incidents.storms.items()},
        )


def holds(life: Life) -> None:
    """What is true after every step."""
    for alert in life.active_alerts.values():
        if alert.phase in (Phase.FIRING, Phase.RECOVERING) and alert.severity > Severity.INFO:
            assert alert.incident in life.open_incidents.incidents
        if alert.phase is Phase.PENDING:
            assert alert.incident is None
    assert not life.ended & life.open_incidents.incidents.keys()
    assert len({incident.cause for incident in life.open_incidents.incidents.values()}) == len(
        life.open_incidents.incidents
    )
    ids = [message.id for message in life.told]
    assert len(ids) == len(set(ids))
    heard: dict[tuple[str, str], list[IncidentEvent]] = defaultdict(list)
    for message in life.told:
        heard[message.incident.id, message.receiver].append(message.event)
    for (incident, receiver), news in heard.items():
        assert all(
            (before is IncidentEvent.RESOLVED) == (each is IncidentEvent.OPENED)
            for before, each in pairwise([IncidentEvent.RESOLVED, *news])
        )
        if incident in life.ended:
            assert news[-1] is IncidentEvent.RESOLVED
        else:
            assert (news[-1] is not IncidentEvent.RESOLVED) == (
                receiver in life.open_incidents.incidents[incident].told
            )
    for incident in life.open_incidents.incidents.values():
        members = current([a for a in life.active_alerts.values() if a.incident == incident.id])
        known = {receiver for name, receiver in heard if name == incident.id}
        assert set(incident.told) <= known
        assert len(incident.told) == len(incident.receivers) + sum(len(part.receivers) for part in incident.parts)
        assert bool(incident.receivers) <= (incident.notified is not None) <= bool(known)
        assert {a.key.zone for a in members} <= set(incident.zones)
        assert not set(incident.zones) & set(incident.past_zones)
        assert incident.findings >= len(current(members))
        assert incident.findings == sum(line.count for line in incident.lines if line.ended_at is None) + sum(
            line.count for line in incident.lines if line.ended_at is not None and stands(line, current(members))
        )
        gravest = max((a.severity for a in members), default=incident.severity)
        assert incident.severity in (gravest, Severity.CRITICAL if incident.unserved else gravest)
        assert incident.worst >= incident.severity
        assert incident.began_at <= incident.opened_at


def stands(line: IncidentFinding, members: Sequence[Alert]) -> bool:
    """Recovering alerts stand, though their line says since when they are good."""
    return any((a.key.code, a.key.server) == (line.code, line.server) for a in members)


def agrees(life: Life) -> None:
    """Once nothing has moved for longer than anything waits, who is told of an incident is who is concerned by it."""
    for incident in life.open_incidents.incidents.values():
        if incident.recovering:
            continue
        members = members_of(life, incident)
        heard, firing = as_heard(incident, members, life.active_alerts), members.heard.firing()
        news = replace(heard, zones=firing.zones.inorder, servers=firing.servers.inorder, codes=firing.codes.inorder)
        assert (set(route(news, ROUTES, RECEIVERS)) if news.codes else set()) <= set(incident.told)
        if incident.notified is not None and news.codes:
            assert heard.severity <= incident.notified.severity
            assert set(news.zones) <= set(incident.notified.zones) <= {*incident.zones, *incident.left_zones}
        if not incident.silenced and incident.told:
            assert set(incident.told) == set(route(incident, ROUTES, RECEIVERS))
        for part in incident.parts:
            told = not incident.silenced and part.receivers
            assert not told or (part.notified and part.severity <= part.notified.severity)


def members_of(life: Life, incident: Incident) -> IncidentMembers:
    index = IncidentIndex.of(
        life.plan.dependency_graph, life.open_incidents.incidents, life.active_alerts, life.silences
    )
    index.settle()
    return index.members[incident.id]


@examples(120)
@given(st.lists(STEP, min_size=5, max_size=40))
def test_whatever_happens(steps: list[tuple[str, dict[str, list[Finding] | None]]]) -> None:
    life = Life()
    for what, said in steps:
        life.step(what, said)
        holds(life)
    active_alerts = [a for a in life.active_alerts.values() if a.phase is not Phase.RECOVERING]
    if len(active_alerts) == len(life.active_alerts):
        for _ in range(90):
            life.step("wait", {})
        holds(life)
        agrees(life)
        life.step("silence", {})
        for _ in range(90):
            life.step("wait", {})
        holds(life)
        agrees(life)
    for _ in range(80):
        life.step("look", {name: [] for name in ZONES})
        holds(life)
    for message in life.told:
        assert set(message.incident.zones) <= {"b-team": {"b.example."}, "c-team": {"c.example."}}.get(
            message.receiver, set(ZONES)
        )
    assert life.active_alerts == {}
    assert life.open_incidents.incidents == {}


def believed(life: Life, receiver: str) -> set[str]:
    """The incidents that a receiver takes for open, by what it was told last of each."""
    alone: set[str] = set()
    many: set[str] = set()
    for message in life.told:
        if message.receiver != receiver:
            continue
        over = message.event is IncidentEvent.RESOLVED
        if message.incident.many is not None:
            many = set(message.incident.incidents)
            alone.difference_update(message.incident.many.over)
        elif over:
            alone.discard(message.incident.id)
        else:
            alone.add(message.incident.id)
    return alone | many


@examples(120)
@given(st.lists(STEP, min_size=5, max_size=40))
def test_however_little_a_receiver_can_take_what_it_was_told_last_agrees_with_what_stands(
    steps: list[tuple[str, dict[str, list[Finding] | None]]],
) -> None:
    life = Life(plan=replace(RULES, policy=replace(POLICY, max_messages=2), state_receivers=("pager",)))
    for what, said in steps:
        life.step(what, said)
    for _ in range(60):
        life.step("wait", {})
    for name in RECEIVERS:
        open_ = {each.id for each in life.open_incidents.incidents.values() if name in each.told}
        assert open_ == believed(life, name)
        times = [each.at for each in life.told if each.receiver == name and not each.incident.many]
        if name != "pager":
            assert all(late - early >= timedelta(minutes=10) for early, late in zip(times, times[2:], strict=False))
    for _ in range(100):
        life.step("look", {name: [] for name in ZONES})
    assert life.open_incidents.incidents == {}
    assert all(each.known == () and each.over == () for each in life.open_incidents.storms.values())
    many = {name: [each for each in life.told if each.receiver == name and each.incident.many] for name in RECEIVERS}
    assert all(each[-1].event is IncidentEvent.RESOLVED for each in many.values() if each)
    ids = [message.id for message in life.told]
    assert len(ids) == len(set(ids))
