"""The check ns-set: all servers name the same nameservers, and all of those can be found and are watched."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import ClassVar

from checks.base import StandingQuestion, Statement
from checks.common.agreement import Likeness, agreed
from checks.common.child_side import ANY_NAME
from checks.common.rrset_compare import (
    AddressCopy,
    Difference,
    copies,
    differences,
    majority,
    record_queries,
    reference_copies,
)
from checks.common.rrset_content import content_of
from checks.common.text import enumerated
from checks.common.unbumped import UNBUMPED, find_edit, remember, words_of
from checks.model import (
    CheckInconclusive,
    Finding,
    Inconclusive,
    Observation,
    Query,
    RememberedRecords,
    Server,
    WantedRecord,
    Zone,
    ZonePoll,
)
from checks.model.finding_type import FindingType, Severity
from checks.model.relative_names import relative
from checks.model.resolution import Resolution
from checks.zone_state.model import ZoneState

NS_DIFFERS = FindingType(
    "ns-set-differs", Severity.WARNING, "The servers disagree about the zone's NS records",
    of_content=True, transient=True,
)  # fmt: skip
UNRESOLVABLE = FindingType(
    "ns-unresolvable", Severity.WARNING, "A nameserver's name in the NS set has no address", any_server=True
)
ALIAS = FindingType("ns-alias", Severity.WARNING, "A nameserver's name in the NS set is an alias", any_server=True)
UNWATCHED = FindingType(
    "unwatched-server", Severity.WARNING, "A nameserver of the NS set is not watched", any_server=True
)
FINDINGS = (UNBUMPED, NS_DIFFERS, UNRESOLVABLE, ALIAS, UNWATCHED)


ALIAS_SUBJECT = "CNAME"
"""Of what is said of whether a name is an alias."""

ALONE = "fewer than two addresses gave an NS set of which the version is known, so there is nothing to compare"


_NOTHING: Mapping[str, Resolution] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class NsSet:
    """Objective: the NS RRset at the apex is the same at every address (RFC 1034 section 4.2.2), TTL apart; each
    name in it has an address, and is a server that is watched.

    Steps: 1. Those of the check *records*, for the one RRset: SOA, NS, SOA again; addresses that are off their
    group's reference within max_lag are unsure, since a change may be propagating; groups are compared too. Where a
    zone has but one address it is only asked for the RRset. 2. Each name that those on the reference give is looked
    for among the zone's servers: by name (a server called ns1 is ns1.example.com, if no other name in the set begins
    so), then by what it resolves to. 3. A name that a resolver could not tell anything of is unsure, unless every
    server of the zone is another name of the set. Servers that are hidden, or ignored by name, are nobody's concern.

    ================  ==========================================================================================
    serial-unbumped   the NS RRset of one server has changed, and its serial has not, as the check *records* has it
    ns-set-differs    an address has another NS RRset than its peers
    ns-unresolvable   a name in the NS set does not exist or has no address, or has not resolved for an hour
                      though others have
    ns-alias          a name in the NS set is a CNAME (RFC 2181 section 10.3), as far as names have to be resolved
    unwatched-server  a name in the NS set is none of the zone's servers. Not where these come from the NS set
    ================  ==========================================================================================
    """

    names: Mapping[str, Resolution] = field(
        default_factory=lambda: _NOTHING, compare=False, repr=False, metadata={"given": True}
    )
    """What names of servers resolve to, without final dot: of the zone's own, and of those met in NS sets."""
    full: bool = field(default=False, compare=False, repr=False, metadata={"given": True})
    """Nothing is found out of further names: nothing is said of them, be it that they are not known."""

    name: ClassVar[str] = "ns-set"
    finding_types: ClassVar[tuple[FindingType, ...]] = FINDINGS
    cadence: ClassVar[timedelta] = timedelta(minutes=5)
    version_bound: ClassVar[bool] = True

    def applies(self, zone: Zone) -> bool:
        several = sum(len(server.addresses) for server in zone.servers) > 1
        return several or (bool(zone.servers) and ANY_NAME not in zone.ignored)

    def standing_questions(self, zone: Zone) -> tuple[StandingQuestion, ...]:
        return (StandingQuestion(zone.name, "SOA"), StandingQuestion(zone.name, "NS"))

    def queries(self, zone: Zone, seen: tuple[Observation, ...]) -> Iterable[Query]:
        places = list(zone.server_addresses())
        if len(places) != 1:
            return record_queries(zone, (_apex(zone),), seen)
        server, address = places[0]
        return () if seen else [Query(zone.name, server.name, address, zone.name, "NS", identify=True)]

    def evaluate(self, zone: Zone, poll: ZonePoll, zone_state: ZoneState) -> Iterator[Statement]:
        wanted = _apex(zone)
        every = copies(zone, (wanted,), poll)
        given = _given(zone, poll, zone_state, every)
        lost = [_unresolvable(server.name, found) for server, found in self._lost(zone)]
        if not given and not (zone.discovered and lost):
            raise CheckInconclusive("no address gives a set of NS records that can be believed")
        yield from lost
        if len(every) > 1:
            before = poll.remembered or RememberedRecords()
            now = remember(zone, every, (wanted,), before, poll.at)
            edit = find_edit(zone, every, (wanted,), before, now)
            yield now
            yield from edit.findings() if edit is not None else ()
            compared = _compared(zone, poll, zone_state, every)
            yield from (one for one in compared if edit is None or not edit.explains(one, wanted))
        yield from self._named(zone, given)
        yield from self._aliases(zone, given)

    def likeness(self, zone: Zone, answers: Sequence[Observation]) -> Likeness | None:
        """The names, as seen from the zone. None where one is the zone's own, of which the first label tells something,
        or lies in the zone and is called like none of its servers, or was resolved: what that leads to is known of this
        zone alone.
        """
        contents = agreed(answers)
        if contents is None or any(content.instead for content in contents.values()):
            return None
        names = [text.lower() for content in contents.values() for text in content.rdata]
        seen_from = {name: relative(name, zone.name) for name in names}
        inside = {_plain(name) for name in names if seen_from[name] != name}
        if "" in seen_from.values() or not inside.isdisjoint(self.names):
            return None
        if not inside.isdisjoint(strangers(zone, frozenset(map(_plain, names)))):
            return None
        apex = _apex(zone)
        return Likeness(tuple(sorted(seen_from.values())), words_of(apex, contents[apex.name, apex.type]))

    def _lost(self, zone: Zone) -> Iterator[tuple[Server, Resolution]]:
        """The zone's own servers whose names lead nowhere."""
        for server in zone.servers:
            found = self.names.get(server.name)
            if found is not None and found.certain and not found.addresses:
                yield server, found

    def _named(self, zone: Zone, given: frozenset[str]) -> Iterator[Finding | Inconclusive]:
        """What is to be said of the names in the NS set that are not those of the zone's servers."""
        strange = strangers(zone, given)
        hosts = {address.host for _, address in zone.server_addresses()}
        open_ = [name for name in strange if not hosts.intersection(self._addresses(name))]
        met = {server.name for server in zone.servers if _is_met(server, given, strange, self.names)}
        left = [server for server in zone.servers if not server.hidden and server.name not in met]
        for name in open_:
            found = self.names.get(name)
            if found is not None and found.certain and not found.addresses:
                yield _unresolvable(name, found)  # there is nobody to be watched
                continue
            if zone.discovered or (found is None and self.full):
                continue
            if found is None or (left and not found.addresses):
                yield Inconclusive(name, reason="whether it is watched under another name is not known")
            else:
                yield _unwatched(name, found)

    def _aliases(self, zone: Zone, given: frozenset[str]) -> Iterator[Finding | Inconclusive]:
        """Names that were not asked for, since a server is called so, are nobody's."""
        if ANY_NAME in zone.ignored:
            return
        for name in sorted(given.difference(zone.ignored).intersection(self.names)):
            found = self.names[name]
            if found.alias:
                text = f"{name} is a nameserver of the zone, but an alias (CNAME) for {found.alias}"
                yield Finding(ALIAS.code, text, name, subject=ALIAS_SUBJECT)
            elif not found.certain:
                yield Inconclusive(name, subject=ALIAS_SUBJECT, reason=found.reason)

    def _addresses(self, name: str) -> tuple[str, ...]:
        found = self.names.get(name)
        return found.addresses if found is not None else ()


def names_given(zone: Zone, poll: ZonePoll) -> frozenset[str]:
    """Every name in an NS set of this poll that is not, by its name alone, one of the zone's servers."""
    given = frozenset(name for seen in poll.seen if seen.query.qtype == "NS" for name in _rdata(seen))
    return frozenset(strangers(zone, given))


def strangers(zone: Zone, given: frozenset[str]) -> list[str]:
    """The names that are neither called like one of the zone's servers nor ignored."""
    if ANY_NAME in zone.ignored:
        return []
    first = Counter(name.partition(".")[0] for name in given)
    called = {server.name.lower() for server in zone.servers}
    return sorted(
        name
        for name in given.difference(zone.ignored)
        if name not in called and not ((label := name.partition(".")[0]) in called and first[label] == 1)
    )


def _is_met(server: Server, given: frozenset[str], strange: list[str], names: Mapping[str, Resolution]) -> bool:
    """Whether the server is one of the NS set, by its name or by its address."""
    known = given.difference(strange)
    if any(server.name.lower() in (name, name.partition(".")[0]) for name in known):
        return True
    own = {address.host for address in server.addresses}
    return any(name in names and own.intersection(names[name].addresses) for name in strange)


def _given(zone: Zone, poll: ZonePoll, zone_state: ZoneState, every: list[AddressCopy]) -> frozenset[str]:
    """The NS set of the zone, as those on its reference give it."""
    if len(every) == 1:
        return frozenset(name for seen in poll.seen if seen.query.qtype == "NS" for name in _rdata(seen))
    wanted = _apex(zone)
    lead = [peers for peers in reference_copies(zone, zone_state, every, wanted).values() if peers]
    return frozenset(_plain(text) for peers in lead for text in majority(zone, peers, wanted).rdata)


def _rdata(seen: Observation) -> Iterator[str]:
    content = content_of(seen)
    if content is not None and not content.instead:
        yield from map(_plain, content.rdata)


def _plain(text: str) -> str:
    """As names of servers are written: in lower case, without final dot but for the root, which some name there."""
    return text.lower().removesuffix(".") or "."


def _compared(
    zone: Zone, poll: ZonePoll, zone_state: ZoneState, every: list[AddressCopy]
) -> Iterator[Finding | Inconclusive]:
    wanted = _apex(zone)
    if sum(wanted in copy.contents for copy in every) < 2:
        compared_only = (
            None if ANY_NAME in zone.ignored else ""
        )  # otherwise something is said of the names all the same
        yield from (Inconclusive(copy.server.name, copy.address, compared_only, ALONE) for copy in every)
        return
    for one in differences(zone, zone_state, every, wanted, poll.at):
        if isinstance(one, Difference):
            yield Finding(NS_DIFFERS.code, one.text, one.copy.server.name, one.copy.address, difference=one.records)
        else:
            yield Inconclusive(one.server, one.address, reason=one.reason)


def _unresolvable(name: str, found: Resolution) -> Finding:
    return Finding(UNRESOLVABLE.code, f"{name} is a nameserver of the zone, but {found.reason}", name)


def _unwatched(name: str, found: Resolution) -> Finding:
    where = f" ({enumerated(found.addresses)})" if found.addresses else f" ({found.reason})"
    text = f"{name}{where} is in the NS set, but not among the servers watched"
    return Finding(UNWATCHED.code, f'{text}; add "{name}" to servers, or to ignore_servers', name)


def _apex(zone: Zone) -> WantedRecord:
    return WantedRecord(zone.name, "NS", ttl=False)
