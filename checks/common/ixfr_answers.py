"""IXFR (RFC 1995) at a server that must answer it: what is asked, and what a secondary could not take."""

from checks.common.open_transfers import FAILURE, PERMISSION
from checks.common.text import plural
from checks.model import IxfrAnswer, Observation, Query, TransferResult
from checks.model.finding_type import TRANSFERS, FindingType, Severity

NOT_OFFERED = FindingType(
    "ixfr-not-offered", Severity.WARNING, "Incremental transfers are required, and are not to be had", family=TRANSFERS
)

_UNKNOWN_THERE = frozenset({"NOTIMP", "FORMERR"})
_WRONG = frozenset({TransferResult.MALFORMED, TransferResult.EMPTY, TransferResult.UNSIGNED})


def ixfr_query(axfr: Query, serial: int) -> Query:
    """The same transfer, of what is new since the serial; asked with the one it has, that is a SOA."""
    return Query(
        axfr.zone, axfr.server, axfr.address, axfr.qname, "IXFR", axfr.transport, axfr.key, source=axfr.source,
        since=serial,
    )  # fmt: skip


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
