"""Writes docs/findings.md, the index of the runbook: run ``python docs/make_findings.py`` after a change to it."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "findings.md"

sys.path.insert(0, str(ROOT))

from alerting.finding_types import FINDING_TYPES  # noqa: E402  the project need not be installed to write its documents

HEAD = """\
# Findings

<!-- Made from the finding types by docs/make_findings.py: change them there. -->

Every finding has a code that does not change. Codes are in notifications, on the page, in the API and in the labels
of the metrics; `soawatch explain CODE` prints the file that stands behind each. Severities are defaults: `[severity]`
in the configuration changes them per code. A finding of severity *info* is shown and counted, and nobody is notified
of it.

In the fixes and commands 192.0.2.1 stands for the primary, 192.0.2.2 for a secondary, 192.0.2.9 for the monitor,
`xfr` for a TSIG key, `{zone}` for the zone. In the `dig` lines `{address}` is the server's address, `-p {port}` is
needed where that is not 53, and `{key}` is ` -k KEYFILE` where the transfer is asked for with a key (the file holds the
key as BIND's `tsig-keygen` writes it; dig's `-y` would show the secret to every user of the machine).

| Code | Severity | What is so |
|---|---|---|
"""


def page() -> str:
    """The whole document."""
    rows = (
        f"| [{found.code}](../alerting/runbook/{found.code}.md) | {found.severity} | {found.title} |\n"
        for found in FINDING_TYPES.values()
    )
    return HEAD + "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
