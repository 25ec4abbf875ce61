"""The result of one exchange: a response, or why there is none."""

from dataclasses import dataclass

from checks.model import Outcome, Transport
from monitor.probe.message.response import Answer
from monitor.probe.message.tsig import TsigFault


@dataclass(frozen=True, slots=True)
class Response:
    """An answer. ``rtt`` is in seconds. ``fault`` is what is wrong with its signature: errors often have none, and
    count all the same (RFC 8945 section 5.3.2); data does not.
    """

    answer: Answer
    rtt: float
    transport: Transport
    size: int
    discarded: int = 0
    fault: TsigFault | None = None
    edns: bool = True
    """Whether it was asked with EDNS."""
    without_edns: str = ""
    """Why EDNS was left out (``NO_ANSWER``, ``MANGLED`` or an rcode), where it was."""
    why: str = ""
    """Why what was discarded was."""
    evidence: bytes = b""


@dataclass(frozen=True, slots=True)
class QueryFailure:
    """No answer that can be used. ``evidence`` are octets that could not be understood."""

    outcome: Outcome
    detail: str
    discarded: int = 0
    evidence: bytes = b""
    answer: Answer | None = None
    """A truncated one, where there was one."""
    dropped: bool = False
    """The connection was taken, then closed or reset without a whole answer."""
    mute: bool = False
    """The connection was taken, and nothing at all was said on it."""
    source: str = ""
    """Who answered in place of the one that was asked."""


ExchangeResult = Response | QueryFailure
