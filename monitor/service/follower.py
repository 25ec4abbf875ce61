"""Follows sources of zones: asks for each when it is due, keeps what it names, and says who is watched for it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import structlog

from checks.common.text import enumerated
from monitor.clock import Now, monotonic
from monitor.config.model import Config, ZoneEntry
from monitor.config.zone_sources import SourceTrouble, with_zones
from monitor.service.followed_source import FollowedSource, Reading, SourceState, SourceUnread, ZonesNow
from monitor.state.source_status import SourceStatus

log = structlog.get_logger(__name__)

MAX_TOLD = 5
"""Zones passed over that are told of at one reading."""

MIN_INTERVAL = 0.5
"""Seconds from one time that a source is asked to the next, however often it is announced."""

Keep = Callable[[str, str], Awaitable[None]]
"""Has the store keep something of a source: its name, and what is kept."""


@dataclass(slots=True)
class Followed:
    """A source and what is known of it."""

    source: FollowedSource
    state: SourceState
    status: SourceStatus


class Follower:
    """``kept`` is what the store kept of sources that are followed, by their names."""

    def __init__(self, kept: Mapping[str, str], now: Now) -> None:
        self._now = now
        self._stored = dict(kept)
        self._followed: dict[str, Followed] = {}
        self._asking: dict[str, asyncio.Task[bool]] = {}
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()

    @property
    def troubles(self) -> tuple[SourceTrouble, ...]:
        return tuple(one.state.trouble for one in self._followed.values() if one.state.trouble is not None)

    @property
    def statuses(self) -> tuple[SourceStatus, ...]:
        return tuple(one.status for one in self._followed.values())

    def use(self, sources: Iterable[FollowedSource]) -> None:
        """Follow these from now on; each is read anew. A zone that several have is one of the first."""
        before, self._followed = self._followed, {}
        for source in sources:
            known = before.get(source.name)
            state = known.state if known is not None else source.unpacked(self._stored.get(source.name, ""))
            state.due, state.anew, state.rewound = 0.0, True, bool(before)
            status = known.status if known is not None else SourceStatus(source.name)
            status = replace(status, zones=len(state.zones), serial=state.serial, refresh=source.refresh)
            self._followed[source.name] = Followed(source, state, status)
        self._wake.set()

    def with_zones(self, config: Config) -> Config:
        """The configuration with the zones of the sources, but those that are written in it."""
        found: dict[str, ZoneEntry] = {}
        written: list[str] = []
        twice: list[str] = []
        for one in self._followed.values():
            for name, groups in one.state.zones.items():
                if name in config.zones:
                    written.append(name)
                elif name in found:
                    twice.append(name)
                else:
                    found[name] = one.source.entry(groups)
        for one in self._followed.values():
            for name, was in one.state.removed.items():
                entry = one.source.removed(was.groups)
                if entry.servers and name not in config.zones:
                    found.setdefault(name, entry)
        if written:
            log.info("zones are watched as they are written elsewhere", zones=enumerated(sorted(written)))
        if twice:
            log.warning("zones are in several sources, and watched as the first says", zones=enumerated(sorted(twice)))
        return replace(config, zones=with_zones(config.zones, found.items())) if found else config

    async def keep(self, keep: Keep) -> None:
        """Have the store keep what has changed."""
        followed = list(self._followed.items())
        bodies = await asyncio.to_thread(lambda: {name: one.source.packed(one.state) for name, one in followed})
        for name in self._stored.keys() | bodies.keys():
            if (body := bodies.get(name, "")) != self._stored.get(name, ""):
                await keep(name, body)
        self._stored = {name: body for name, body in bodies.items() if body}

    async def follow(self, changed: Callable[[], Awaitable[None]], keep: Keep) -> None:
        """Ask for each source when it is time, until ``stop``; ``changed`` is called when zones have come, gone or
        changed their groups. One that is slow holds up no other.
        """
        try:
            while not self._stopping.is_set():
                self._wake.clear()
                for name in list(self._due()):
                    task = self._asking[name] = asyncio.create_task(self._refresh(name))
                    task.add_done_callback(lambda _: self._wake.set())
                if self._taken():
                    await self.keep(keep)
                    await changed()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._pause()):
                        await self._wake.wait()
        finally:
            for task in self._asking.values():
                task.cancel()
            await asyncio.gather(*self._asking.values(), return_exceptions=True)

    def announce(self, name: str, server: str) -> None:
        """The server says that the source has changed: it is asked as soon as may be. An unknown one: nothing."""
        if (followed := self._followed.get(name)) is not None:
            state = followed.state
            state.announced_by = server
            state.due = min(state.due, max(monotonic(), state.begun + MIN_INTERVAL))
            self._wake.set()

    def stop(self) -> None:
        """Break off what is being asked."""
        self._stopping.set()
        self._wake.set()

    def _due(self) -> Iterator[str]:
        now = monotonic()
        return (name for name, one in self._followed.items() if one.state.due <= now and name not in self._asking)

    def _taken(self) -> bool:
        """Whether those that have ended have brought something."""
        ended = [name for name, task in self._asking.items() if task.done()]
        results = [self._asking.pop(name).result() for name in ended]
        return any(results)

    def _pause(self) -> float | None:
        """Seconds until the next is due; None: there is none, or all are being asked."""
        due = [one.state.due for name, one in self._followed.items() if name not in self._asking]
        return max(0.0, min(due) - monotonic()) if due else None

    async def _refresh(self, name: str) -> bool:
        """Whether its zones are others now, or what is kept of them."""
        followed = self._followed.get(name)
        if followed is None:  # a reload has taken it out of the configuration since it was due
            return False
        source, state, now = followed.source, followed.state, self._now()
        at = now.timestamp()
        trouble, removed, passed_over = state.trouble, state.removed, state.passed_over
        state.begun = monotonic()
        state.due = state.begun + source.refresh.total_seconds()
        announced_by, state.announced_by = state.announced_by, ""
        read: Reading | SourceUnread
        try:
            read = await source.read(state, announced_by)
        except SourceUnread as error:
            read = error
        zones: ZonesNow | None = None
        if isinstance(read, Reading) and read.zones is not None:
            zones = await asyncio.to_thread(state.zones_now, source, read.zones, at)
        if self._followed.get(name) is not followed:  # a reload came meanwhile, by which it is read anew
            return False
        if isinstance(read, SourceUnread):
            state.refuse(read)
        else:
            state.take(read, zones)
        state.forget_removed(at - source.watch_removed.total_seconds())
        followed.status = followed.status.after_look(now, len(state.zones), state.trouble, state.serial)
        if state.trouble is not None and state.trouble != trouble:
            log.warning("not believed", source=name, why=state.trouble.text)
        if state.passed_over != passed_over:
            for sentence in state.passed_over[:MAX_TOLD]:
                log.warning("zone passed over", source=name, why=sentence)
        if zones is not None and zones.other:
            log.info(
                "source read",
                source=name,
                serial=state.serial,
                zones=len(state.zones),
                came=zones.came,
                gone=zones.left,
            )
        return (zones is not None and zones.changed) or removed != state.removed
