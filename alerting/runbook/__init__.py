"""The runbook: what each code means, where it comes from, and what mends it."""

from collections.abc import Mapping
from types import MappingProxyType

from alerting.runbook.answers import ENTRIES as ANSWERS
from alerting.runbook.contents import ENTRIES as CONTENTS
from alerting.runbook.entry import RunbookEntry
from alerting.runbook.monitor import ENTRIES as ITSELF
from alerting.runbook.serials import ENTRIES as SERIALS
from alerting.runbook.transfers import ENTRIES as TRANSFERS

CATALOGUE: Mapping[str, RunbookEntry] = MappingProxyType(
    {entry.code: entry for entry in (*ANSWERS, *SERIALS, *CONTENTS, *TRANSFERS, *ITSELF)}
)
"""Code → entry, in the order in which they are documented."""


def explain(code: str) -> RunbookEntry:
    """The entry of a code; KeyError if there is no such code."""
    return CATALOGUE[code]
