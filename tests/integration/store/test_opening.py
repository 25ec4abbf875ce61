"""A database that is not as it should be is refused with a sentence, and nothing is touched."""

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

import pytest
from structlog.testing import capture_logs

from monitor.state.ports import Commit, StoreError
from monitor.store.reader import open_reader
from monitor.store.sqlite import SqliteStore
from tests.support.databases import filled, opened
from tests.support.specimens import NOON, alert, key, message, zone_state


async def refusal(path: Path) -> str:
    with pytest.raises(StoreError) as refused:
        await opened(path)
    return str(refused.value)


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "soawatch.db"


async def test_a_new_database_is_made_with_its_marker_and_is_whole(path):
    await filled(path)
    assert sorted(each.name for each in path.parent.iterdir()) == [
        "soawatch.db",
        "soawatch.db.lock",
        "soawatch.db.mark",
    ]
    conn = sqlite3.connect(path)
    assert conn.execute("pragma integrity_check").fetchall() == [("ok",)]
    assert conn.execute("pragma journal_mode").fetchall() == [("wal",)]
    assert conn.execute("pragma application_id").fetchone() == (0x534F4157,)
    conn.close()


async def test_tables_are_strict(path):
    await filled(path)
    conn = sqlite3.connect(path)
    ours = conn.execute("select name, strict from pragma_table_list where schema = 'main' and name not like 'sqlite%'")
    assert [name for name, strict in ours if not strict] == []
    conn.close()


async def test_a_table_that_was_dropped_is_missed_before_anything_is_written(path):
    await filled(path)
    conn = sqlite3.connect(path)
    conn.execute("drop table alerts")
    conn.close()
    assert "another program has dropped the table alerts" in await refusal(path)


async def test_it_opens_again_as_often_as_one_likes(path):
    await filled(path)
    for _ in range(3):
        store = await opened(path)
        assert len((await store.restore()).zone_states) == 200
        await store.close()


async def test_a_file_that_lost_its_content_is_not_taken_for_a_first_start(path):
    await filled(path)
    path.write_bytes(b"")
    said = await refusal(path)
    assert "is empty; it has lost its content" in said
    assert "backup" in said
    assert "remove it and soawatch.db.mark" in said
    assert path.read_bytes() == b""


async def test_an_empty_file_that_never_was_a_database_is_refused_as_well(path):
    path.touch()
    assert "remove it" in await refusal(path)


async def test_a_database_that_is_gone_is_not_taken_for_a_first_start(path):
    await filled(path)
    path.unlink()
    said = await refusal(path)
    assert "the database is gone" in said
    assert "remove soawatch.db.mark" in said
    path.with_name("soawatch.db.mark").unlink()
    await filled(path)


async def test_a_database_whose_marker_was_not_copied_with_it_opens_and_gets_one(path):
    await filled(path)
    mark = path.with_name("soawatch.db.mark")
    mark.unlink()
    await (await opened(path)).close()
    assert mark.exists()


@pytest.mark.parametrize(
    ("start", "octets"),
    [
        pytest.param(0, b"not a database, but a text\n" * 40, id="another kind of file"),
        pytest.param(0, b"\0" * 16, id="broken header"),
        pytest.param(20, b"\xff" * 80, id="broken first page"),
        pytest.param(4096 * 5 + 7, b"\xa5" * 4096 * 6, id="broken pages inside"),
    ],
)
async def test_a_damaged_database_is_refused_and_left_as_it_is(path, start, octets):
    await filled(path)
    whole = path.read_bytes()
    broken = whole[:start] + octets + whole[start + len(octets) :]
    path.write_bytes(broken)
    said = await refusal(path)
    assert "damaged" in said or "another application" in said
    assert str(path) in said
    assert path.read_bytes() == broken


async def test_a_database_that_was_cut_short_is_refused(path):
    await filled(path)
    os.truncate(path, path.stat().st_size // 2)
    assert "damaged" in await refusal(path)


async def test_another_applications_database_is_refused_and_left_as_it_is(path):
    conn = sqlite3.connect(path)
    conn.execute("create table bookmarks (url text)")
    conn.commit()
    conn.close()
    before = path.read_bytes()
    assert "another application" in await refusal(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "newer",
    [
        pytest.param("pragma user_version = 999", id="a higher version"),
        pytest.param(
            "insert into _sqlite_migrations (migration_set, name, applied_at) values ('soawatch', '0999_moon', 'then')",
            id="a step we do not know",
        ),
    ],
)
async def test_a_database_of_a_newer_soawatch_is_refused(path, newer):
    await filled(path)
    conn = sqlite3.connect(path)
    conn.execute(newer)
    conn.commit()
    conn.close()
    said = await refusal(path)
    assert "newer soawatch" in said
    assert "Upgrade" in said


async def test_a_second_service_on_the_same_database_is_told_who_has_it(path):
    first = await opened(path)
    assert f"already in use by pid {os.getpid()}" in await refusal(path)
    await first.close()
    await (await opened(path)).close()


async def test_a_killed_service_does_not_keep_the_database(path):
    with subprocess.Popen([sys.executable, "-c", SERVICE, str(path)], stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout.readline() == "open\n"
        assert f"already in use by pid {service.pid}" in await refusal(path)
        service.send_signal(signal.SIGKILL)
    await (await opened(path)).close()


async def test_a_directory_that_is_not_there(path):
    assert "there is no directory" in await refusal(path.parent / "nowhere" / "soawatch.db")


async def test_a_directory_in_place_of_the_file(path):
    path.mkdir()
    assert "this is a directory" in await refusal(path)


async def test_a_directory_that_may_not_be_written(ordinary):
    ordinary.chmod(0o500)
    assert "needs to write in the directory" in await refusal(ordinary / "soawatch.db")


async def test_a_file_that_may_not_be_read(ordinary):
    await filled(ordinary / "soawatch.db")
    (ordinary / "soawatch.db").chmod(0)
    assert "cannot be read" in await refusal(ordinary / "soawatch.db")


async def test_a_file_that_may_not_be_written(ordinary):
    await filled(ordinary / "soawatch.db")
    (ordinary / "soawatch.db").chmod(0o400)
    said = await refusal(ordinary / "soawatch.db")
    assert "cannot be written" in said
    assert "mode 0400; this runs as" in said


async def test_a_command_that_may_only_read_reads(ordinary):
    await filled(ordinary / "soawatch.db")
    for each in ordinary.iterdir():
        each.chmod(0o400)
    ordinary.chmod(0o500)
    reader = await open_reader(ordinary / "soawatch.db")
    assert (await reader.zone_state("zone7.example.")).zone == "zone7.example."
    await reader.close()


async def test_what_a_dead_service_had_taken_up_is_free_at_once(path):
    store = await opened(path)
    await store.commit(Commit(messages=(message("t1"),)))
    assert len(await store.lease(NOON, duration=3600, limit=9)) == 1
    await store.close()
    store = await opened(path)
    (row,) = await store.lease(NOON, duration=3600, limit=9)
    assert (row.message, row.attempt) == (message("t1"), 2)
    await store.close()


SERVICE = """
import asyncio, sys
from monitor.clock import now
from monitor.state.ports import Commit
from monitor.store.sqlite import SqliteStore
from tests.support.specimens import zone_state
async def main():
    store = await SqliteStore.open(sys.argv[1], now)
    await store.commit(Commit(zone_states=(zone_state(),)))
    print("open", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


def killed_service(path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", SERVICE, str(path)], stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout.readline() == "open\n"
        service.kill()


async def test_a_crash_loses_nothing_and_is_nothing_to_speak_of(path):
    killed_service(path)
    with capture_logs() as logs:
        store = await opened(path)
    assert list((await store.restore()).zone_states) == ["example.com."]
    await store.close()
    assert logs == []


async def test_a_lost_wal_is_told(path):
    killed_service(path)
    path.with_name("soawatch.db-wal").unlink()
    with capture_logs() as logs:
        store = await opened(path)
    assert (await store.restore()).zone_states == {}
    await store.close()
    assert ["last changes are lost" in each["event"] for each in logs] == [True]
    with capture_logs() as logs:
        await (await opened(path)).close()
    assert logs == []


@pytest.mark.parametrize("how", ["over it", "after it was deleted", "none, and the mark removed"])
@pytest.mark.parametrize("times", [1, 2])
async def test_a_backup_put_beside_the_wal_of_the_database_before_is_not_mixed_with_it(path, how, times):
    """What is said to be done after a loss leads to a service that runs: the -wal of the one that was lost is kept."""
    await filled(path)
    reader = await open_reader(path)
    copy = path.with_name("copy.db")
    await reader.backup(str(copy))
    await reader.close()
    for number in range(1, times + 1):
        killed_service(path)
        wal = path.with_name("soawatch.db-wal").read_bytes()
        path.unlink()
        if how != "over it":
            assert "Put a backup in its place" in await refusal(path)
        if how.startswith("none"):
            path.with_name("soawatch.db.mark").unlink()
        else:
            path.write_bytes(copy.read_bytes())
        kept = path.with_name("soawatch.db.strange-wal" if number == 1 else f"soawatch.db.strange-wal.{number}")
        with capture_logs() as logs:
            store = await opened(path)
        assert len((await store.restore()).zone_states) == (0 if how.startswith("none") else 200)
        await store.close()
        assert kept.read_bytes() == wal
        assert [entry["kept"] for entry in logs if "kept" in entry] == [str(kept)]
        with capture_logs() as logs:
            await (await opened(path)).close()
        assert logs == []


def test_killed_at_any_moment_of_a_start_the_next_start_takes_it_for_what_it_is(path):
    """A service that starts and ends over and over, killed at random: no start refuses, none speaks of a loss."""
    dice = random.Random(20260301)
    asyncio.run(filled(path))
    for _ in range(15):
        child = os.fork()
        if child == 0:
            start_and_end_for_ever(path)
        time.sleep(dice.uniform(0.0, 0.03))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with capture_logs() as logs:
            asyncio.run(opens_whole(path))
        assert logs == []


def start_and_end_for_ever(path: Path) -> NoReturn:
    try:
        while True:
            store = SqliteStore._open(path, lambda: NOON, ThreadPoolExecutor(1))
            store._close()
    finally:
        os._exit(1)


async def opens_whole(path: Path) -> None:
    store = await opened(path)
    assert len((await store.restore()).zone_states) == 200
    await store.close()


async def test_a_row_that_cannot_be_read_back_is_a_sentence(path):
    await filled(path)
    conn = sqlite3.connect(path)
    conn.execute("update zone_states set body = '{\"zone\": 7' where zone = 'zone3.example.'")
    conn.commit()
    conn.close()
    store = await opened(path)
    with pytest.raises(
        StoreError, match=r"row zone3\.example\. of the table zone_states cannot be read.*delete that row"
    ):
        await store.restore()
    await store.close()


async def test_a_message_that_cannot_be_read_back_keeps_nobody_from_being_told(path):
    store = await opened(path)
    await store.commit(Commit(messages=(message("t1"), message("t2"), message("t3"))))
    conn = sqlite3.connect(path)
    conn.execute("update outbox set body = '[]' where id = 't1'")
    conn.execute("update outbox set event = 'gossip' where id = 't2'")
    conn.commit()
    conn.close()
    (row,) = await store.lease(NOON, duration=9, limit=9)
    assert row.message == message("t3")
    (count,) = await store.receivers()
    assert (count.given_up, count.last_error) == (2, "given up: the row cannot be read back")
    await store.close()


async def test_a_database_by_another_name_is_the_same_database(path):
    store = await opened(path)
    other = path.with_name("link.db")
    other.symlink_to(path)
    assert "already in use" in await refusal(other)
    await store.close()


# --- read beside a running service ---


async def test_a_command_reads_a_zone_state_while_the_service_runs(path):
    store = await opened(path)
    await store.commit(Commit(zone_states=(zone_state(),)))
    reader = await open_reader(path)
    assert await reader.zone_state("example.com.") == zone_state()
    assert await reader.zone_state("unknown.example.") is None
    await store.commit(Commit(zone_states=(zone_state(serial=8),)))
    assert (await reader.zone_state("example.com.")).serial_groups[0].reference == 8
    await reader.close()
    await store.close()


async def test_a_command_reads_a_zone_state_when_no_service_runs_and_leaves_nothing_behind(path):
    await filled(path)
    before = {each.name: each.read_bytes() for each in path.parent.iterdir()}
    reader = await open_reader(path)
    assert (await reader.zone_state("zone7.example.")).zone == "zone7.example."
    await reader.close()
    after = {each.name: each.read_bytes() for each in path.parent.iterdir()}
    assert {name: after[name] for name in before} == before


async def test_a_command_cannot_change_anything(path):
    await filled(path)
    reader = await open_reader(path)
    with pytest.raises(sqlite3.OperationalError):
        reader._db.execute("delete from zone_states")
    await reader.close()


@pytest.mark.parametrize("content", [None, b"", b"text\n" * 99], ids=["missing", "empty", "a text"])
async def test_a_command_is_told_that_there_is_no_database_and_makes_none(path, content):
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StoreError, match=r"soawatch\.db"):
        await open_reader(path)
    assert path.exists() == (content is not None)


async def test_a_command_beside_a_newer_service_says_so(path):
    await filled(path)
    conn = sqlite3.connect(path)
    conn.execute("pragma user_version = 999")
    conn.close()
    with pytest.raises(StoreError, match="newer soawatch"):
        await open_reader(path)


# --- backup ---


async def test_a_backup_is_whole_and_opens_as_a_database(path):
    store = await opened(path)
    await store.commit(Commit(zone_states=(zone_state(),), alerts=(alert(),), messages=(message("t1"),)))
    copy = path.with_name("copy.db")
    await store.backup(str(copy))
    await store.commit(Commit(dropped_zones=("example.com.",)))
    await store.close()
    with capture_logs() as logs:
        restored = await opened(copy)
    assert logs == []
    remembered = await restored.restore()
    assert remembered.zone_states == {"example.com.": zone_state()}
    assert list(remembered.alerts) == [key()]
    assert [row.message.id for row in await restored.lease(NOON, duration=9, limit=9)] == ["t1"]
    await restored.close()


async def test_a_backup_never_replaces_a_file(path):
    store = await opened(path)
    copy = path.with_name("copy.db")
    copy.write_text("precious")
    with pytest.raises(StoreError, match="there already"):
        await store.backup(str(copy))
    assert copy.read_text() == "precious"
    with pytest.raises(StoreError, match="no directory"):
        await store.backup(str(path.parent / "nowhere" / "copy.db"))
    await store.close()


async def test_a_command_makes_a_backup_beside_the_running_service(path):
    store = await opened(path)
    await store.commit(Commit(zone_states=(zone_state(),)))
    reader = await open_reader(path)
    await reader.backup(str(path.with_name("copy.db")))
    await reader.close()
    await store.close()
    copy = await open_reader(path.with_name("copy.db"))
    assert await copy.zone_state("example.com.") == zone_state()
    await copy.close()
    assert not path.with_name("copy.db.part").exists()
