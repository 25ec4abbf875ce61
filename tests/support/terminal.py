"""soawatch on a terminal of a given width."""

import asyncio
import fcntl
import os
import pty
import struct
import sys
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.support.speaking import SPOKEN


class Terminal:
    """A process on a pseudo terminal; ``screen`` is all it has written so far."""

    def __init__(self, process: asyncio.subprocess.Process, ours: int) -> None:
        self.process = process
        self._ours = ours
        self._heard = b""

    @property
    def screen(self) -> str:
        return self._heard.decode(errors="replace")

    def read(self) -> None:
        with suppress(BlockingIOError, OSError):  # EIO once the other side is gone
            while octets := os.read(self._ours, 65536):
                self._heard += octets

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    async def shows(self, text: str, seconds: float = 60.0) -> None:
        async with asyncio.timeout(seconds):
            while text not in self.screen:
                assert self.process.returncode is None, self.screen
                await asyncio.sleep(0.02)
                self.read()

    async def ended(self, seconds: float = 60.0) -> int:
        async with asyncio.timeout(seconds):
            while self.process.returncode is None:
                self.read()
                await asyncio.sleep(0.02)
        self.read()
        return self.process.returncode


@asynccontextmanager
async def terminal(*arguments: object, columns: int = 100, **env: str) -> AsyncIterator[Terminal]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    os.set_blocking(ours, False)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "monitor", *map(str, arguments),
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        env={**{k: v for k, v in SPOKEN.items() if k not in ("COLUMNS", "LINES")}, "TERM": "xterm-256color", **env},
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(ours)
