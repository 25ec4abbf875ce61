"""A program in the foreground that surely ends with us, and whose last words can be read."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.support.lab.waiting import until


class Process:
    """Runs ``command`` in its own process group with its output in ``log``.

    A second, tiny process holds the other end of a pipe from us: when we are gone, however that happened, the pipe
    closes and it kills the group. (PR_SET_PDEATHSIG would do the same at the end of the *thread* that started it.)
    """

    def __init__(self, command: Sequence[str], *, room: Path, log: Path) -> None:
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                command, cwd=room, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", 'read -r _; kill -s KILL -- "-$0"', str(self._process.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def ended(self) -> int | None:
        """The exit status once it is over."""
        return self._process.poll()

    def send(self, number: signal.Signals) -> None:
        os.killpg(self._process.pid, number)

    def pause(self) -> None:
        """Returns once every thread of the group stands still."""
        self.send(signal.SIGSTOP)
        until(lambda: set(_states(self._process.pid)) <= {"T", "Z"}, "the whole process group is stopped")

    def resume(self) -> None:
        self.send(signal.SIGCONT)

    def hang_up(self) -> None:
        """What a daemon takes for "read your files again"; for the first process of the group alone."""
        self._process.send_signal(signal.SIGHUP)

    def kill(self) -> None:
        """Ends the whole group at once; what is on disk stays as after a crash."""
        self._guard.kill()
        self._guard.wait()
        if self._guard.stdin is not None:
            self._guard.stdin.close()
        with contextlib.suppress(ProcessLookupError):  # it ended by itself
            self.send(signal.SIGKILL)
        self._process.wait()


def _states(group: int) -> Iterator[str]:
    """The state of each thread in a process group (proc_pid_stat(5), fields 3 and 5)."""
    for stat in Path("/proc").glob("[0-9]*/task/[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has just ended
            state, _, pgrp = stat.read_text().rpartition(")")[2].split()[:3]
            if int(pgrp) == group:
                yield state
