"""The signed RRsets that an address gives: whether their signatures verify, and from when to when they are valid."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from checks.common.dnssec import Tries, Verdict, Verifier, algorithm_name, are_cut, zone_keys
from checks.common.rrset_compare import MACHINES, AddressCopy
from checks.common.serial import HALF, MODULUS
from checks.model import MAX_SIGNATURES, Address, Observation, Outcome, Shape, Signature, Zone, ZonePoll
from checks.model.finding_type import SIGNATURES, FindingType, Severity

EXPIRED = FindingType(
    "signature-expired", Severity.CRITICAL, "A signature has ended", family=SIGNATURES, of_content=True
)

APEX_TYPES = ("SOA", "NS", "DNSKEY", "ZONEMD")
"""What is signed in every signed zone (RFC 4035 section 2.2); the last where there is one."""

Place = tuple[str, Address]
"""A server and an address of it."""

HOUR, NO_TIME = timedelta(hours=1), timedelta()

KNOT_INCEPTION = timedelta(minutes=90)
"""How far Knot DNS dates signatures back, and no other signer that is known: BIND an hour, PowerDNS a week."""


@dataclass(frozen=True, slots=True)
class Span:
    """When a signature is valid, and the tag of the key that made it."""

    inception: datetime
    expiration: datetime
    key_tag: int

    @property
    def is_dated_by_knot(self) -> bool:
        """Whether it begins 90 minutes before it was made, if it was made for so many hours, as with Knot DNS."""
        return (self.expiration - self.inception - KNOT_INCEPTION) % HOUR == NO_TIME


@dataclass(frozen=True, slots=True)
class SignedRRset:
    """``what`` is a type at the apex, or owner and type. ``signatures`` are the zone's; ``believed`` is of those that
    verify the one that ends last, or where none does, those that might, or all. ``failure``: why none does; ``doubt``:
    why that is not known. ``ttl`` is in seconds, 0 where it was not read.
    """

    what: str
    signatures: tuple[Signature, ...] = ()
    believed: tuple[Signature, ...] = ()
    failure: str = ""
    doubt: str = ""
    without_edns: str = ""
    ttl: int = 0

    def last(self, now: datetime) -> Span | None:
        """Of those that have begun the one that ends last."""
        return max(
            (span for span in self._spans(now) if span.inception <= now), key=lambda span: span.expiration, default=None
        )

    def early(self, now: datetime) -> Span | None:
        """The one that begins first, where none has begun."""
        first = min(self._spans(now), key=lambda span: span.inception, default=None)
        return first if first is not None and first.inception > now else None

    def _spans(self, now: datetime) -> Iterator[Span]:
        return (span(one, now) for one in self.believed)


def span(signature: Signature, now: datetime) -> Span:
    return Span(moment(signature.inception, now), moment(signature.expiration, now), signature.key_tag)


def moment(seconds: int, now: datetime) -> datetime:
    """The time nearest to now that these seconds modulo 2^32 stand for (RFC 4034 section 3.1.5)."""
    present = now.replace(microsecond=0)
    away = (seconds - int(present.timestamp()) + HALF) % MODULUS - HALF
    return present + timedelta(seconds=away)


def is_signed(seen: Observation, zone: Zone) -> bool:
    """Whether it is the zone's SOA with a signature of the zone."""
    return seen.serial is not None and any(one.signer == zone.name for one in seen.signatures)


def signed_rrsets(zone: Zone, poll: ZonePoll, every: Iterable[AddressCopy]) -> Mapping[Place, tuple[SignedRRset, ...]]:
    """What each address gives of the apex, be it without signatures, and other records that the zone has signed."""
    by_place: dict[Place, dict[tuple[str, str], Observation]] = {}
    for seen in poll.seen:
        if seen.outcome is Outcome.ANSWERED and seen.rcode == "NOERROR" and seen.authoritative:
            by_place.setdefault((seen.server, seen.address), {})[seen.query.qname, seen.query.qtype] = seen
    tries = Tries()
    return {
        (copy.server.name, copy.address): tuple(
            _signed_rrsets(zone, copy, by_place.get((copy.server.name, copy.address), {}), tries, poll.at)
        )
        for copy in every
    }


def _signed_rrsets(
    zone: Zone, copy: AddressCopy, answers: Mapping[tuple[str, str], Observation], tries: Tries, now: datetime
) -> Iterator[SignedRRset]:
    verifier = _verifier(zone, answers, tries)
    why = copy.reason or ("" if verifier is not None else "no usable answer for the DNSKEY records")
    if not why and any(not content.tied for content in copy.contents.values()):
        why = MACHINES
    for (name, type_), seen in answers.items():
        if seen.shape not in (Shape.RECORDS, Shape.CNAME):
            continue
        apex = name == zone.name
        own = tuple(one for one in seen.signatures if one.signer == zone.name)
        kind = type_ if seen.shape is Shape.RECORDS else "CNAME"
        what, ttl = kind if apex else f"{name} {kind}", seen.answer.ttl if seen.answer is not None else 0
        if own and not why and verifier is not None:
            yield replace(_verified(what, own, len(seen.signatures) < MAX_SIGNATURES, verifier, now), ttl=ttl)
        elif own:
            yield SignedRRset(what, own, own, doubt=why, ttl=ttl)
        elif apex and what in APEX_TYPES and not seen.signatures:
            yield SignedRRset(what, without_edns=seen.without_edns)


def _verifier(zone: Zone, answers: Mapping[tuple[str, str], Observation], tries: Tries) -> Verifier | None:
    """By the DNSKEY records of the same address; None where it has not said which."""
    seen = answers.get((zone.name, "DNSKEY"))
    if seen is None or seen.shape not in (Shape.RECORDS, Shape.NODATA):
        return None
    rdata = seen.answer.rdata if seen.answer is not None else ()
    return Verifier(tuple(zone_keys(rdata)), tries, are_cut(rdata))


def _verified(what: str, own: tuple[Signature, ...], whole: bool, verifier: Verifier, now: datetime) -> SignedRRset:
    """``whole``: these are all there are. Of those that have begun the one that ends last counts: it is tried first,
    and once it verifies no other is; the others only if none of these does.
    """
    believed: tuple[Signature, ...] = ()
    for one in sorted(own, key=lambda each: _use(each, now), reverse=True):
        verdict = verifier.verdict(one)
        if verdict is Verdict.VALID:
            return SignedRRset(what, own, (one,))
        believed += (one,) if verdict is Verdict.UNKNOWN else ()
    if believed:
        one = believed[0]
        by = f"key {one.key_tag}, algorithm {algorithm_name(one.algorithm)}"
        return SignedRRset(what, own, believed, doubt=f"the signature of {what} by {by}, cannot be verified here")
    if not whole:
        return SignedRRset(what, own, own, doubt=f"more than {MAX_SIGNATURES} signatures of {what}: not all are tried")
    return SignedRRset(what, own, own, failure=_failure(own[0], verifier))


def _use(one: Signature, now: datetime) -> tuple[bool, datetime, datetime]:
    """Greater for what is of more use to who validates: it has begun, and ends later; else it begins sooner."""
    each = span(one, now)
    begun = each.inception <= now
    return begun, each.expiration if begun else now - (each.inception - now), each.expiration


def _failure(one: Signature, verifier: Verifier) -> str:
    by = f"key {one.key_tag}, algorithm {algorithm_name(one.algorithm)}"
    if not verifier.keys:
        return "there are none"
    return f"that by {by}, does not" if verifier.has_key(one) else f"none of them is {by}"


def older(
    mine: Iterable[SignedRRset], others: Iterable[Iterable[SignedRRset]], now: datetime
) -> dict[str, tuple[Span, Span]]:
    """For what the signatures here end earlier than those by the same key elsewhere: this one, and that which ends
    last.
    """
    theirs: dict[tuple[str, int, int], Span] = {}
    for other in others:
        for key, one in _ends(other, now).items():
            theirs[key] = max(one, theirs.get(key, one), key=lambda span: span.expiration)
    found: dict[str, tuple[Span, Span]] = {}
    for key, one in _ends(mine, now).items():
        if key in theirs and theirs[key].expiration > one.expiration:
            found.setdefault(key[0], (one, theirs[key]))
    return found


def _ends(rrsets: Iterable[SignedRRset], now: datetime) -> dict[tuple[str, int, int], Span]:
    """By RRset, algorithm and key the signature that ends last."""
    ends: dict[tuple[str, int, int], Span] = {}
    for rrset in rrsets:
        for signature in rrset.signatures:
            key, one = (rrset.what, signature.algorithm, signature.key_tag), span(signature, now)
            ends[key] = max(one, ends.get(key, one), key=lambda each: each.expiration)
    return ends
