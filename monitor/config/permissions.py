"""Owner, mode and user of a file that may not be read or written: what an operator needs to know to mend it."""

import grp
import os
import pwd
import stat
from pathlib import Path


def denial(path: Path) -> str:
    """Owner, group and mode of what is in the way, the file or a directory above it, and the user this runs as."""
    path = path.absolute()
    for closed in reversed(path.parents):
        if not _enters(closed):
            return f"its directory {_described(closed)}; this runs as {_user(os.geteuid())}"
    return f"{_described(path)}; this runs as {_user(os.geteuid())}"


def _enters(directory: Path) -> bool:
    """Whether we may look for a name in it; one that is not there is in nobody's way."""
    return not directory.exists() or os.access(directory, os.X_OK, effective_ids=True)


def _described(path: Path) -> str:
    try:
        found = path.stat()
    except OSError as error:
        return f"{path} cannot be looked at ({error.strerror})"
    return f"{path} belongs to {_user(found.st_uid)}:{_group(found.st_gid)}, mode {stat.S_IMODE(found.st_mode):04o}"


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid {number}"


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return f"gid {number}"
