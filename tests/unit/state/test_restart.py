"""A restart changes nothing: what comes back from the store is exactly what was there, and goes on the same way."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from alerting.incident import Incident
from alerting.model import Policy
from alerting.notification import OutboxMessage
from checks.model import ZonePoll
from checks.reachable import Reachable
from checks.soa_serial import SoaSerial
from monitor.state.monitor_state import MonitorState
from monitor.state.monitoring_plan import MonitoringPlan
from monitor.state.pipeline import process
from monitor.state.ports import Sweep
from monitor.store.sqlite import SqliteStore
from tests.support.at_once import reminders
from tests.support.examples import examples
from tests.support.fakes.store import MemoryStore
from tests.support.monitor_state import Clock, minute, plan, reached
from tests.support.observations import QUICK, addresses_by_name, checked_at, server, zone

ZONES = (zone(name="a.example."), zone("ns1", server("ns2", "192.0.2.2", "2001:db8::2"), "ns3", name="b.example."))
RULES: MonitoringPlan = plan(
    *ZONES,
    checks=(SoaSerial(), Reachable()),
    policy=Policy(timedelta(minutes=1), timedelta(minutes=1), timedelta(minutes=7)),
)
TOKENS = st.sampled_from(["10", "11", "12", "13", "-", "SERVFAIL", "?", "."])
PLACES = ("ns1", "ns2", "ns2/1", "ns3")


@dataclass(frozen=True)
class CheckOfZone:
    """One minute: what each address of each zone does, and whether the monitor is started anew before it."""

    tokens: tuple[tuple[str, ...], ...]
    reachable: bool
    afresh: bool


@st.composite
def histories(draw: st.DrawFn) -> list[CheckOfZone]:
    """Addresses mostly go on as they did: else nothing would ever last."""
    looks, tokens = [], [["10"] * len(PLACES) for _ in ZONES]
    for _ in range(draw(st.integers(1, 30))):
        for which in range(len(ZONES)):
            for place in range(len(PLACES)):
                if draw(st.integers(0, 7)) == 0:
                    tokens[which][place] = draw(TOKENS)
        afresh = draw(st.integers(0, 3)) == 0
        looks.append(CheckOfZone(tuple(map(tuple, tokens)), draw(st.booleans()), afresh))
    return looks


@dataclass
class Life:
    messages: list[OutboxMessage] = field(default_factory=list)
    memory: MonitorState = field(default_factory=MonitorState)


async def lived(looks: list[CheckOfZone], *, restarts: bool) -> Life:
    now = Clock()
    store = MemoryStore(now)
    life = Life()
    for number, look in enumerate(looks):
        now.at = minute(number)
        if restarts and look.afresh:
            vantage = life.memory.connectivity
            life.memory = MonitorState.of(await store.restore())
            life.memory.connectivity = (
                vantage  # what is heard is learnt anew with the first round; here it is the last one's
            )
        commit, _ = process(life.memory, list(polls(look, now())), RULES, now())
        await store.commit(commit)
        again = reminders(life.memory, RULES, now())
        await store.commit(again)
        await store.sweep(Sweep("soa-serial", now(), now(), 2, 6, 6))
        life.messages += [*commit.messages, *again.messages]
    return life


def polls(look: CheckOfZone, at: datetime) -> Iterator[ZonePoll]:
    for watched, does in zip(ZONES, look.tokens, strict=True):
        tokens = dict(zip(PLACES, does, strict=True))
        own = {name: tokens[name] for name in addresses_by_name(watched)}
        yield checked_at(watched, own, at, QUICK)
        if look.reachable:
            yield reached(
                watched, at, **{name: "-" if own[name] == "." else own[name] for name in own if "/" not in name}
            )


@given(histories())
@examples(40)
async def test_with_and_without_restarts_the_same_is_told(looks: list[CheckOfZone]) -> None:
    through, again = await lived(looks, restarts=False), await lived(looks, restarts=True)
    assert [(t.id, t.event, t.at, wordless(t.incident)) for t in again.messages] == [
        (t.id, t.event, t.at, wordless(t.incident)) for t in through.messages
    ]
    assert again.memory.active_alerts == through.memory.active_alerts
    assert again.memory.by_zone == through.memory.by_zone
    assert again.memory.zone_states == through.memory.zone_states
    assert list(map(wordless, again.memory.open_incidents.incidents.values())) == list(
        map(wordless, through.memory.open_incidents.incidents.values())
    )


def wordless(incident: Incident) -> Incident:
    """Without what ticks: "22 min behind" is written when something changes, and said anew at the next look."""
    return replace(incident, lines=tuple(replace(line, text="") for line in incident.lines))


def test_the_disk_brings_back_exactly_what_was_committed(tmp_path: Path) -> None:
    async def through_sqlite() -> None:
        now = Clock()
        store = await SqliteStore.open(tmp_path / "s.db", now)
        memory = MonitorState()
        tokens = [("10", "10"), ("11", "10"), ("12", "10"), ("12", "10"), ("12", "-"), ("13", "-")]
        for number, (first, second) in enumerate(tokens):
            now.at = minute(number)
            polls = [checked_at(ZONES[0], {"ns1": first, "ns2": second}, now(), QUICK)]
            polls.append(reached(ZONES[0], now(), ns1=first, ns2=second))
            commit, _ = process(memory, polls, RULES, now())
            await store.commit(commit)
        await store.close()
        store = await SqliteStore.open(tmp_path / "s.db", now)
        back = MonitorState.of(await store.restore())
        await store.close()
        assert memory.active_alerts
        assert back.active_alerts == memory.active_alerts
        assert back.by_zone == memory.by_zone
        assert back.zone_states == memory.zone_states
        assert back.open_incidents.incidents == memory.open_incidents.incidents
        now.at = minute(len(tokens))
        polls = [checked_at(ZONES[0], {"ns1": "13", "ns2": "-"}, now(), QUICK)]
        one, _ = process(memory, polls, RULES, now())
        other, _ = process(back, polls, RULES, now())
        assert one == other

    asyncio.run(through_sqlite())
