"""Compiled modules for the processes of a run: each file is compiled by one of them, also where Python is told to write
none beside the sources.
"""

import importlib
import os
import py_compile
import sys
from collections.abc import Sequence
from importlib.util import cache_from_source, find_spec
from pathlib import Path

import pytest


def keep_bytecode(directory: Path) -> None:
    """From now on this process and its children, workers among them, keep theirs below ``directory`` if they were to
    keep none at all.

    A service that has to compile everything it imports takes three times as long to start.
    """
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
        os.environ.setdefault("PYTHONPYCACHEPREFIX", str(directory))
        sys.pycache_prefix = os.environ["PYTHONPYCACHEPREFIX"]
        sys.dont_write_bytecode = False


def compile_what_all_import(module: str) -> None:
    """Before there are workers: ``module`` and what it imports, if it is not compiled, and what is imported already.

    Each of them would compile that beside the others, for they import it at once.
    """
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    if _is_compiled(spec.origin):
        return
    importlib.import_module(module)
    for one in [*sys.modules.values()]:
        source = getattr(one, "__file__", None) or ""
        if source.endswith(".py") and not _is_compiled(source):
            py_compile.compile(source, quiet=2)


def _is_compiled(source: str) -> bool:
    return Path(cache_from_source(source)).exists()


def import_in_turn(paths: Sequence[Path], root: Path, number: int, count: int) -> None:
    """The modules of the tests below ``paths``, before they are collected; of ``count`` workers this is ``number``.

    Each begins at another one. So each rewrites the assertions of a part, and finds the other parts done.
    """
    below = [path for path in paths if root in (path, *path.parents)]
    found = [file for path in below for file in ([path] if path.is_file() else sorted(path.rglob("test_*.py")))]
    first = len(found) * number // count
    for file in found[first:] + found[:first]:
        name = ".".join(file.relative_to(root).with_suffix("").parts)
        try:
            importlib.import_module(name)
        except (Exception, pytest.skip.Exception):  # noqa: BLE001 - whatever a module raises
            return  # collection meets it again, and says it where it is read
