"""Follows lists of zones that are asked for by HTTP, keeps what they named, and says who is watched for it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import structlog

from checks.common.text import enumerated, one_line
from monitor.clock import monotonic
from monitor.config.model import Config, PolledList, ZoneEntry
from monitor.config.zone_sources import SourceTrouble, too_many_gone, with_zones
from monitor.service.powerdns_api import ListUnread, listed_zones

log = structlog.get_logger(__name__)

POWERDNS = "powerdns "
"""How the names of these sources begin."""

_NONE = frozenset[str]()


@dataclass(slots=True)
class FollowedList:
    """What is known of one list. ``believed`` are the zones that it named when it was believed last, ``new`` those that
    came since in an answer that was not, for it had lost too many. ``due`` is when it is asked next, by the monotonic
    clock.
    """

    believed: frozenset[str] = _NONE
    new: frozenset[str] = _NONE
    trouble: SourceTrouble | None = None
    due: float = 0.0
    passed_over: tuple[str, ...] = ()

    @property
    def zones(self) -> frozenset[str]:
        return self.believed | self.new

    def take(self, source: str, names: frozenset[str], max_shrink: float) -> None:
        """Take up what it names now, or only what is new if too many are gone."""
        why = too_many_gone(len(self.believed), len(self.believed - names), max_shrink)
        if why:
            self.new, self.trouble = names - self.believed, SourceTrouble.shrunk(source, why)
        else:
            self.believed, self.new, self.trouble = names, _NONE, None


class PolledLists:
    """``kept`` is what the store kept of sources: of such a list the names in it, one in each line."""

    def __init__(self, kept: Mapping[str, str]) -> None:
        self._stored = {source: body for source, body in kept.items() if source.startswith(POWERDNS) and body}
        self._followed: dict[str, FollowedList] = {}
        self._lists: tuple[PolledList, ...] = ()
        self._wake = asyncio.Event()
        self._asking: asyncio.Future[list[bool]] | None = None
        self._stopping = asyncio.Event()

    @property
    def troubles(self) -> tuple[SourceTrouble, ...]:
        return tuple(one.trouble for one in self._followed.values() if one.trouble is not None)

    def use(self, config: Config) -> None:
        """Follow the lists of this configuration from now on; each is asked at once."""
        self._lists = config.polled_lists
        before, self._followed = self._followed, {}
        for each in self._lists:
            source = polled_source(each)
            stored = frozenset(filter(None, self._stored.get(source, "").split("\n")))
            one = self._followed[source] = before.get(source) or FollowedList(stored)
            one.due = 0.0
        self._wake.set()

    def with_zones(self, config: Config) -> Config:
        """The configuration with the zones of the lists, but those that are in it already."""
        found: dict[str, ZoneEntry] = {}
        twice: list[str] = []
        for each in self._lists:
            for name in self._followed[polled_source(each)].zones:
                if name in config.zones or name in found:
                    twice.append(name)
                else:
                    found[name] = each.entry
        if twice:
            log.info("zones of lists are watched as they are written elsewhere", zones=enumerated(sorted(twice)))
        return replace(config, zones=with_zones(config.zones, found.items())) if found else config

    async def keep(self, keep: Callable[[str, str], Awaitable[None]]) -> None:
        """Have the store keep what has changed."""
        bodies = {source: "\n".join(sorted(one.believed)) for source, one in self._followed.items()}
        for source in self._stored.keys() | bodies.keys():
            if (body := bodies.get(source, "")) != self._stored.get(source, ""):
                await keep(source, body)
        self._stored = {source: body for source, body in bodies.items() if body}

    async def follow(self, changed: Callable[[], Awaitable[None]], keep: Callable[[str, str], Awaitable[None]]) -> None:
        """Ask for each list when it is time, until ``stop``; ``changed`` is called when zones have come or gone."""
        while not self._stopping.is_set():
            self._wake.clear()
            self._asking = asyncio.gather(*(self._refresh(each) for each in self._due()))
            try:
                found = await self._asking
            except asyncio.CancelledError:
                if self._stopping.is_set():
                    return
                raise
            if any(found):
                await self.keep(keep)
                await changed()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._wake.wait()

    def stop(self) -> None:
        """Break off what is being asked."""
        self._stopping.set()
        self._wake.set()
        if self._asking is not None:
            self._asking.cancel()

    def _due(self) -> Iterator[PolledList]:
        now = monotonic()
        return (each for each in self._lists if self._followed[polled_source(each)].due <= now)

    def _pause(self) -> float | None:
        """Seconds until the next is due; None: there is none."""
        due = [one.due for one in self._followed.values()]
        return max(0.0, min(due) - monotonic()) if due else None

    async def _refresh(self, each: PolledList) -> bool:
        """Whether its zones are others now."""
        source = polled_source(each)
        one = self._followed.get(source)
        if one is None:  # a reload has taken it out of the configuration since it was due
            return False
        before, was, believed = one.trouble, one.zones, one.believed
        one.due = monotonic() + each.refresh.total_seconds()
        try:
            listed = await listed_zones(each.url, each.api_key)
        except ListUnread as error:
            one.trouble = SourceTrouble.failing(source, one_line(str(error)))
        else:
            one.take(source, listed.names, each.max_shrink)
            if listed.passed_over != one.passed_over and listed.passed_over:
                log.warning("zones passed over", source=source, why=enumerated(listed.passed_over))
            one.passed_over = listed.passed_over
        if one.trouble is not None and one.trouble != before:
            log.warning("not believed", source=source, why=one.trouble.text)
        if one.zones != was:
            came, gone = len(one.zones - was), len(was - one.zones)
            log.info("list read", source=source, zones=len(one.zones), came=came, gone=gone)
        return one.zones != was or one.believed != believed


def polled_source(each: PolledList) -> str:
    """What the store calls it."""
    return f"{POWERDNS}{each.url}"
