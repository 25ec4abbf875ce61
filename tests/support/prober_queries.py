"""Queries for very many zones at one scripted nameserver, and what comes back of them."""

from checks.model import Address, Observation, Query
from monitor.probe.types import Prober
from tests.support.nameserver import Asked, good


def right(query: Asked) -> list[bytes]:
    return [good(query)]


def queries(server: str, address: Address, count: int, qtype: str = "SOA") -> list[Query]:
    return [Query(f"z{n}.", server, address, f"z{n}.", qtype) for n in range(count)]


async def gather(prober: Prober, asked: list[Query]) -> list[Observation]:
    return [seen async for batch in prober(asked) for seen in batch]
