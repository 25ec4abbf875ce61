"""The check delegation: the parent zone names the zone's nameservers, their addresses and keys as the zone has them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar

from checks.base import StandingQuestion
from checks.common.child_side import (
    ANY_NAME,
    GLUE_DIFFERS,
    GLUE_MISSING,
    GLUE_TYPES,
    every_name,
    glue_findings,
    of_reference,
    own_names,
    reference,
    visible,
)
from checks.common.delegated_keys import KEY_FINDINGS, keys_of_parent
from checks.common.parent_side import (
    SERVES_BOTH,
    Delegated,
    ParentAnswer,
    Parents,
    delegation_query,
    ds_query,
    majority,
    parent_answers,
    parent_of,
    unanswered,
)
from checks.common.reachable_addresses import is_public, may_be_asked
from checks.common.response_faults import fault
from checks.common.text import enumerated, format_duration, format_time, server_at
from checks.model import (
    Address,
    CheckInconclusive,
    Finding,
    Inconclusive,
    Observation,
    Outcome,
    Query,
    Referral,
    Transport,
    Zone,
    ZonePoll,
)
from checks.model.finding_type import DELEGATION, FindingType, Severity
from checks.model.relative_names import is_within
from checks.model.resolution import Resolution
from checks.zone_state.model import ZoneState

NOT_DELEGATED = FindingType(
    "not-delegated", Severity.CRITICAL, "The parent zone does not delegate the zone", family=DELEGATION
)
DIFFERS = FindingType(
    "delegation-differs", Severity.WARNING, "The parent zone and the zone name different nameservers",
    family=DELEGATION,
)  # fmt: skip
LAME = FindingType(
    "delegation-lame", Severity.WARNING, "A nameserver that the parent zone names does not serve the zone",
    family=DELEGATION, any_server=True,
)  # fmt: skip
PARENTS_DIFFER = FindingType(
    "parents-differ", Severity.WARNING, "The servers of the parent zone disagree about the delegation",
    family=DELEGATION, any_server=True,
)  # fmt: skip
UNDELEGATED = FindingType(
    "server-undelegated", Severity.INFO, "A server that is watched is named by neither the parent zone nor the zone",
    family=DELEGATION,
)  # fmt: skip
FINDINGS = (
    NOT_DELEGATED, *KEY_FINDINGS, GLUE_MISSING, DIFFERS, LAME, GLUE_DIFFERS, PARENTS_DIFFER, UNDELEGATED,
)  # fmt: skip

NAMES = "NS"
"""The subject of what is said of the two sets of nameservers."""
MAX_STRANGERS = 16
"""Nameservers that only the parent names, and that are asked whether they serve the zone."""

_NOTHING: Mapping[str, Resolution] = {}
_NO_PARENTS: Parents = {}


@dataclass(frozen=True, slots=True)
class Delegation:
    """Objective: whoever comes down from the root finds the zone's nameservers, at their addresses, with their keys
    (RFC 1034 section 4.2.2, RFC 9471), and finds no others.

    Steps: 1. Ask every address of the parent zone's servers for the zone's NS records, with signatures: a referral has
    the NS records, glue, and the DS records or the proof that there are none. Who serves the zone as well is asked for
    the DS records by themselves (RFC 4035 section 3.1.4.1). 2. Ask every visible address of the zone for its NS
    records; the first that answers, the primary's first, for the zone's DNSKEY records and for A and AAAA of the names
    within the zone.
    3. Ask the servers that the parent names, and that are not watched, whether they serve the zone; none at an address
    of a private network that the Internet names. 4. Where a referral that came over UDP has no address, or another, ask
    once more over TCP: not every server says that glue was left out. 5. Compare. What most of the parent's servers say
    is the delegation; among the zone's own the set that most have.

    What is not the zone's own is asked slowly (`max_qps_per_foreign_server`). Where the zone has no server with an
    address that the whole Internet reaches, and neither `parent` nor `roots` says where to ask, it is not asked:
    nothing is known of where it is delegated.

    ==================  =========================================================================================
    not-delegated       the parent's servers say with authority that no zone begins there
    ds-mismatch         the parent has DS records, and none is for a key that the zone's DNSKEY records are signed with
    glue-missing        the parent names a nameserver within the zone, and gives no address for it
    delegation-differs  the parent names nameservers that the zone does not name, or the other way round
    delegation-lame     a nameserver of the parent's, not watched, gives no answer with authority for the zone. What
                        those answer that are watched is the business of ``soa-serial``
    glue-differs        the parent's addresses for a nameserver within the zone are not those that the zone has
    parents-differ      some servers of the parent name other nameservers or have other DS records than most
    ds-missing          the zone is signed, and the parent proves that it has no DS records for it
    server-undelegated  a server that is watched, and not hidden, is named neither by the parent nor by the zone
    ==================  =========================================================================================
    """

    parents: Parents = field(default_factory=lambda: _NO_PARENTS, compare=False, repr=False, metadata={"given": True})
    """What is known of the names above the zones."""
    names: Mapping[str, Resolution] = field(
        default_factory=lambda: _NOTHING, compare=False, repr=False, metadata={"given": True}
    )
    """What names of nameservers resolve to, without final dot."""
    roots: tuple[Address, ...] = field(
        default=(), metadata={"unset": "none", "example": 'roots = ["192.0.2.1", "[2001:db8::1]:5300"]'}
    )
    """Root servers of your own, from which parent zones are found, one label after the other. By default the resolver
    is asked for the NS records of parent zones."""

    name: ClassVar[str] = "delegation"
    finding_types: ClassVar[tuple[FindingType, ...]] = FINDINGS
    cadence: ClassVar[timedelta] = timedelta(hours=1)
    version_bound: ClassVar[bool] = False

    def applies(self, zone: Zone) -> bool:
        """The root has no parent."""
        if zone.name == "." or zone.removed:
            return False
        shown = [address for server, address in zone.server_addresses() if not server.hidden]
        return bool(shown) and (bool(self.roots) or bool(zone.parent) or any(is_public(at.host) for at in shown))

    def standing_questions(self, zone: Zone) -> tuple[StandingQuestion, ...]:
        return ()

    def queries(self, zone: Zone, seen: tuple[Observation, ...]) -> Iterable[Query]:
        if not seen:
            parent = parent_of(zone, self.parents)
            places = parent.places_for(zone.name) if parent is not None else ()
            above = [delegation_query(zone, server.name, address) for server, address in places]
            return [*above, *(Query(zone.name, s.name, at, zone.name, "NS") for s, at in visible(zone))]
        asked = {one.query for one in seen}
        return [query for query in self._more(zone, seen) if query not in asked]

    def evaluate(self, zone: Zone, poll: ZonePoll, zone_state: ZoneState) -> Iterator[Finding | Inconclusive]:
        if parent_of(zone, self.parents) is None:
            raise CheckInconclusive("which servers its parent zone has is not known")
        answers = parent_answers(zone, poll.seen)
        most = majority(answers)
        if most is None and not any(one.delegated is Delegated.SERVED for one in answers):
            raise CheckInconclusive(unanswered(answers))
        yield from _differing(answers, most)
        if most is not None and most.delegated is Delegated.NO:
            text = f"{_those(answers, Delegated.NO)} of the parent zone say that there is no such zone"
            yield Finding(NOT_DELEGATED.code, text, subject=NAMES)
            return
        own = own_names(zone, poll.seen)
        if most is None or most.referral is None:
            yield Inconclusive(None, subject=NAMES, reason=SERVES_BOTH)
        else:
            yield from self._named(zone, most.referral, own, poll)
            yield from glue_findings(zone, most.referral, poll.seen)
            yield from _lame(self._strangers(zone, most.referral, most.address.port), poll.seen)
        ds = most if most is not None else next((one for one in answers if one.ds is not None), None)
        yield from keys_of_parent(zone, ds, of_reference(zone, poll.seen, zone.name, "DNSKEY"))

    def _more(self, zone: Zone, seen: tuple[Observation, ...]) -> Iterator[Query]:
        answers = parent_answers(zone, seen)
        yield from (ds_query(zone, one.server, one.address) for one in answers if one.delegated is Delegated.SERVED)
        most = majority(answers)
        referral = most.referral if most is not None else None
        named = (*(referral.nameservers if referral is not None else ()), *(own_names(zone, seen) or ()))
        place = reference(zone, seen)
        if place is not None:
            server, address = place
            yield Query(zone.name, server.name, address, zone.name, "DNSKEY", dnssec=True)
            for name in dict.fromkeys(named):
                if is_within(name, zone.name):
                    yield from (Query(zone.name, server.name, address, name, type_) for type_ in GLUE_TYPES)
        if most is not None and referral is not None:
            for name, address in self._strangers(zone, referral, most.address.port):
                if may_be_asked(address.host, most.address.host):
                    yield Query(zone.name, name, address, zone.name, "SOA", foreign=True)
            if most.over_udp and any(isinstance(one, Finding) for one in glue_findings(zone, referral, seen)):
                yield delegation_query(zone, most.server, most.address, Transport.TCP)

    def _strangers(self, zone: Zone, referral: Referral, port: int) -> list[tuple[str, Address]]:
        """The nameservers of the parent's that are not watched, as far as is known where they are; at the ``port`` of
        the parent's.
        """
        hosts = {address.host for _, address in zone.server_addresses()}
        watched = {server.name.lower() for server in zone.servers}
        found: list[tuple[str, Address]] = []
        for name in referral.nameservers if ANY_NAME not in zone.ignored else ():
            plain = _plain(name)
            addresses = self._addresses(plain, referral)
            if plain not in watched and plain not in zone.ignored and not hosts.intersection(addresses):
                found += [(plain, Address(host, port)) for host in addresses]
        return found[:MAX_STRANGERS]

    def _addresses(self, plain: str, referral: Referral) -> tuple[str, ...]:
        known = self.names.get(plain)
        return referral.addresses(f"{plain}.") or (known.addresses if known is not None else ())

    def _named(
        self, zone: Zone, referral: Referral, own: frozenset[str] | None, poll: ZonePoll
    ) -> Iterator[Finding | Inconclusive]:
        if own is None:
            yield Inconclusive(None, subject=NAMES, reason="which nameservers the zone itself names is not known")
            return
        above = set(referral.nameservers)
        only_above, only_here = sorted(above - every_name(zone, poll.seen)), sorted(own - above)
        if only_above or only_here:
            told = [f"only the parent names {_listed(only_above)}"] if only_above else []
            told += [f"only the zone itself names {_listed(only_here)}"] if only_here else []
            keep = timedelta(seconds=referral.ttl)
            until = f"resolvers may keep what the parent says until {format_time(poll.at + keep)}"
            yield Finding(DIFFERS.code, f"{', and '.join(told)}; {until} (TTL {format_duration(keep)})", subject=NAMES)
        yield from self._undelegated(zone, referral, above | own)

    def _undelegated(self, zone: Zone, referral: Referral, named: set[str]) -> Iterator[Finding | Inconclusive]:
        plain = {_plain(name) for name in named}
        first = Counter(name.partition(".")[0] for name in plain)
        places = {name: self._addresses(name, referral) for name in plain}
        hosts = {host for addresses in places.values() for host in addresses}
        unknown = sorted(name for name, addresses in places.items() if not addresses)
        for server in zone.servers:
            called = server.name.lower()
            if server.hidden or called in plain or first[called] == 1:
                continue
            if hosts.intersection(address.host for address in server.addresses):
                continue
            if unknown:
                yield Inconclusive(server.name, subject=NAMES, reason=f"where {_listed(unknown)} is, is not known")
            else:
                text = f"{server.name} is watched, and named by neither the parent zone nor the zone"
                yield Finding(UNDELEGATED.code, text, server.name, subject=NAMES)


def _lame(strangers: Iterable[tuple[str, Address]], seen: Iterable[Observation]) -> Iterator[Finding | Inconclusive]:
    every = tuple(seen)
    heard = {(one.server, one.address): one for one in every if one.query.foreign and one.query.qtype == "SOA"}
    families = {one.address.family for one in every if one.outcome is Outcome.ANSWERED}
    for place in strangers:
        one = heard.get(place)
        if one is None or one.outcome is Outcome.UNASKED:
            yield Inconclusive(*place, reason="it was not asked whether it serves the zone")
        elif one.outcome.no_response and place[1].family not in families:
            yield Inconclusive(
                *place, reason=f"nothing was heard over {place[1].family.value.replace('ip', 'IP')} at all"
            )
        elif one.outcome is not Outcome.ANSWERED:
            text = f"the parent names {server_at(*place)}, which gives no answer for the zone: {one.outcome}"
            yield Finding(LAME.code, text, *place)
        elif (wrong := fault(one, primary=False)) is not None:
            yield Finding(LAME.code, f"the parent names {server_at(*place)}, which {wrong.text}", *place)


def named_by_parents(zone: Zone, poll: ZonePoll) -> frozenset[str]:
    """The names, without final dot, of nameservers that a parent named without saying where they are."""
    referrals = (one.referral for one in parent_answers(zone, poll.seen) if one.referral is not None)
    return frozenset(_plain(n) for found in referrals for n in found.nameservers if not found.addresses(n))


def _plain(name: str) -> str:
    return name.removesuffix(".") or "."


def _listed(names: Iterable[str]) -> str:
    return enumerated(map(_plain, names), most=4)


def _differing(answers: list[ParentAnswer], most: ParentAnswer | None) -> Iterator[Finding | Inconclusive]:
    for one in answers:
        if one.why:
            yield Inconclusive(one.server, one.address, reason=one.why)
        elif most is not None and one.says is not None and one.says != most.says:
            text = f"{one.at} of the parent zone has {_said(one)}; most of its servers have {_said(most)}"
            yield Finding(PARENTS_DIFFER.code, text, one.server, one.address)


def _said(one: ParentAnswer) -> str:
    if one.referral is None:
        return "no delegation"
    ds = f"{len(one.referral.ds)} DS" if one.referral.ds else "no DS"
    return f"{_listed(one.referral.nameservers)}, and {ds}"


def _those(answers: list[ParentAnswer], said: Delegated) -> str:
    return enumerated([one.at for one in answers if one.delegated is said], most=3)
