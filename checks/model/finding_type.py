"""Finding types: all that is fixed about a finding's code."""

from dataclasses import dataclass
from enum import Enum, IntEnum, StrEnum

SERVICE, REPLICATION, TRANSFERS, NUMBERING, RECORDS = "service", "replication", "transfers", "numbering", "records"
SIGNATURES, UPDATES, DELEGATION = "signatures", "updates", "delegation"
"""Families of several codes: how a server answers, how it follows its primary, who may transfer from it, which
serials it counts with, which records it gives, and with what signatures; whether it takes updates; and how the zone is
found from above.
"""


class Severity(IntEnum):
    INFO = 1
    WARNING = 2
    CRITICAL = 3

    def __str__(self) -> str:
        return self.name.lower()

    @classmethod
    def parse(cls, text: str) -> "Severity":
        return cls[text.upper()]


class Impact(IntEnum):
    """What is lost at an address that has the finding. Each includes those before it."""

    NONE = 0
    BLOCKS_TRANSFERS = 1
    """Nobody can transfer the zone from it. Transfers need TCP (RFC 5936 section 4.1)."""
    OUT_OF_SERVICE = 2
    """A resolver that asks it gets no use of it, and has to ask another."""
    HIDES_CONTENT = 3
    """Nothing is known of what it would serve: what was found in that before is history."""


class OverUdp(Enum):
    """What questions for a zone bring at an address over UDP."""

    ANSWERED = "answered"
    """A version of the zone, as well to a question with EDNS."""
    SILENT = "silent"
    """Nothing; nor does TCP, as far as it was tried."""
    UNKNOWN = "unknown"
    """Something else, or that is not known."""


class Scope(StrEnum):
    """Whose trouble a finding is that is neither a zone's nor a server's."""

    MONITOR = "monitor"
    RECEIVER = "receiver"
    """Named by the finding's subject. It is a cause of its own, for it is the others who are to hear of it."""


@dataclass(frozen=True, slots=True)
class FindingType:
    """A code with its default severity, its one-line title and what it means elsewhere. Each stands in the ``FINDINGS``
    of what finds it, and nowhere else.
    """

    code: str
    severity: Severity
    title: str
    state: str | None = None
    """The status of an address that has it."""
    family: str = ""
    """The trouble of which it is a sign, with others; by default REPLICATION if it inherits, SERVICE if it has an
    impact, else a family of its own, called like the code.
    """
    inherits: bool = False
    """A server gets it from the one it transfers from, and hands it on: it cannot get the zone, or not in time."""
    impact: Impact = Impact.NONE
    of_content: bool = False
    """Lies in what an address serves. So does whatever inherits, and all of NUMBERING and RECORDS."""
    of_address: OverUdp | None = None
    """Belongs to an address, whatever zone it is found with: all have it that are served there and of which UDP brings
    this. It says that TCP is dead there; a check that says so of no address has had an answer over TCP from each.
    """
    transient: bool = False
    """May be seen for a moment while a new version makes its way."""
    any_server: bool = False
    """May be found at a server that is none of the zone's."""
    scope: Scope | None = None
    consequence: bool = False
    """Follows from something else: where that is told of, it is no news of its own."""
    operators_only: bool = False
    """Its text names files and what is in them."""
