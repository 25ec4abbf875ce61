"""A few real nameservers and how they hang together."""

import asyncio
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from checks.model import Family
from monitor.probe.types import TsigKey
from tests.support.lab.model import XFR, Content
from tests.support.lab.server import Server

LONGEST_ROOM = 80
"""A socket's path has 107 octets at most (sun_path), and servers put theirs below the room."""


class Lab:
    """Declare servers, then ``start()`` or ``await started()``; leaving the ``with`` kills them all.

    ``room`` is an empty directory; by default a temporary one that goes away with the lab.
    """

    def __init__(self, room: Path | None = None) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="lab-") if room is None or _long(room) else None
        self.room = Path(self._temporary.name) if self._temporary is not None else room
        self.servers: list[Server] = []

    def server(self, software: str, name: str | None = None) -> Server:
        """A server without zones; ``software`` is one of bind, knot, nsd, powerdns."""
        name = name or f"{software}{1 + sum(server.software == software for server in self.servers)}"
        server = Server(software, name, self.room / name)
        self.servers.append(server)
        return server

    def primary(self, software: str, *contents: Content, name: str | None = None) -> Server:
        server = self.server(software, name)
        for content in contents:
            server.serve(content)
        return server

    def secondary(
        self,
        software: str,
        *,
        of: Server,
        zones: tuple[str, ...] | None = None,
        key: TsigKey | None = XFR,
        notify: bool = True,
        over: Family = Family.IPV4,
        name: str | None = None,
    ) -> Server:
        """A secondary of ``of`` for ``zones``; by default for all that it serves by now."""
        server = self.server(software, name)
        names = zones if zones is not None else tuple(duty.zone for duty in of.setup.duties)
        server.follow(of, *names, key=key, notify=notify, over=over)
        return server

    def start(self) -> None:
        """Start all that do not run yet and wait until they answer.

        Primaries first: a secondary whose first question finds its primary still loading asks again much later.
        """
        fresh = [server for server in self.servers if not server.running]
        primaries = [server for server in fresh if any(duty.content is not None for duty in server.setup.duties)]
        for wave in (primaries, [server for server in fresh if server not in primaries]):
            for server in wave:
                server.launch()
            for server in wave:
                server.ready()

    async def started(self) -> None:
        """``start()`` for those who share their event loop."""
        await asyncio.to_thread(self.start)

    def stop(self) -> None:
        """Kill them all."""
        for server in self.servers:
            server.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    def words(self) -> str:
        """The end of every server's log."""
        return "\n".join(server.last_words() for server in self.servers)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is not None:
                print(self.words())
        finally:
            self.stop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.__exit__, kind, error, trace)


def _long(room: Path) -> bool:
    return len(str(room)) > LONGEST_ROOM
