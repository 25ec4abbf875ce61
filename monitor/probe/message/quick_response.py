"""The quick readers together: usual answers to a question for a SOA, and to one for another RRset.

Whatever they decline is for the complete reader (``response.read``); what they read they read as it does.
"""

from monitor.probe.message import response, rrset_response, soa_response
from monitor.probe.message.request import SOA, Question
from monitor.probe.message.response import Answer

Outline = soa_response.SoaOutline | rrset_response.RrsetOutline


def outline(wire: bytes, section: bytes, rtype: int) -> Outline | None:
    """Where things are in a usual answer; ``section`` is the question section as it was asked, in lower case."""
    if rtype == SOA:
        return soa_response.soa_outline(wire, section)
    return rrset_response.rrset_outline(wire, section)


def content_fingerprint(wire: bytes, found: Outline | None) -> int:
    """What stands for all that an answer says, in whatever order its records come; 0 where it is not of the usual."""
    if isinstance(found, soa_response.SoaOutline):
        return soa_response.soa_fingerprint(wire, found) if found.soa else 0
    return found.fingerprint() if found is not None else 0


def to_answer(wire: bytes, text: str, found: Outline | None) -> Answer | None:
    """The values of what was outlined, ``text`` being the name that was asked for; None where they decline."""
    if isinstance(found, soa_response.SoaOutline):
        return soa_response.to_answer(wire, text, found)
    return rrset_response.to_answer(text, found) if found is not None else None


def read_usual(wire: bytes, question: Question) -> Answer | None:
    """What the complete reader would say, or None."""
    if question.referral:
        return None
    return to_answer(wire, question.text, outline(wire, question.section, question.type))


def read(wire: bytes, question: Question) -> Answer:
    """By the quick readers, or else by the complete one. Raises Malformed."""
    return read_usual(wire, question) or response.read(wire, question)
