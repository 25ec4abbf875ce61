"""A zone that all checks look at, and an evaluator whose results stand or do not."""

from array import array
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from alerting.model import Policy
from checks.base import Check
from checks.model import Transport, WantedRecord, Zone, ZonePoll
from checks.ns_set import NsSet
from checks.reachable import Reachable
from checks.records import Records
from checks.signatures import Signatures
from checks.soa_fields import SoaFields
from checks.soa_serial import SoaSerial
from checks.transfer import Transfer
from monitor.state.columns import TableChange, ZoneColumns
from monitor.state.fast_path import FastPathChanges
from monitor.state.ports import PollMessage, UnchangedZones
from tests.support.evaluator import EvaluatorBench
from tests.support.monitor_state import AT_ONCE, MINUTE, minute, plan, reached
from tests.support.observations import QUICK, checked_at, has, seen, zone

NAME = "example.com."
WWW = WantedRecord(f"www.{NAME}", "A")
ONE = zone("ns1", "ns2", "ns3", records=(WWW,))
OTHER = zone("ns1", "ns2", "ns3", name="other.example.", records=(WantedRecord("www.other.example.", "A"),))
CHECKS: tuple[Check, ...] = (SoaSerial(), SoaFields(), NsSet(), Records(), Reachable(), Signatures(), Transfer())
WELL = {"ns1": "10", "ns2": "10", "ns3": "10"}
ALL = {"soa-fields", "ns-set", "records", "reachable", "signatures"}
"""The checks whose results may stand."""

SETTLING = Policy(timedelta(0), timedelta(minutes=5), timedelta(hours=4))


def poll(check: Check, one: Zone, at: float, *, off: str = "", www: str = "192.0.2.80", **tokens: str) -> ZonePoll:
    """What a check asks: all are well but for ``tokens``; ``off`` has another set of records, or other SOA fields."""
    does, every = {**WELL, **tokens}, ()
    while queries := tuple(check.queries(one, every)):
        for asked in queries:
            like = replace(QUICK, minimum=7) if asked.server == off else QUICK
            found = seen(asked, does[asked.server], minute(at), like)
            if found.serial is not None and asked.qtype == "NS":
                names = ("ns1", "ns2", "ns3")[: 2 if asked.server == off else 3]
                found = has(asked, *(f"{name}.{one.name}" for name in names), at=minute(at))
            elif found.serial is not None and asked.qtype == "A":
                found = has(asked, "192.0.2.66" if asked.server == off else www, at=minute(at))
            every = (*every, found)
    return ZonePoll(one.name, check.name, minute(at), MINUTE, every)


def tcp_closed(one: Zone, at: float, *servers: str) -> ZonePoll:
    whole = reached(one, minute(at), **WELL)
    closed = servers or ("ns2",)
    return replace(
        whole,
        seen=tuple(
            seen(each.query, "refused-connection", minute(at))
            if each.query.transport is Transport.TCP and each.server in closed
            else each
            for each in whole.seen
        ),
    )


class Road(EvaluatorBench):
    """An evaluator, and what it has told the prober."""

    def __init__(self, *zones: Zone, checks: Iterable[Check] = CHECKS, policy: Policy = AT_ONCE) -> None:
        super().__init__(*(zones or (ONE,)), checks=checks, policy=policy)
        self.enabled: list[tuple[str, str]] = []
        self.disabled: set[str] = set()
        self.evaluator.moved = self.moved

    def moved(self, changes: FastPathChanges) -> None:
        names = changes.zone_table.names
        self.enabled += [(check, names[number]) for check, numbers in changes.standing.items() for number in numbers]
        self.disabled = {names[number] for number in changes.disabled}

    @property
    def columns(self) -> ZoneColumns:
        return self.evaluator.no_change.columns

    async def hear(self, *heard: PollMessage) -> None:
        self.now.at = max(one.at for one in heard)
        await self.evaluator.process(heard)

    async def well(self, at: float = 0, *zones: Zone) -> None:
        """Everything is good at this minute, and at the next."""
        for one in zones or (ONE,):
            for number in (at, at + 1):
                await self.hear(checked_at(one, WELL, minute(number), QUICK))
                await self.hear(*(poll(check, one, number) for check in CHECKS[2:6]))

    async def replan(self, *zones: Zone, checks: Iterable[Check] = CHECKS) -> TableChange:
        return await self.evaluator.replan(plan(*(zones or (ONE,)), checks=checks, policy=AT_ONCE))

    def stands(self, name: str = NAME) -> set[str]:
        columns = self.columns
        return {check for check, column in columns.standing.items() if column[columns.zone_table.index(name)]}

    def mode(self, name: str = NAME) -> int:
        return self.columns.mode[self.columns.zone_table.index(name)]

    def unchanged(self, check: str, at: float, *names: str) -> UnchangedZones:
        zone_table = self.columns.zone_table
        return UnchangedZones(check, minute(at), MINUTE, array("I", map(zone_table.index, names or [NAME])), zone_table)

    def looked(self, check: str) -> int:
        return self.columns.ok_at[check][self.columns.zone_table.index(NAME)]
