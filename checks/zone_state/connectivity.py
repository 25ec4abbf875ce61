"""What the monitor hears over each address family, so that one which is offline accuses nobody.

The monitor is *offline* over a family when nothing at all comes back over it, and that cannot be blamed on the servers:

- where anything comes back over the other family, one server is enough, as long as it is not one that is silent over
  the other family too: that one is dead itself, and says nothing about the family;
- where nothing comes back over any family, it takes two servers: one alone may well be dead.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from checks.common.text import enumerated
from checks.model import Address, Family, Observation, Outcome, Transport, ZonePoll

ServerAddress = tuple[str, Address]
"""A server and one of its addresses."""

Reachability = Mapping[ServerAddress, bool]
_NOTHING: Reachability = MappingProxyType({})

ANYWHERE = "anywhere"
WAYS = (Transport.TCP.value, ANYWHERE, Transport.UDP.value)
"""The ways in which something may come back, those first that the fewest checks ask in."""


@dataclass(frozen=True, slots=True)
class Connectivity:
    """Per server and address: did the latest observation bring anything at all? And what follows from that."""

    heard: Reachability = field(default_factory=lambda: _NOTHING)
    offline: tuple[Family, ...] = ()
    silent: Mapping[Family, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """The servers that are asked in vain over each family that the monitor is offline over."""
    by: Mapping[ServerAddress, tuple[str, str]] = field(default_factory=lambda: MappingProxyType({}), compare=False)
    """The zone by whose answer each of them was heard, and the way it came: only silence about that zone, in that way,
    speaks against it. "" is any zone.
    """


def record_poll(connectivity: Connectivity, poll: ZonePoll) -> Connectivity:
    """What is known after this poll; the very same object while nothing changed, as in nearly every poll.

    Anything that came back proves that the network carries: a refused connection as well as a garbled answer.
    """
    came: dict[ServerAddress, set[str]] = {}
    asked: dict[ServerAddress, set[str]] = {}
    for seen in poll.seen:
        place, way = (seen.query.server, seen.query.address), _way(seen)
        asked.setdefault(place, set()).add(way)
        if not seen.outcome.no_response:
            came.setdefault(place, set()).add(way)
    heard, by = connectivity.heard, connectivity.by
    told = {
        place: place in came
        for place, ways in asked.items()
        if heard.get(place) is not (place in came)
        and (place in came or _speaks_against(by.get(place), poll.zone, ways))
    }
    return (
        _told(connectivity, told, {place: (poll.zone, _best(came.get(place, ()))) for place in told})
        if told
        else connectivity
    )


def record_answers(connectivity: Connectivity, news: Reachability, zone: str = "") -> Connectivity:
    """What is known once each of these has been heard over UDP, or not in any way, by a look at this zone; the very
    same object while nothing changed.

    A server that is silent about one zone only has been heard all the same: about the zone that it answered for.
    """
    heard, by = connectivity.heard, connectivity.by
    told = {
        place: answered
        for place, answered in news.items()
        if heard.get(place) is not answered and (answered or _speaks_against(by.get(place), zone, WAYS))
    }
    return _told(connectivity, told, dict.fromkeys(told, (zone, Transport.UDP.value))) if told else connectivity


def _way(seen: Observation) -> str:
    return ANYWHERE if seen.query.anywhere else seen.query.transport.value


def _best(ways: Container[str]) -> str:
    """The way that is spoken against by the fewest checks: not all ask over TCP."""
    return next((way for way in WAYS if way in ways), Transport.UDP.value)


def _speaks_against(by: tuple[str, str] | None, zone: str, ways: Container[str]) -> bool:
    """Whether silence about a zone, asked in these ways, counts against what was heard of an address before."""
    return by is None or (by[0] in (zone, "") and by[1] in ways)


def _told(connectivity: Connectivity, told: Reachability, by: Mapping[ServerAddress, tuple[str, str]]) -> Connectivity:
    return _with_offline({**connectivity.heard, **told}, {**connectivity.by, **by})


def keep_only(connectivity: Connectivity, places: Container[ServerAddress]) -> Connectivity:
    """Only what was heard of these servers' addresses; the others are watched no more and prove nothing."""
    kept = {place: answered for place, answered in connectivity.heard.items() if place in places}
    if len(kept) == len(connectivity.heard) and not any(zone for zone, _ in connectivity.by.values()):
        return connectivity
    # the zone that was answered for may be gone
    return _with_offline(kept, {place: ("", way) for place, (_, way) in connectivity.by.items() if place in kept})


def _with_offline(heard: dict[ServerAddress, bool], by: dict[ServerAddress, tuple[str, str]]) -> Connectivity:
    alive: dict[Family, set[str]] = {family: set() for family in Family}
    silent: dict[Family, set[str]] = {family: set() for family in Family}
    for (server, address), answered in heard.items():
        (alive if answered else silent)[address.family].add(server)
    offline = {
        family: tuple(sorted(silent[family]))
        for family in Family
        if not alive[family] and _ours(silent[family], *_elsewhere(family, alive, silent))
    }
    return Connectivity(MappingProxyType(heard), tuple(offline), MappingProxyType(offline), MappingProxyType(by))


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


def offline_explanation(connectivity: Connectivity, family: Family) -> str:
    """What is known of a family that the monitor is offline over, in a sentence."""
    servers = connectivity.silent[family]
    others = [other for other in Family if other is not family and other not in connectivity.offline]
    works = f", while {enumerated(others)} works" if others and any(connectivity.heard.values()) else ""
    if len(servers) == 1:
        alone = f"nothing answers over {family}, where only {servers[0]} is asked{works}"
        return f"{alone}: either this monitor is cut off there, or that server is; results over {family} are suspended"
    return f"no server answers over {family} ({len(servers)} are asked){works}: most likely this monitor is cut off"


def offline_families(connectivity: Connectivity) -> tuple[Family, ...]:
    """The families over which the latest word of every address is silence, and that is most likely our own trouble."""
    return connectivity.offline


def mask_offline(connectivity: Connectivity, poll: ZonePoll) -> ZonePoll:
    """The poll with silence over an offline family turned into UNASKED: it says nothing about the servers."""
    offline = connectivity.offline
    if not offline or not any(seen.outcome.no_response and seen.address.family in offline for seen in poll.seen):
        return poll
    return replace(
        poll,
        seen=tuple(
            replace(
                seen,
                outcome=Outcome.UNASKED,
                transfer=None,
                detail=f"no server at all answers the monitor over {seen.address.family.value}",
            )
            if seen.outcome.no_response and seen.address.family in offline
            else seen
            for seen in poll.seen
        ),
    )
