"""Writes docs/findings.md from the catalogue: run ``python docs/make_findings.py`` after a change to it."""

import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "findings.md"

sys.path.insert(0, str(ROOT))

from alerting.finding_types import FINDING_TYPES  # noqa: E402
from alerting.runbook import CATALOGUE  # noqa: E402  the project need not be installed to write its documents
from alerting.runbook.entry import RunbookEntry  # noqa: E402
from checks.model.finding_type import FindingType  # noqa: E402

HEAD = """\
# Findings

<!-- Made from alerting/runbook by docs/make_findings.py: change it there. -->

Every finding has a code that does not change. Codes are in notifications, on the page, in the API and in the labels
of the metrics; `soawatch explain CODE` prints what stands here. Severities are defaults: `[severity]` in the
configuration changes them per code. A finding of severity *info* is shown and counted, and nobody is notified of it.

In the cures and commands 192.0.2.1 stands for the primary, 192.0.2.2 for a secondary, 192.0.2.9 for the monitor,
`xfr` for a TSIG key, `example.org` for the zone. In the `dig` lines ADDRESS is the server's address, `-p PORT` is
needed where that is not 53, and `-k KEYFILE` where the transfer is asked for with a key (the file holds the key as
BIND's `tsig-keygen` writes it; dig's `-y` would show the secret to every user of the machine).

| Code | Severity | What is so |
|---|---|---|
"""

ZONE = "example.org"


def page() -> str:
    """The whole document."""
    parts = [HEAD, *(_row(FINDING_TYPES[code]) for code in CATALOGUE)]
    for code, entry in CATALOGUE.items():
        parts += _section(FINDING_TYPES[code], entry)
    return "".join(parts)


def _row(code: FindingType) -> str:
    return f"| [{code.code}](#{code.code}) | {code.severity} | {code.title} |\n"


def _section(code: FindingType, entry: RunbookEntry) -> Iterator[str]:
    yield f"\n## {code.code}\n\n**{code.title}.** Severity: {code.severity}.\n\n{entry.meaning}\n"
    yield "\nCauses, the most likely first:\n\n"
    yield from (f"{number}. {cause}\n" for number, cause in enumerate(entry.causes, 1))
    yield f"\nWhat to do: {entry.advice}\n"
    for software, block in entry.cure.blocks(ZONE):
        yield f"\n{software}:\n\n```\n{block}\n```\n"
    yield "\nSee for yourself:\n\n```\n"
    words = {"zone": f"{ZONE}.", "address": "ADDRESS", "port": "PORT", "key": " -k KEYFILE", "record": f"www.{ZONE}. A"}
    yield from (f"{line.format_map(words)}\n" for line in entry.dig)
    yield "```\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
