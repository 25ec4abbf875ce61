"""What the monitor hears over each address family, so that one which is offline accuses nobody.

The monitor is *offline* over a family when nothing at all comes back over it, and that cannot be blamed on the servers:

- where anything comes back over the other family, one server is enough, as long as it is not one that is silent over
  the other family too: that one is dead itself, and says nothing about the family;
- where nothing comes back over any family, it takes two servers: one alone may well be dead.

So it is by what the servers tell. Where there are witnesses, these have the last word (``checks.zone_state.doubt``).
"""

from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from checks.common.persistent_map import PersistentMap
from checks.common.text import enumerated
from checks.model import Address, Family, Observation, Outcome, Transport, ZonePoll
from checks.zone_state.witness import WitnessWord

ServerAddress = tuple[str, Address]
"""A server and one of its addresses."""

Reachability = Mapping[ServerAddress, bool]

AddressCounts = Mapping[tuple[Family, bool], int]
"""How many addresses of a server are heard over each family, and how many are silent: those that are any."""

ReachabilityPattern = frozenset[tuple[Family, bool]]
"""What servers of equal standing have in common: over which families they are heard, and over which silent."""

ANYWHERE = "anywhere"
UDP = Transport.UDP.value
WAYS = (UDP, ANYWHERE, Transport.TCP.value)
"""The ways in which something may come back, those first that the most checks ask in."""


@dataclass(frozen=True, slots=True)
class Connectivity:
    """Per server and address, whether the latest observation brought anything at all, and what follows from that."""

    heard: PersistentMap[ServerAddress, bool] = field(default_factory=PersistentMap)
    offline: tuple[Family, ...] = ()
    by: PersistentMap[ServerAddress, tuple[str, str]] = field(default_factory=PersistentMap, compare=False)
    """The zone by whose answer each of them was heard, and the way it came: only silence about that zone, in that way,
    speaks against it. "" is any zone. An answer over UDP takes the place of one that came another way: UDP is what all
    zones are asked over all the time, so it tells soonest that nothing comes back any more.
    """
    since: PersistentMap[ServerAddress, datetime] = field(default_factory=PersistentMap, compare=False)
    """When each of them was found to be heard, or silent: what was said before that is no news."""
    address_counts: PersistentMap[str, AddressCounts] = field(default_factory=PersistentMap, compare=False)
    """Each server's, and below how many servers are of each pattern: very many of them cost no more than a few."""
    pattern_counts: Mapping[ReachabilityPattern, int] = field(default_factory=dict, compare=False)
    words: Mapping[Family, WitnessWord] = field(default_factory=dict, compare=False)
    """What witnesses said of each family that is in doubt."""
    settled: Mapping[Family, datetime] = field(default_factory=dict, compare=False)
    """When it was last clear that the monitor is not offline: who was silent then is silent by itself."""
    decided: Mapping[Family, bool] = field(default_factory=dict, compare=False)
    """Whether the monitor is offline, where that is not for the servers alone to tell."""
    doubtful: tuple[Family, ...] = field(default=(), compare=False)
    """The families whose witnesses are to be asked again and again."""
    asking: tuple[Family, ...] = field(default=(), compare=False)
    """Those of them that are to be asked at once: until then it is not known whether the monitor is offline."""
    told: tuple[Family, ...] = field(default=(), compare=False)
    """Those of ``offline`` that are not among them."""


def record_poll(connectivity: Connectivity, poll: ZonePoll) -> Connectivity:
    """What is known after this poll; the very same object while nothing changed, as in nearly every poll.

    Anything that came back proves that the network carries: a refused connection as well as a garbled answer.
    """
    came: dict[ServerAddress, set[str]] = {}
    asked: dict[ServerAddress, set[str]] = {}
    for seen in poll.seen:
        if seen.query.transport is Transport.TLS or seen.query.foreign:  # a service of its own; nobody that is watched
            continue
        place, way = (seen.query.server, seen.query.address), _way(seen)
        asked.setdefault(place, set()).add(way)
        if not seen.outcome.no_response:
            came.setdefault(place, set()).add(way)
    heard, by = connectivity.heard, connectivity.by
    told = {
        place: place in came
        for place, ways in asked.items()
        if (
            heard.get(place) is not True or _is_sooner(came[place], by[place])
            if place in came
            else heard.get(place) is not False and _speaks_against(by.get(place), poll.zone, ways)
        )
    }
    whose = {place: (poll.zone, _best(came.get(place, ()))) for place in told}
    return _told(connectivity, told, whose, poll.at) if told else connectivity


def record_answers(connectivity: Connectivity, news: Reachability, zone: str, at: datetime) -> Connectivity:
    """What is known once each of these has been heard over UDP, or not, by a look at this zone at that time; the very
    same object while nothing changed.

    A server that is silent about one zone only has been heard all the same: about the zone that it answered for.
    """
    heard, by, since = connectivity.heard, connectivity.by, connectivity.since
    told = {
        place: answered
        for place, answered in news.items()
        if (
            heard.get(place) is not True or _is_sooner((UDP,), by[place])
            if answered
            else heard.get(place) is not False and _speaks_against(by.get(place), zone, (UDP,))
        )
        and (place not in since or since[place] <= at)
    }
    return _told(connectivity, told, dict.fromkeys(told, (zone, UDP)), at) if told else connectivity


def _way(seen: Observation) -> str:
    return ANYWHERE if seen.query.anywhere else seen.query.transport.value


def _best(ways: Container[str]) -> str:
    """The way in which silence is heard of soonest."""
    return next((way for way in WAYS if way in ways), UDP)


def _is_sooner(ways: Container[str], by: tuple[str, str]) -> bool:
    """Whether silence over UDP is to speak against it from now on, as it did not before."""
    return UDP in ways and by[1] != UDP


def _speaks_against(by: tuple[str, str] | None, zone: str, ways: Container[str]) -> bool:
    """Whether silence about a zone, asked in these ways, counts against what was heard of an address before."""
    return by is None or (by[0] in (zone, "") and by[1] in ways)


def _told(
    connectivity: Connectivity, told: Reachability, by: Mapping[ServerAddress, tuple[str, str]], at: datetime | None
) -> Connectivity:
    address_counts: dict[str, Counter[tuple[Family, bool]]] = {}
    for (server, address), answered in told.items():
        counts = address_counts.setdefault(server, Counter(connectivity.address_counts.get(server)))
        before = connectivity.heard.get((server, address))
        if before is not None:
            counts[address.family, before] -= 1
        counts[address.family, answered] += 1
    pattern_counts = Counter(connectivity.pattern_counts)
    pattern_counts.subtract(_pattern(connectivity.address_counts.get(server, {})) for server in address_counts)
    pattern_counts.update(map(_pattern, address_counts.values()))
    return replace(
        connectivity,
        heard=connectivity.heard.updated(told),
        offline=tuple(f for f in Family if offline_over(f, pattern_counts, connectivity.decided)),
        by=connectivity.by.updated(by),
        since=connectivity.since if at is None else connectivity.since.updated(dict.fromkeys(told, at)),
        address_counts=connectivity.address_counts.updated(address_counts),
        pattern_counts=pattern_counts,
    )


def _pattern(counts: AddressCounts) -> ReachabilityPattern:
    return frozenset(way for way, addresses in counts.items() if addresses)


def keep_only(connectivity: Connectivity, places: Container[ServerAddress]) -> Connectivity:
    """Only what was heard of these servers' addresses; the others are watched no more and prove nothing."""
    kept = {place: answered for place, answered in connectivity.heard.items() if place in places}
    if len(kept) == len(connectivity.heard) and not any(zone for zone, _ in connectivity.by.values()):
        return connectivity
    # the zone that was answered for may be gone
    by = {place: ("", way) for place, (_, way) in connectivity.by.items() if place in kept}
    since = {place: at for place, at in connectivity.since.items() if place in kept}
    empty = replace(
        connectivity, heard=PersistentMap(), by=PersistentMap(), since=PersistentMap(since),
        address_counts=PersistentMap(), pattern_counts={},
    )  # fmt: skip
    return _told(empty, kept, by, None)


def is_silent_over(connectivity: Connectivity, family: Family) -> bool:
    """Whether any address of the family is silent."""
    return any(count > 0 and (family, False) in pattern for pattern, count in connectivity.pattern_counts.items())


def offline_over(
    family: Family, pattern_counts: Mapping[ReachabilityPattern, int], decided: Mapping[Family, bool]
) -> bool:
    """Whether nothing comes back over the family, and the silence is the monitor's own trouble."""
    if family in decided:
        return decided[family]
    # what is silent over a family that the monitor is offline over may well be alive
    no_word = {(other, False) for other, offline in decided.items() if offline}
    found = [(pattern - no_word, servers) for pattern, servers in pattern_counts.items() if servers > 0]
    if any((family, True) in pattern for pattern, _ in found):
        return False
    silent = [(pattern, servers) for pattern, servers in found if (family, False) in pattern]
    if any(_is_heard(pattern) for pattern, _ in found):
        return any(_is_heard(pattern) or pattern == {(family, False)} for pattern, _ in silent)
    return sum(servers for _, servers in silent) > 1


def _is_heard(pattern: ReachabilityPattern) -> bool:
    return any(answered for _, answered in pattern)


def offline_explanation(connectivity: Connectivity, family: Family) -> str:
    """What is known of a family that the monitor is offline over, in a sentence."""
    here = {place: answered for place, answered in connectivity.heard.items() if place[1].family is family}
    servers = sorted({server for server, _ in here})
    heard = {server for (server, _), answered in here.items() if answered}
    word = connectivity.words.get(family)
    silence = word.silence() if word is not None else ""
    most = "" if word is not None and word.proven else "most likely "
    others = [other for other in Family if other is not family and other not in connectivity.offline]
    works = f", while {enumerated(others)} works" if others and any(connectivity.heard.values()) and not heard else ""
    if heard:
        silent = f"{len(servers) - len(heard)} of {len(servers)} servers do not answer over {family}{silence}"
        return f"{silent}: {most}this monitor is cut off from them, and what is silent over {family} is not judged"
    if len(servers) == 1 and most:
        alone = f"nothing answers over {family}, where only {servers[0]} is asked{works}"
        return f"{alone}: either this monitor is cut off there, or that server is; results over {family} are suspended"
    asked = f"{len(servers)} {'is' if len(servers) == 1 else 'are'} asked"
    return f"no server answers over {family} ({asked}){silence}{works}: {most}this monitor is cut off"


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
                detail=f"the monitor is offline over {seen.address.family.value}",
            )
            if seen.outcome.no_response and seen.address.family in offline
            else seen
            for seen in poll.seen
        ),
    )
