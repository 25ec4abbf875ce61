"""Taking over the result of a first poll and evaluating it come to the same."""

import pickle
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from alerting.model import Policy
from checks.common.epoch import micros
from checks.model import Zone
from checks.reachable import Reachable
from checks.soa_fields import SoaFields
from checks.soa_serial import SoaSerial
from checks.zone_state.codec import ZoneStateCodec
from monitor.polling.workers.forms import HeardForms, ToldForms
from monitor.probe.message.soa_forms import FormedAnswer, SharedForms, SoaForms
from monitor.probe.message.soa_response import soa_outline, to_answer
from monitor.state.fast_path import FastPathChanges
from monitor.state.first_polls import apply_first, forms, zone_poll
from monitor.state.monitor_state import MonitorState
from monitor.state.monitoring_plan import MonitoringPlan
from monitor.state.ports import FormedPoll, PollOrigin
from monitor.state.zone_states import ZoneStates
from tests.support.evaluator import EvaluatorBench
from tests.support.monitor_state import MINUTE, minute, plan, reached
from tests.support.observations import server, zone
from tests.support.soa_responses import asked_for, pointers, response

CHECKS = (SoaSerial(), SoaFields(), Reachable())
GRACE = Policy(2 * MINUTE, 2 * MINUTE, 30 * MINUTE)
SERVERS = {
    "ns1": server("ns1"), "ns2": server("ns2"), "ns3": server("ns3", "192.0.2.3", "2001:db8::3"),
    "in": server("in", "192.0.2.9", group="inside", hidden=True),
}  # fmt: skip
TEMPLATES = (("ns1", "ns2"), ("ns1", "ns3"), ("ns1", "ns2", "in"), ("ns2",))


def zones(count: int) -> list[Zone]:
    return [
        zone(
            *(SERVERS[name] for name in TEMPLATES[number % len(TEMPLATES)]), name=f"z{number:02}.example.",
            primary=None if number % 7 == 6 else "ns1",
        )
        for number in range(count)
    ]  # fmt: skip


@dataclass
class Responses:
    """What servers say of zones, most of it alike; all of it as it is recognised."""

    chance: random.Random
    forms: SoaForms = field(default_factory=SoaForms)
    workers: Sequence["Worker"] = ()
    """Where they ask: each a share of the zones, and with forms of its own."""

    def answer(self, one: Zone, name: str, serial: int, at: int) -> FormedAnswer | None:
        chance, asked = self.chance, asked_for(one.name)
        odd = chance.random() < 0.1
        options = [(3, name.encode())] if name == "ns2" else []
        if name == "ns3":
            options.append((9, chance.choice((86400, 50, 40_000)).to_bytes(4, "big")))
        wire = response(
            asked, serial, end=chance.choice(pointers(asked)) if odd else pointers(asked)[0], expire=86400,
            ttl=60 if odd else 300, options=options,
        )  # fmt: skip
        form = self.forms.find(wire, asked.name)
        if form is None:
            found = soa_outline(wire, asked.section)
            answer = to_answer(wire, asked.text, found) if found is not None else None
            if found is not None and answer is not None:
                self.forms.learn(wire, asked.name, found, answer)
            form = self.forms.find(wire, asked.name)
        return None if form is None else FormedAnswer(form, *form.values(wire), chance.choice((0.01, 0.02)), at)

    def poll(self, rules: MonitoringPlan, one: Zone, number: float) -> FormedPoll | None:
        at, answers = minute(number), []
        index = rules.zones.index(one.name)
        worker = self.workers[index % len(self.workers)] if self.workers else None
        if worker is not None:
            self.forms = worker.forms
        for each, _ in one.server_addresses():
            serial = 9 if self.chance.random() < 0.05 else 10 + int(number)
            answers.append(self.answer(one, each.name, serial, micros(at) - self.chance.choice((0, 1, 400_000))))
        known = tuple(answer for answer in answers if answer is not None)
        origin = PollOrigin("soa-serial", MINUTE, rules.zones)
        poll = FormedPoll(origin, index, at, known) if len(known) == len(answers) else None
        return worker.brought(poll) if worker is not None and poll is not None else poll


@dataclass
class Worker:
    """A process that asks, and what the service knows of it. Few forms are kept at both ends, so many are forgotten."""

    shared: SharedForms
    forms: SoaForms = field(default_factory=SoaForms)

    def __post_init__(self) -> None:
        self.told, self.heard = ToldForms(most=5), HeardForms(self.shared)

    def brought(self, poll: FormedPoll) -> FormedPoll:
        """As it comes out of the pipe: the same observations."""
        came = pickle.loads(pickle.dumps(self.told.pack([(poll.number, poll.answers)])))
        self.heard.learn(came)
        ((number, answers),) = self.heard.unpack(came)
        found = poll._replace(number=number, answers=answers)
        assert zone_poll(found) == zone_poll(poll)
        return found


def shown(on: EvaluatorBench, one: Zone) -> object:
    memory, number = on.evaluator._memory, on.evaluator.plan.zones.index(one.name)
    columns = memory.columns
    state = memory.zone_states.get(one.name)
    kept = {name: (column[number], columns.standing.get(name, b"\0" * 99)[number])
            for name, column in columns.ok_at.items()}  # fmt: skip
    return (
        repr(state), memory.results_of(one.name), kept, columns.mode[number], columns.result_id[number],
        columns.checked_at[number], on.status.zones[one.name], columns.levels[number], columns.public_levels[number],
        memory.connectivity.heard,
    )  # fmt: skip


async def restarted(on: EvaluatorBench, watched: Sequence[Zone]) -> EvaluatorBench:
    """Another service on the same disk, which has packed what can be packed."""
    stored, codec = await on.disk.kept.restore(), ZoneStateCodec()
    rows = {name: row for name, state in stored.zone_states.items() if (row := codec.pack(state)) is not None}
    whole = {name: state for name, state in stored.zone_states.items() if name not in rows}
    memory = MonitorState.of(replace(stored, zone_states=ZoneStates(codec, rows, whole)))
    again = EvaluatorBench(*watched, checks=CHECKS, policy=GRACE, memory=memory)
    again.disk.kept, again.disk.commits = on.disk.kept, on.disk.commits
    return again


async def compare(seed: int, steps: int, workers: int = 0) -> int:
    """How many results were taken over."""
    shared = SharedForms(most=8)
    chance = random.Random(seed)
    watched = zones(24)
    quick, whole = (EvaluatorBench(*watched, checks=CHECKS, policy=GRACE) for _ in range(2))
    responses = Responses(chance, workers=[Worker(shared) for _ in range(workers)])
    moved: tuple[list[dict[int, tuple[int, ...]]], list[dict[int, tuple[int, ...]]]] = ([], [])
    for mine, on in zip(moved, (quick, whole), strict=True):
        on.evaluator.moved = lambda changes, mine=mine: mine.append(dict(changes.enabled))
    for step in range(steps):
        old = quick.evaluator.plan
        some = chance.sample(watched, chance.randrange(1, 12))
        polls = [poll for one in some if (poll := responses.poll(old, one, step)) is not None]
        other = [reached(one, minute(step), **dict.fromkeys(SERVERS, "10")) for one in chance.sample(watched, 2)]
        if chance.random() < 0.15:
            watched = [replace(one, max_lag=(step + 1) * MINUTE) if chance.random() < 0.3 else one for one in watched]
            for on in (quick, whole):
                await on.evaluator.replan(plan(*watched, checks=CHECKS, policy=GRACE))
        if chance.random() < 0.2:
            quick, whole = await restarted(quick, watched), await restarted(whole, watched)
            for mine, on in zip(moved, (quick, whole), strict=True):
                on.evaluator.moved = lambda changes, mine=mine: mine.append(dict(changes.enabled))
        current = quick.evaluator.plan.zones
        fits = [poll for poll in polls if current[old.zones.names[poll.number]] == old.zones.at(poll.number)]
        for on, heard in ((quick, [*polls, *other]), (whole, [*map(zone_poll, fits), *other])):
            on.now.at = minute(step)
            await on.evaluator.process(heard)
        assert quick.evaluator._memory.active_alerts == whole.evaluator._memory.active_alerts
        for one in watched:
            assert shown(quick, one) == shown(whole, one), (seed, step, one.name)
        assert quick.evaluator.status.incidents == whole.evaluator.status.incidents
    assert moved[0] == moved[1]
    kept = [await on.disk.kept.restore() for on in (quick, whole)]
    assert repr(kept[0].alerts) == repr(kept[1].alerts)
    for one in watched:
        assert kept[0].zone_states.get(one.name) == kept[1].zone_states.get(one.name)  # but for what ticks
        rows = [await on.disk.kept.address_history(one.name, minute(-1)) for on in (quick, whole)]
        assert rows[0] == rows[1]
    return sum(len(commit.new_zones.rows) for commit in quick.disk.commits if commit.new_zones)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("seed", range(3))
async def test_a_result_taken_over_is_the_result_of_the_poll(seed: int, workers: int) -> None:
    assert await compare(seed, 8, workers)


@pytest.mark.long
@pytest.mark.parametrize("workers", [0, 3])
@pytest.mark.parametrize("seed", range(100, 300))
async def test_a_result_taken_over_is_the_result_of_the_poll_for_long(seed: int, workers: int) -> None:
    await compare(seed, 12, workers)


async def taken_over(*polls: Sequence[FormedPoll], watched: Sequence[Zone]) -> list[str]:
    """The zones whose result was taken over; each sequence is a batch."""
    on = EvaluatorBench(*watched, checks=CHECKS)
    origin = PollOrigin("soa-serial", MINUTE, on.evaluator.plan.zones)
    for batch in polls:
        await on.evaluator.process([poll._replace(origin=origin) for poll in batch])
    return [zone for commit in on.disk.commits if commit.new_zones for zone in commit.new_zones.rows]


async def test_of_zones_that_are_alike_the_first_is_evaluated_and_no_other() -> None:
    watched = [zone(*(SERVERS[name] for name in ("ns1", "ns2")), name=f"z{n}.example.") for n in range(5)]
    rules, responses = plan(*watched, checks=CHECKS), Responses(random.Random(1))
    polls = [FormedPoll(PollOrigin("soa-serial", MINUTE, rules.zones), n, minute(0), _plain(responses, one))
             for n, one in enumerate(watched)]  # fmt: skip
    assert await taken_over(polls, watched=watched) == [f"z{n}.example." for n in (1, 2, 3, 4)]
    assert await taken_over(polls[:2], polls, watched=watched) == [f"z{n}.example." for n in (1, 2, 3, 4)]


async def test_workers_that_hear_the_same_need_one_evaluation_between_them_and_none_after_they_died() -> None:
    watched = [zone(*(SERVERS[name] for name in ("ns1", "ns2")), name=f"z{n}.example.") for n in range(6)]
    rules, shared = plan(*watched, checks=CHECKS), SharedForms()
    workers = [Worker(shared), Worker(shared)]
    origin, polls = PollOrigin("soa-serial", MINUTE, rules.zones), []
    for n, one in enumerate(watched):
        if n == 4:
            workers = [Worker(shared), Worker(shared)]
        worker = workers[n % 2]
        answers = _plain(Responses(random.Random(1), worker.forms), one)
        polls.append(worker.brought(FormedPoll(origin, n, minute(0), answers)))
    assert await taken_over(polls, watched=watched) == [f"z{n}.example." for n in (1, 2, 3, 4, 5)]


async def test_after_a_restart_a_zone_that_is_as_it_was_is_not_evaluated_if_one_like_it_was() -> None:
    watched = [zone(*(SERVERS[name] for name in ("ns1", "ns2")), name=f"z{n}.example.") for n in range(3)]
    before, responses = EvaluatorBench(*watched, checks=CHECKS), Responses(random.Random(1))
    await before.evaluator.process(alike(before, responses, watched))
    after = await restarted(before, watched)
    memory, polls = after.evaluator._memory, alike(after, responses, watched)
    await after.evaluator.process(polls[:1])
    known, changes = memory.first_results.known[forms(polls[1])], FastPathChanges(after.evaluator.plan.zones)
    newer = polls[2]._replace(answers=tuple(one._replace(serial=11) for one in polls[2].answers))
    assert apply_first(memory, changes, newer, known) is None
    assert apply_first(memory, changes, polls[1], known) == memory.zone_states.row("z1.example.")
    assert set(changes.enabled) == {1}


def alike(on: EvaluatorBench, responses: Responses, watched: Sequence[Zone]) -> list[FormedPoll]:
    origin = PollOrigin("soa-serial", MINUTE, on.evaluator.plan.zones)
    return [FormedPoll(origin, n, minute(0), _plain(responses, one)) for n, one in enumerate(watched)]


def _plain(responses: Responses, one: Zone) -> tuple[FormedAnswer, ...]:
    found = []
    for _ in one.servers:
        wire, asked = response(asked_for(one.name), 10), asked_for(one.name)
        outline = soa_outline(wire, asked.section)
        assert outline is not None
        answer = to_answer(wire, asked.text, outline)
        assert answer is not None
        responses.forms.learn(wire, asked.name, outline, answer)
        form = responses.forms.find(wire, asked.name)
        assert form is not None
        found.append(FormedAnswer(form, 10, None, 0.01, micros(minute(0))))
    return tuple(found)
