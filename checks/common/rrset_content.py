"""What an address has for an RRset, by its answer."""

from dataclasses import dataclass

from checks.common.text import enumerated, truncate
from checks.model import Observation, Outcome, Shape

DELEGATION, ALIAS = "a delegation", "a CNAME"
"""What an address has in place of a record."""


@dataclass(frozen=True, slots=True)
class RRsetContent:
    """What an address has for an RRset: rdata in canonical form, nothing at all, or a delegation or CNAME instead,
    whose rdata it is then, where it was kept.

    No such name and no such type count as the same nothing: servers disagree about empty non-terminals.
    """

    rdata: tuple[str, ...]
    ttl: int | None = None
    instead: str = ""
    tied: bool = True
    """Given by a machine whose SOA was seen too."""
    steady: bool = True
    """It was the same, TTL and all, as often as it was asked for at this poll."""

    @property
    def same(self) -> tuple[str, tuple[str, ...]]:
        return (self.instead, self.rdata)

    def __str__(self) -> str:
        words = enumerated(map(truncate, self.rdata), most=4) if self.rdata else self.instead or "nothing"
        return f"{self.instead} to {words}" if self.instead and self.rdata else words


def content_of(seen: Observation) -> RRsetContent | None:
    """None: it is not known what the address has."""
    if seen.outcome is not Outcome.ANSWERED or seen.rcode not in ("NOERROR", "NXDOMAIN"):
        return None
    if seen.rcode == "NOERROR" and seen.shape is Shape.REFERRAL:
        return RRsetContent((), instead=DELEGATION)
    if not seen.authoritative:
        return None
    if seen.shape is Shape.CNAME:  # whose target does not exist, says an rcode; not that the alias does not (RFC 6604)
        alias = seen.answer
        return RRsetContent(alias.rdata, alias.ttl, ALIAS) if alias else RRsetContent((), instead=ALIAS)
    if seen.rcode == "NXDOMAIN" or seen.shape is Shape.NODATA:
        return RRsetContent(())
    if seen.shape is Shape.RECORDS and seen.answer is not None:
        return RRsetContent(seen.answer.rdata, seen.answer.ttl)
    return None


def records_of(seen: Observation | None) -> tuple[str, ...] | None:
    """The records alone; None where it is not known which there are, or something else stands in their place."""
    content = content_of(seen) if seen is not None else None
    return content.rdata if content is not None and not content.instead else None
