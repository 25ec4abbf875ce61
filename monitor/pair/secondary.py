"""A secondary: when it looks at its primary, and what becomes of its copy (RFC 1034 section 4.3.5, RFC 7314)."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import structlog
from dns.name import Name

from monitor.pair import zonedata
from monitor.pair.behaviour import Conduct
from monitor.pair.client import NoAnswer
from monitor.pair.nameserver import Nameserver
from monitor.pair.upstream import Upstream, fetch, poll
from monitor.pair.zone_copy import Holding

log = structlog.get_logger(__name__)

UNLOADED_RETRY = 1.0
"""Seconds between attempts at a zone that was never loaded: it has no SOA that could say."""

SLOWER = 0.8
"""Seconds by which each version waits longer than the one before, where a secondary falls behind; so what it serves
moves from the start."""


@dataclass(frozen=True, slots=True)
class Late:
    """The newest version that a secondary has fetched and does not serve yet, and how long it will wait."""

    copy: Holding
    delay: float
    conduct: Conduct
    """Under which it was fetched: what was begun before a fault, or under one, is not finished under another."""


class Secondary:
    """Keeps copies of zones at ``server``, refreshed by their own timers and by NOTIFY."""

    def __init__(self, server: Nameserver, zones: Iterable[Name], *, unloaded_retry: float = UNLOADED_RETRY) -> None:
        self.server = server
        self._unloaded_retry = unloaded_retry
        self._wakes = {zone: asyncio.Event() for zone in zones}
        self._doubted: set[Name] = set()
        self._moved = asyncio.Condition()
        self._tasks: list[asyncio.Task[None]] = []
        self._waiting: dict[Name, list[asyncio.Task[None]]] = {}
        self._late: dict[Name, Late] = {}
        for zone in self._wakes:
            server.hold(Holding(zone, expires=0.0))

    def start(self, upstream: Callable[[], Upstream]) -> None:
        """``upstream`` is asked before each look: its key may have changed."""
        self._tasks = [asyncio.create_task(self._keep(zone, upstream)) for zone in self._wakes]

    async def close(self) -> None:
        tasks = [*self._tasks, *(task for tasks in self._waiting.values() for task in tasks)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def nudge(self, zone: Name) -> None:
        """Look now: a NOTIFY came, or a fault was switched on or off."""
        if zone in self._wakes:
            self._wakes[zone].set()

    def nudge_all(self) -> None:
        for zone in self._wakes:
            self.nudge(zone)

    def doubt_all(self) -> None:
        """Transfer every zone afresh, whatever its serial: what was fetched from a primary that lied is not kept."""
        self._doubted.update(self._wakes)
        self.nudge_all()

    async def reached(self, zone: Name, serial: int) -> None:
        """Returns once the copy has that serial or a newer one, and nobody doubts it."""
        async with self._moved:
            await self._moved.wait_for(lambda: self._has(zone, serial))

    def _has(self, zone: Name, serial: int) -> bool:
        data = self.server.holdings[zone].data
        return (
            zone not in self._doubted
            and data is not None
            and (data.serial == serial or zonedata.newer(data.serial, serial))
        )

    async def _keep(self, zone: Name, upstream: Callable[[], Upstream]) -> None:
        wake = self._wakes[zone]
        while True:
            wait = None if self.server.conduct.frozen else await self._look(zone, upstream)
            try:
                async with asyncio.timeout(wait):
                    await wake.wait()
            except TimeoutError:
                continue
            finally:
                wake.clear()

    async def _look(self, zone: Name, upstream: Callable[[], Upstream]) -> float:
        """One look at the primary, and how many seconds until the next: refresh, or retry after a failure."""
        conduct, doubted = self.server.conduct, zone in self._doubted
        late = self._late.get(zone)
        if late is not None and (doubted or late.conduct is not conduct):
            self._forget(zone)
            late = None
        held = late.copy if late is not None else self.server.holdings[zone]
        try:
            kept = await (_fetched_afresh(held, upstream()) if doubted else _brought_up(held, upstream()))
        except NoAnswer as reason:
            log.info("refresh failed", server=self.server.name, zone=str(zone), why=str(reason))
            return self._retry(held)
        except Exception:
            # A copy must go on being looked after, whatever the primary sent. Each of these is a defect of ours.
            log.exception("refresh failed", server=self.server.name, zone=str(zone))
            self.server.tally["failed"] += 1
            return self._retry(held)
        if self.server.conduct is not conduct:  # what was begun before a fault must not be finished under it
            return 0.0
        if not conduct.behind or doubted or kept.data in (None, self.server.holdings[zone].data):
            await self._serve(kept)
        elif kept.data is not held.data:
            self._serve_later(Late(kept, min(conduct.behind, (late.delay if late else 0.0) + SLOWER), conduct))
        if doubted:
            self._doubted.discard(zone)
        return self._unloaded_retry if kept.data is None else float(kept.data.soa.refresh)

    async def _serve(self, kept: Holding) -> None:
        self.server.hold(kept)
        async with self._moved:
            self._moved.notify_all()

    def _serve_later(self, late: Late) -> None:
        async def wait() -> None:
            await asyncio.sleep(late.delay)
            if self.server.conduct is late.conduct:
                await self._serve(late.copy)

        zone = late.copy.origin
        self._late[zone] = late
        waiting = [task for task in self._waiting.get(zone, ()) if not task.done()]
        self._waiting[zone] = [*waiting, asyncio.create_task(wait())]

    def _forget(self, zone: Name) -> None:
        """What was fetched and is not served yet never will be."""
        del self._late[zone]
        for task in self._waiting.pop(zone, ()):
            task.cancel()

    def _retry(self, held: Holding) -> float:
        return self._unloaded_retry if held.data is None else float(held.data.soa.retry)


async def _brought_up(held: Holding, upstream: Upstream) -> Holding:
    """The copy as it should be now. Raises NoAnswer when the primary did not help, or is behind us."""
    told = await poll(upstream, held.origin)
    if held.data is not None and told.serial == held.data.serial:
        until = _until(told.expire, held.data.soa.expire)
        return replace(held, expires=max(until, held.expires or 0.0))
    if held.data is not None and not zonedata.newer(told.serial, held.data.serial):
        raise NoAnswer(f"the primary's serial {told.serial} is not newer than ours, {held.data.serial}")
    data, expire = await fetch(upstream, held.origin, held.data)
    if held.data is not None and not zonedata.newer(data.serial, held.data.serial):
        raise NoAnswer(f"the transfer brought serial {data.serial}, ours is {held.data.serial}")
    return replace(held.changed(data), expires=_until(expire, data.soa.expire))


async def _fetched_afresh(held: Holding, upstream: Upstream) -> Holding:
    data, expire = await fetch(upstream, held.origin, None)
    return Holding(held.origin, data, expires=_until(expire, data.soa.expire))


def _until(said: int | None, expire: int) -> float:
    """Until when a copy is good, on the loop's clock: the primary's EXPIRE where it says one (RFC 7314 section 4)."""
    left = expire if said is None else min(expire, said)
    return asyncio.get_running_loop().time() + left
