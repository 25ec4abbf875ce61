"""Nothing is lost or half-written when the service is killed in the middle of its work."""

import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.store.hammer import check

SEED = 20260301


def kill_once(path: Path, dice: random.Random) -> tuple[int, set[int]]:
    """What had been acknowledged by the time it was dead: the last number, and those settled."""
    committed, settled = 0, set()
    command = [sys.executable, "-m", "tests.integration.store.hammer", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as hammer:
        lines = dice.randint(1, 120)
        for count, line in enumerate(hammer.stdout):
            match line.split():
                case ["committed", number]:
                    committed = int(number)
                case ["settled", number]:
                    settled.add(int(number))
            if count == lines:
                hammer.kill()  # SIGKILL; it goes on committing until that arrives, and what it still said is read
    return committed, settled


def kill_often(path: Path, times: int) -> None:
    dice = random.Random(SEED)
    last, told = 0, set()
    for kill in range(times):
        committed, settled = kill_once(path, dice)
        told |= settled
        last = check(str(path), committed, told)
        told |= delivered_but_not_said(path)
        assert last > 0, f"kill {kill}, seed {SEED}"


def delivered_but_not_said(path: Path) -> set[int]:
    """Settled durably, killed before it could say so: from now on it counts as said."""
    conn = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    rows = conn.execute("select cast(substr(id, 2) as integer) from outbox where state = 'delivered'").fetchall()
    conn.close()
    return {row[0] for row in rows}


def test_nothing_acknowledged_is_lost_by_five_kills(tmp_path):
    kill_often(tmp_path / "s.db", 5)


@pytest.mark.long
def test_nothing_acknowledged_is_lost_by_two_hundred_kills(tmp_path):
    kill_often(tmp_path / "s.db", 200)
