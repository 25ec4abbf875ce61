"""Passes over the zones of a sweep whose results stand: ``monitor.state.standing`` has the rule."""

import asyncio
from array import array
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import datetime, timedelta

from checks.base import Check
from checks.common.epoch import micros
from checks.model import Address, Observation, Query, Zone
from checks.model.finding_type import OverUdp
from checks.model.zone_table import ZoneTable
from checks.zone_state.model import SERIAL_CHECK
from monitor.polling.alike_polls import AlikePolls, Looked
from monitor.polling.rrset_prober import RrsetProber
from monitor.polling.serial_sweep import SweepContext
from monitor.polling.sweep import ProbeQueries
from monitor.polling.tcp_prober import TcpProber
from monitor.polling.tcp_turns import TcpTurns
from monitor.polling.waiting_zones import INTERVAL, WaitingZones
from monitor.state.alike import may_be_alike
from monitor.state.alike_zones import Look
from monitor.state.columns import INHERITS, STANDS, STEADY_UP, ZoneColumns
from monitor.state.inheritance import MAX_AGE
from monitor.state.monitoring_plan import MonitoringPlan
from monitor.state.over_udp import over_udp
from monitor.state.ports import UnchangedZones

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
        self._in_turn: set[str] = set()
        """Zones that it is the turn of to be asked over TCP: at all their addresses."""
        self._alike = AlikePolls(check, rrset_prober, context)
        self._waiting = WaitingZones(check.name, cadence, lambda: context().now())
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
        if self._in_full:
            return names
        if zone_table is not columns.zone_table:
            numbers = [columns.zone_table.index(name) for name in names if name in columns.zone_table]
        kinds = self._templates(columns, numbers, lambda zone: self._every(zone) == self._cadence)
        template_ids = columns.zone_table.template_ids
        ours = [number for number in numbers if template_ids[number] in kinds]
        standing = columns.standing.get(self._check.name)
        stand = [number for number in ours if standing[number]] if standing is not None else []
        fresh = self._told(columns, may_be_alike(columns, self._check.name, ours))
        known = columns.zone_table.names
        if self._check.name in columns.rrsets:
            stand = await self._rrset_prober().unchanged(columns, self._check.name, stand) if stand else []
            self.queries += sum(len(columns.rrset_slots(self._check.name, number)) for number in stand)
            looked = await self._alike.look(columns, fresh)
            passed = {known[number] for number in (*stand, *fresh)}.difference(looked.in_full)
            await self._publish_alike(columns, looked)
        else:
            stand, due = self._known_by_serial(columns, stand)
            if self._tcp_turns is not None:
                due += self._not_suspect(columns, fresh)
            self._gather(columns, due)
            passed = {known[number] for number in (*stand, *due)}
        names = [name for name in names if name not in passed]
        if self._tcp_turns is not None:
            cut_off = {columns.zone_table.names[number] for number in self._cut_off(columns, ours)}
            names = self._waiting.admit(columns, [name for name in names if name not in cut_off], self._since)
        await self._publish(context, stand)
        return names

    async def ask_gathered(self, *, last: bool) -> AsyncIterator[Sequence[str]]:
        """Those that wait no more. Asks over TCP the zones that are due there, when enough of them are gathered: those
        that are not good at each address are to be polled in full.
        """
        async for free in self._free():
            yield free
        if self._gathered and (last or self._is_worth_asking()):
            async for names in self._ask_gathered():
                yield names
        while last and (self._waiting or self._alike):
            await asyncio.sleep(INTERVAL)
            async for free in self._free():
                yield free

    async def _free(self) -> AsyncIterator[Sequence[str]]:
        """Zones that wait no more for what others come to, and are to be polled in full."""
        if free := self._waited():
            yield free
        looked = self._alike.take()
        await self._publish_alike(self._context().columns, looked)
        if looked.in_full:
            yield looked.in_full

    async def _ask_gathered(self) -> AsyncIterator[Sequence[str]]:
        names, self._gathered, self._addresses = self._gathered, [], set()
        zone_table = self._context().columns.zone_table
        columns_then = self._context().columns
        known = [zone_table[name] for name in names if name in zone_table]
        zones = [zone for zone in known if self._every(zone) == self._cadence]  # others have left this sweep
        async for result in self._tcp_prober().ask(self._check, zones):
            context = self._context()
            columns = context.columns
            stand = [columns.zone_table.index(name) for name in result.good if name in columns.zone_table]
            await self._publish(context, stand, over_tcp=True, alike=columns is columns_then)
            self.queries += sum(len(columns.slots_of(number)) for number in stand)
            if result.doubtful:
                yield result.doubtful

    def probe(self, zone: Zone) -> ProbeQueries:
        """What asks the queries of a poll of this zone in full, but for the addresses that are left out."""
        left_out = self.left_out(zone)

        def ask(queries: Iterable[Query]) -> AsyncIterator[Sequence[Observation]]:
            wanted = [query for query in queries if (query.server, query.address) not in left_out]
            return self._rrset_prober().probe(self._check.name, zone)(wanted)

        return ask

    def left_out(self, zone: Zone) -> frozenset[tuple[str, Address]]:
        """The addresses at which the zone is silent over UDP, and of which it is known what else there is to be found:
        what stands there; or nothing, because the monitor is offline over their family.
        """
        columns, turns, found = self._context().columns, self._tcp_turns, set()
        if turns is None or zone.name not in columns.zone_table:
            return frozenset()
        number = columns.zone_table.index(zone.name)
        brought = over_udp(columns, number)
        if OverUdp.SILENT not in brought or not self._told(columns, [number]):
            return frozenset()
        in_turn = zone.name in self._in_turn or bool(turns.in_turn(columns, [number]))
        for place, each in zip(columns.layouts[columns.zone_table.template_ids[number]], brought, strict=True):
            key = (self._check.name, place.server, place.address, OverUdp.SILENT)
            one = columns.server_findings.standing(key, self._since)
            known = one is not None and not in_turn and zone.name not in one.deciding and zone.name not in one.good
            if each is OverUdp.SILENT and (known or place.address.family in columns.offline):
                found.add((place.server, place.address))
        return frozenset(found)

    def _cut_off(self, columns: ZoneColumns, numbers: Sequence[int]) -> list[int]:
        """Those that are silent at all their addresses, and the monitor is offline over these: nothing is to be had."""
        if not columns.offline:
            return []
        offline, layouts, template_ids = columns.offline, columns.layouts, columns.zone_table.template_ids
        return [
            number
            for number in self._told(columns, numbers)
            if all(place.address.family in offline for place in layouts[template_ids[number]])
            and all(brought is OverUdp.SILENT for brought in over_udp(columns, number))
        ]

    async def _publish_alike(self, columns: ZoneColumns, looked: Looked) -> None:
        """They are of these columns."""
        numbers = [columns.zone_table.index(name) for name in looked.alike]
        self.queries += sum(len(columns.rrset_slots(self._check.name, number)) for number in numbers)
        await self._publish(self._context(), numbers, alike=True, looks=tuple(looked.alike.values()))

    async def _publish(
        self, context: SweepContext, numbers: Sequence[int], *, over_tcp: bool = False, alike: bool = False,
        looks: Sequence[Look] = (),
    ) -> None:  # fmt: skip
        if numbers:
            zone_table = context.columns.zone_table
            await context.publish(
                UnchangedZones(
                    self._check.name, context.now(), self._cadence, array("I", numbers), zone_table, context.vantage,
                    over_tcp, alike, looks,
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

    @property
    def _since(self) -> datetime:
        """Looks of soa-serial before that do not count."""
        return self._context().now() - MAX_AGE * self._cadence

    def _known_by_serial(self, columns: ZoneColumns, numbers: Sequence[int]) -> tuple[list[int], list[int]]:
        """Those of which soa-serial has just said that all is as it was: those that are not to be asked over TCP, and
        those that are. Zones of an address that is suspect there are in neither, unless they have what stands there and
        it is not their turn.
        """
        known = self._told(columns, numbers)
        mode = columns.mode
        if self._tcp_turns is None or not known:
            return [number for number in known if mode[number] == STEADY_UP], []
        standing = columns.standing[self._check.name]
        due = self._tcp_turns.due(columns, known)
        names = columns.zone_table.names
        self._in_turn |= {names[number] for number in due}
        up = [number for number in known if standing[number] == STANDS and mode[number] == STEADY_UP]
        stand = self._not_suspect(columns, up)
        have = [number for number in self._inheriting(columns, known) if number not in due]
        return [*(number for number in stand if number not in due), *have], [n for n in stand if n in due]

    def _not_suspect(self, columns: ZoneColumns, numbers: Sequence[int]) -> list[int]:
        template_ids = columns.zone_table.template_ids
        suspect = self._suspect_templates(columns, {template_ids[number] for number in numbers})
        return [number for number in numbers if template_ids[number] not in suspect]

    def _told(self, columns: ZoneColumns, numbers: Sequence[int]) -> list[int]:
        """Those that soa-serial has looked at just now, and as often as this check does."""
        checked_at, template_ids, since = columns.checked_at, columns.zone_table.template_ids, micros(self._since)
        told = self._templates(columns, numbers, lambda zone: self._every(zone, SERIAL_CHECK) <= self._cadence)
        return [number for number in numbers if checked_at[number] >= since and template_ids[number] in told]

    def _inheriting(self, columns: ZoneColumns, numbers: Sequence[int]) -> list[int]:
        """Those of the zones that need not be polled because they have what stands at their servers."""
        findings, standing = columns.server_findings, columns.standing.get(self._check.name)
        if standing is None or not findings.known:
            return []
        template_ids, found, until = columns.zone_table.template_ids, [], {}
        for number in numbers:
            if standing[number] == INHERITS:
                kind = (template_ids[number], columns.mode[number], columns.udp_id[number])
                if kind not in until:
                    layout = columns.layouts[kind[0]]
                    brought = zip(layout, over_udp(columns, number), strict=True)
                    places = [(place.server, place.address, each) for place, each in brought]
                    latest = findings.lets_pass(self._check.name, places, columns.suspects, self._since)
                    until[kind] = micros(latest) if latest is not None else 0
                if columns.checked_at[number] <= until[kind]:
                    found.append(number)
        return found

    def _waited(self) -> Sequence[str]:
        """Zones that wait no more for what is found at others, and are to be polled."""
        columns = self._context().columns

        def passed(numbers: Sequence[int]) -> Sequence[int]:
            told = self._told(columns, numbers)
            return [*self._inheriting(columns, told), *self._cut_off(columns, numbers)]

        return self._waiting.take(columns, self._since, passed)

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
