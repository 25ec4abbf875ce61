"""Asks the addresses of a zone again and again until all have what is waited for."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from checks.common.arrival import judge_look
from checks.common.wait_progress import AddressProgress, WaitProgress
from checks.model import Observation, Query
from checks.zone_state.connectivity import ServerAddress

if TYPE_CHECKING:
    from monitor.polling.sweep import ProbeQueries

FIRST_PAUSE = 0.5
"""Seconds between the first two looks at an address, and between good ones; each of the others is twice as long …"""
LONGEST_PAUSE = 5.0
"""… up to so many."""

TellStep = Callable[[WaitProgress, AddressProgress], None]
"""Called when one address says something else than before, or has been good once more."""


class Wait:
    """One wait under way. Each address is asked at its own pace, so that a silent one holds up nobody.

    One that is done is left in peace, unless what it is to serve changes: then it is asked again at once.
    """

    def __init__(
        self, progress: WaitProgress, probe: "ProbeQueries", tell: TellStep, *, longest_pause: float = LONGEST_PAUSE
    ) -> None:
        """``probe`` asks; ``tell`` must not wait. ``longest_pause`` is in seconds."""
        self.progress = progress
        self._probe = probe
        self._tell = tell
        self._longest = longest_pause
        self._first = min(FIRST_PAUSE, longest_pause)
        self._over = asyncio.Event()
        self._moved = asyncio.Event()
        self._questions = progress.awaited.questions(progress.zone)

    async def run(self) -> WaitProgress:
        """Return when all addresses are done. Cancelling it ends the asking; ``progress`` is what is known by then."""
        self._began = asyncio.get_running_loop().time()
        watching = [asyncio.create_task(self._watch(place)) for place in self.progress.addresses]
        over = asyncio.create_task(self._over.wait())
        try:
            await asyncio.wait([over, *watching], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (over, *watching):
                task.cancel()
            ended = await asyncio.gather(*watching, return_exceptions=True)
        for one in ended:
            if isinstance(one, Exception):
                raise one
        return self.progress

    async def _watch(self, place: ServerAddress) -> None:
        """The looks at one address. It ends with the wait, or by a defect."""
        pause = self._first
        while True:
            self._note(place, await self._look(place))
            one = self.progress.addresses[place]
            if self.progress.rests(one):
                while self.progress.rests(self.progress.addresses[place]):
                    await self._moved.wait()
                pause = self._first
                continue
            if self.progress.is_good(one) and not self.progress.is_done(one):
                pause = self._first
            await asyncio.sleep(pause)
            pause = min(pause * 2, self._longest)

    async def _look(self, place: ServerAddress) -> list[Observation]:
        server, address = place
        zone = self.progress.zone
        queries = [Query(zone, server, address, name, type, identify=True) for name, type in self._questions]
        return [seen async for batch in self._probe(queries) for seen in batch]

    def _note(self, place: ServerAddress, seen: list[Observation]) -> None:
        before, at = self.progress, asyncio.get_running_loop().time() - self._began
        look = judge_look(before.awaited, seen, primary=before.addresses[place].primary)
        after = self.progress = before.after(place, look, at)
        old, new = before.addresses[place], after.addresses[place]
        if old.looks == 0 or _told(before, old) != _told(after, new):
            self._tell(after, new)
        if after.references != before.references:
            self._moved.set()
            self._moved = asyncio.Event()
        if after.done:
            self._over.set()


def _told(progress: WaitProgress, one: AddressProgress) -> tuple[str, bool, int]:
    """What is told of an address: a look that changes nothing of it is no news."""
    return progress.text(one), progress.is_good(one), min(one.row, progress.needed)
