"""What other programs do to the files of a database."""

import contextlib
import shutil
import sqlite3
from pathlib import Path

FILES = ("", "-wal", "-shm", ".lock", ".mark")


def beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def as_a_kill_leaves_it(path: Path, to: Path) -> Path:
    """The files as they lie at this moment, elsewhere."""
    to.mkdir()
    for suffix in FILES:
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(beside(path, suffix), to / beside(path, suffix).name)
    return to / path.name


def foreign(path: Path) -> bytes:
    """A database of somebody else."""
    conn = sqlite3.connect(path)
    conn.execute("create table precious (x)")
    conn.executemany("insert into precious values (?)", [("gold" * 99,) for _ in range(200)])
    conn.commit()
    conn.close()
    return path.read_bytes()
