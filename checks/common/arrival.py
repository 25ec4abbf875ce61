"""Judges one look at one address: whether what is waited for has arrived there, and what is there instead."""

from collections.abc import Iterable
from dataclasses import dataclass

from checks.common.response_faults import fault
from checks.common.rrset_content import RRsetContent, content_of
from checks.common.serial import behind, unordered
from checks.model import Observation, Outcome, Shape
from checks.model.awaited import Awaited, AwaitedRecord, Presence

MAX_TOLD = 3
"""Things that are told of one address at once."""

_SILENCE = {
    Outcome.TIMEOUT: "does not answer",
    Outcome.UNREACHABLE: "cannot be reached",
    Outcome.REFUSED_CONNECTION: "refuses the connection",
    Outcome.UNASKED: "could not be asked",
}
_ELSEWHERE = (Shape.UPWARD, Shape.OTHER)
"""Answers that are not about the question, whoever gives them."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at one address came to. ``text`` is a predicate: "the server …".

    ``good``: all that is waited for is there; where that is the version of the others, that one is served at all.
    ``serial`` is known where it was asked for. ``nsids`` are the machines that answered (RFC 5001).
    """

    good: bool
    text: str
    serial: int | None = None
    nsids: tuple[str, ...] = ()
    asked: bool = True
    """False: not even that could be done, for a reason that is here and not there."""


def judge_look(awaited: Awaited, seen: Iterable[Observation], *, primary: bool = False) -> Look:
    """What the answers to ``awaited.questions`` come to. One that could not be had is no good look."""
    answers = {(one.query.qname, one.query.qtype): one for one in seen}
    nsids = tuple(dict.fromkeys(one.nsid for one in answers.values() if one.nsid is not None))
    lacking: list[str] = []
    arrived: list[str] = []
    serial = None
    for (_, qtype), one in answers.items():
        if qtype == "SOA":
            serial = one.serial
            reached, text = _serial(awaited.serial, one, primary=primary)
            (arrived if reached else lacking).append(text)
    for record in awaited.records:
        reached, text = _record(record, answers[record.name, record.type])
        (arrived if reached else lacking).append(text)
    told = tuple(dict.fromkeys(lacking or arrived))
    more = f"; and {len(told) - MAX_TOLD} more" if len(told) > MAX_TOLD else ""
    asked = all(one.outcome is not Outcome.UNASKED for one in answers.values())
    return Look(not lacking, "; ".join(told[:MAX_TOLD]) + more, serial, nsids, asked)


def serial_text(serial: int, wanted: int) -> str:
    """What an address serves, beside what it is to serve: "the server …"."""
    if serial == wanted:
        return f"serves {serial}"
    if unordered(serial, wanted):
        return f"serves {serial}, of which nobody can tell whether it is newer than {wanted}: they are 2^31 apart"
    return f"serves {serial}, {'newer' if behind(wanted, serial) is None else 'older'} than {wanted}"


def has_reached(serial: int, wanted: int) -> bool:
    """Whether a serial is the one that is wanted, or newer (RFC 1982 section 3.2)."""
    return behind(serial, wanted) is not None


def _serial(wanted: int | None, seen: Observation, *, primary: bool) -> tuple[bool, str]:
    if seen.serial is None:
        return False, _trouble(seen, primary=primary)
    if wanted is None:
        return True, f"serves {seen.serial}"
    return has_reached(seen.serial, wanted), serial_text(seen.serial, wanted)


def _record(record: AwaitedRecord, seen: Observation) -> tuple[bool, str]:
    content = content_of(seen)
    if content is None:
        return False, _trouble(seen, primary=False)
    return _holds(record, content), f"has {_words(content, seen)} for {record}"


def _holds(record: AwaitedRecord, content: RRsetContent) -> bool:
    """A CNAME or a delegation there says neither that the records are there nor that they are gone."""
    if content.instead:
        return False
    wanted, there = set(record.rdata), set(content.rdata)
    if record.presence is Presence.ABSENT:
        return there.isdisjoint(wanted) if wanted else not there
    if record.presence is Presence.EXACT:
        return there == wanted
    return bool(there) and wanted <= there


def _words(content: RRsetContent, seen: Observation) -> str:
    if content.instead or content.rdata:
        return str(content)
    return "nothing (NXDOMAIN)" if seen.rcode == "NXDOMAIN" else "nothing (NODATA)"


def _trouble(seen: Observation, *, primary: bool) -> str:
    """Why an answer tells nothing of the zone."""
    if seen.outcome in _SILENCE:
        text = _SILENCE[seen.outcome]
        return f"{text} ({seen.detail})" if seen.detail else text
    of_zone = seen.rcode in ("NOERROR", "NXDOMAIN") and seen.shape not in _ELSEWHERE
    if seen.query.qtype != "SOA" and seen.outcome is Outcome.ANSWERED and of_zone:
        return "answers without authority (AA=0): a resolver or forwarder"
    found = fault(seen, primary=primary)
    return found.text if found is not None else "sends an answer that cannot be used"
