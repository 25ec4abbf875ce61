"""Is it us? What the monitor hears over each address family, so that a blind vantage accuses nobody.

The monitor is *dark* over a family when nothing at all comes back over it, and that cannot be blamed on the servers:

- where anything comes back over the other family, one server is enough, as long as it is not one that is silent over
  the other family too: that one is dead itself, and says nothing about the family;
- where nothing comes back over any family, it takes two servers: one alone may well be dead.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from checks.model import Address, Family, Outcome, Round
from checks.words import listed

Heard = Mapping[tuple[str, Address], bool]
_NOTHING: Heard = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Vantage:
    """Per server and address: did the latest observation bring anything at all? And what follows from that."""

    heard: Heard = field(default_factory=lambda: _NOTHING)
    dark: tuple[Family, ...] = ()
    silent: Mapping[Family, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """The servers that are asked in vain over each family that is dark."""
    by: Mapping[tuple[str, Address], str] = field(default_factory=lambda: MappingProxyType({}), compare=False)
    """The zone by whose answer each of them was heard: only its own silence speaks against that. "" is any zone."""


def hear(vantage: Vantage, round: Round) -> Vantage:
    """What is known after this round; the very same object while nothing changed, as in nearly every round.

    Anything that came back proves that the network carries: a refused connection as well as a garbled answer.
    """
    news: dict[tuple[str, Address], bool] = {}
    for seen in round.seen:
        key = (seen.query.server, seen.query.address)
        news[key] = not seen.outcome.silent or news.get(key, False)
    return note(vantage, news, round.zone)


def note(vantage: Vantage, news: Heard, zone: str = "") -> Vantage:
    """What is known once each of these has been heard, or not, by a look at this zone; the very same object while
    nothing changed.

    A server that is silent about one zone only has been heard all the same: about the zone that it answered for.
    """
    heard, by = vantage.heard, vantage.by
    told = {
        key: answered
        for key, answered in news.items()
        if heard.get(key) is not answered and (answered or by.get(key, zone) in (zone, ""))
    }
    return _vantage({**heard, **told}, {**by, **dict.fromkeys(told, zone)}) if told else vantage


def keep(vantage: Vantage, places: Container[tuple[str, Address]]) -> Vantage:
    """Only what was heard of these servers' addresses; the others are watched no more and prove nothing."""
    kept = {place: answered for place, answered in vantage.heard.items() if place in places}
    if len(kept) == len(vantage.heard) and not any(vantage.by.values()):
        return vantage
    return _vantage(kept, dict.fromkeys(kept, ""))  # the zone that was answered for may be gone


def _vantage(heard: dict[tuple[str, Address], bool], by: dict[tuple[str, Address], str]) -> Vantage:
    alive: dict[Family, set[str]] = {family: set() for family in Family}
    silent: dict[Family, set[str]] = {family: set() for family in Family}
    for (server, address), answered in heard.items():
        (alive if answered else silent)[address.family].add(server)
    dark = {
        family: tuple(sorted(silent[family]))
        for family in Family
        if not alive[family] and _ours(silent[family], *_elsewhere(family, alive, silent))
    }
    return Vantage(MappingProxyType(heard), tuple(dark), MappingProxyType(dark), MappingProxyType(by))


def _elsewhere(
    family: Family, alive: Mapping[Family, set[str]], silent: Mapping[Family, set[str]]
) -> tuple[set[str], set[str]]:
    """The servers that are heard over another family, and those that are not though they are asked there."""
    others = [other for other in Family if other is not family]
    well = set[str]().union(*(alive[other] for other in others))
    return well, set[str]().union(*(silent[other] for other in others)) - well


def _ours(silent: set[str], well: set[str], dead: set[str]) -> bool:
    """Whether the silence of these servers over a family is the monitor's own trouble."""
    return bool(silent - dead) if well else len(silent) > 1


def account(vantage: Vantage, family: Family) -> str:
    """What is known of a family that the monitor is dark over, in a sentence."""
    servers = vantage.silent[family]
    others = [other for other in Family if other is not family and other not in vantage.dark]
    works = f", while {listed(others)} works" if others and any(vantage.heard.values()) else ""
    if len(servers) == 1:
        alone = f"nothing answers over {family}, where only {servers[0]} is asked{works}"
        return f"{alone}: either this monitor is cut off there, or that server is; nobody is accused"
    return f"no server answers over {family} ({len(servers)} are asked){works}: most likely this monitor is cut off"


def blind(vantage: Vantage) -> tuple[Family, ...]:
    """The families over which the latest word of every address is silence, and that is most likely our own trouble."""
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
