"""The database's files are their owner's alone, whatever the umask: every file that is ever made of it.

They say who runs which nameservers and what ails them; an outbox may hold more. The kind: any file that is made, kept
beside, copied or moved into place, new or left by an older soawatch.
"""

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from monitor.state.ports import Commit, StoreMisplaced
from monitor.store.reader import open_reader
from monitor.store.sqlite import SqliteStore
from tests.support import future_schema
from tests.support.future_schema import TODAY, of_version
from tests.support.specimens import NOON, zone_state


@pytest.fixture(params=[0o022, 0o000], ids=["the usual umask", "no umask"])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def modes(directory: Path) -> dict[str, str]:
    return {each.name: f"{stat.S_IMODE(each.stat().st_mode):04o}" for each in directory.iterdir()}


async def opened(path: Path) -> SqliteStore:
    return await SqliteStore.open(path, lambda: NOON)


async def test_whatever_is_made_is_its_owners_only(tmp_path, umask):
    store = await opened(tmp_path / "s.db")
    await store.commit(Commit(zone_states=(zone_state(),)))
    await store.backup(str(tmp_path / "copy.db"))
    reader = await open_reader(tmp_path / "s.db")
    await reader.backup(str(tmp_path / "other.db"))
    await reader.close()
    found = modes(tmp_path)
    assert set(found) == {
        "s.db", "s.db-wal", "s.db-shm", "s.db.lock", "s.db.mark", "copy.db", "other.db",
    }  # fmt: skip
    assert set(found.values()) == {"0600"}
    await store.close()
    assert set(modes(tmp_path).values()) == {"0600"}


async def test_the_copy_that_is_kept_before_a_migration_is_private_too(tmp_path, umask):
    of_version(tmp_path / "s.db", TODAY)
    with future_schema.known():
        await (await opened(tmp_path / "s.db")).close()
    found = modes(tmp_path)
    assert f"s.db.v{TODAY}.bak" in found
    assert set(found.values()) == {"0600"}


async def test_what_an_older_version_left_open_to_all_is_closed_and_said(tmp_path):
    await (await opened(tmp_path / "s.db")).close()
    for file in tmp_path.iterdir():
        file.chmod(0o644)
    with capture_logs() as logs:
        store = await opened(tmp_path / "s.db")
    assert set(modes(tmp_path).values()) == {"0600"}
    said = {Path(entry["path"]).name: (entry["mode"], entry["now"]) for entry in logs}
    assert said["s.db"] == ("0644", "0600")
    assert {entry["log_level"] for entry in logs} == {"warning"}
    await store.close()
    with capture_logs() as logs:
        await (await opened(tmp_path / "s.db")).close()
    assert logs == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
async def test_files_that_root_once_left_there_are_named_with_their_owner():
    """Somebody tried the service as root before it was started as a user of its own."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o777)
        await (await opened(directory / "s.db")).close()
        os.seteuid(65534)
        try:
            with pytest.raises(
                StoreMisplaced, match=r"s\.db\.lock belongs to root:root, mode 0600; this runs as nobody"
            ):
                await opened(directory / "s.db")
        finally:
            os.seteuid(0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
async def test_what_is_somebody_elses_to_close_is_warned_of():
    """The files belong to root and are open to all; the service may write them, but not change their modes."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o777)
        await (await opened(directory / "s.db")).close()
        for file in directory.iterdir():
            file.chmod(0o666)
        os.seteuid(65534)
        try:
            with capture_logs() as logs:
                await (await opened(directory / "s.db")).close()
        finally:
            os.seteuid(0)
    said = [entry for entry in logs if entry["event"] == "a file of the database can be read by others"]
    assert {Path(entry["path"]).name for entry in said} >= {"s.db", "s.db.lock"}
    assert {entry["error"] for entry in said} == {"Operation not permitted"}
