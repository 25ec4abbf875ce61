"""Addresses that are asked again until a canary has arrived, each at a pace of its own."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace

from checks.canary import Canary
from checks.model import AwaitedValue, CanaryRecord, Observation, Query, RrSet, UpdateResult
from checks.model.canary import CanaryValue
from monitor.clock import now
from monitor.polling.follow import follow
from monitor.polling.sweep import longest_poll, poll_zone
from monitor.probe.settings import Probe
from tests.support.observations import NOON, has, query, seen, zone

VALUE = CanaryValue(NOON, "0000beef", 3)
ZONE = zone("ns1", "ns2", "ns3", canary=CanaryRecord("update"))
NAME = "_soawatch-canary.example.com."


class Servers:
    """Answers with the value at the look of that number, at each server; None: never. ``asked`` are all questions."""

    def __init__(self, **arrives: int | None) -> None:
        self.arrives = arrives
        self.asked: list[Query] = []

    async def __call__(self, queries: Iterable[Query]) -> AsyncIterator[Sequence[Observation]]:
        for one in queries:
            self.asked.append(one)
            if one.update is not None:
                done = seen(one, "NOERROR", update=UpdateResult.DONE)
                yield (replace(done, answer=RrSet(NAME, "TXT", 60, (f'"{VALUE}"',))),)
                continue
            looks = sum(each.server == one.server and each.until is not None for each in self.asked)
            at = self.arrives[one.server]
            yield (has(one, f'"{VALUE}"') if one.until is not None and at is not None and looks >= at else has(one),)


def followed(*servers: str, seconds: float) -> list[Query]:
    return [query(ZONE, one, "TXT", NAME, until=AwaitedValue(VALUE, seconds)) for one in servers]


async def test_each_is_asked_until_it_has_the_value_or_its_time_is_over() -> None:
    servers = Servers(ns1=1, ns2=3, ns3=None)
    found = [one async for batch in follow(followed("ns1", "ns2", "ns3", seconds=0.4), servers) for one in batch]
    assert [one.server for one in found] == ["ns1", "ns2", "ns3"]
    assert [one.answer is not None for one in found] == [True, True, False]
    looks = [one.server for one in servers.asked]
    assert (looks.count("ns1"), looks.count("ns2")) == (1, 3)
    assert looks.count("ns3") >= 2


async def test_whoever_stops_listening_ends_the_asking() -> None:
    servers = Servers(ns1=1, ns2=None)
    async for _ in follow(followed("ns1", "ns2", seconds=3600), servers):
        break
    assert {one.server for one in servers.asked} == {"ns1", "ns2"}


async def test_a_poll_of_the_check_changes_follows_and_ends() -> None:
    servers = Servers(ns1=1, ns2=2, ns3=1)
    poll = await poll_zone(Canary(), ZONE, servers, Canary.cadence, now)
    assert len(poll.seen) == 3 + 1 + 3
    assert sum(one.update is not None for one in servers.asked) == 1


def test_a_sweep_leaves_its_last_zone_the_time_that_a_canary_may_take() -> None:
    probe = Probe(timeout=2, attempts=3)
    assert longest_poll("canary", (ZONE, replace(ZONE, canary=None)), probe) == 606
    assert longest_poll("canary", (), probe) == longest_poll("records", (ZONE,), probe) == 6
