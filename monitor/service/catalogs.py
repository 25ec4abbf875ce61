"""Follows catalog zones (RFC 9432): reads them when they move, keeps their members, and says who is watched for it."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import structlog

from checks.common.serial import newer
from checks.common.text import enumerated
from checks.model import Server
from monitor.clock import Now, monotonic
from monitor.config.model import Catalog, Config, ZoneEntry
from monitor.config.zone_sources import SourceTrouble, too_many_gone, with_zones
from monitor.probe.client.catalog import CatalogClient, CatalogUnread, CatalogVersion
from monitor.probe.client.catalog_reader import BrokenCatalog
from monitor.probe.message.names import show

log = structlog.get_logger(__name__)

CATALOG = "catalog "
"""How the names of sources that are catalogs begin."""

NOTHING = '{"serial": null, "members": {}, "new": {}, "removed": {}}'

MAX_REMOVED = 10_000
"""Members that are asked for after they were removed from one catalog; more that go are not."""

MAX_TOLD = 5
"""Members passed over that are told of at one reading."""

MemberGroups = tuple[str, ...]


class RemovedFrom(NamedTuple):
    """When a member was removed, in seconds since the epoch, and the groups that it was in."""

    at: float
    groups: MemberGroups


@dataclass(slots=True)
class FollowedCatalog:
    """What is known of one catalog. ``believed`` are the members when it was believed last, ``new`` those that came,
    or changed their groups, since in a version that was not, for it had lost too many; each with its groups.
    """

    serial: int | None = None
    believed: Mapping[str, MemberGroups] = field(default_factory=dict)
    new: Mapping[str, MemberGroups] = field(default_factory=dict)
    removed: dict[str, RemovedFrom] = field(default_factory=dict)
    """Those that are none any more."""
    trouble: SourceTrouble | None = None
    due: float = 0.0
    """When it is asked next, on the monotonic clock."""
    anew: bool = True
    """It is transferred though its serial is the one that is known …"""
    rewound: bool = False
    """… or older."""

    @property
    def members(self) -> Mapping[str, MemberGroups]:
        return {**self.believed, **self.new}

    def body(self) -> str:
        """What is kept of it."""
        kept = {"members": dict(self.believed), "new": dict(self.new), "removed": self.removed}
        return json.dumps({"serial": self.serial, **kept})

    @classmethod
    def of(cls, body: str) -> "FollowedCatalog":
        kept = json.loads(body)
        believed, new = ({name: tuple(groups) for name, groups in kept[key].items()} for key in ("members", "new"))
        removed = {name: RemovedFrom(at, tuple(groups)) for name, (at, groups) in kept.get("removed", {}).items()}
        return cls(kept["serial"], believed, new, removed)

    def forget_removed(self, before: float) -> None:
        """Those that were removed before then are asked for no longer."""
        self.removed = {name: one for name, one in self.removed.items() if one.at > before}

    def take(self, source: str, members: Mapping[str, MemberGroups], max_shrink: float, at: float) -> None:
        """Take up the members of a version, or those that are new if too many are gone."""
        gone = self.believed.keys() - members.keys()
        why = too_many_gone(len(self.believed), len(gone), max_shrink)
        if why:
            self.new = {name: groups for name, groups in members.items() if self.believed.get(name) != groups}
            self.trouble = SourceTrouble.shrunk(source, why)
        else:
            went = self.members.items() if len(self.removed) < MAX_REMOVED else ()
            self.removed = {**self.removed, **{name: RemovedFrom(at, groups) for name, groups in went}}
            self.believed, self.new, self.trouble = members, {}, None
        self.removed = {name: one for name, one in self.removed.items() if name not in members}


class Catalogs:
    """``kept`` is what the store kept of sources, ``servers`` gives the servers of the configuration by name."""

    def __init__(self, kept: Mapping[str, str], now: Now, servers: Callable[[], Mapping[str, Server]]) -> None:
        self._now, self._servers = now, servers
        self._stored = {source: body for source, body in kept.items() if source.startswith(CATALOG)}
        self._followed: dict[str, FollowedCatalog] = {}
        self._config = Config()
        self._client = CatalogClient(self._config.probe, {}, now)
        self._wake = asyncio.Event()
        self._asking: asyncio.Future[list[bool]] | None = None
        self._stopping = asyncio.Event()

    @property
    def troubles(self) -> tuple[SourceTrouble, ...]:
        return tuple(one.trouble for one in self._followed.values() if one.trouble is not None)

    def use(self, config: Config) -> None:
        """Follow the catalogs of this configuration from now on; each is read anew."""
        self._config = config
        self._client = CatalogClient(config.probe, config.keys, self._now)
        before, self._followed = self._followed, {}
        for catalog in config.catalogs:
            source = catalog_source(catalog)
            one = before.get(source) or FollowedCatalog.of(self._stored.get(source, NOTHING))
            one.due, one.anew, one.rewound = 0.0, True, bool(before)
            self._followed[source] = one
        self._wake.set()

    def with_members(self) -> Config:
        """The configuration with the members of its catalogs, but those that are written in it."""
        written = self._config.zones
        members: dict[str, ZoneEntry] = {}
        clashes: list[str] = []
        for catalog in self._config.catalogs:
            for name, groups in self._followed[catalog_source(catalog)].members.items():
                if name in written or name in members:
                    clashes.append(name)
                else:
                    members[name] = catalog.member(groups)
        for catalog in self._config.catalogs:
            for name, one in self._followed[catalog_source(catalog)].removed.items():
                entry = catalog.removed(one.groups)
                if entry.servers and name not in written and name not in members:
                    members[name] = entry
        if clashes:
            log.warning("members are written elsewhere, and watched as they are there", zones=enumerated(clashes))
        return replace(self._config, zones=with_zones(written, members.items())) if members else self._config

    async def keep(self, keep: Callable[[str, str], Awaitable[None]]) -> None:
        """Have the store keep what has changed."""
        bodies = {source: one.body() for source, one in self._followed.items() if one.serial is not None}
        for source in self._stored.keys() | bodies.keys():
            if (body := bodies.get(source, "")) != self._stored.get(source, ""):
                await keep(source, body)
        self._stored = bodies

    async def follow(self, changed: Callable[[], Awaitable[None]], keep: Callable[[str, str], Awaitable[None]]) -> None:
        """Ask for each catalog when it is time, until ``stop``; ``changed`` is called when members have come,
        gone or changed their groups.
        """
        while not self._stopping.is_set():
            self._wake.clear()
            self._asking = asyncio.gather(*(self._refresh(catalog) for catalog in self._due()))
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

    def _due(self) -> Iterator[Catalog]:
        now = monotonic()
        return (catalog for catalog in self._config.catalogs if self._followed[catalog_source(catalog)].due <= now)

    def _pause(self) -> float | None:
        """Seconds until the next is due; None: there is none."""
        due = [one.due for one in self._followed.values()]
        return max(0.0, min(due) - monotonic()) if due else None

    async def _refresh(self, catalog: Catalog) -> bool:
        """Whether its members are others now."""
        source = catalog_source(catalog)
        one = self._followed.get(source)
        if one is None:  # a reload has taken it out of the configuration since it was due
            return False
        before, was, removed, at = one.trouble, one.members, one.removed, self._now().timestamp()
        one.due = monotonic() + catalog.refresh.total_seconds()
        try:
            version = await self._read(catalog, one)
            if version.content is not None:
                one.take(source, version.content.members, catalog.max_shrink, at)
                one.serial = version.soa.serial
                for sentence in version.content.passed_over[:MAX_TOLD]:
                    log.warning("member passed over", source=source, why=sentence)
            else:
                one.trouble = None
            one.anew, one.rewound = one.trouble is not None, False
        except CatalogUnread as error:
            one.trouble = SourceTrouble.failing(source, str(error))
        except BrokenCatalog as error:
            one.trouble, one.anew = SourceTrouble.broken(source, str(error)), True
        if one.trouble is not None and one.trouble != before:
            log.warning("not believed", source=source, why=one.trouble.text)
        if one.members != was:
            came, gone = len(one.members.keys() - was.keys()), len(was.keys() - one.members.keys())
            log.info("catalog read", source=source, serial=one.serial, members=len(one.members), came=came, gone=gone)
        one.forget_removed(at - catalog.watch_removed.total_seconds())
        return one.members != was or one.removed != removed

    async def _read(self, catalog: Catalog, one: FollowedCatalog) -> CatalogVersion:
        """From the first address that has it as new as it was, or newer. Raises CatalogUnread, BrokenCatalog."""
        reasons: list[str] = []
        for server in catalog.from_:
            found = self._servers().get(server)
            if found is None or not found.addresses:
                reasons.append(f"{server} has no address that is known")
                continue
            for address in found.addresses:
                try:
                    known = None if one.anew else one.serial
                    version = await self._client.read(catalog.zone, address, catalog.key, known)
                except CatalogUnread as error:
                    reasons.append(f"{server} ({address}): {error}")
                    continue
                except BrokenCatalog as error:
                    raise BrokenCatalog(f"at {server} ({address}): {error}") from None
                if one.serial is not None and newer(one.serial, version.soa.serial) and not one.rewound:
                    reasons.append(
                        f"{server} ({address}): has serial {version.soa.serial}, and {one.serial} was read before"
                    )
                    continue
                return version
        raise CatalogUnread("; ".join(reasons))


def catalog_source(catalog: Catalog) -> str:
    """What the store calls it."""
    return f"{CATALOG}{show(catalog.zone)}"
