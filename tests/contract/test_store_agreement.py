"""All stores agree, whatever is asked of them in whatever order, and across restarts."""

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerting.model import Phase
from alerting.outbox import DeliveryResult
from monitor.state.ports import Commit, Store
from monitor.store.sqlite import SqliteStore
from tests.support.fakes.store import MemoryStore
from tests.support.specimens import (
    NS1,
    NS2,
    alert,
    at,
    incident,
    message,
    propagation,
    run,
    sweep,
    transition,
    zone_state,
)

ZONES = ("a.example.", "b.example.")
SECONDS = st.integers(0, 40).map(lambda tenths: tenths / 4)


def few(values: st.SearchStrategy) -> st.SearchStrategy:
    return st.lists(values, max_size=3).map(tuple)


@st.composite
def zone_states(draw):
    made = zone_state(draw(st.sampled_from(ZONES)), draw(st.integers(2, 9)), draw(SECONDS))
    return replace(made, address_states=made.address_states[: draw(st.integers(0, 2))])


@st.composite
def runs(draw):
    server, address = draw(st.sampled_from([("ns1", NS1), ("ns2", NS2)]))
    serial = draw(st.none() | st.integers(1, 3))
    return run(serial, draw(SECONDS), zone=draw(st.sampled_from(ZONES)), server=server, address=address)


@st.composite
def incidents(draw):
    zones = draw(st.sets(st.sampled_from(ZONES), min_size=1))
    resolved = draw(st.none() | SECONDS)
    return incident(draw(st.sampled_from("pqr")), draw(SECONDS), zones=tuple(sorted(zones)), resolved=resolved)


@st.composite
def messages(draw):
    name = draw(st.integers(0, 12))
    receiver, about = draw(st.sampled_from(["oncall", "hook"])), draw(st.sampled_from("pq"))
    return message(f"t{name}", receiver, draw(SECONDS), about=about)


COMMITS = st.builds(
    Commit,
    zone_states=few(zone_states()),
    state_changes=few(runs()),
    propagations=few(st.builds(propagation, SECONDS, st.sampled_from(ZONES))),
    alerts=few(st.builds(alert, st.sampled_from(Phase), SECONDS, zone=st.sampled_from(ZONES))),
    transitions=few(st.builds(transition, SECONDS, st.sampled_from(ZONES))),
    incidents=few(incidents()),
    messages=few(messages()),
    dropped_zones=st.sampled_from([(), (), (), ZONES[:1]]),
)
CLAIMS = st.tuples(st.just("claim"), SECONDS, st.integers(1, 3), st.sampled_from([(), ("hook",)]))
SETTLES = st.tuples(st.just("settle"), st.integers(0, 12), SECONDS, st.sampled_from(["", "451"]), st.none() | SECONDS)
STEPS = st.one_of(
    COMMITS,
    CLAIMS,
    SETTLES,
    st.tuples(st.just("sweep"), SECONDS, st.sampled_from(["soa-serial", "transfer"])),
    st.tuples(st.just("prune"), SECONDS, st.integers(1, 50)),
    st.just(("restart",)),
)


async def take(store: Store, step) -> object:
    """Does it; what it answers, in a form that can be compared."""
    match step:
        case Commit():
            return await store.commit(step)
        case ("claim", now, most, busy):
            return sorted(repr(row) for row in await store.lease(at(now), duration=2.5, limit=most, busy=busy))
        case ("settle", number, now, error, again):
            later = None if again is None else at(again)
            return await store.settle(DeliveryResult(f"t{number}", at(now), error, permanent=bool(error), again=later))
        case ("sweep", now, check):
            return await store.sweep(sweep(now, check))
        case ("prune", before, _):
            gone = 0
            while step := await store.prune(at(before), 50):
                gone += step
            return gone
    raise AssertionError(step)


async def told(store: Store) -> object:
    """All that can be asked."""
    remembered = await store.restore()
    return (
        {zone: repr(each) for zone, each in remembered.zone_states.items()},
        {key: repr(each) for key, each in remembered.alerts.items()},
        remembered.incidents,
        list(await store.receivers()),
        await store.next_due(),
        [(sorted(map(repr, await store.address_history(zone, at(2))))) for zone in ZONES],
        [list(await store.incidents(zone=zone, before=at(8))) for zone in (*ZONES, None)],
        [sorted(map(repr, await store.propagations(at(2), zone=zone))) for zone in ZONES],
    )


async def go(steps, path: Path) -> None:
    memory, sqlite = MemoryStore(lambda: at(20)), await SqliteStore.open(path, lambda: at(20))
    try:
        for step in steps:
            if step == ("restart",):
                await sqlite.close()
                sqlite = await SqliteStore.open(path, lambda: at(20))
                memory._outbox = {id: replace(row, lease=None) for id, row in memory._outbox.items()}
            else:
                assert await take(memory, step) == await take(sqlite, step), step
            assert await told(memory) == await told(sqlite), step
    finally:
        await sqlite.close()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, max_size=12))
def test_memory_and_file_agree(steps):
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(go(steps, Path(directory) / "s.db"))
