"""How hypothesis looks for examples: the same ones at each run, or, asked to explore, new ones.

And what children of the tests inherit of their signals: nothing; how many workers there are, and who compiles what.
"""

import gc
import os
from collections.abc import Generator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

from tests.support.bytecode import compile_what_all_import, import_in_turn, keep_bytecode
from tests.support.signals import spare_children

HERE = Path(__file__).parent

# What a change breaks should be what it touched, so a run of the suite repeats the last one exactly.
settings.register_profile("suite", derandomize=True, deadline=None, max_examples=15)
settings.register_profile("thorough", derandomize=True, deadline=None, max_examples=100)
settings.register_profile("explore", derandomize=False, deadline=None, max_examples=500)
settings.load_profile("suite")

# Tracebacks in the log as the service writes them; structlog alone would have rich draw each, in a quarter of a second.
structlog.configure(
    [*structlog.get_config()["processors"][:-1],
     structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)],
)  # fmt: skip

spare_children()
keep_bytecode(HERE.parent / ".pytest_cache" / "bytecode")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One for each processor where tests compute, which those of tests/unit do; else more, for most tests wait."""
    processors = len(os.sched_getaffinity(0))
    return processors if _computes(config) else max(5, processors)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadFileScheduling | None:
    """Tests of tests/unit go to the workers file by file: what is shared within one is made once, and the scheduler,
    which counts all that it gave out whenever a test is over, does not compute for as long as they do.
    """
    if not _computes(config):
        return None
    config.option.loadscopereorder = False  # the files that take longest are not those with the most tests
    return LoadFileScheduling(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput") and session.config.option.numprocesses:
        compile_what_all_import("monitor.service.service")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """What is collected stays to the end: the collector of garbage need not look at it again and again."""
    worker = getattr(session.config, "workerinput", None)
    if worker is not None:
        number = int(worker["workerid"].removeprefix("gw"))
        import_in_turn(_paths(session.config), HERE.parent, number, worker["workercount"])
    collected = yield
    gc.collect()
    gc.freeze()
    return collected


def _computes(config: pytest.Config) -> bool:
    return all((HERE / "unit") in (path, *path.parents) for path in _paths(config))


def _paths(config: pytest.Config) -> list[Path]:
    """The files and folders that were asked for."""
    return [(config.invocation_params.dir / one.partition("::")[0]).resolve() for one in config.args]
