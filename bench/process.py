"""Starts a program on one core, and reads what it has taken since."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

TICK = 1 / os.sysconf("SC_CLK_TCK")


def core(number: int) -> set[int]:
    """That core, or the last there is: on a machine with one core everything shares it."""
    cores = sorted(allowed())
    return {cores[min(number, len(cores) - 1)]}


def allowed() -> set[int]:
    return set(os.sched_getaffinity(os.getpid()))


ALL = allowed()


@contextlib.contextmanager
def pinned(cores: set[int]) -> Iterator[None]:
    """What is started meanwhile stays on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def as_installed() -> dict[str, str]:
    """The environment in which Python keeps what it has compiled, as it does for all that is installed."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


class Running:
    """A program, its output in files, and those it has started."""

    def __init__(self, command: Sequence[str], cores: set[int], directory: Path, **environment: str) -> None:
        self.out, self.err = directory / "stdout", directory / "stderr"
        with pinned(cores), self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                [*command], stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=as_installed() | environment
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def over(self) -> bool:
        return self.process.poll() is not None

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def signal_all(self, number: int) -> None:
        """It and all that descend from it."""
        for pid in self.tree():
            os.kill(pid, number)

    def tree(self) -> list[int]:
        """It and all that descend from it."""
        children: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and (fields := _stat(int(entry.name))):
                children.setdefault(int(fields[1]), []).append(int(entry.name))
        found = [self.pid]
        for pid in found:
            found += children.get(pid, [])
        return found

    def cpu(self) -> float:
        """Seconds of CPU, in user and kernel, of it and its descendants; of those that have ended too."""
        return sum(self.cpu_each().values())

    def cpu_each(self) -> dict[int, float]:
        """The same for each process."""
        return {pid: sum(map(int, fields[11:15])) * TICK for pid in self.tree() if (fields := _stat(pid))}

    def kernel(self) -> float:
        """How much of it was in the kernel, while sending and receiving mostly."""
        fields = (_stat(pid) for pid in self.tree())
        return sum((int(some[12]) + int(some[14])) * TICK for some in fields if some)

    def peak(self) -> float:
        """Megabytes that it and its descendants have had resident at most, shared pages counted once for each."""
        return sum(_status(pid, "VmHWM") for pid in self.tree()) / 1024

    def stop(self, patience: float = 20.0) -> int:
        """By SIGTERM; its exit status."""
        if not self.over:
            self.process.terminate()
            try:
                self.process.wait(patience)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait()


def end_well() -> None:
    """SIGTERM ends what was started, and takes away what was written, as an interrupt does."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


@contextlib.contextmanager
def running(command: Sequence[str], cores: set[int], directory: Path, **environment: str) -> Iterator[Running]:
    directory.mkdir(parents=True, exist_ok=True)
    program = Running(command, cores, directory, **environment)
    try:
        yield program
    finally:
        program.stop()


def _stat(pid: int) -> list[str]:
    """The fields after the name; none when it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text.rpartition(")")[2].split()


def _status(pid: int, key: str) -> int:
    """In kilobytes."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith(key)), 0)
