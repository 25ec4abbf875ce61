"""When witnesses are asked, and who they are."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

from prometheus_client import CollectorRegistry

from checks.model import Address, Family
from checks.zone_state.connectivity import Connectivity
from checks.zone_state.witness import WitnessAnswer
from monitor.config.model import Config
from monitor.service.system_witnesses import GATEWAY, RESOLVER, gateways4, gateways6, system_witnesses
from monitor.service.witnesses import AGAIN, FIRST_PROOF, PROOF, Witnesses
from monitor.state.monitor_state import MonitorState
from monitor.state.ports import QueueClosed, WitnessPoll
from tests.support.configuration import TWO, read
from tests.support.observations import NOON

NAMED, NAMED6 = Address("192.0.2.53"), Address("2001:db8::53")


@dataclass
class Bench:
    config: Config
    memory: MonitorState = field(default_factory=MonitorState)
    at: float = 1000.0
    asked: list[Address] = field(default_factory=list)
    answer: WitnessAnswer = WitnessAnswer.ANSWERED
    published: list[WitnessPoll] = field(default_factory=list)
    closed: bool = False
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    witnesses: Witnesses = field(init=False)

    def __post_init__(self) -> None:
        def now():
            return NOON + timedelta(seconds=self.at)

        self.witnesses = Witnesses(
            self.memory, lambda: self.config, self.publish, now, lambda: self.at, self.registry, self.ask
        )

    async def ask(self, address: Address, _sockets: object) -> WitnessAnswer:
        self.asked.append(address)
        return self.answer

    async def publish(self, poll: WitnessPoll) -> None:
        if self.closed:
            raise QueueClosed
        self.published.append(poll)

    async def look(self, **connectivity: tuple[Family, ...]) -> list[Address]:
        """Who is asked while this is in doubt."""
        self.memory.connectivity = replace(Connectivity(), **connectivity)
        self.asked.clear()
        await self.witnesses.look()
        return list(self.asked)


def bench(alerting: str = 'witness = ["192.0.2.53", "2001:db8::53", "192.0.2.53"]') -> Bench:
    return Bench(read(f"{TWO}[alerting]\n{alerting}\n"))


async def test_in_quiet_operation_each_is_asked_after_a_minute_and_then_once_an_hour() -> None:
    on = bench()
    assert await on.look() == []
    assert on.memory.witnessed == {Family.IPV4, Family.IPV6}
    on.at += FIRST_PROOF
    assert await on.look() == [NAMED, NAMED6]
    assert await on.look() == []
    on.at += PROOF
    assert await on.look() == [NAMED, NAMED6]
    assert on.published == [], "nobody is in doubt"


async def test_in_doubt_those_of_the_family_are_asked_at_once_and_again_while_it_lasts() -> None:
    on = bench()
    asking = {"asking": (Family.IPV4,), "doubtful": (Family.IPV4,)}
    assert await on.look(**asking) == [NAMED]
    assert await on.look(**asking) == [NAMED], "another server fell silent since it was asked"
    assert await on.look(doubtful=(Family.IPV4,)) == []
    on.at += AGAIN
    assert await on.look(doubtful=(Family.IPV4,)) == [NAMED]
    assert [(poll.family, len(poll.word.replies)) for poll in on.published] == [(Family.IPV4, 1)] * 3
    assert [poll.word.proven for poll in on.published] == [False, True, True]
    on.closed = True
    assert await on.look(**asking) == [NAMED], "the service stops, and nobody hears it any more"


async def test_what_each_said_is_a_metric_as_long_as_it_is_a_witness() -> None:
    on = bench()
    on.at += FIRST_PROOF
    await on.look()
    labels = {"witness": "192.0.2.53"}
    assert on.registry.get_sample_value("soawatch_witness_up", labels) == 1
    on.answer = WitnessAnswer.SILENT
    await on.look(asking=(Family.IPV4,), doubtful=(Family.IPV4,))
    assert on.registry.get_sample_value("soawatch_witness_up", labels) == 0
    on.config = read(f'{TWO}[alerting]\nwitness = ["2001:db8::53"]\n')
    await on.look()
    assert on.registry.get_sample_value("soawatch_witness_up", labels) is None
    assert on.memory.witnessed == {Family.IPV6}


async def test_nobody_is_a_witness_where_the_list_is_empty() -> None:
    on = bench("witness = []")
    assert await on.look(asking=(Family.IPV4,), doubtful=(Family.IPV4,)) == []
    assert on.memory.witnessed == frozenset()


async def test_where_none_is_named_the_resolvers_are_asked_that_are_configured() -> None:
    on = Bench(read(f'[resolver]\naddresses = ["192.0.2.99"]\n{TWO}'))
    assert Address("192.0.2.99") in await on.look(asking=(Family.IPV4,), doubtful=(Family.IPV4,))


ROUTES = """\
Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	010200C0	0003	0	0	0	00000000	0	0	0
eth0	000200C0	00000000	0001	0	0	0	00FFFFFF	0	0	0
tun0	00000000	00000000	0001	0	0	0	00000000	0	0	0
"""
ANY = "0" * 32
ROUTES6 = f"""\
{ANY} 00 {ANY} 00 20010db8000000000000000000000001 00000400 00000001 00000000 00000003     eth0
{ANY} 00 {ANY} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00450003     eth0
{ANY} 00 {ANY} 00 {ANY} ffffffff 00000001 00000000 00200200       lo
20010db8000000000000000000000000 40 {ANY} 00 {ANY} 00000100 00000001 00000000 00000001     eth0
"""


def test_the_default_gateways_are_read_from_the_tables_of_the_system() -> None:
    assert list(gateways4(ROUTES)) == ["192.0.2.1"]
    assert list(gateways4("")) == list(gateways6("")) == []
    assert list(gateways6(ROUTES6)) == ["2001:db8::1"]


def test_the_witnesses_of_this_machine_are_resolvers_and_gateways_and_none_is_named() -> None:
    found = system_witnesses([Address(f"192.0.2.{n}") for n in range(5)])
    assert [one.address.host for one in found if one.role == RESOLVER] == ["192.0.2.0", "192.0.2.1", "192.0.2.2"]
    assert {one.role for one in system_witnesses()} <= {RESOLVER, GATEWAY}
    assert not any(one.named for one in found)
