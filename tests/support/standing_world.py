"""A wider world, in which SOA fields, NS sets, records and TCP of servers come and go, and who passes over polls."""

import random
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from checks.base import Check
from checks.common.epoch import micros
from checks.model import Observation, Query, Soa, Transport, WantedRecord, Zone, ZonePoll
from checks.model.resolution import Resolution
from checks.ns_set import NsSet
from checks.reachable import Reachable
from checks.records import Records
from checks.soa_fields import SoaFields
from monitor.polling.local_tcp import is_good
from monitor.state.alike import look_at, may_be_alike
from monitor.state.alike_zones import Look
from monitor.state.columns import STANDS, STEADY_UP, ZoneColumns
from monitor.state.ports import PollMessage, UnchangedZones
from tests.support.monitor_state import MINUTE
from tests.support.observations import has, lasting, query, seen
from tests.support.serial_world import LIKE, World, zones

STRANGER = "ns9.elsewhere.example"
OTHERS: tuple[Check, ...] = (
    SoaFields(), NsSet({STRANGER: Resolution(("203.0.113.9",))}), Records(), Reachable(),
)  # fmt: skip
MAX_AGE = 2
OTHER_MINIMUM = replace(LIKE, minimum=60)


def with_records(number: int) -> list[Zone]:
    """Those of the narrower world, and of each one that is watched like it; two of three have records, one of them an
    expected one.
    """
    made = []
    others = [one.with_name(f"other-{one.name}") for one in zones(number)]
    for index, one in enumerate((*zones(number), *others)):
        www = WantedRecord(f"www.{one.name}", "A")
        mail = WantedRecord(f"mail.{one.name}", "A", expect=("192.0.2.25",))
        made.append(replace(one, records=((), (www,), (www, mail))[index % 3]))
    return made


class WideWorld(World):
    """What differs at a server differs under any serial; a failure of one zone is a failure of all its RRsets."""

    def __init__(self, chance: random.Random, watched: Sequence[Zone]) -> None:
        super().__init__(chance, watched)
        self.differs: set[tuple[str, str, str]] = set()
        """Zone, server, and what is not there as it is elsewhere."""
        self.no_tcp: set[str] = set()
        """Servers, and zones at servers as "zone server"."""

    def pass_(self) -> None:
        chance = self.chance
        if chance.random() < 0.4:
            super().pass_()
        if self.dead and chance.random() < 0.15:
            self.dead = set()
        if chance.random() < (0.2 if self.no_tcp & {"ns1", "ns2", "ns3"} else 0.02):
            self.no_tcp ^= {chance.choice(("ns1", "ns2", "ns3"))}
        for zone, server in self.served:
            if chance.random() < (0.2 if f"{zone} {server}" in self.no_tcp else 0.01):
                self.no_tcp ^= {f"{zone} {server}"}
            for what in ("minimum", "NS", "www", "ttl", "mail"):
                if (zone, server, what) in self.differs:
                    if chance.random() < 0.3:
                        self.differs.discard((zone, server, what))
                elif chance.random() < 0.006:
                    self.differs.add((zone, server, what))

    def soa(self, zone: str, server: str) -> Soa:
        return OTHER_MINIMUM if (zone, server, "minimum") in self.differs else LIKE

    def looks(self, one: Zone, at: datetime) -> tuple[Observation, ...]:
        return tuple(
            seen(query(one, each.name), self.token(one.name, each.name), at, self.soa(one.name, each.name))
            for each in one.servers
        )

    def answer(self, query: Query, at: datetime) -> Observation:
        """Whatever a check asks."""
        zone, server = query.zone, query.server
        token = self.token(zone, server)
        if query.transport is Transport.TCP and self.no_tcp & {server, f"{zone} {server}"}:
            token = "-" if server in self.dead else "refused-connection"
        if query.qtype == "SOA" or not token.partition("~")[0].isdigit():
            return seen(query, token, at, self.soa(zone, server))
        differs = {what for name, where, what in self.differs if (name, where) == (zone, server)}
        if query.qtype == "NS":
            strange = (f"{STRANGER}.",) if "NS" in differs else ()
            return has(query, *(f"{name}.{zone}" for name in ("ns1", "ns2", "ns3")), *strange, at=at)
        label = query.qname.partition(".")[0]
        rdata = {"www": "192.0.2.80", "mail": "192.0.2.25"}[label]
        return has(query, "192.0.2.66" if label in differs else rdata, ttl=60 if "ttl" in differs else 3600, at=at)

    def poll(self, check: Check, zone: Zone, at: datetime) -> ZonePoll:
        every: tuple[Observation, ...] = ()
        while queries := tuple(check.queries(zone, every)):
            every = (*every, *(self.answer(query, at) for query in queries))
        return ZonePoll(zone.name, check.name, at, MINUTE, every)


def said(observations: Sequence[Observation]) -> object:
    """All but when it was said, and what EXPIRE counts down to."""
    return tuple(map(lasting, observations))


@dataclass
class StandingCaller:
    """Who polls by the letter of ``standing``: an engine with a fingerprint of each RRset, and all asked over TCP."""

    columns: ZoneColumns
    last: dict[tuple[str, int], object] = field(default_factory=dict)
    """Check and zone: what its own questions, those for RRsets, were answered at the last poll in full."""
    enabled: set[tuple[str, int]] = field(default_factory=set)
    alike: bool = True
    took_over: Counter[str] = field(default_factory=Counter)
    """By check, how often a zone was found to be like another."""

    def message(self, check: Check, poll: ZonePoll) -> PollMessage:
        """The poll, or word that there is no need for it."""
        columns, number = self.columns, self.columns.zone_table.index(poll.zone)
        over_tcp = [one for one in poll.seen if one.query.transport is Transport.TCP]
        standing = columns.standing.get(check.name)
        own = said([one for one in poll.seen if one.query.qtype != "SOA" or one.query.dnssec])
        key = (check.name, number)
        if standing is not None and standing[number] == STANDS:  # one that inherits is polled in full at its turn
            if check.name in columns.rrsets:
                same = key in self.enabled and own == self.last[key]
            else:
                recent = columns.checked_at[number] >= micros(poll.at - MAX_AGE * MINUTE)
                same = columns.mode[number] == STEADY_UP and recent and all(map(is_good, over_tcp))
            if same:
                numbers = array("I", [number])
                return UnchangedZones(check.name, poll.at, MINUTE, numbers, columns.zone_table, over_tcp=bool(over_tcp))
        self.enabled.discard(key)
        self.last[key] = own
        return self._alike(check, poll, over_tcp) or poll

    def _alike(self, check: Check, poll: ZonePoll, over_tcp: Sequence[Observation]) -> UnchangedZones | None:
        """Word that a zone of which nothing stands is like one that is good, by the letter of ``alike``."""
        columns, zone_table = self.columns, self.columns.zone_table
        numbers = may_be_alike(columns, check.name, [zone_table.index(poll.zone)])
        if not (self.alike and numbers) or columns.checked_at[numbers[0]] < micros(poll.at - MAX_AGE * MINUTE):
            return None
        looks: tuple[Look, ...] = ()
        if check.name in columns.rrsets:
            look = look_at(columns, check, zone_table[poll.zone], poll.seen, micros(poll.at))
            if look is None or not columns.alike.is_good(check.name, look.kind):
                return None
            looks = (look,)
        elif not (over_tcp and all(map(is_good, over_tcp))):
            return None
        self.took_over[check.name] += 1
        return UnchangedZones(
            check.name, poll.at, MINUTE, array("I", numbers), zone_table, over_tcp=bool(over_tcp), alike=True,
            looks=looks,
        )  # fmt: skip

    def move(self, standing: dict[str, list[int]]) -> None:
        self.enabled.update((check, number) for check, numbers in standing.items() for number in numbers)
