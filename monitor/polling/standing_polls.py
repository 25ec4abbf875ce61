"""Passes over the zones of a sweep whose results stand: ``monitor.state.standing`` has the rule."""

from array import array
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import timedelta

from checks.base import Check
from checks.common.epoch import micros, moment_of
from checks.model import Address, Observation, Query, Zone
from checks.model.zone_table import ZoneTable
from checks.zone_state.model import SERIAL_CHECK
from monitor.polling.rrset_prober import RrsetProber
from monitor.polling.serial_sweep import SweepContext
from monitor.polling.sweep import ProbeQueries
from monitor.polling.tcp_prober import TcpProber
from monitor.polling.tcp_turns import TcpTurns
from monitor.state.columns import INHERITS, STANDS, STEADY_UP, ZoneColumns
from monitor.state.monitoring_plan import MonitoringPlan
from monitor.state.ports import UnchangedZones

MAX_AGE = 2
"""Cadences of the check for which the latest look of soa-serial counts, where soa-serial comes as often."""

GATHERING = 0.1
"""The share of a cadence for which zones that are due over TCP are gathered, to be asked together."""

MAX_GATHERED, MAX_GATHERED_ADDRESSES = 250, 64
"""Zones, and addresses of theirs, that are not waited beyond: a sweep asks those of thousands all along."""


class StandingPolls:
    """Of one sweep of one check."""

    def __init__(
        self,
        check: Check,
        plan: Callable[[], MonitoringPlan],
        cadence: timedelta,
        context: Callable[[], SweepContext],
        rrset_prober: Callable[[], RrsetProber],
        tcp_prober: Callable[[], TcpProber],
        tcp_turns: TcpTurns | None,
        *,
        in_full: bool = False,
    ) -> None:
        """``plan``, ``context`` and the probers are the present ones: there may be another table, or another prober,
        before the sweep is over. ``in_full``: passes over none.
        """
        self._check, self._plan, self._cadence, self._context = check, plan, cadence, context
        self._rrset_prober, self._tcp_prober = rrset_prober, tcp_prober
        self._tcp_turns, self._in_full = tcp_turns, in_full
        self._gathered: list[str] = []
        """Zones whose results stand, and which are due over TCP."""
        self._addresses: set[Address] = set()
        """Theirs."""
        self._gathered_since = context().now()
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
        ours = self._templates(columns, numbers, lambda zone: self._every(zone) == self._cadence)
        template_ids = columns.zone_table.template_ids
        stand = [number for number in numbers if standing[number] and template_ids[number] in ours]
        due: list[int] = []
        if self._check.name in columns.rrsets:
            stand = await self._rrset_prober().unchanged(columns, self._check.name, stand) if stand else []
            self.queries += sum(len(columns.rrset_slots(self._check.name, number)) for number in stand)
        else:
            stand, due = self._known_by_serial(columns, stand, micros(context.now() - MAX_AGE * self._cadence))
        self._gather(columns, due)
        await self._publish(context, stand)
        passed = {columns.zone_table.names[number] for number in (*stand, *due)}
        return [name for name in names if name not in passed]

    async def ask_gathered(self, *, last: bool) -> AsyncIterator[Sequence[str]]:
        """Asks over TCP the zones that are due there, when enough of them are gathered: those that are not good at each
        address are to be polled in full.
        """
        if not self._gathered or not (last or self._is_worth_asking()):
            return
        names, self._gathered, self._addresses = self._gathered, [], set()
        zone_table = self._context().columns.zone_table
        known = [zone_table[name] for name in names if name in zone_table]
        zones = [zone for zone in known if self._every(zone) == self._cadence]  # others have left this sweep
        async for result in self._tcp_prober().ask(self._check, zones):
            context = self._context()
            columns = context.columns
            stand = [columns.zone_table.index(name) for name in result.good if name in columns.zone_table]
            await self._publish(context, stand, over_tcp=True)
            self.queries += sum(len(columns.slots_of(number)) for number in stand)
            if result.doubtful:
                yield result.doubtful

    def probe(self, zone: Zone) -> ProbeQueries:
        """What asks the queries of a poll of this zone in full."""

        def ask(queries: Iterable[Query]) -> AsyncIterator[Sequence[Observation]]:
            return self._rrset_prober().probe(self._check.name, zone)(queries)

        return ask

    async def _publish(self, context: SweepContext, numbers: Sequence[int], *, over_tcp: bool = False) -> None:
        if numbers:
            zone_table = context.columns.zone_table
            await context.publish(
                UnchangedZones(
                    self._check.name, context.now(), self._cadence, array("I", numbers), zone_table, context.vantage,
                    over_tcp,
                )
            )  # fmt: skip

    def _gather(self, columns: ZoneColumns, numbers: Sequence[int]) -> None:
        if numbers and not self._gathered:
            self._gathered_since = self._context().now()
        self._gathered += [columns.zone_table.names[number] for number in numbers]
        for template_id in {columns.zone_table.template_ids[number] for number in numbers}:
            self._addresses.update(place.address for place in columns.layouts[template_id])

    def _is_worth_asking(self) -> bool:
        return (
            len(self._gathered) >= MAX_GATHERED
            or len(self._addresses) >= MAX_GATHERED_ADDRESSES
            or self._context().now() - self._gathered_since >= GATHERING * self._cadence
        )

    def _known_by_serial(self, columns: ZoneColumns, numbers: Sequence[int], since: int) -> tuple[list[int], list[int]]:
        """Those of which soa-serial has just said that all is as it was: those that are not to be asked over TCP, and
        those that are. Zones of an address that is suspect there are in neither, unless they have what stands there and
        it is not their turn.
        """
        mode, checked_at, template_ids = columns.mode, columns.checked_at, columns.zone_table.template_ids
        told = self._templates(columns, numbers, lambda zone: self._every(zone, SERIAL_CHECK) <= self._cadence)
        known = [
            number
            for number in numbers
            if mode[number] == STEADY_UP and checked_at[number] >= since and template_ids[number] in told
        ]
        if self._tcp_turns is None or not known:
            return known, []
        due, kinds = self._tcp_turns.due(columns, known), {template_ids[number] for number in known}
        suspect, inherit = self._suspect_templates(columns, kinds), self._inheriting_templates(columns, kinds, since)
        standing = columns.standing[self._check.name]
        stand = [n for n in known if standing[n] == STANDS and template_ids[n] not in suspect]
        have = [n for n in known if standing[n] == INHERITS and template_ids[n] in inherit]
        return [number for number in (*stand, *have) if number not in due], [n for n in stand if n in due]

    def _every(self, zone: Zone, check: str | None = None) -> timedelta:
        return self._plan().cadence_of(check or self._check.name, zone)

    def _templates(self, columns: ZoneColumns, numbers: Iterable[int], fits: Callable[[Zone], bool]) -> set[int]:
        """The templates of these zones that fit."""
        zone_table = columns.zone_table
        return {
            kind for kind in {zone_table.template_ids[number] for number in numbers} if fits(zone_table.templates[kind])
        }

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

    def _inheriting_templates(self, columns: ZoneColumns, template_ids: Iterable[int], since: int) -> set[int]:
        """Those of the templates whose zones need not be polled where they have what stands at their servers."""
        findings = columns.server_findings
        if not findings.known:
            return set()
        return {
            template_id
            for template_id in template_ids
            if findings.lets_pass(
                self._check.name,
                [(place.server, place.address) for place in columns.layouts[template_id]],
                columns.suspects,
                moment_of(since),
            )
        }
