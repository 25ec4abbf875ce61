"""Passes over the zones of a sweep whose results stand: ``monitor.state.standing`` has the rule."""

from array import array
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import timedelta

from checks.base import Check
from checks.model import Observation, Query, Zone
from checks.model.zone_table import ZoneTable
from monitor.polling.rrset_prober import RrsetProber
from monitor.polling.serial_sweep import SweepContext
from monitor.polling.sweep import ProbeQueries
from monitor.polling.tcp_turns import TcpTurns
from monitor.state.columns import STEADY_UP, ZoneColumns, micros
from monitor.state.ports import UnchangedZones

MAX_AGE = 2
"""Cadences for which the latest look of soa-serial counts."""


class StandingPolls:
    """Of one sweep of one check."""

    def __init__(
        self,
        check: Check,
        cadence: timedelta,
        context: Callable[[], SweepContext],
        rrset_prober: Callable[[], RrsetProber],
        tcp_turns: TcpTurns | None,
        *,
        in_full: bool = False,
    ) -> None:
        """``context`` and ``rrset_prober`` are the present ones: there may be another table, or another prober, before
        the sweep is over. ``in_full``: passes over none.
        """
        self._check, self._cadence, self._context, self._rrset_prober = check, cadence, context, rrset_prober
        self._tcp_turns, self._in_full = tcp_turns, in_full
        self.queries = 0
        """Asked here of the zones that were passed over, all of them answered."""
        if tcp_turns is not None:
            tcp_turns.begin(context().columns)

    async def pass_over(self, numbers: Sequence[int], zone_table: ZoneTable[Zone]) -> list[str]:
        """Which of the zones, by number in the table, are to be polled in full; the others are published as unchanged.

        Soon where that is known, otherwise when all have answered.
        """
        context = self._context()
        columns, names = context.columns, [zone_table.names[number] for number in numbers]
        standing = columns.standing.get(self._check.name)
        if standing is None or self._in_full:
            return names
        if zone_table is not columns.zone_table:
            numbers = [columns.zone_table.index(name) for name in names if name in columns.zone_table]
        stand = [number for number in numbers if standing[number]]
        if self._check.name in columns.rrsets:
            stand = await self._rrset_prober().unchanged(columns, self._check.name, stand) if stand else []
            self.queries += sum(len(columns.rrset_slots(self._check.name, number)) for number in stand)
        else:
            stand = self._known_by_serial(columns, stand, micros(context.now() - MAX_AGE * self._cadence))
        if stand:
            unchanged = UnchangedZones(
                self._check.name, context.now(), self._cadence, array("I", stand), columns.zone_table, context.vantage
            )
            await context.publish(unchanged)
        passed = {columns.zone_table.names[number] for number in stand}
        return [name for name in names if name not in passed]

    def probe(self, zone: Zone) -> ProbeQueries:
        """What asks the queries of a poll of this zone in full."""

        def ask(queries: Iterable[Query]) -> AsyncIterator[Sequence[Observation]]:
            return self._rrset_prober().probe(self._check.name, zone)(queries)

        return ask

    def _known_by_serial(self, columns: ZoneColumns, numbers: Sequence[int], since: int) -> list[int]:
        """Those of which soa-serial has just said that all is as it was, and that are not to be asked over TCP."""
        mode, checked_at = columns.mode, columns.checked_at
        known = [number for number in numbers if mode[number] == STEADY_UP and checked_at[number] >= since]
        if self._tcp_turns is None or not known:
            return known
        due, template_ids = self._tcp_turns.due(columns, known), columns.zone_table.template_ids
        suspect = self._suspect_templates(columns, {template_ids[number] for number in known})
        return [number for number in known if number not in due and template_ids[number] not in suspect]

    def _suspect_templates(self, columns: ZoneColumns, template_ids: Iterable[int]) -> set[int]:
        """Those of the templates with an address at which the check has found something at another zone."""
        if not columns.suspects:
            return set()
        name = self._check.name
        return {
            template_id
            for template_id in template_ids
            if any((name, place.server, place.address) in columns.suspects for place in columns.layouts[template_id])
        }
