"""The service as its users start it: a process of its own."""

import asyncio
import json
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.support.plain_http import plain_http


class Running:
    """A soawatch process; ``page`` is its base URL once it is up. Its log is JSON lines on stderr."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.page = ""
        self.log: list[dict[str, Any]] = []
        self._reader = asyncio.create_task(self._read())
        self._up = asyncio.Event()

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            said = json.loads(line)
            self.log.append(said)
            if said["event"] == "running":
                self.page = said["page"]
                self._up.set()
        self._up.set()

    async def up(self) -> None:
        async with asyncio.timeout(30):
            await self._up.wait()
        assert self.page, self.log

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ended(self) -> int:
        async with asyncio.timeout(15):
            status = await self.process.wait()
            await self._reader
        return status

    async def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.ended()

    async def get(self, path: str) -> Any:
        async with plain_http(self.page) as client:
            return (await client.get(path)).json()

    async def scrape(self) -> str:
        async with plain_http(self.page) as client:
            return (await client.get("metrics")).text

    async def metric(self, name: str) -> float:
        found = re.search(rf"^{re.escape(name)} (\S+)$", await self.scrape(), re.MULTILINE)
        assert found, name
        return float(found[1])


@asynccontextmanager
async def running(config: Path, *command: str) -> AsyncIterator[Running]:
    """``command``: instead of the usual one."""
    usual = (sys.executable, "-m", "monitor", "run", "-c", str(config))
    process = await asyncio.create_subprocess_exec(*(command or usual), stderr=asyncio.subprocess.PIPE)
    service = Running(process)
    try:
        yield service
    finally:
        await service.kill()


async def until(condition: Any, seconds: float = 20.0) -> None:
    """Waits for an (async or plain) condition to come true."""
    async with asyncio.timeout(seconds):
        while True:
            true = condition()
            if asyncio.iscoroutine(true):
                true = await true
            if true:
                return
            await asyncio.sleep(0.05)
