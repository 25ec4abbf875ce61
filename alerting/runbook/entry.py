"""What the runbook holds of one code."""

from dataclasses import dataclass, fields

SERVERS = {"bind": "BIND", "knot": "Knot DNS", "nsd": "NSD", "powerdns": "PowerDNS"}
"""Fields of Cure, and how the software is called."""


@dataclass(frozen=True, slots=True)
class Cure:
    """What to type or to write into the configuration, per software; lines that start with # explain.

    ``{zone}`` is the zone without its final dot. 192.0.2.1 stands for the primary, 192.0.2.2 for the secondary,
    ``xfr`` for the name of the TSIG key.
    """

    bind: str
    knot: str
    nsd: str
    powerdns: str

    def blocks(self, zone: str) -> tuple[tuple[str, str], ...]:
        """Software and text, in the order of SERVERS."""
        return tuple((SERVERS[f.name], getattr(self, f.name).replace("{zone}", zone)) for f in fields(self))


@dataclass(frozen=True, slots=True)
class RunbookEntry:
    """A code explained. ``causes`` come in order of likelihood, ``advice`` is what to do first on any software.

    ``dig`` are lines that show the finding; they hold {zone}, {address}, {port}, {key} (an option or nothing)
    and {record} (owner and type).
    """

    code: str
    meaning: str
    causes: tuple[str, ...]
    advice: str
    cure: Cure
    dig: tuple[str, ...]
