"""Zones of a sweep at an address that UDP has fallen silent at: a few are polled to see whether TCP is dead there, too,
and the others wait for what these find.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import islice

from checks.model.finding_type import OverUdp
from monitor.state.columns import ZoneColumns
from monitor.state.over_udp import over_udp
from monitor.state.server_findings import Place, ServerFindings
from monitor.state.standing import MAX_CONFIRMING

INTERVAL = 0.1
"""Seconds between two looks at whether zones still have to wait …"""

MAX_LOOKED_AT = 2000
"""… at so many of them."""

MAX_WAIT = 0.5
"""The share of a cadence for which they wait at most."""


class WaitingZones:
    """Of one sweep of one check.

    Of the zones that are silent at an address where nothing stands that is known of it, ``MAX_CONFIRMING`` may be
    polled. Then either something stands, and the others take it over, or leave the address out; or as many polls in
    full have found nothing that does, and the others are polled, too.
    """

    def __init__(self, check: str, cadence: timedelta, now: Callable[[], datetime]) -> None:
        self._check, self._cadence, self._now = check, cadence, now
        self._names: dict[str, None] = {}
        self._since = now()
        """When the first of them began to wait."""
        self._tried: dict[Place, int] = {}
        """Zones of it that may be polled."""
        self._looks: dict[Place, int] = {}
        """Polls in full of silent zones that were known when the first of those were."""
        self._looked_at = 0.0

    def __bool__(self) -> bool:
        return bool(self._names)

    def admit(self, columns: ZoneColumns, names: Sequence[str], since: datetime) -> list[str]:
        """Those of the zones that are to be polled now. What stands at a server counts by a look after ``since``."""
        if not any(OverUdp.SILENT in pattern for pattern in columns.udp_patterns):
            return list(names)
        if not self._names:
            self._since = self._now()
        return self._admitted(columns, names, since)

    def take(
        self, columns: ZoneColumns, since: datetime, passed: Callable[[Sequence[int]], Iterable[int]]
    ) -> Sequence[str]:
        """Those that wait no more, and are to be polled. ``passed``: which of the zones, by number, need no poll after
        all.
        """
        now = asyncio.get_running_loop().time()
        if not self._names or now < self._looked_at + INTERVAL:
            return ()
        self._looked_at = now
        some = list(islice(self._names, MAX_LOOKED_AT))
        for name in some:
            del self._names[name]
        numbers = [columns.zone_table.index(name) for name in some if name in columns.zone_table]
        over = {columns.zone_table.names[number] for number in passed(numbers)}
        left = [name for name in some if name not in over]
        if self._now() - self._since > MAX_WAIT * self._cadence:
            return left
        return self._admitted(columns, left, since)

    def _admitted(self, columns: ZoneColumns, names: Sequence[str], since: datetime) -> list[str]:
        """Of these; the others wait."""
        zone_table, admitted = columns.zone_table, []
        known: dict[tuple[int, int, int], list[Place]] = {}
        for name in names:
            number = zone_table.index(name) if name in zone_table else None
            if number is None:
                admitted.append(name)
                continue
            kind = (zone_table.template_ids[number], columns.mode[number], columns.udp_id[number])
            if kind not in known:
                known[kind] = self._undecided(columns, number, since)
            if all(self._tried.get(place, 0) < MAX_CONFIRMING for place in known[kind]):
                for place in known[kind]:
                    self._tried[place] = self._tried.get(place, 0) + 1
                admitted.append(name)
            else:
                self._names[name] = None
        return admitted

    def _undecided(self, columns: ZoneColumns, number: int, since: datetime) -> list[Place]:
        """The places at which the zone is silent, and of which it is not known yet what stands there."""
        layout = columns.layouts[columns.zone_table.template_ids[number]]
        return [
            place
            for each, brought in zip(layout, over_udp(columns, number), strict=True)
            if brought is OverUdp.SILENT
            and each.address.family not in columns.offline
            and self._is_undecided(columns.server_findings, place := (self._check, each.server, each.address), since)
        ]

    def _is_undecided(self, findings: ServerFindings, place: Place, since: datetime) -> bool:
        if findings.standing((*place, OverUdp.SILENT), since) is not None:
            return False
        looks = findings.silent_looks[place]
        return looks - self._looks.setdefault(place, looks) < MAX_CONFIRMING
