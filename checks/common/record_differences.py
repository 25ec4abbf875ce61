"""The records that differ between two servers, as lines of a zone file of which findings have some."""

from collections.abc import Iterable, Sequence

from checks.common.rrset_content import ALIAS, RRsetContent
from checks.common.text import truncate
from checks.model import RecordDifference, WantedRecord

MAX_SHOWN, MAX_LENGTH = 20, 160
"""Records that are shown of those that differ, and characters of each."""


def record_difference(
    summary: str, reference: str, removed: Sequence[str], added: Sequence[str]
) -> RecordDifference | None:
    """As many as may be shown, half of them at most ``removed``; None where there are none."""
    if not removed and not added:
        return None
    gone = tuple(truncate(line, MAX_LENGTH) for line in removed[: MAX_SHOWN // 2])
    came = tuple(truncate(line, MAX_LENGTH) for line in added[: MAX_SHOWN - len(gone)])
    left = len(removed) + len(added) - len(gone) - len(came)
    return RecordDifference(summary, reference, gone, came, left)


def rrset_difference(
    summary: str, reference: str, contents: Iterable[tuple[WantedRecord, RRsetContent, RRsetContent]]
) -> RecordDifference | None:
    """Of RRsets, by what the ``reference`` has for each and what the server has: None where that are no records alone,
    but a delegation, or an alias that leads nobody knows where. TTLs do not count.
    """
    removed: list[str] = []
    added: list[str] = []
    for record, theirs, own in contents:
        if any(one.instead and not one.rdata for one in (theirs, own)):
            return None
        before, after = _lines(record, theirs), _lines(record, own)
        removed += [line for data, line in before.items() if data not in after]
        added += [line for data, line in after.items() if data not in before]
    return record_difference(summary, reference, removed, added)


def _lines(record: WantedRecord, content: RRsetContent) -> dict[tuple[str, str], str]:
    """By type and rdata."""
    type_ = "CNAME" if content.instead == ALIAS else record.type
    return {(type_, data): f"{record.name} {content.ttl or 0} IN {type_} {data}" for data in content.rdata}
