"""What a code means, in plain text."""

from textwrap import fill, indent

from alerting.finding_types import FINDING_TYPES
from alerting.runbook import explain
from alerting.runbook.commands import dig

WIDTH = 88
ZONE, RECORD = "example.com", "www.example.com A"
"""What cures and dig lines speak of, where no zone is asked about."""


def code_text(code: str) -> str:
    """What a code means, in plain text."""
    entry, known = explain(code), FINDING_TYPES[code]
    parts = [
        f"{code} ({known.severity}): {known.title}",
        filled(entry.meaning),
        "Causes, the likely ones first:",
        "\n".join(filled(cause, "  - ", "    ") for cause in entry.causes),
        filled(f"What to do: {entry.advice}"),
        *(f"{software}:\n{indent(text, '  ')}" for software, text in entry.fixes(ZONE)),
        "To see it:\n" + "\n".join(f"  {line}" for line in dig(entry, ZONE, record=RECORD)),
    ]
    return "\n\n".join(parts)


def filled(text: str, first: str = "", rest: str = "") -> str:
    return fill(text, WIDTH, initial_indent=first, subsequent_indent=rest)
