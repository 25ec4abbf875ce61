"""Compiled modules for the processes that tests start, also where Python was told to write none beside the sources."""

import os
from pathlib import Path


def keep_bytecode(directory: Path) -> None:
    """From now on children, workers among them, keep theirs below ``directory`` if they were to keep none at all.

    A service that has to compile everything it imports takes three times as long to start.
    """
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
        os.environ.setdefault("PYTHONPYCACHEPREFIX", str(directory))
