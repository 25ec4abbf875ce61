"""The records that differ by a finding, in groups, so that a page can show them one by one."""

from collections.abc import Sequence
from dataclasses import dataclass

from checks.common.zone_difference import ADDED, REMOVED
from checks.model import RecordDifference
from monitor.web.diff_view import RecordGroup, record_groups


@dataclass(frozen=True, slots=True)
class KeptDifference:
    """``head`` says who differs from whom, ``more`` how many of the records that differ are not in ``groups``, at least
    so many where it is not ``complete``.
    """

    head: str
    reference: str
    groups: Sequence[RecordGroup]
    more: int
    complete: bool = True


def kept_difference(one: RecordDifference | None) -> KeptDifference | None:
    """As it is shown; None where a finding tells of no records."""
    if one is None:
        return None
    signed = [*((REMOVED, line) for line in one.removed), *((ADDED, line) for line in one.added)]
    return KeptDifference(one.summary, one.reference, record_groups(signed), one.more, one.is_complete)
