"""A world of servers that drifts along, and the bulk prober by the letter of its docstring: for random histories."""

import random
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from alerting.model import Policy
from checks.common.epoch import micros
from checks.model import Observation, Zone, ZonePoll
from checks.model.signing import with_signer
from checks.soa_serial import SoaSerial
from checks.zone_state.model import ZoneState
from monitor.state.columns import ZoneColumns
from monitor.state.fast_path import FastPathChanges
from monitor.state.monitor_state import MonitorState
from monitor.state.monitoring_plan import MonitoringPlan
from monitor.state.ports import PollMessage, UnchangedZones
from tests.support.monitor_state import MINUTE
from tests.support.observations import QUICK, lasting, query, seen, server, zone

LIKE = replace(QUICK, expire=1200, minimum=300)
CHECK = SoaSerial()
POLICY = Policy(timedelta(minutes=2), timedelta(minutes=2), timedelta(minutes=30))
SERVERS = {name: server(name) for name in ("ns1", "ns2", "ns3")}


def zones(number: int) -> list[Zone]:
    """Half of them on two servers, half on three; one in five without a primary, one in five with a signer."""
    made = []
    for index in range(number):
        names = ("ns1", "ns2", "ns3")[: 2 + index % 2]
        one = zone(
            *(SERVERS[name] for name in names), name=f"z{index}.example.", primary=None if index % 5 == 4 else "ns1"
        )
        if index % 5 == 3:
            one = replace(one, servers=with_signer(one.servers, "ns1", "ns2"), signer="ns2")
        made.append(replace(one, max_lag=timedelta(minutes=3)))
    return made


class World:
    """What servers serve: it drifts along, and now and then something happens to a zone, a server or the network."""

    def __init__(self, chance: random.Random, watched: Sequence[Zone]) -> None:
        self.chance = chance
        self.zones = watched
        self.newest = {one.name: 10 for one in watched}
        self.served = {(one.name, server.name): 10 for one in watched for server in one.servers}
        self.wrong: dict[tuple[str, str], str] = {}
        self.dead: set[str] = set()
        self.expires = dict.fromkeys(self.served, 1000)
        self.mute: set[str] = set()

    def pass_(self) -> None:
        chance = self.chance
        if chance.random() < 0.05:
            self.dead ^= {chance.choice(("ns1", "ns2", "ns3"))}
        if chance.random() < 0.02:
            self.dead = set() if self.dead else {"ns1", "ns2", "ns3"}
        for one in self.zones:
            if chance.random() < 0.01:
                self.mute ^= {one.name}
            if chance.random() < 0.03:
                self.newest[one.name] += 1
            for place in [place for place in self.served if place[0] == one.name]:
                late = place[1] != "ns1" and chance.random() < 0.3
                if not late:
                    self.served[place] = self.newest[one.name]
                self.expires[place] = chance.choice((1000, 1000, 1000, self.expires[place] - 60))
                if chance.random() < 0.01:
                    self.served[place] -= 1
                if chance.random() < 0.02:
                    self.wrong[place] = chance.choice(("SERVFAIL", "-", "REFUSED"))
                elif chance.random() < 0.3:
                    self.wrong.pop(place, None)

    def token(self, zone: str, server: str) -> str:
        if server in self.dead:
            return "-"
        if (wrong := self.wrong.get((zone, server))) is not None:
            return wrong
        expire = f"~{max(1, self.expires[zone, server])}" if server == "ns2" and zone not in self.mute else ""
        return f"{self.served[zone, server]}{expire}"

    def looks(self, one: Zone, at: datetime) -> tuple[Observation, ...]:
        return tuple(seen(query(one, s.name), self.token(one.name, s.name), at, LIKE) for s in one.servers)


class BalancedWorld(World):
    """Two machines answer at one address of each zone, at the primary's here and there, in strict alternation or by
    chance: the other one takes versions when it wants, and is stale for long. In every other zone they have NSIDs.
    """

    def __init__(self, chance: random.Random, watched: Sequence[Zone], *, strictly: bool) -> None:
        super().__init__(chance, watched)
        self.strictly = strictly
        self.other = {(one.name, "ns1" if index == 2 else "ns2"): 10 for index, one in enumerate(watched)}
        self.turn = dict.fromkeys(self.other, 0)
        self.left = dict.fromkeys(self.other, 1000)
        """Seconds that the other machine has left."""
        self.named = {one.name for index, one in enumerate(watched) if index % 2}

    def pass_(self) -> None:
        super().pass_()
        for place in self.other:
            self.turn[place] = 1 - self.turn[place] if self.strictly else self.chance.randrange(2)
            if self.chance.random() < 0.02:
                self.other[place] = self.newest[place[0]]
            self.left[place] = 1000 if self.chance.random() < 0.05 else max(1, self.left[place] - 60)

    def token(self, zone: str, server: str) -> str:
        place, own = (zone, server), super().token(zone, server)
        if place not in self.other or not own[0].isdigit():
            return own
        serial, _, expire = own.partition("~")
        if self.turn[place]:
            serial, expire = str(self.other[place]), str(self.left[place]) if expire else ""
        nsid = f"@m{self.turn[place]}" if zone in self.named else ""
        return f"{serial}~{expire}{nsid}" if expire else f"{serial}{nsid}"


def result_id(looks: Sequence[Observation]) -> object:
    """What must be the same for a zone to be unchanged: all but time, rtt and EXPIRE, but whether there is one."""
    return tuple((lasting(one), one.expire is None) for one in looks)


@dataclass
class Caller:
    """A bulk prober by the letter of its docstring."""

    columns: ZoneColumns
    last: dict[int, object] = field(default_factory=dict)
    min_expires: dict[int, Sequence[int]] = field(default_factory=dict)

    def unchanged(self, number: int, looks: Sequence[Observation]) -> bool:
        """Whether the zone is as it was; if not, it is off the fast path."""
        min_expires = self.min_expires.get(number)
        same = min_expires is not None and result_id(looks) == self.last[number]
        enough = same and min_expires is not None and all(
            o.expire is None or o.expire >= least for o, least in zip(looks, min_expires, strict=True)
        )  # fmt: skip
        if not enough:
            self.last[number] = result_id(looks)
            self.min_expires.pop(number, None)
            return False
        for slot, one in zip(self.columns.slots_of(number), looks, strict=True):
            self.columns.address_metrics.rtts[slot] = -1.0 if one.rtt is None else one.rtt
            self.columns.address_metrics.expires[slot] = (
                micros(one.at) + one.expire * 10**6 if one.expire is not None else 0
            )
        return True

    def move(self, path_changes: FastPathChanges) -> None:
        for number in path_changes.disabled:
            self.min_expires.pop(number, None)
        self.min_expires.update(path_changes.enabled)


def messages(
    rules: MonitoringPlan,
    caller: Caller,
    polls: list[ZonePoll],
    chance: random.Random,
    heard: Sequence[PollMessage] = (),
) -> list[PollMessage]:
    """What is heard of these polls of soa-serial, after what is heard before."""
    found = [*heard]
    for one in polls:
        number = rules.zones.index(one.zone)
        if not caller.unchanged(number, one.seen):
            found.append(one)
        elif found and isinstance(last := found[-1], UnchangedZones) and chance.random() < 0.8:
            last.numbers.append(number)
        else:
            found.append(UnchangedZones("soa-serial", one.at, MINUTE, array("I", [number]), rules.zones))
    return found


def missed(memory: MonitorState, heard: Sequence[PollMessage], at: datetime) -> set[str]:
    """The zones that were called unchanged when they no longer were: near misses."""
    columns = memory.columns
    called = [number for one in heard if isinstance(one, UnchangedZones) for number in one.numbers]
    return {columns.zone_table.names[number] for number in called if columns.checked_at[number] != micros(at)}


def ticking(zone_state: ZoneState) -> object:
    """What does not take part in ``==`` but is evaluated by."""
    return zone_state.at, [(s.expires, s.estimated, s.rtt is None) for s in zone_state.address_states]
