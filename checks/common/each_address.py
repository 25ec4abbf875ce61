"""The frame of checks that ask some addresses once at each poll, and judge each by what it has answered itself."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from checks.base import StandingQuestion
from checks.model import Address, Finding, Inconclusive, Observation, Query, Server, Zone, ZonePoll
from checks.zone_state.model import ZoneState


class EachAddress(ABC):
    """What is left to a check: which addresses it asks, what it asks each of them, and what the answers mean."""

    __slots__ = ()

    @abstractmethod
    def places(self, zone: Zone) -> Iterator[tuple[Server, Address]]:
        """The addresses that are asked."""

    @abstractmethod
    def asked(self, zone: Zone, server: Server, address: Address) -> Sequence[Query]:
        """What is asked of each."""

    @abstractmethod
    def judge(
        self, zone: Zone, server: Server, address: Address, seen: Sequence[Observation | None], now: datetime
    ) -> Finding | Inconclusive | None:
        """What ``seen`` means: the answers in the order of what is asked, None to a question that was not put."""

    def applies(self, zone: Zone) -> bool:
        return any(True for _ in self.places(zone))

    def standing_questions(self, zone: Zone) -> tuple[StandingQuestion, ...]:
        return ()

    def queries(self, zone: Zone, seen: tuple[Observation, ...]) -> Iterable[Query]:
        if seen:
            return ()
        return [query for server, address in self.places(zone) for query in self.asked(zone, server, address)]

    def evaluate(self, zone: Zone, poll: ZonePoll, zone_state: ZoneState) -> Iterator[Finding | Inconclusive]:
        answers = {one.query: one for one in poll.seen}
        for server, address in self.places(zone):
            seen = [answers.get(query) for query in self.asked(zone, server, address)]
            found = self.judge(zone, server, address, seen, poll.at)
            if found is not None:
                yield found
