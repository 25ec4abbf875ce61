"""Is it us? What the monitor hears over each address family, so that a blind vantage accuses nobody."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from checks.model import Address, Family, Outcome, Round

Heard = Mapping[tuple[str, Address], bool]
_NOTHING: Heard = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Vantage:
    """Per server and address: did the latest observation bring anything at all? And what follows from that."""

    heard: Heard = field(default_factory=lambda: _NOTHING)
    dark: tuple[Family, ...] = ()


def hear(vantage: Vantage, round: Round) -> Vantage:
    """What is known after this round; the very same object while nothing changed, as in nearly every round.

    Anything that came back proves that the network carries: a refused connection as well as a garbled answer.
    """
    news: dict[tuple[str, Address], bool] = {}
    for seen in round.seen:
        key = (seen.query.server, seen.query.address)
        news[key] = not seen.outcome.silent or news.get(key, False)
    return note(vantage, news)


def note(vantage: Vantage, news: Heard) -> Vantage:
    """What is known once each of these has been heard, or not; the very same object while nothing changed."""
    heard = vantage.heard
    if all(heard.get(key) is answered for key, answered in news.items()):
        return vantage
    return _vantage({**heard, **news})


def keep(vantage: Vantage, places: Container[tuple[str, Address]]) -> Vantage:
    """Only what was heard of these servers' addresses; the others are watched no more and prove nothing."""
    kept = {place: answered for place, answered in vantage.heard.items() if place in places}
    return vantage if len(kept) == len(vantage.heard) else _vantage(kept)


def _vantage(heard: dict[tuple[str, Address], bool]) -> Vantage:
    silent: dict[Family, set[str]] = {family: set() for family in Family}
    alive: set[Family] = set()
    for (server, address), answered in heard.items():
        if answered:
            alive.add(address.family)
        else:
            silent[address.family].add(server)
    dark = tuple(family for family in Family if family not in alive and len(silent[family]) > 1)
    return Vantage(MappingProxyType(heard), dark)


def blind(vantage: Vantage) -> tuple[Family, ...]:
    """The families over which at least two servers were asked, and the latest word of every address was silence."""
    return vantage.dark


def excuse(vantage: Vantage, round: Round) -> Round:
    """The round with silence over a blind family turned into UNASKED: it says nothing about the servers."""
    dark = vantage.dark
    if not dark or not any(seen.outcome.silent and seen.address.family in dark for seen in round.seen):
        return round
    return replace(
        round,
        seen=tuple(
            replace(
                seen,
                outcome=Outcome.UNASKED,
                transfer=None,
                detail=f"no server at all answers the monitor over {seen.address.family.value}",
            )
            if seen.outcome.silent and seen.address.family in dark
            else seen
            for seen in round.seen
        ),
    )
