"""Reads out of what the check content says which records differ, so that a page can show them one by one."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from monitor.web.diff_view import RecordGroup, record_groups

MAX_RECORD = 160
"""Characters of a record, its sign among them, after which the sentence cuts it."""

_SENTENCE = re.compile(
    r"(?P<head>.* as (?P<reference>\S+)(?: \([^)]*\))? is, with other records): "
    r"(?P<missing>\d+) records? missing, (?P<more>\d+) more: (?=[-+] )"
)
_CUT = re.compile(r"\.\.\. \(\d+ more\)(?=; |$)")


@dataclass(frozen=True, slots=True)
class KeptDifference:
    """``head`` says who differs from whom, ``more`` how many of the records that differ are not in ``groups``."""

    head: str
    reference: str
    groups: Sequence[RecordGroup]
    more: int


def kept_difference(text: str) -> KeptDifference | None:
    """What a finding of the check content holds; None where it is another sentence."""
    found = _SENTENCE.match(text)
    if found is None:
        return None
    records = [(item[0], item[2:]) for item in _items(text, found.end()) if item[:2] in ("- ", "+ ")]
    left = int(found["missing"]) + int(found["more"]) - len(records)
    return KeptDifference(found["head"], found["reference"], record_groups(records), max(0, left))


def _items(text: str, start: int) -> Iterator[str]:
    """Records are joined by ``"; "``, which none of them has outside of quotes (RFC 1035 section 5.1); in quotes it may
    be, and where a record was cut they were not closed.
    """
    while start < len(text):
        end = _end(text, start)
        yield text[start:end]
        start = end + 2


def _end(text: str, start: int) -> int:
    at, quoted, cut = start, False, start + MAX_RECORD
    while at < min(cut, len(text)):
        if text[at] == "\\":
            at += 2
            continue
        if text[at] == '"':
            quoted = not quoted
        elif not quoted and text.startswith("; ", at):
            return at
        at += 1
    if found := _CUT.match(text, cut):
        return found.end()
    return cut if text.startswith("; ", cut) else len(text)
