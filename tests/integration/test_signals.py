"""The suite in the background of a shell: its children must not inherit what the shell made it ignore."""

import subprocess
import sys
from pathlib import Path

import pytest

CHILD = "import signal; print(*(signal.Signals(n).name for n in (2, 3, 1) if signal.getsignal(n) == signal.SIG_IGN))"
BETWEEN = "import subprocess, sys; {first}; subprocess.run([sys.executable, '-c', sys.argv[1]], check=True)"
SPARING = "from tests.support.signals import spare_children; spare_children()"


def ignored(first: str, trap: str) -> list[str]:
    """The signals that a child's child ignores, when its parent did ``first`` and was started with ``trap`` ignored."""
    shell = f"trap '' {trap}; exec \"$@\""
    python = (sys.executable, "-c", BETWEEN.format(first=first), CHILD)
    text = subprocess.run(
        ["bash", "-c", shell, "bash", *python],
        check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2], timeout=60,
    ).stdout  # fmt: skip
    return text.split()


@pytest.mark.parametrize(
    ("trap", "inherited"), [("INT", ["SIGINT"]), ("INT QUIT HUP", ["SIGINT", "SIGQUIT", "SIGHUP"])]
)
def test_children_of_tests_start_with_the_defaults(trap: str, inherited: list[str]) -> None:
    """The kind is every signal that ``&`` in a script, or nohup, makes a process and all its children ignore."""
    assert ignored("pass", trap) == inherited
    assert ignored(SPARING, trap) == []
    assert ignored(SPARING, "TERM") == []
