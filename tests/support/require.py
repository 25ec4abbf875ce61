"""Skips a test whose real program is not installed."""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest


def program(name: str, *, package: str) -> str:
    """The path of ``name``; without it the test skips, naming the Debian package, or fails where all are required."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin")
    if path is None:
        _missing(name, package)
    return path


def file(*places: str, package: str) -> Path:
    """The first of ``places`` where there is a file, as ``program``."""
    found = next((Path(place) for place in places if Path(place).is_file()), None)
    if found is None:
        _missing(places[0], package)
    return found


def _missing(name: str, package: str) -> NoReturn:
    missing = f"{name} is not installed (Debian package: {package})"
    if os.environ.get("SOAWATCH_REQUIRE_ALL") == "1":
        pytest.fail(missing)
    pytest.skip(missing)
