"""Brings a database that was taken from under the service back to its place, whole at every moment.

It is made whole as NAME.rescued first; then whatever the old one left beside it goes, and it gets its name, unless
another file has got it meanwhile. Killed in between, the next start goes on from there.
"""

import os
from pathlib import Path

import structlog

from monitor.store.files import beside, sync_directory

log = structlog.get_logger(__name__)


def part(path: Path) -> Path:
    """Under which name it is made; nothing is there afterwards."""
    made = beside(path, ".rescued.part")
    for left in (made, beside(made, "-journal")):
        left.unlink(missing_ok=True)
    return made


def put_back(path: Path, made: Path) -> None:
    """What was made whole as ``part`` gets its place. FileExistsError where another file has it. Raises OSError."""
    rescued = set_aside(path, made)
    try:
        finish(path)
    except FileExistsError:
        rescued.unlink()  # what it was made of is still there
        raise


def set_aside(path: Path, made: Path) -> Path:
    """It waits, whole, for the place to be free; where it is. Raises OSError."""
    rescued = beside(path, ".rescued")
    made.rename(rescued)
    sync_directory(path)
    return rescued


def finish(path: Path) -> bool:
    """Goes on where a kill has broken off; whether it was put in its place now. Raises as ``put_back`` does."""
    rescued = beside(path, ".rescued")
    if not rescued.exists():
        return False
    if path.exists():
        if not path.samefile(rescued):
            log.warning(
                "a database that had lost its place is kept aside: remove it, or move the other one away to use it",
                path=str(rescued),
            )
    else:
        for old in ("-wal", "-shm"):
            beside(path, old).unlink(missing_ok=True)
        os.link(rescued, path)  # unlike a rename it fails when somebody else was quicker
        sync_directory(path)
        return True
    return False


def done(path: Path) -> None:
    """It is open under its own name, so it need not have another one. Until then whoever deletes it once more has
    deleted one of two names.
    """
    rescued = beside(path, ".rescued")
    if rescued.exists() and path.samefile(rescued):
        rescued.unlink()
        sync_directory(path)
