"""The Zones of a Status, of zones whose status has been made already."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from datetime import datetime
from functools import cached_property

from alerting.model import Alert
from checks.model import Address, Health
from checks.model.finding_type import Severity
from monitor.state.label_search import SoughtLabel
from monitor.state.level import Level, level_of, server_level, severity_level, state_level
from monitor.state.status import AddressStatus, CodeTally, Redact, ServerTally, ZoneStatus


class FakeZones:
    """The answers of a zone index, found by looking at every zone: what the index is held to."""

    def __init__(self, zones: Iterable[ZoneStatus] = (), redact: Redact | None = None) -> None:
        self._whole = {zone.name: zone for zone in sorted(zones, key=lambda zone: zone.name)}
        self._zones = {name: redact(zone) if redact else zone for name, zone in self._whole.items()}

    @property
    def checked_at(self) -> datetime | None:
        return max((a.checked_at for _, a in self._addresses() if a.checked_at), default=None)

    def __len__(self) -> int:
        return len(self._zones)

    def __iter__(self) -> Iterator[str]:
        return iter(self._zones)

    def __contains__(self, name: object) -> bool:
        return name in self._zones

    def __getitem__(self, name: str) -> ZoneStatus:
        return self._zones[name]

    def get(self, name: str) -> ZoneStatus | None:
        return self._zones.get(name)

    def tally(self) -> Mapping[Health, int]:
        counts = Counter(zone.health for zone in self._zones.values())
        return {health: counts[health] for health in Health}

    def levels(self) -> Mapping[Level, int]:
        return Counter(map(_level, self._zones.values()))

    def servers(self) -> Mapping[str, ServerTally]:
        found = {f.key.server for zone in self._zones.values() for f in zone.findings if f.key.server is not None}
        return {name: self._server(name) for name in sorted({a.server for _, a in self._addresses()} | found)}

    def server_addresses(self) -> Set[tuple[str, Address, bool]]:
        return {(a.server, a.address, a.hidden) for zone in self._whole.values() for a in zone.addresses}

    async def page(
        self,
        text: str,
        healths: Collection[Health],
        first: int,
        most: int,
        *,
        by_name: bool = False,
        labels: Collection[SoughtLabel] = (),
    ) -> tuple[list[ZoneStatus], int]:
        wanted = text.strip().casefold()
        found = [
            zone
            for zone in self._zones.values()
            if zone.health in healths and (wanted in zone.name or wanted in zone.unicode.casefold())
            if all(_has(zone, label.name, label.value) for label in labels)
        ]
        if not by_name:
            found.sort(key=_level)
        return found[first : first + most], len(found)

    async def at_server(self, server: str, first: int, most: int) -> tuple[list[ZoneStatus], int]:
        here = {zone.name: zone for zone in self._zones.values() if _is_at(zone, server)}
        found = sorted(here.values(), key=lambda zone: _level_at(zone, server))
        return found[first : first + most], len(found)

    async def with_code(self, server: str, code: str) -> ZoneStatus | None:
        found = [
            (f.began, zone.name) for zone in self._zones.values() for f in _found(zone, server) if f.key.code == code
        ]
        return self._zones[min(found)[1]] if found else None

    def redacted(self, redact: Redact) -> "FakeZones":
        return FakeZones(self._whole.values(), redact)

    def _addresses(self) -> Iterator[tuple[ZoneStatus, AddressStatus]]:
        return ((zone, address) for zone in self._zones.values() for address in zone.addresses)

    @cached_property
    def _by_server(self) -> Mapping[str, Sequence[ZoneStatus]]:
        """The zones that are at a server, or have a finding there."""
        found = defaultdict(list)
        for zone in self._zones.values():
            for name in {a.server for a in zone.addresses} | {f.key.server for f in zone.findings}:
                found[name].append(zone)
        return found

    def _server(self, name: str) -> ServerTally:
        zones = self._by_server[name]
        here = [(zone, address) for zone in zones for address in zone.addresses if address.server == name]
        codes: dict[str, list[tuple[str, Alert]]] = {}
        for zone in zones:
            for finding in _found(zone, name):
                codes.setdefault(finding.key.code, []).append((zone.name, finding))
        states = Counter(address.state for _, address in here)
        return ServerTally(
            level=server_level(states, (finding.severity for found in codes.values() for _, finding in found)),
            addresses=tuple(dict.fromkeys(address.address for _, address in here)),
            zones=len(zones),
            states=states,
            codes={
                code: CodeTally(
                    len({zone for zone, _ in found}),
                    max(finding.severity for _, finding in found),
                    min(finding.began for _, finding in found),
                )
                for code, found in codes.items()
            },
        )


def _has(zone: ZoneStatus, name: str, value: str | None) -> bool:
    known = dict(zone.labels)
    return name in known and value in (None, known[name])


def _level(zone: ZoneStatus) -> Level:
    return level_of(zone.health, (a.state for a in zone.addresses), (f.severity for f in zone.findings))


def _level_at(zone: ZoneStatus, server: str) -> Level:
    levels = [state_level(a.state) for a in zone.addresses if a.server == server]
    least = Severity.WARNING if levels else Severity.INFO
    return min([*levels, *(severity_level(f.severity) for f in _found(zone, server) if f.severity >= least)])


def _is_at(zone: ZoneStatus, server: str) -> bool:
    return any(a.server == server for a in zone.addresses) or bool(_found(zone, server))


def _found(zone: ZoneStatus, server: str) -> list[Alert]:
    return [finding for finding in zone.findings if finding.key.server == server]
