"""The store bears very many zones: packed, all at once, and taken away in small steps."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.state.ports import Commit, Store, StoreError
from monitor.store.reader import open_reader
from monitor.store.sqlite import SqliteStore
from tests.support.specimens import NS1, NS2, at, incident, run, steady_state, sweep, zone_state


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s.db"


async def opened(path: Path) -> SqliteStore:
    return await SqliteStore.open(path, lambda: at(20))


def count(path: Path, table: str) -> int:
    conn = sqlite3.connect(path)
    try:
        (found,) = conn.execute(f"select count(*) from {table}").fetchone()
        return int(found)
    finally:
        conn.close()


async def serials(store: Store) -> dict[str, int | None]:
    return {zone: each.serial_groups[0].reference for zone, each in (await store.restore()).zone_states.items()}


async def test_what_is_steady_is_kept_packed_and_comes_back_also_for_a_command(path):
    store = await opened(path)
    await store.commit(Commit(zone_states=(steady_state("a.example."), zone_state("b.example."))))
    assert (count(path, "packed_zone_states"), count(path, "zone_states")) == (1, 1)
    await store.close()
    store = await opened(path)
    assert await serials(store) == {"a.example.": 7, "b.example.": 7}
    assert (await store.restore()).zone_states["a.example."] == steady_state("a.example.")
    reader = await open_reader(path)
    assert await reader.zone_state("a.example.") == steady_state("a.example.")
    assert await reader.zone_state("b.example.") == zone_state("b.example.")
    await reader.close()
    await store.close()


async def test_a_zone_that_comes_to_rest_or_is_stirred_is_kept_once(path):
    store = await opened(path)
    for each in (
        zone_state("a.example.", 5),
        steady_state("a.example.", 6),
        zone_state("a.example.", 7),
        steady_state("a.example.", 8),
    ):
        await store.commit(Commit(zone_states=(each,)))
        assert count(path, "packed_zone_states") + count(path, "zone_states") == 1
        assert (await store.restore()).zone_states["a.example."] == each
    await store.close()


async def test_words_of_a_commit_that_failed_are_written_with_the_next(path):
    store = await opened(path)
    await store.commit(Commit(zone_states=(steady_state("a.example."),)))
    renamed = steady_state("b.example.")
    renamed = replace(renamed, address_states=tuple(replace(one, server="elsewhere") for one in renamed.address_states))
    bad = replace(run(1, 0), serial=2**70)
    with pytest.raises(Exception, match="cannot be kept"):
        await store.commit(Commit(zone_states=(renamed,), state_changes=(bad,)))
    await store.commit(Commit(zone_states=(renamed,)))
    await store.close()
    store = await opened(path)
    assert (await store.restore()).zone_states["b.example."] == renamed
    await store.close()


async def test_a_later_sweep_has_looked_at_what_is_packed(path):
    store = await opened(path)
    await store.commit(Commit(zone_states=(steady_state("a.example."),)))
    await store.sweep(sweep(60))
    assert (await store.restore()).zone_states["a.example."].at == at(60)
    await store.close()


async def test_many_zones_go_at_once_with_their_runs_ended(path):
    store = await opened(path)
    names = [f"z{number}.example." for number in range(3000)]
    await store.commit(
        Commit(
            zone_states=tuple(steady_state(name) for name in names),
            state_changes=tuple(run(7, 0, zone=name, server=server, address=address) for name in names
                       for server, address in (("ns1", NS1), ("ns2", NS2))),
        )
    )  # fmt: skip
    await store.commit(Commit(dropped_zones=tuple(names[1:])))
    assert await serials(store) == {names[0]: 7}
    assert [row.until for row in await store.address_history(names[1], at(-1))] == [at(20), at(20)]
    assert [row.until for row in await store.address_history(names[0], at(-1))] == [None, None]
    await store.close()


async def test_what_finds_an_old_incident_by_its_zones_goes_with_it_whatever_its_size(path):
    store = await opened(path)
    zones = tuple(f"z{number}.example." for number in range(500))
    await store.commit(Commit(incidents=(incident("old", -900, zones=zones, resolved=-800), incident("open", -900))))
    assert await store.prune(at(0), limit=7) == 1
    assert await store.prune(at(0), limit=7) == 0
    assert count(path, "incident_zones") == 1
    assert await store.incidents(zone=zones[3]) == []
    await store.close()


async def test_words_that_make_no_sense_are_a_sentence(path):
    store = await opened(path)
    await store.commit(Commit(zone_states=(steady_state("a.example."),)))
    await store.close()
    conn = sqlite3.connect(path)
    conn.execute("delete from intern_table where number = 0")
    conn.commit()
    conn.close()
    with pytest.raises(Exception, match="the table intern_table cannot be read"):
        await opened(path)


async def test_a_packed_row_that_cannot_be_read_is_a_sentence(path):
    store = await opened(path)
    await store.commit(Commit(zone_states=(steady_state("a.example."), steady_state("b.example."))))
    await store.close()
    conn = sqlite3.connect(path)
    conn.execute("update packed_zone_states set row = substr(row, 1, 20) where zone = 'a.example.'")
    conn.commit()
    conn.close()
    store = await opened(path)
    with pytest.raises(StoreError, match=r"the row a\.example\. of the table packed_zone_states cannot be read"):
        await store.restore()
    reader = await open_reader(path)
    with pytest.raises(StoreError, match=r"the row a\.example\. of the table packed_zone_states"):
        await reader.zone_state("a.example.")
    assert await reader.zone_state("b.example.") == steady_state("b.example.")
    await reader.close()
    await store.close()
