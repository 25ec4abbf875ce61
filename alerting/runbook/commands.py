"""Command lines that show a finding."""

from shlex import quote

from alerting.runbook import RunbookEntry

SERVER_PLACEHOLDER = "SERVER"
"""Stands where a finding is about the zone as a whole: the line is to be run for each of its servers."""


def dig(
    entry: RunbookEntry, zone: str, address: str | None = None, port: int = 53, key: str = "", record: str = ""
) -> tuple[str, ...]:
    """The entry's lines for one place, safe to paste into a shell.

    ``address`` is without port; ``key`` names a file with a TSIG key, ``record`` an owner and a type.
    """
    words = {
        "zone": _question(zone),
        "address": quote(address) if address else SERVER_PLACEHOLDER,
        "port": str(port),
        "key": f" -k {quote(key)}" if key else "",
        "record": _question(record or zone),
    }
    lines = []
    for template in entry.dig:
        line = template.format_map(words)
        lines.append(line.replace(" -p 53 ", " "))
    return tuple(lines)


def _question(text: str) -> str:
    """A name, or a name and a type. What dig would take for an option or a server is given by -q."""
    said = " ".join(map(quote, text.split(" ")))
    return f"-q {said}" if text.startswith(("-", "+", "@")) else said
