"""Fixtures of the store's tests: a user who may not do everything."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def ordinary() -> Iterator[Path]:
    """A directory of somebody who is not root; meanwhile neither are we."""
    somebody = os.geteuid() or 65534
    with tempfile.TemporaryDirectory() as directory:
        os.chown(directory, somebody, -1)
        before = os.geteuid()
        os.seteuid(somebody)
        try:
            yield Path(directory)
        finally:
            os.seteuid(before)
            Path(directory).chmod(0o700)
