"""Whatever becomes of receivers, of the configuration and of the process: once all that is owed is taken, what a
receiver was told last about an incident is what stands, and nothing that was opened is never closed.
"""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from alerting.incident import IncidentEvent
from alerting.silences import Matchers
from checks.model.finding_type import Severity
from tests.integration.alerting.told_world import MODES, TOKENS, ZONES, Box, World
from tests.support.examples import examples

NAMES = [one.name for one in ZONES]
SILENCED = (Matchers(zones=("a.example",)), Matchers(servers=("ns2",)), Matchers(severity=(Severity.CRITICAL,)))
CODES = ("zone-expired", "zone-not-served", "server-unreachable")

LOOK = st.tuples(st.just("look"), st.sampled_from(NAMES), st.sampled_from(TOKENS), st.sampled_from([1, 1, 2, 7]))
FAIL = st.tuples(st.just("fail"), st.integers(0, 2), st.sampled_from(MODES))
STEP = st.one_of(
    LOOK,
    LOOK,
    LOOK,
    FAIL,
    FAIL,
    st.tuples(st.just("silence"), st.none() | st.sampled_from(SILENCED), st.sampled_from([3, 20])),
    st.just(("acknowledge",)),
    st.just(("kill",)),
    st.tuples(st.just("rename"), st.integers(0, 2)),
    st.tuples(st.just("swap"), st.integers(0, 2)),
    st.tuples(st.just("zones"), st.sets(st.sampled_from(NAMES), min_size=1)),
    st.tuples(st.just("severity"), st.sampled_from(CODES), st.sampled_from(list(Severity))),
)


async def step(world: World, what: tuple[Any, ...], number: int) -> None:
    match what:
        case ("look", name, token, minutes):
            world.tokens[name] = token
            world.clock.pass_(minutes=minutes)
        case ("fail", which, mode):
            list(world.receivers.values())[which].mode = mode
        case ("silence", matchers, minutes):
            await world.hush(matchers, minutes)
        case ("acknowledge",):
            await world.act()
        case ("kill",):
            await world.end()
            await world.begin()
        case ("rename", which):
            names = list(world.receivers)
            world.receivers = {
                f"r{number}" if place == which else name: world.receivers[name] for place, name in enumerate(names)
            }
            await world.reload()
        case ("swap", which):
            names = list(world.receivers)
            box = Box(f"box{number}", world.receivers[names[which]].keeps)
            world.boxes.append(box)
            world.receivers = {
                f"n{number}" if place == which else name: box if place == which else world.receivers[name]
                for place, name in enumerate(names)
            }
            await world.reload()
        case ("zones", names):
            world.zones = sorted(names)
            await world.reload()
        case ("severity", code, severity):
            world.severity = {**world.severity, code: severity}
            await world.reload()
    await world.look()


async def wait(world: World, minutes: int, pace: int) -> None:
    for _ in range(minutes // pace):
        world.clock.pass_(minutes=pace)
        await world.look()


async def live(path: Path, steps: list[tuple[Any, ...]]) -> World:
    world = World(
        path, {"mail": Box("mail", keeps=False), "hook": Box("hook", keeps=True), "pager": Box("p", keeps=True)}
    )
    await world.begin()
    try:
        for number, what in enumerate(steps):
            await step(world, what, number)
        await world.hush(None, 0)
        for box in world.boxes:
            box.mode = "200"
        await wait(world, 180, 9)
        agrees(world)
        world.tokens.clear()
        await wait(world, 90, 9)
        all_is_over(world)
    finally:
        await world.end()
    return world


def agrees(world: World) -> None:
    """What each receiver was told last is what stands."""
    incidents = world.open_incidents()
    for name, box in world.receivers.items():
        believed = box.believed()
        assert believed.keys() == {each.id for each in incidents.values() if name in each.told}, name
        for id_, message in believed.items():
            now, known = incidents[id_], message.incident
            if not now.recovering:  # as what nobody can see any more is for good
                assert known.severity == now.severity, (name, id_)
                assert set(now.zones) <= set(known.zones) <= {*now.zones, *now.left_zones}, (name, id_)


def all_is_over(world: World) -> None:
    """Nobody who can still be told takes anything for open, and of what those take for open who are gone somebody has
    heard that it is over.
    """
    assert not world.open_incidents()
    for box in world.receivers.values():
        assert not box.believed()
    over = {
        each.incident.id
        for box in world.boxes
        for message in box.taken.values()
        for each in (message.digest or (message,))
        if each.event is IncidentEvent.RESOLVED
    }
    assert all(box.believed().keys() <= over for box in world.boxes)


DEAD = [("look", "c.example.", "-", 1), ("look", "c.example.", "-", 7)]
REOPENED_AFTER_ITS_END_WAS_REJECTED_BY_ONE_WHO_IS_GONE = [
    *DEAD,
    ("fail", 2, "410"),
    ("acknowledge",),
    ("zones", {"b.example."}),
    ("zones", {"a.example.", "c.example."}),
    ("swap", 2),
]
RECOVERING_WHEN_ALL_ARE_GONE_WHO_HEARD_OF_IT = [
    *DEAD,
    ("look", "c.example.", "10", 1),
    *(("swap", which) for which in range(3)),
]


@example(REOPENED_AFTER_ITS_END_WAS_REJECTED_BY_ONE_WHO_IS_GONE)
@example(RECOVERING_WHEN_ALL_ARE_GONE_WHO_HEARD_OF_IT)
@settings(examples(30), suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEP, min_size=8, max_size=30))
async def test_what_a_receiver_was_told_last_is_what_stands_and_nothing_opened_is_never_closed(
    steps: list[tuple[Any, ...]],
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        await live(Path(directory) / "s.db", steps)
