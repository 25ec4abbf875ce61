"""The result of one exchange: a response, or why there is none."""

from dataclasses import dataclass, replace
from datetime import datetime

import dns.name

from checks.common.text import plural
from checks.model import Observation, Outcome, Query, Transport
from checks.model.tls import Tls
from monitor.probe.message.response import Answer
from monitor.probe.message.text import bounded, evidence


@dataclass(frozen=True, slots=True)
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
    tls: Tls | None = None
    """What TLS showed, where that is how it was asked."""

    def observation(self, query: Query, at: datetime) -> Observation:
        seen = answered(
            query, self.answer, self.rtt, self.transport, self.size, at, self.without_edns, self.discarded, self.why,
            self.evidence,
        )  # fmt: skip
        return seen if self.tls is None else replace(seen, tls=self.tls)


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
    tls: Tls | None = None
    """What came of TLS, where that is how it was asked."""


ExchangeResult = Response | QueryFailure


def timed_out(attempts: int, seconds: float) -> QueryFailure:
    return QueryFailure(Outcome.TIMEOUT, f"no answer to {plural(attempts, 'attempt')} within {seconds:g} s")


def answered(
    query: Query, answer: Answer, rtt: float, transport: Transport, size: int, at: datetime, without_edns: str = "",
    discarded: int = 0, why: str = "", discarded_octets: bytes = b"",
) -> Observation:  # fmt: skip
    """The fields of a Response one by one: the engine makes none, which saves it a microsecond for each answer."""
    options, detail = answer.options, why
    if without_edns:
        note = f"asked without EDNS: with it, {without_edns}"
        detail = f"{note}; {why}" if why else note
    return Observation(
        query, Outcome.ANSWERED, at, rtt, transport, answer.rcode, answer.authoritative, answer.shape, answer.soa,
        answer.answer, answer.signatures, options.nsid, options.expire, options.ede, discarded,
        records=answer.records, octets=size, detail=bounded(detail) if detail else "",
        evidence=evidence(discarded_octets) if discarded_octets else "", without_edns=without_edns,
        referral=answer.referral, zone_version=None if options.version is None else _version(query, options.version),
    )  # fmt: skip


def _version(query: Query, version: tuple[int, int]) -> int | None:
    """The serial, where it was asked for and is that of the zone that is meant (RFC 9660 section 3.2)."""
    labels, serial = version
    return serial if query.version and labels == len(dns.name.from_text(query.zone)) - 1 else None


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
        tls=failure.tls,
    )
