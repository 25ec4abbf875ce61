"""The behaviour of a server: the settings that a fault changes."""

from dataclasses import dataclass
from enum import StrEnum


class Transfers(StrEnum):
    """Who is given the zone."""

    KEYED = "keyed"
    OPEN = "open"
    NONE = "none"


class Answers(StrEnum):
    """What becomes of an answer before it is sent."""

    TRUE = "true"
    SERVFAIL = "servfail"
    WITHOUT_AA = "without-aa"
    UPWARD = "upward"
    """A referral to the root: the sign of a server that was never told about the zone."""


class Condition(StrEnum):
    """What a zone amounts to at a server."""

    SERVED = "served"
    NOT_LOADED = "not-loaded"
    EXPIRED = "expired"
    ABSENT = "absent"


class Stream(StrEnum):
    """How a transfer that was allowed goes on."""

    WHOLE = "whole"
    ENDLESS = "endless"
    TRUNCATED = "truncated"
    UNSIGNED = "unsigned"
    MALFORMED = "malformed"
    """With a record that no secondary takes."""


class Tcp(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    """Connections are refused."""
    SILENT = "silent"
    """Connections are accepted, and nothing is ever said on them."""


class Wire(StrEnum):
    """What is put on the wire in place of, or before, the answer."""

    CLEAN = "clean"
    GARBAGE = "garbage"
    FORGED = "forged"
    STRAYS = "strays"
    """Over UDP, answers under another id than was asked."""
    ELSEWHERE = "elsewhere"
    """Over UDP, answers from another address than was asked."""


class Edns(StrEnum):
    """What becomes of a question with EDNS (RFC 6891)."""

    KNOWN = "known"
    DROPPED = "dropped"
    SERVFAIL = "servfail"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Conduct:
    """A server as it should be, unless a field says otherwise. Seconds, and shares between 0 and 1."""

    transfers: Transfers = Transfers.KEYED
    answers: Answers = Answers.TRUE
    condition: Condition = Condition.SERVED
    stream: Stream = Stream.WHOLE
    tcp: Tcp = Tcp.OPEN
    udp: bool = True
    wire: Wire = Wire.CLEAN
    edns: Edns = Edns.KNOWN
    delay: float = 0.0
    loss: float = 0.0
    skew: float = 0.0
    """How far the server's clock is ahead."""
    forgotten: bool = False
    """The clients' keys are not in its configuration."""
    mistyped: bool = False
    """The clients' keys are there with another secret."""
    own_key_forgotten: bool = False
    """It transfers from its primary with a key that the primary does not know."""
    own_key_mistyped: bool = False
    frozen: bool = False
    """It neither refreshes nor listens to NOTIFY."""
    deaf: bool = False
    """It does not listen to NOTIFY, but refreshes."""
    behind: float = 0.0
    """How long after it fetched a version it begins to serve it, once it has fallen behind."""
    expire_share: float = 1.0
    """How much of its real EXPIRE it admits to."""
    serial_shift: int = 0
    edits: tuple[str, ...] = ()
    """Records that differ from the zone's, under the same serial."""
    soa_edit: bool = False
    """Another contact and other timers in the SOA, under the same serial."""

    @property
    def disguised(self) -> bool:
        """Whether it serves anything else than the zone it holds."""
        return bool(self.serial_shift or self.edits or self.soa_edit)
