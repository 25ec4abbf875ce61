"""The zone's own side of its delegation: what its visible servers say of its nameservers, their addresses and keys."""

from collections import Counter
from collections.abc import Iterable, Iterator

from checks.common.rrset_content import records_of
from checks.common.text import enumerated
from checks.model import Address, Finding, Inconclusive, Observation, Outcome, Referral, Server, Shape, Zone
from checks.model.finding_type import DELEGATION, FindingType, Severity
from checks.model.relative_names import is_within

GLUE_MISSING = FindingType(
    "glue-missing", Severity.CRITICAL, "The parent zone gives no address for a nameserver within the zone",
    family=DELEGATION, any_server=True,
)  # fmt: skip
GLUE_DIFFERS = FindingType(
    "glue-differs", Severity.WARNING, "The parent zone gives other addresses for a nameserver than the zone",
    family=DELEGATION, any_server=True,
)  # fmt: skip

GLUE_TYPES = ("A", "AAAA")
ANY_NAME = "*"
"""Stands for every name among those that a zone ignores."""


def visible(zone: Zone) -> list[tuple[Server, Address]]:
    """The addresses that resolvers ask, those of the primary first."""
    shown = [place for place in zone.server_addresses() if not place[0].hidden]
    return sorted(shown, key=lambda place: place[0].name != zone.primary)


def own_names(zone: Zone, seen: Iterable[Observation]) -> frozenset[str] | None:
    """The nameservers that most of the zone's addresses name; None where none is heard, or as many name others."""
    counts = Counter(frozenset(names) for names in _given(zone, seen).values()).most_common(2)
    if not counts or (len(counts) == 2 and counts[0][1] == counts[1][1]):
        return None
    return counts[0][0]


def every_name(zone: Zone, seen: Iterable[Observation]) -> frozenset[str]:
    """The nameservers that any of the zone's addresses names."""
    return frozenset().union(*_given(zone, seen).values())


def reference(zone: Zone, seen: tuple[Observation, ...]) -> tuple[Server, Address] | None:
    """The address that is asked for what lies within the zone: the first that serves it, with the names that most
    have.
    """
    given, names = _given(zone, seen), own_names(zone, seen)
    held = ((server, at) for server, at in visible(zone) if (server.name, at) in given)
    return next((each for each in held if names in (None, frozenset(given[each[0].name, each[1]]))), None)


def of_reference(zone: Zone, seen: tuple[Observation, ...], name: str, type_: str) -> Observation | None:
    """What that address said of these records."""
    place = reference(zone, seen)
    if place is None:
        return None
    wanted = (place[0].name, place[1], name, type_)
    return next((o for o in seen if (o.server, o.address, o.query.qname, o.query.qtype) == wanted), None)


def glue_findings(zone: Zone, referral: Referral, seen: tuple[Observation, ...]) -> Iterator[Finding | Inconclusive]:
    """Whether the parent gives the addresses that the zone has, for the names that cannot be found without. Of names
    that the zone itself does not have in its NS records something else is told.
    """
    own = own_names(zone, seen)
    for name in referral.nameservers:
        if not is_within(name, zone.name):
            continue
        plain, glue = name.removesuffix("."), referral.addresses(name)
        if not glue:
            text = f"the parent names {plain}, which lies within the zone, and gives no address for it"
            yield Finding(GLUE_MISSING.code, text, plain)
            continue
        if own is not None and name not in own:
            continue
        known = [records_of(of_reference(zone, seen, name, type_)) for type_ in GLUE_TYPES]
        if any(one is None for one in known):
            yield Inconclusive(plain, reason=f"which addresses {plain} has in the zone is not known")
        elif (hosts := {host for one in known for host in one or ()}) != set(glue):
            has = f"the zone has {enumerated(sorted(hosts))}" if hosts else "the zone has none"
            yield Finding(GLUE_DIFFERS.code, f"the parent gives {enumerated(glue)} for {plain}; {has}", plain)


def _given(zone: Zone, seen: Iterable[Observation]) -> dict[tuple[str, Address], tuple[str, ...]]:
    """The NS records that the zone's own addresses gave with authority."""
    return {
        (one.server, one.address): one.answer.rdata
        for one in seen
        if not one.query.foreign
        and (one.query.qname, one.query.qtype) == (zone.name, "NS")
        and one.outcome is Outcome.ANSWERED
        and one.authoritative
        and one.shape is Shape.RECORDS
        and one.answer is not None
    }
