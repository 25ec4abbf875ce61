"""Ends a look in time. What has not come back by then is not known, and is said so."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from checks.common.text import server_at
from checks.model import Address, Family, Observation, Outcome, Query, ZonePoll
from monitor.clock import now
from monitor.config.model import Config
from monitor.polling.sweep import ProbeQueries

FIRST_LOOK_SHARE = 0.9
"""The share of the time that the first look may take: enough for the whole patience with a server that is silent,
where the rest is as it is by default (8 s in all, 6 s of patience)."""

RESOLVER_TIMEOUT_SHARE = 0.25
"""The share of the time that the resolver has for one answer, as it may be needed twice."""

DELAY_SHARE = 0.3
"""The share of what is left that the moment between two looks may take."""

DISCOVERY_SHARE = 0.75
"""The share of what is left that all that has to be resolved first may take, however many names that are …"""

NS_NAMES_SHARE = 0.5
"""… and that further names of the NS set may take, of which then no more is known."""

LATE = "no word in time"

TRANSFER = "a zone transfer"

_ORDER = ("UDP", "TCP", TRANSFER)
"""Of what was cut, as it is told."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """Until when all must be known: ``seconds`` after ``begun``, in the loop's time. None: however long it takes."""

    seconds: float | None
    begun: float

    @classmethod
    def of(cls, seconds: float | None, spent: float = 0.0) -> "Deadline":
        """``spent`` are seconds that are over already: whoever started us does not know what we do first."""
        return cls(seconds, asyncio.get_running_loop().time() - spent)

    @property
    def end(self) -> float | None:
        return None if self.seconds is None else self.begun + self.seconds

    def first_look(self) -> float | None:
        """When the first look ends."""
        return self._part(FIRST_LOOK_SHARE)

    def discovery(self) -> float | None:
        """When it must be known where the servers are."""
        return self._part(DISCOVERY_SHARE)

    def ns_names(self) -> float | None:
        """When no more is waited for further names."""
        return self._part(NS_NAMES_SHARE)

    def delay(self, wanted: float) -> float:
        """Seconds between two looks, such that something is left for the second one."""
        if self.end is None:
            return wanted
        return min(wanted, max(0.0, self.end - asyncio.get_running_loop().time()) * DELAY_SHARE)

    def with_short_timeouts(self, config: Config) -> Config:
        """The configuration with a resolver that is waited for no longer than there is time."""
        if self.seconds is None or config.resolver.timeout <= self.seconds * RESOLVER_TIMEOUT_SHARE:
            return config
        return replace(config, resolver=replace(config.resolver, timeout=self.seconds * RESOLVER_TIMEOUT_SHARE))

    def _part(self, share: float) -> float | None:
        if self.end is None:
            return None
        at = asyncio.get_running_loop().time()
        return at + (self.end - at) * share


class DeadlineProber:
    """Asks as ``probe`` does, until a time of the loop. ``before`` is what an earlier look brought.

    Who was silent then, for as long as a server is waited for, or said nothing that could be used, or only without
    EDNS, and says nothing now, is so still. Of everything else that has not come back, nothing is known: it is
    ``cut``, and counts as not asked.
    """

    def __init__(self, probe: ProbeQueries, until: float | None, before: Iterable[ZonePoll] = ()) -> None:
        self._probe = probe
        self._until = until
        self._before = {seen.query: seen for poll in before for seen in poll.seen if _waited(seen)}
        self.cut: list[Query] = []
        self.unasked: set[Query] = set()
        """Those that were cut for there was no time left to ask them."""

    async def __call__(self, queries: Iterable[Query]) -> AsyncIterator[Sequence[Observation]]:
        waiting = list(queries)
        if self._late():
            self.unasked.update(waiting)
        answers = self._probe(waiting)
        while waiting and not self._late():
            try:
                async with asyncio.timeout_at(self._until):
                    batch = await anext(answers)
            except TimeoutError:
                break
            for seen in batch:
                waiting.remove(seen.query)
            yield batch
        if waiting:
            yield [self._instead(query) for query in waiting]

    def _late(self) -> bool:
        return self._until is not None and asyncio.get_running_loop().time() >= self._until

    def _instead(self, query: Query) -> Observation:
        if query in self._before:
            return self._before[query]
        self.cut.append(query)
        return Observation(query, Outcome.UNASKED, now(), detail=LATE)


def _waited(seen: Observation) -> bool:
    """Whether it took all the time that there is for a server."""
    if seen.outcome is Outcome.ANSWERED:
        return bool(seen.without_edns)
    return seen.outcome is not Outcome.UNASKED


def unknown(asking: DeadlineProber, look: Iterable[ZonePoll], deadline: Deadline) -> tuple[str, ...]:
    """What was cut, in sentences; nothing of which another check of this look knows all the same.

    Who was asked and said nothing comes first, over UDP, TCP, then zone transfers: of many the first alone are shown.
    """
    known = {_thing(seen.query) for poll in look for seen in poll.seen if seen.outcome is not Outcome.UNASKED}
    open_: dict[tuple[str, Address, str], bool] = {}
    for query in asking.cut:
        if _thing(query) not in known:
            what = TRANSFER if query.qtype in ("AXFR", "IXFR") else query.transport.upper()
            thing = (query.server, query.address, what)
            open_[thing] = open_.get(thing, False) or query not in asking.unasked
    order = sorted(open_.items(), key=lambda one: (not one[1], _ORDER.index(one[0][2]), one[0][0], str(one[0][1])))
    return tuple(_open(*thing, deadline, asked=asked) for thing, asked in order)


def _open(server: str, address: Address, what: str, deadline: Deadline, *, asked: bool) -> str:
    who = server_at(server, address)
    if not asked:
        return (
            f"{who} was not asked over {what}: the {deadline.seconds:g} s were over"
            if what in ("UDP", "TCP")
            else (f"{what} from {who} was not asked for: the {deadline.seconds:g} s were over")
        )
    if what in ("UDP", "TCP"):
        return f"{who} has said nothing over {what} within {deadline.seconds:g} s, and may be slow or dead"
    return f"{what} from {who} takes longer than {deadline.seconds:g} s"


def unasked(look: Iterable[ZonePoll], offline: Collection[Family]) -> tuple[str, ...]:
    """Whom the monitor itself could not ask (no route to one network …), the families ``offline`` left out."""
    whys = {
        (seen.server, seen.address): seen.detail
        for poll in look
        for seen in poll.seen
        if seen.outcome is Outcome.UNASKED and seen.detail != LATE and seen.address.family not in offline
    }
    return tuple(f"{server_at(server, address)} could not be asked: {why}" for (server, address), why in whys.items())


def _thing(query: Query) -> tuple[str, Address, str, str, str]:
    return query.server, query.address, query.qname, query.qtype, query.transport
