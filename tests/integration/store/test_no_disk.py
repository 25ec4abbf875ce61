"""A disk that takes nothing already at the start: what is there is read, what is seen is kept until it does.

The kind: a full, read-only or failing disk is no reason not to watch. The neighbours: a first start, a database that
was closed, one whose last changes are in its -wal, one that would have to be migrated first.
"""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.state.ports import StoreError, StoreMisplaced, StoreUnavailable
from monitor.store.durable import DurableStore
from monitor.store.sqlite import SqliteStore
from tests.integration.store.small_disk import LATER
from tests.support.databases import filled
from tests.support.require import program
from tests.support.specimens import NOON


def tried(directory: Path, before: str, trouble: str) -> dict[str, Any]:
    inside = [program("unshare", package="util-linux"), "--user", "--map-root-user", "--mount"]
    if subprocess.run([*inside, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mount namespaces here: needs root or unprivileged user namespaces")
    ran = subprocess.run(
        [*inside, sys.executable, "-m", "tests.integration.store.small_disk", str(directory), before, trouble],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-3000:]
    said: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return said


KNOWN = {
    "none": [],
    "closed": ["a.example."],
    "killed": ["a.example."],
    "older": ["old.example."],
    "torn": ["old.example."],
}


@pytest.mark.parametrize(
    ("before", "trouble"),
    [
        ("none", "full"),
        ("none", "no_inodes"),
        ("none", "read_only"),
        ("closed", "full"),
        ("closed", "read_only"),
        ("killed", "full"),
        ("killed", "read_only"),
        ("older", "full"),
        ("torn", "read_only"),
    ],
)
def test_it_begins_with_what_can_be_read_and_writes_when_it_can(tmp_path, before, trouble):
    said = tried(tmp_path, before, trouble)
    assert said["zone_states"] == KNOWN[before]
    kept = before in ("closed", "killed")
    assert (said["alerts"], said["incidents"], said["past"]) == ((1, ["i1"], ["i1"]) if kept else (0, [], []))
    assert said["owed"] == kept
    refused = said["refused"]
    assert refused  # a full disk may take it at a later attempt: what was begun and given up has left some room
    assert all(
        "full" in each or "No space left" in each or "Read-only" in each or "read-only" in each for each in refused
    )
    assert said["after"] == sorted({*KNOWN[before], "b.example."})
    assert said["outbox"] == (["t1", "t2"] if kept else ["t2"])
    assert said["whole"] == "ok"
    assert not said["recreated"]


async def test_a_place_that_may_not_be_used_is_refused_and_not_waited_for(ordinary):
    """A mistake in the configuration, or of permissions: no waiting mends it."""
    ordinary.chmod(0o500)
    with pytest.raises(StoreMisplaced, match=r"needs to write in the directory.*mode 0500; this runs as"):
        await DurableStore.open(ordinary / "s.db", lambda: NOON)
    with pytest.raises(StoreMisplaced, match="no directory"):
        await DurableStore.open(ordinary / "nowhere" / "s.db", lambda: NOON)


async def test_a_database_that_is_another_ones_or_damaged_is_refused_as_before(tmp_path):
    path = tmp_path / "s.db"
    await filled(path)
    path.write_bytes(b"a text\n" * 2000)
    with pytest.raises(StoreError, match="not a SQLite database"):
        await DurableStore.open(path, lambda: NOON)


async def test_what_could_not_be_read_is_not_written_over_with_what_was_seen_since(tmp_path):
    """Neither read nor written at the start, as from a failing disk; when it works again, an operator has to choose."""
    path = tmp_path / "s.db"
    await filled(path)
    clock = [NOON]
    store = DurableStore(path, lambda: clock[0])
    store._open_error, store._unreadable = StoreUnavailable("the disk fails"), True
    assert (await store.restore()).zone_states == {}
    clock[0] += timedelta(minutes=2)
    with pytest.raises(StoreError, match="Restart the service, to go on from what it holds"):
        await store.commit(LATER)
    await store.close()
    again = await SqliteStore.open(path, lambda: NOON)
    assert len((await again.restore()).zone_states) == 200
    await again.close()
