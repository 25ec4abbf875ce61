"""A service whose zone example.com can be waited on, and what it tells."""

import json
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from checks.model import Observation, Outcome, Query, Server, Shape, Soa, Zone
from checks.model.zone_table import ZoneTable
from monitor.service.waits import ServiceWaits
from tests.support.web_status import HIDDEN, NOW, SERVERS, Stage, stage, troubled

ZONE = Zone(
    "example.com.", tuple(Server(name, places, hidden=name == HIDDEN) for name, places in SERVERS.items()), HIDDEN
)


@dataclass
class Answering:
    """Asked for a SOA, every address has ``served``; ``asked`` is what came, ``given_up`` how many callers left."""

    served: int
    tell: Callable[[Query], Observation | None] = lambda query: None
    asked: list[Query] = field(default_factory=list)
    given_up: int = 0

    async def __call__(self, queries: Iterable[Query]) -> AsyncIterator[Sequence[Observation]]:
        for query in queries:
            self.asked.append(query)
            try:
                yield [self.tell(query) or self._soa(query)]
            except GeneratorExit:
                self.given_up += 1
                raise

    def _soa(self, query: Query) -> Observation:
        soa = Soa(self.served, "ns1.example.com.", "hostmaster.example.com.", 3600, 600, 604800, 300)
        one = Observation(query, Outcome.ANSWERED, NOW, rcode="NOERROR", authoritative=True)
        return replace(one, shape=Shape.RECORDS, soa=soa) if query.qtype == "SOA" else replace(one, shape=Shape.NODATA)


async def waiting_stage(*, served: int, token: bool = False, public: bool = False, **more: Any) -> Stage:
    """``more`` is for what answers, which is ``stage.prober``."""
    found = await stage(troubled(), token=token, public=public)
    return replace(found, waits=ServiceWaits(lambda: ZoneTable.of((ZONE,)), Answering(served, **more)))


def events_of(text: str) -> list[dict[str, Any]]:
    """The events of a stream; each is called what its data says."""
    found = []
    for block in text.split("\n\n"):
        if not block or block.startswith(":"):
            continue
        kind, data = block.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert kind == f"event: {event['event']}"
        found.append(event)
    return found
