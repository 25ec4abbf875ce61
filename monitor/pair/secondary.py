"""A secondary: when it asks its primary, and what becomes of its copies (RFC 1034 section 4.3.5, RFC 7314)."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import structlog
from dns.name import Name

from monitor.pair import zonedata
from monitor.pair.behaviour import Behaviour
from monitor.pair.client import NoAnswer, Upstream, fetch, poll
from monitor.pair.nameserver import Nameserver
from monitor.pair.zonedata import ZoneCopy

log = structlog.get_logger(__name__)

UNLOADED_RETRY = 1.0
"""Seconds between attempts at a zone that was never loaded: it has no SOA that could say."""

DELAY_STEP = 0.8
"""Seconds by which each version waits longer than the one before, where a secondary falls behind; so what it serves
moves from the start."""


@dataclass(frozen=True, slots=True)
class _Delayed:
    """The newest version that a secondary has fetched and does not serve yet, and how long it will wait."""

    copy: ZoneCopy
    delay: float
    behaviour: Behaviour
    """Under which it was fetched: what was begun before a fault, or under one, is not finished under another."""


class Secondary:
    """Keeps copies of zones at ``server``, refreshed by their own timers and by NOTIFY."""

    def __init__(self, server: Nameserver, zones: Iterable[Name], *, unloaded_retry: float = UNLOADED_RETRY) -> None:
        self.server = server
        self._unloaded_retry = unloaded_retry
        self._refresh_now = {zone: asyncio.Event() for zone in zones}
        self._retransfer: set[Name] = set()
        self._changed = asyncio.Condition()
        self._tasks: list[asyncio.Task[None]] = []
        self._delays: dict[Name, list[asyncio.Task[None]]] = {}
        self._delayed: dict[Name, _Delayed] = {}
        for zone in self._refresh_now:
            server.set_copy(ZoneCopy(zone, expires=0.0))

    def start(self, upstream: Callable[[], Upstream]) -> None:
        """``upstream`` is called before each refresh: its key may have changed."""
        self._tasks = [asyncio.create_task(self._keep(zone, upstream)) for zone in self._refresh_now]

    async def close(self) -> None:
        tasks = [*self._tasks, *(task for tasks in self._delays.values() for task in tasks)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def refresh(self, zone: Name) -> None:
        """Ask the primary now: a NOTIFY came, or a fault was switched on or off."""
        if zone in self._refresh_now:
            self._refresh_now[zone].set()

    def refresh_all(self) -> None:
        for zone in self._refresh_now:
            self.refresh(zone)

    def retransfer_all(self) -> None:
        """Transfer every zone anew, whatever its serial: what a primary with a fault gave is not kept."""
        self._retransfer.update(self._refresh_now)
        self.refresh_all()

    async def in_sync(self, zone: Name, serial: int) -> None:
        """Returns once the copy has that serial or a newer one, and is not to be transferred anew."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._has(zone, serial))

    def _has(self, zone: Name, serial: int) -> bool:
        data = self.server.copies[zone].data
        return (
            zone not in self._retransfer
            and data is not None
            and (data.serial == serial or zonedata.newer(data.serial, serial))
        )

    async def _keep(self, zone: Name, upstream: Callable[[], Upstream]) -> None:
        now = self._refresh_now[zone]
        while True:
            wait = None if self.server.behaviour.refresh_stopped else await self._refreshed(zone, upstream)
            try:
                async with asyncio.timeout(wait):
                    await now.wait()
            except TimeoutError:
                continue
            finally:
                now.clear()

    async def _refreshed(self, zone: Name, upstream: Callable[[], Upstream]) -> float:
        """Asks the primary once. Returns the seconds until the next time: refresh, or retry after a failure."""
        behaviour, anew = self.server.behaviour, zone in self._retransfer
        delayed = self._delayed.get(zone)
        if delayed is not None and (anew or delayed.behaviour is not behaviour):
            self._drop_delayed(zone)
            delayed = None
        had = delayed.copy if delayed is not None else self.server.copies[zone]
        try:
            copy = await (_transferred(had, upstream()) if anew else _updated(had, upstream()))
        except NoAnswer as reason:
            log.info("refresh failed", server=self.server.name, zone=str(zone), why=str(reason))
            return self._retry(had)
        except Exception:
            # Whatever the primary sent, the copy goes on being refreshed. Each of these is a defect of ours.
            log.exception("refresh failed", server=self.server.name, zone=str(zone))
            self.server.counts["failed"] += 1
            return self._retry(had)
        if self.server.behaviour is not behaviour:  # what was begun before a fault must not be finished under it
            return 0.0
        if not behaviour.serve_delay or anew or copy.data in (None, self.server.copies[zone].data):
            await self._serve(copy)
        elif copy.data is not had.data:
            delay = min(behaviour.serve_delay, (delayed.delay if delayed else 0.0) + DELAY_STEP)
            self._serve_later(_Delayed(copy, delay, behaviour))
        if anew:
            self._retransfer.discard(zone)
        return self._unloaded_retry if copy.data is None else float(copy.data.soa.refresh)

    async def _serve(self, copy: ZoneCopy) -> None:
        self.server.set_copy(copy)
        async with self._changed:
            self._changed.notify_all()

    def _serve_later(self, delayed: _Delayed) -> None:
        async def wait() -> None:
            await asyncio.sleep(delayed.delay)
            if self.server.behaviour is delayed.behaviour:
                await self._serve(delayed.copy)

        zone = delayed.copy.origin
        self._delayed[zone] = delayed
        waiting = [task for task in self._delays.get(zone, ()) if not task.done()]
        self._delays[zone] = [*waiting, asyncio.create_task(wait())]

    def _drop_delayed(self, zone: Name) -> None:
        """What was fetched and is not served yet never will be."""
        del self._delayed[zone]
        for task in self._delays.pop(zone, ()):
            task.cancel()

    def _retry(self, copy: ZoneCopy) -> float:
        return self._unloaded_retry if copy.data is None else float(copy.data.soa.retry)


async def _updated(copy: ZoneCopy, upstream: Upstream) -> ZoneCopy:
    """The copy as it should be now. Raises NoAnswer when the primary did not help, or is behind us."""
    soa = await poll(upstream, copy.origin)
    if copy.data is not None and soa.serial == copy.data.serial:
        until = _until(soa.expire, copy.data.soa.expire)
        return replace(copy, expires=max(until, copy.expires or 0.0))
    if copy.data is not None and not zonedata.newer(soa.serial, copy.data.serial):
        raise NoAnswer(f"the primary's serial {soa.serial} is not newer than ours, {copy.data.serial}")
    data, expire = await fetch(upstream, copy.origin, copy.data)
    if copy.data is not None and not zonedata.newer(data.serial, copy.data.serial):
        raise NoAnswer(f"the transfer brought serial {data.serial}, ours is {copy.data.serial}")
    return replace(copy.changed(data), expires=_until(expire, data.soa.expire))


async def _transferred(copy: ZoneCopy, upstream: Upstream) -> ZoneCopy:
    data, expire = await fetch(upstream, copy.origin, None)
    return ZoneCopy(copy.origin, data, expires=_until(expire, data.soa.expire))


def _until(said: int | None, expire: int) -> float:
    """Until when a copy is good, on the loop's clock: the primary's EXPIRE where it says one (RFC 7314 section 4)."""
    left = expire if said is None else min(expire, said)
    return asyncio.get_running_loop().time() + left
