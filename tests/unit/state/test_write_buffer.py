"""What the disk does not take waits, whole and in order, and is written once."""

import asyncio
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from alerting.model import AlertKey, Phase
from checks.zone_state.model import ZoneState
from checks.zone_state.update import arrivals, changes, update_zone_state
from monitor.state import write_buffer as record
from monitor.state.ports import Commit, Sweep
from monitor.state.write_buffer import RETRY_INTERVAL, WriteBuffer, merge
from tests.support.fakes.store import MemoryStore
from tests.support.monitor_state import Clock, FullDisk, minute
from tests.support.observations import NOON, look, zone
from tests.support.specimens import alert, incident, message, propagation, transition

CALLED = ("oncall", "hook", "pager")
NAMES = ("a.example.", "b.example.")


def row(number: float) -> Sweep:
    return Sweep("soa-serial", minute(number), minute(number), 1, 2, 2)


def one(number: int) -> Commit:
    return Commit(
        transitions=(transition(number),),
        incidents=(incident(f"i{number}"),),
        messages=(message(f"t{number}", about=f"i{number}"),),
    )


# --- two commits as one ---


@st.composite
def histories(draw: st.DrawFn) -> list[Commit]:
    """Commits as the evaluator makes them: each look changes a zone state, zones leave and come back, alerts come and
    go.
    """
    zone_states: dict[str, ZoneState] = {}
    commits = []
    for number in range(draw(st.integers(1, 12))):
        name = draw(st.sampled_from(NAMES))
        kind = draw(st.sampled_from(["look", "look", "look", "drop", "alert", "news", "names"]))
        if kind == "look":
            watched = zone(name=name)
            before = zone_states.get(name, ZoneState(name))
            serials = {server: draw(st.integers(10, 12)) for server in ("ns1", "ns2")}
            after = update_zone_state(before, watched, look(watched, minute(number), **serials))
            runs, came = changes(before, after), arrivals(before, after, watched.primary)
            if after != before:
                commits.append(Commit(zone_states=(after,), state_changes=runs, propagations=came))
            zone_states[name] = after
        elif kind == "drop" and name in zone_states:
            del zone_states[name]
            commits.append(Commit(dropped_zones=(name,)))
        elif kind == "alert":
            phase = draw(st.sampled_from(Phase))
            key = AlertKey(name, "soa-serial", "serial-late", "ns2")
            commits.append(Commit(alerts=(replace(alert(zone=name), key=key, phase=phase),)))
        elif kind == "news":
            commits.append(
                Commit(
                    incidents=(replace(incident("i1"), announcements=number),),
                    messages=(message(f"t{number}", draw(st.sampled_from(CALLED)), about="i1"),),
                )
            )
        elif kind == "names":
            now = dict(zip(CALLED, draw(st.permutations(CALLED)), strict=True))
            moved = {name: to for name, to in now.items() if name != to and draw(st.booleans())}
            commits.append(Commit(readdressed=moved, destinations={"oncall": f"seal {number}"}))
    return commits


async def kept(commits: list[Commit]) -> tuple[object, ...]:
    store = MemoryStore(lambda: minute(99))
    for commit in commits:
        await store.commit(commit)
    remembered = await store.restore()
    gone = {name for commit in commits for name in commit.dropped_zones}
    runs = [
        [run for run in await store.address_history(name, NOON) if run.until is None or name not in gone]
        for name in NAMES
    ]
    arrivals = [await store.propagations(NOON, zone=name) for name in NAMES]
    told = []
    while claimed := await store.lease(minute(100), duration=0, limit=99, busy=()):
        for each in claimed:
            if each.message in told:
                return remembered, runs, arrivals, told
            told.append(each.message)
    return remembered, runs, arrivals, told


@given(histories())
async def test_merged_and_written_once_is_as_written_one_by_one(commits: list[Commit]) -> None:
    whole = Commit()
    for commit in commits:
        whole = merge(whole, commit)
    assert await kept([whole]) == await kept(commits)


@given(histories(), st.integers(0, 12))
async def test_it_does_not_matter_which_were_merged(commits: list[Commit], cut: int) -> None:
    first, second = Commit(), Commit()
    for commit in commits[:cut]:
        first = merge(first, commit)
    for commit in commits[cut:]:
        second = merge(second, commit)
    assert merge(first, second) == merge(merge(Commit(), first), second)
    assert await kept([first, second]) == await kept(commits)


def test_a_zone_that_left_and_came_back_stays() -> None:
    back = update_zone_state(
        ZoneState("a.example."), zone(name="a.example."), look(zone(name="a.example."), NOON, ns1=10, ns2=10)
    )
    merged = merge(Commit(dropped_zones=("a.example.", "b.example.")), Commit(zone_states=(back,)))
    assert merged.zone_states == (back,)
    assert merge(merged, Commit(dropped_zones=("a.example.",))).zone_states == ()


def test_history_that_nobody_takes_has_an_end_but_news_have_not() -> None:
    number = record.MAX_HISTORY_ROWS // 2 + 50
    half = Commit(propagations=tuple(propagation(n) for n in range(number)), messages=(message("t1"),))
    whole = Commit()
    for _ in range(3):
        whole = merge(whole, half)
    assert len(whole.propagations) == record.MAX_HISTORY_ROWS
    assert whole.propagations[-1] == propagation(number - 1)
    assert len(whole.messages) == 3


# --- a disk that refuses ---


async def test_what_was_refused_is_written_whole_and_once_when_there_is_room() -> None:
    now = Clock()
    disk = FullDisk(now)
    kept = WriteBuffer(disk, now)
    assert await kept.commit(one(1))
    disk.full = True
    for number in (2, 3, 4):
        assert not await kept.commit(one(number))
    assert kept.failing == NOON
    assert "full" in kept.error
    assert [t.id for t in kept.messages] == ["t2", "t3", "t4"]
    disk.full = False
    now.pass_(seconds=6)
    assert await kept.commit(one(5))
    assert kept.failing is None
    assert kept.error == ""
    assert [[t.id for t in c.messages] for c in disk.commits] == [["t1"], ["t2", "t3", "t4", "t5"]]
    assert await kept.commit(Commit())
    assert len(disk.commits) == 2


async def test_a_refusing_disk_is_left_alone_for_a_while() -> None:
    now = Clock()
    disk = FullDisk(now)
    kept = WriteBuffer(disk, now)
    disk.full = True
    for number in range(100):
        await kept.commit(one(number))
    assert disk.tries == 1
    now.pass_(seconds=RETRY_INTERVAL.total_seconds())
    await kept.commit(Commit())
    assert disk.tries == 2
    await kept.commit(Commit(), at_once=True)
    assert disk.tries == 3


async def test_a_clock_set_back_does_not_make_it_wait_for_an_hour() -> None:
    now = Clock()
    disk = FullDisk(now)
    kept = WriteBuffer(disk, now)
    disk.full = True
    await kept.commit(one(1))
    disk.full = False
    now.pass_(hours=-1)
    assert await kept.commit(Commit())


async def test_a_sweep_is_kept_after_what_was_decided_in_it() -> None:
    now = Clock()
    disk = FullDisk(now)
    kept = WriteBuffer(disk, now)
    disk.full = True
    await kept.commit(one(1))
    assert not await kept.sweep(row(1))
    disk.full = False
    now.pass_(minutes=1)
    assert await kept.sweep(row(2))
    assert disk.sweeps == [row(1), row(2)]
    assert len(disk.commits) == 1


async def test_a_disk_that_is_full_is_noticed_on_a_quiet_day_too() -> None:
    now = Clock()
    disk = FullDisk(now)
    kept = WriteBuffer(disk, now)
    disk.full = True
    assert await kept.commit(Commit())
    assert not await kept.sweep(row(1))
    assert kept.failing is not None


async def test_whoever_waits_may_be_cancelled_and_it_is_written_once() -> None:
    now = Clock()
    disk = FullDisk(now)
    kept = WriteBuffer(disk, now)
    waits = asyncio.create_task(kept.commit(one(1)))
    while not disk.tries:
        await asyncio.sleep(0)
    waits.cancel()
    await asyncio.gather(waits, return_exceptions=True)
    assert waits.cancelled()
    assert await kept.commit(one(2))
    assert [[t.id for t in c.messages] for c in disk.commits] == [["t1"], ["t2"]]


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 7)), max_size=25))
async def test_whatever_the_disk_does_everything_is_written_once_and_in_order(
    days: list[tuple[bool, bool, int]],
) -> None:
    now = Clock()
    disk = FullDisk(now)
    kept = WriteBuffer(disk, now)
    for number, (full, cancelled, seconds) in enumerate(days):
        disk.full = full
        now.pass_(seconds=seconds)
        waits = asyncio.create_task(kept.commit(one(number)))
        if cancelled:
            await asyncio.sleep(0)
            waits.cancel()
        await asyncio.gather(waits, return_exceptions=True)
    disk.full = False
    assert await kept.commit(Commit(), at_once=True)
    written = [t.id for c in disk.commits for t in c.messages]
    asked = [f"t{number}" for number in range(len(days))]
    assert written == [each for each in asked if each in written]
    never_begun = {asked[n] for n, (_, cancelled, _) in enumerate(days) if cancelled}
    assert set(asked) - set(written) <= never_begun
    assert sum(len(c.transitions) for c in disk.commits) == len(written)
