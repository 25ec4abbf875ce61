"""soawatch as it is spoken to: in this process, where that is enough, or as a process of its own."""

import asyncio
import io
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitor.cli.main import main

PATIENCE = 60.0
SOAWATCH = (sys.executable, "-m", "monitor")
SPOKEN = {name: value for name, value in os.environ.items() if not name.startswith(("SOAWATCH_CONFIG", "NO_COLOR"))}


@dataclass(frozen=True, slots=True)
class Said:
    status: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)

    @property
    def plain(self) -> bool:
        """Nothing that a terminal would obey."""
        return all(char.isprintable() or char == "\n" for char in self.out + self.err)


async def say(*arguments: object) -> Said:
    """``soawatch arguments``, in a thread of this process: as quick as the command itself."""
    return await asyncio.to_thread(_say, [str(each) for each in arguments])


def _say(arguments: list[str]) -> Said:
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    status: object = None
    with redirect_stdout(out), redirect_stderr(err):
        try:
            main(arguments)
        except SystemExit as end:
            status = end.code
    assert isinstance(status, int), status
    return Said(status, *(_read(stream) for stream in (out, err)))


def _read(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()


@asynccontextmanager
async def process(
    *arguments: object,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    inside: Sequence[str] = (),
) -> AsyncIterator[asyncio.subprocess.Process]:
    """``soawatch arguments`` as a process with pipes; it does not outlive the block."""
    started = await asyncio.create_subprocess_exec(
        *inside, *SOAWATCH, *map(str, arguments),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**SPOKEN, "PYTHONPATH": str(Path(__file__).parents[2]), **(env or {})}, cwd=cwd,
    )  # fmt: skip
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
            await started.communicate()


async def run(
    *arguments: object,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    inside: Sequence[str] = (),
) -> Said:
    """``soawatch arguments`` as a process, to its end; ``inside`` is a command that runs it, such as unshare(1)."""
    async with process(*arguments, env=env, cwd=cwd, inside=inside) as started, asyncio.timeout(PATIENCE):
        out, err = await started.communicate()
        assert started.returncode is not None
        return Said(started.returncode, out.decode(), err.decode())


async def python(code: str, *arguments: str) -> Said:
    """What a piece of Python says."""
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(PATIENCE):
        out, err = await started.communicate()
    assert started.returncode is not None
    return Said(started.returncode, out.decode(), err.decode())
