"""The parent's side of a delegation: who serves the parent zone, and what they say of the zone below."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from zlib import crc32

from checks.common.text import enumerated, server_at
from checks.model import Address, Observation, Outcome, Query, Referral, Server, Shape, Transport, Zone
from checks.model.relative_names import ancestors

MAX_PARENT_ADDRESSES = 32
"""Addresses of a parent zone that are asked; the root and com have 26."""


MAX_QUESTIONS = 20_000
"""Questions to the servers of one parent zone, at one look at all zones below it; but for each zone …"""
MIN_ASKED = 4
"""… so many of its addresses are asked in any case: most have two each, one of each family."""


@dataclass(frozen=True, slots=True)
class ParentZone:
    """The zone in which another is delegated, and its servers with their addresses."""

    name: str
    servers: tuple[Server, ...]
    zones: int = field(default=0, compare=False)
    """How many zones below it are watched, as far as that was counted."""

    def places(self) -> Iterator[tuple[Server, Address]]:
        """Every address that is asked, in order; none twice."""
        found: dict[Address, Server] = {}
        for server in self.servers:
            for address in server.addresses:
                if len(found) < MAX_PARENT_ADDRESSES:
                    found.setdefault(address, server)
        return ((server, address) for address, server in found.items())

    def places_for(self, zone: str) -> list[tuple[Server, Address]]:
        """The addresses that are asked for this zone: all, unless very many zones are watched below. Then each zone has
        some of them, always the same, and all of them are asked for some zones.
        """
        every = list(self.places())
        most = max(MIN_ASKED, MAX_QUESTIONS // max(1, self.zones))
        if len(every) <= most:
            return every
        first = crc32(zone.encode()) % len(every)
        return [every[(first + number) % len(every)] for number in range(most)]


Parents = Mapping[str, ParentZone | None]
"""What is known of names above zones: the zone that begins there, None where none does."""


def parent_of(zone: Zone, parents: Parents) -> ParentZone | None:
    """The zone above; None where that is not known."""
    if zone.parent:
        return ParentZone("", tuple(Server(str(address), (address,)) for address in zone.parent))
    for name in ancestors(zone.name):
        if name not in parents:
            return None
        if (found := parents[name]) is not None:
            return found
    return None


SERVES_BOTH = "it serves the zone itself, and so does not say to whom it is delegated"


class Delegated(Enum):
    """What a server of the parent zone says of whether it delegates the zone."""

    YES = auto()
    NO = auto()
    """With authority: there is no such name, or no zone begins there, but perhaps an alias stands there."""
    SERVED = auto()
    """It serves the zone itself, and so does not say."""
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True)
class ParentAnswer:
    """What one address of the parent zone said. ``ds`` are the DS records, None where it was not heard which there
    are; ``denied``: it was proved that there are none.
    """

    server: str
    address: Address
    delegated: Delegated
    referral: Referral | None = None
    ds: tuple[str, ...] | None = None
    denied: bool = False
    why: str = ""
    """Why nothing is known, in words: "ns.example (192.0.2.1) …"."""
    over_udp: bool = False
    """It came in one datagram, in which glue may have had no room: not every server says so (RFC 9471)."""

    @property
    def at(self) -> str:
        return server_at(self.server, self.address)

    @property
    def says(self) -> tuple[object, ...] | None:
        """What should be the same everywhere; None where nothing is said."""
        if self.delegated is Delegated.NO:
            return ((), ())
        return (self.referral.nameservers, self.referral.ds) if self.referral is not None else None


def delegation_query(zone: Zone, server: str, address: Address, transport: Transport = Transport.UDP) -> Query:
    """For the NS records, with signatures: a referral has the DS records beside them (RFC 4035 section 3.1.4)."""
    return Query(zone.name, server, address, zone.name, "NS", transport, dnssec=True, foreign=True)


def ds_query(zone: Zone, server: str, address: Address) -> Query:
    """For the DS records alone: whoever serves both zones gives no referral."""
    return Query(zone.name, server, address, zone.name, "DS", dnssec=True, foreign=True)


def parent_answers(zone: Zone, seen: Iterable[Observation]) -> list[ParentAnswer]:
    """What the parent's servers said, in the order in which they were heard; of who was asked again, over TCP, the
    answer to that, if there is one.
    """
    every = [one for one in seen if one.query.foreign and one.query.qname == zone.name]
    ds = {(one.server, one.address): one for one in every if one.query.qtype == "DS"}
    last: dict[tuple[str, Address], Observation] = {}
    for one in every:
        place = (one.server, one.address)
        if one.query.qtype == "NS" and (place not in last or one.outcome is Outcome.ANSWERED):
            last[place] = one
    return [_parent_answer(zone, one, ds.get(place)) for place, one in last.items()]


def _parent_answer(zone: Zone, seen: Observation, ds: Observation | None) -> ParentAnswer:
    where = (seen.server, seen.address)
    if seen.outcome is not Outcome.ANSWERED:
        return ParentAnswer(*where, Delegated.UNKNOWN, why=f"gives no answer: {seen.outcome}")
    found, udp = seen.referral, seen.transport is Transport.UDP
    if found is not None and found.zone == zone.name and seen.rcode == "NOERROR":
        return ParentAnswer(*where, Delegated.YES, found, found.ds, found.denied, over_udp=udp)
    if seen.authoritative and seen.shape is Shape.RECORDS and seen.rcode == "NOERROR":
        records, denied = _ds_records(ds)
        return ParentAnswer(*where, Delegated.SERVED, ds=records, denied=denied)
    if seen.authoritative and seen.shape in (Shape.NODATA, Shape.CNAME) and seen.rcode in ("NOERROR", "NXDOMAIN"):
        return ParentAnswer(*where, Delegated.NO)
    why = f"refers to {found.zone}" if found is not None else f"answers {seen.rcode}, which says nothing of it"
    return ParentAnswer(*where, Delegated.UNKNOWN, why=why)


def _ds_records(seen: Observation | None) -> tuple[tuple[str, ...] | None, bool]:
    if seen is None or seen.outcome is not Outcome.ANSWERED or not seen.authoritative or seen.rcode != "NOERROR":
        return None, False
    if seen.shape is Shape.RECORDS and seen.answer is not None:
        return seen.answer.rdata, False
    return ((), False) if seen.shape is Shape.NODATA else (None, False)


def majority(answers: Iterable[ParentAnswer]) -> ParentAnswer | None:
    """One of those that say what most say, the first of these; None where nobody delegates the zone, or denies it."""
    said = [one for one in answers if one.says is not None]
    if not said:
        return None
    counts = Counter(one.says for one in said)
    return max(said, key=lambda one: counts[one.says])


def unanswered(answers: Iterable[ParentAnswer]) -> str:
    """Why nothing is known of the delegation."""
    told = [f"{one.at} {one.why}" for one in answers if one.why]
    return enumerated(told, most=2) if told else "no server of the parent zone was asked"
