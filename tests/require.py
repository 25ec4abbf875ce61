"""Is a real program there to test against?"""

import os
import shutil

import pytest


def program(name: str, *, package: str) -> str:
    """The path of ``name``; without it the test skips, naming the Debian package, or fails where all are required."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin")
    if path is not None:
        return path
    missing = f"{name} is not installed (Debian package: {package})"
    if os.environ.get("SOAWATCH_REQUIRE_ALL") == "1":
        pytest.fail(missing)
    pytest.skip(missing)
