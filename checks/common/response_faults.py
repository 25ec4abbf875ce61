"""Classifies what is wrong with an answer to the apex SOA question, if anything.

By rcode, authority, shape and extended error (RFC 8914) together, never by rcode alone: the four common servers
say the same thing differently, and different things alike.
"""

from dataclasses import dataclass

from checks.common.text import enumerated
from checks.model import Observation, Outcome, Shape
from checks.model.finding_type import FindingType, Impact, Severity

NOT_SERVED = FindingType(
    "zone-not-served", Severity.CRITICAL, "The server does not serve the zone", impact=Impact.HIDES_CONTENT
)
EXPIRED = FindingType(
    "zone-expired", Severity.CRITICAL, "The server has the zone but no valid copy: expired, or never loaded",
    inherits=True, impact=Impact.HIDES_CONTENT,
)  # fmt: skip
NOT_AUTHORITATIVE = FindingType(
    "not-authoritative", Severity.WARNING, "The server answers, but not with authority", impact=Impact.HIDES_CONTENT
)
BAD_RCODE = FindingType("bad-rcode", Severity.WARNING, "The server answers with an error", impact=Impact.HIDES_CONTENT)
MALFORMED = FindingType(
    "malformed-answer", Severity.WARNING, "The server's answer cannot be understood or does not fit the question",
    impact=Impact.OUT_OF_SERVICE,
)  # fmt: skip
FINDINGS = (NOT_SERVED, EXPIRED, NOT_AUTHORITATIVE, BAD_RCODE, MALFORMED)

_NOT_SERVED = {
    "REFUSED": "refuses: not configured for the zone (PowerDNS also says so of one that never loaded)",
    "NOTAUTH": "says that it is not authoritative for the zone",
    "NXDOMAIN": "says that the zone's own name does not exist",
}
_SHAPES = {
    Shape.NODATA: (NOT_SERVED.code, "says that the zone's own name has no SOA record"),
    Shape.REFERRAL: (NOT_SERVED.code, "refers to other servers, below or beside it"),
    Shape.UPWARD: (NOT_SERVED.code, "refers upwards, to the root or a parent: a lame delegation"),
    Shape.CNAME: (MALFORMED.code, "answers with a CNAME at the apex, which must not be"),
    Shape.OTHER: (MALFORMED.code, "answers with records of another owner, class or type"),
}
_USELESS = {
    Outcome.MALFORMED: "sends an answer that cannot be understood",
    Outcome.MISMATCHED: "sends answers that do not fit the question",
    Outcome.TRUNCATED_ONLY: "sends nothing but truncated answers",
}
_NO_COPY = ("14", "24")
"""EDE Not Ready and Invalid Data: what NSD and Knot say of a zone that never loaded or has expired."""


@dataclass(frozen=True, slots=True)
class ResponseFault:
    """The code of one of FINDINGS, and a predicate in words: "the server …"."""

    code: str
    text: str


def fault(seen: Observation, *, primary: bool) -> ResponseFault | None:
    """What an answer to the apex SOA question is guilty of; None for a good one, and where there is none.

    SERVFAIL from a secondary means that it has no valid copy (BIND says no more than that); from the zone's
    primary it means that only with an extended error to say so.
    """
    if seen.outcome.transport_failed or seen.outcome is Outcome.UNASKED:
        return None
    if seen.outcome is Outcome.ANSWERED:
        found = _answered(seen, primary=primary)
    else:
        text = _USELESS[seen.outcome]
        found = ResponseFault(MALFORMED.code, f"{text}: {seen.detail}" if seen.detail else text)
    if found is not None and seen.ede:
        return ResponseFault(found.code, f"{found.text} (extended error {enumerated(seen.ede)})")
    return found


def _answered(seen: Observation, *, primary: bool) -> ResponseFault | None:
    rcode = seen.rcode or "no rcode"
    if text := _NOT_SERVED.get(rcode):
        return ResponseFault(NOT_SERVED.code, f"{text} ({rcode})")
    if rcode == "SERVFAIL":
        if _no_copy(seen) or not primary:
            return ResponseFault(EXPIRED.code, "has no valid copy of the zone: expired, or never loaded (SERVFAIL)")
        return ResponseFault(BAD_RCODE.code, "is the primary and fails to answer (SERVFAIL)")
    if rcode != "NOERROR":
        return ResponseFault(BAD_RCODE.code, f"answers with the error {rcode}")
    if seen.shape in _SHAPES:
        return ResponseFault(*_SHAPES[seen.shape])
    if seen.soa is None:
        return ResponseFault(MALFORMED.code, "answers without the SOA record that was asked for")
    if not seen.authoritative:
        return ResponseFault(NOT_AUTHORITATIVE.code, "answers without authority (AA=0): a resolver or forwarder")
    return None


def _no_copy(seen: Observation) -> bool:
    return any(text.split(" ", 1)[0] in _NO_COPY for text in seen.ede)
