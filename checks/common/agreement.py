"""What all addresses agree about: the content of RRsets that is the same at each of them."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass

from checks.common.rrset_content import RRsetContent, content_of
from checks.model import Observation, Outcome, Transport


@dataclass(frozen=True, slots=True)
class Likeness:
    """What the result of a check for a zone rests on (``checks.base.ComparesZones``): ``kind`` is the same for zones
    that have the same result; ``words`` are what is to be remembered of the zone's own records, of what
    ``checks.common.unbumped.words_of`` says of each of them.
    """

    kind: Hashable
    words: tuple[str, ...] = ()


def is_plain(seen: Observation) -> bool:
    """An answer with authority over UDP of which there is nothing to say but what it contains."""
    return (
        seen.outcome is Outcome.ANSWERED
        and seen.transport is Transport.UDP
        and seen.authoritative
        and not (seen.without_edns or seen.source or seen.limited or seen.discarded or seen.detail)
    )


def agreed(every: Iterable[Observation]) -> Mapping[tuple[str, str], RRsetContent] | None:
    """By name and type what every address has for it, TTL included; None where one has something else, or gives another
    answer than a plain one.
    """
    found: dict[tuple[str, str], RRsetContent] = {}
    for seen in every:
        content = content_of(seen) if is_plain(seen) else None
        if content is None:
            return None
        if found.setdefault((seen.query.qname, seen.query.qtype), content) != content:
            return None
    return found
