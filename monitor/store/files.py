"""Files of the database: nobody else's to read, and what keeps one from being written."""

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
