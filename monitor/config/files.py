"""Files that a configuration names are read to their end: only those that have one are opened."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from monitor.config.permissions import denial

_KINDS = {
    stat.S_IFDIR: "a directory, not a file",
    stat.S_IFIFO: "a pipe, not a file",
    stat.S_IFSOCK: "a socket, not a file",
    stat.S_IFCHR: "a device, not a file",
    stat.S_IFBLK: "a device, not a file",
}


def open_file(path: Path) -> BinaryIO:
    """A regular file, open for reading; never waits for whoever may be at the other end of a pipe.

    Raises OSError, also where the path is that of something else; ``reason`` says it in words.
    """
    check_kind(path)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    file = os.fdopen(descriptor, "rb")
    try:
        _refuse_other_kinds(os.fstat(descriptor))  # what stands there may have changed since
    except BaseException:
        file.close()
        raise
    return file


def check_kind(path: Path) -> None:
    """Raises OSError where something stands that is not a regular file, or nothing at all."""
    _refuse_other_kinds(path.stat())


def other_kind(path: Path) -> str:
    """What stands there if it is not a regular file; empty where one is, or nothing, or nobody may look."""
    try:
        return _KINDS.get(stat.S_IFMT(path.stat().st_mode), "")
    except OSError:
        return ""


def reason(error: OSError) -> str:
    """Why a file cannot be had; where that is not allowed, what is in the way and who we are."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    text = error.strerror or type(error).__name__
    if isinstance(error, PermissionError) and isinstance(error.filename, str | os.PathLike):
        return f"{text}: {denial(Path(error.filename))}"
    return text


def _refuse_other_kinds(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, _KINDS.get(stat.S_IFMT(found.st_mode), "not a file"))
