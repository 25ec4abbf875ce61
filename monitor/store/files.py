"""Files of the database: nobody else's to read, what keeps one from being written, and how one gets its place back.

A database that was taken from under the service is made whole as NAME.rescued first; then whatever the old one left
beside it goes, and it gets its name, unless another file has got it meanwhile. So it is whole at every moment: killed
in between, the next start goes on from there.
"""

import errno
import os
import stat
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

PRIVATE = 0o600
"""Mode of every file that is made, whatever the umask: who runs which nameservers, and what ails them."""

COMPANIONS = ("", "-wal", "-shm", ".lock", ".mark")
"""Suffixes of the files that are kept beside a running database, its own first."""

UNAVAILABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.ESTALE, errno.ENOMEM})
"""Errors of a disk that may take later what it does not take now."""

FORBIDDEN = frozenset({errno.EACCES, errno.EPERM})


def beside(path: Path, suffix: str) -> Path:
    """A companion file: NAME.lock, NAME.mark …"""
    return path.with_name(path.name + suffix)


def make_private(path: Path) -> None:
    """An empty file that only its owner can read and write. Raises OSError, FileExistsError where there is one."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE))


def tighten(path: Path) -> None:
    """Take from group and others what they may do with the database's files; say so, or that it cannot be done."""
    for file in (beside(path, suffix) for suffix in COMPANIONS):
        try:
            mode = stat.S_IMODE(file.stat().st_mode)
            if mode & 0o077:
                file.chmod(mode & ~0o077)
                log.warning(
                    "a file of the database could be read by others",
                    path=str(file),
                    mode=f"{mode:04o}",
                    now=f"{mode & ~0o077:04o}",
                )
        except FileNotFoundError:
            continue
        except OSError as error:
            log.warning("a file of the database can be read by others", path=str(file), error=error.strerror)


def disk_refuses(path: Path) -> bool:
    """Whether the disk under ``path`` is mounted read-only, or has neither a block nor an inode left for us."""
    try:
        disk = os.statvfs(path.absolute().parent)
    except OSError:
        return False
    return bool(disk.f_flag & os.ST_RDONLY) or not disk.f_bavail or (not disk.f_favail and bool(disk.f_files))


def sync_directory(path: Path) -> None:
    """What was made, renamed or removed beside ``path`` stays so. Raises OSError."""
    descriptor = os.open(path.absolute().parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def rescue_part(path: Path) -> Path:
    """Under which name it is made; nothing is there afterwards."""
    made = beside(path, ".rescued.part")
    for left in (made, beside(made, "-journal")):
        left.unlink(missing_ok=True)
    return made


def put_back(path: Path, made: Path) -> None:
    """What was made whole as ``rescue_part`` gets its place. Raises OSError, FileExistsError where that is taken."""
    rescued = set_aside(path, made)
    try:
        finish_rescue(path)
    except FileExistsError:
        rescued.unlink()  # what it was made of is still there
        raise


def set_aside(path: Path, made: Path) -> Path:
    """It waits, whole, for the place to be free; where it is. Raises OSError."""
    rescued = beside(path, ".rescued")
    made.rename(rescued)
    sync_directory(path)
    return rescued


def finish_rescue(path: Path) -> bool:
    """Gives what was rescued its place, also where a kill has broken that off; whether it did so now.

    Raises as ``put_back`` does.
    """
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


def end_rescue(path: Path) -> None:
    """It is open under its own name, so it need not have another one. Until then whoever deletes it once more has
    deleted one of two names.
    """
    rescued = beside(path, ".rescued")
    if rescued.exists() and path.samefile(rescued):
        rescued.unlink()
        sync_directory(path)
