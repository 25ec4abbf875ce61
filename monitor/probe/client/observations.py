"""The result of one exchange: a response, or why there is none."""

from dataclasses import dataclass
from datetime import datetime

from checks.model import Observation, Outcome, Query, Transport
from monitor.probe.message.response import Answer
from monitor.probe.message.text import bounded, evidence


@dataclass(slots=True)  # not frozen: that costs the engine a microsecond for each answer
class Response:
    """An answer. ``rtt`` is in seconds."""

    answer: Answer
    rtt: float
    transport: Transport
    size: int
    discarded: int = 0
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


def answered(query: Query, found: Response, at: datetime) -> Observation:
    answer, options = found.answer, found.answer.options
    note = f"asked without EDNS: with it, {found.without_edns}" if found.without_edns else ""
    return Observation(
        query,
        Outcome.ANSWERED,
        at,
        found.rtt,
        found.transport,
        answer.rcode,
        answer.authoritative,
        answer.shape,
        answer.soa,
        answer.answer,
        options.nsid,
        options.expire,
        options.ede,
        discarded=found.discarded,
        records=answer.records,
        octets=found.size,
        detail=bounded("; ".join(filter(None, (note, found.why)))) if note or found.why else "",
        evidence=evidence(found.evidence) if found.evidence else "",
        without_edns=found.without_edns,
    )


def failed(query: Query, failure: QueryFailure, at: datetime) -> Observation:
    short = failure.answer
    return Observation(
        query,
        failure.outcome,
        at,
        rcode=short.rcode if short is not None else None,
        authoritative=short is not None and short.authoritative,
        ede=short.options.ede if short is not None else (),
        discarded=failure.discarded,
        detail=bounded(failure.detail),
        evidence=evidence(failure.evidence),
        source=failure.source,
    )
