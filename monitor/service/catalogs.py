"""Catalog zones (RFC 9432) as sources of zones: their members, with their groups."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from checks.common.serial import newer
from checks.common.text import server_at
from checks.model import Address, Server
from monitor.config.model import Catalog, ZoneEntry
from monitor.config.zone_sources import SourceTrouble
from monitor.probe.client.catalog import CatalogUnread, CatalogVersion
from monitor.probe.client.catalog_reader import BrokenCatalog
from monitor.probe.message.names import show
from monitor.service.followed_source import Reading, RemovedFrom, SourceState, SourceUnread, ZoneGroups

CATALOG = "catalog "
"""How the names of these sources begin."""


class ReadsCatalogs(Protocol):
    async def read(self, catalog: str, address: Address, key: str | None, known: int | None) -> CatalogVersion: ...


@dataclass(frozen=True, slots=True)
class CatalogSource:
    """``client`` asks for it, at the ``servers`` of the configuration, by name."""

    catalog: Catalog
    client: ReadsCatalogs
    servers: Callable[[], Mapping[str, Server]]

    @property
    def name(self) -> str:
        return catalog_source(self.catalog.zone)

    @property
    def refresh(self) -> timedelta:
        return self.catalog.refresh

    @property
    def max_shrink(self) -> float:
        return self.catalog.max_shrink

    @property
    def watch_removed(self) -> timedelta:
        return self.catalog.watch_removed

    def entry(self, groups: ZoneGroups) -> ZoneEntry:
        return self.catalog.member(groups)

    def removed(self, groups: ZoneGroups) -> ZoneEntry:
        return self.catalog.removed(groups)

    async def read(self, known: SourceState, announced_by: str) -> Reading:
        """From the first address that has it as new as it was, or newer."""
        try:
            version = await self._version(known, announced_by)
        except CatalogUnread as error:
            raise SourceUnread(SourceTrouble.failing(self.name, str(error))) from None
        except BrokenCatalog as error:
            raise SourceUnread(SourceTrouble.broken(self.name, str(error)), error.serial) from None
        if version.content is None:
            return Reading(None)
        return Reading(version.content.members, version.soa.serial, version.content.passed_over)

    async def _version(self, known: SourceState, announced_by: str) -> CatalogVersion:
        """Whoever has announced it is asked first. Raises CatalogUnread, BrokenCatalog."""
        reasons: list[str] = []
        for server in sorted(self.catalog.from_, key=lambda name: name != announced_by):
            found = self.servers().get(server)
            if found is None or not found.addresses:
                reasons.append(f"{server} has no address that is known")
                continue
            for address in found.addresses:
                try:
                    serial = None if known.anew else known.looked_at
                    version = await self.client.read(self.catalog.zone, address, self.catalog.key, serial)
                except CatalogUnread as error:
                    reasons.append(f"{server_at(server, address)}: {error}")
                    continue
                except BrokenCatalog as error:
                    raise BrokenCatalog(f"at {server_at(server, address)}: {error}", error.serial) from None
                if known.serial is not None and newer(known.serial, version.soa.serial) and not known.rewound:
                    was = f"has serial {version.soa.serial}, and {known.serial} was read before"
                    reasons.append(f"{server_at(server, address)}: {was}")
                    continue
                return version
        raise CatalogUnread("; ".join(reasons))

    def packed(self, state: SourceState) -> str:
        if state.serial is None:
            return ""
        kept = {"members": dict(state.believed), "new": dict(state.new), "removed": dict(state.removed)}
        return json.dumps({"serial": state.serial, **kept})

    def unpacked(self, body: str) -> SourceState:
        if not body:
            return SourceState()
        kept = json.loads(body)
        believed, new = ({name: tuple(groups) for name, groups in kept[key].items()} for key in ("members", "new"))
        removed = {name: RemovedFrom(at, tuple(groups)) for name, (at, groups) in kept.get("removed", {}).items()}
        return SourceState(kept["serial"], believed, new, removed)


def catalog_source(zone: str) -> str:
    """What the store and the log call the catalog."""
    return f"{CATALOG}{show(zone)}"
