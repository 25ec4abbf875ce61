"""IXFR (RFC 1995) at a server that must answer it: what is asked, and what a secondary could not take."""

from collections.abc import Iterable
from dataclasses import replace

from checks.common.open_transfers import FAILURE, PERMISSION
from checks.common.text import plural
from checks.model import IxfrAnswer, IxfrResponse, Observation, Query, TransferResult
from checks.model.finding_type import TRANSFERS, FindingType, Severity
from checks.model.ixfr import DifferenceSize

NOT_OFFERED = FindingType(
    "ixfr-not-offered", Severity.WARNING, "Incremental transfers are required, and are not to be had", family=TRANSFERS
)

_UNKNOWN_THERE = frozenset({"NOTIMP", "FORMERR"})
_WRONG = frozenset({TransferResult.MALFORMED, TransferResult.EMPTY, TransferResult.UNSIGNED})


def ixfr_queries(axfr: Query, serial: int) -> tuple[Query, Query]:
    """The same transfer, of what is new: since the serial that the address has, which is a SOA; and since the one that
    it had before, which shows whether it has the differences.
    """
    current = Query(
        axfr.zone, axfr.server, axfr.address, axfr.qname, "IXFR", axfr.transport, axfr.key, source=axfr.source,
        since=serial,
    )  # fmt: skip
    return current, replace(current, earlier=True)


def ixfr_answers(axfr: Query, seen: Iterable[Observation]) -> list[Observation]:
    """What came of these."""
    asked = ixfr_queries(axfr, 0)
    return [one for one in seen if replace(one.query, since=0) in asked]


def ixfr_response(answers: Iterable[Observation]) -> IxfrResponse | None:
    """What the answer was that shows most: the one to the earlier serial, if that is of any shape of IXFR."""
    known = (one for one in answers if one.ixfr is not None)
    best = max(known, key=lambda one: one.query.earlier, default=None)
    if best is None or best.ixfr is None or best.soa is None or best.query.since is None:
        return None
    asked = best.query
    return IxfrResponse(
        best.server, best.address, best.at, best.ixfr, best.query.since, best.soa.serial, _size(best), asked.key,
        asked.transport, asked.source,
    )  # fmt: skip


def _size(one: Observation) -> DifferenceSize | None:
    if one.ixfr is not IxfrAnswer.INCREMENTAL or one.took is None:
        return None
    return DifferenceSize(one.took, one.octets, one.messages, one.records)


def ixfr_faults(answers: Iterable[Observation]) -> list[str | None]:
    """What is wrong with each answer, as ``why_not_offered`` has it, in words that tell them apart."""
    return [_asked_from(one, why_not_offered(one)) for one in answers]


def _asked_from(one: Observation, why: str | None) -> str | None:
    return f"{why} (asked from serial {one.query.since}, which it had before)" if why and one.query.earlier else why


def why_not_offered(seen: Observation) -> str | None:
    """What is wrong with the answer; empty where a secondary can take it. None: it tells nothing of IXFR."""
    result = seen.transfer
    moved = seen.soa is not None and seen.soa.serial != seen.query.since
    if seen.ixfr is IxfrAnswer.FULL_ZONE and not moved:
        return f"it answers with the whole zone to who has serial {seen.query.since}, as it has itself"
    if seen.ixfr is not None:
        return ""
    if result in PERMISSION:
        return PERMISSION[result]
    if result is TransferResult.RCODE and seen.rcode in _UNKNOWN_THERE:
        return f"the server does not know it ({seen.rcode})"
    if result in _WRONG:
        after = f", after {plural(seen.records, 'record')}" if seen.records else ""
        return f"{FAILURE[result]}: {seen.detail}" if seen.detail else f"{FAILURE[result]}{after}"
    return None
