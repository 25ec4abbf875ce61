"""A zone given away to whoever asks: what counts as that, with a rule and without one."""

from checks.model import Observation, Outcome, TransferResult
from checks.model.finding_type import FindingType, Severity

OPEN = FindingType("transfer-open", Severity.WARNING, "A zone transfer is given away to somebody who need not have it")

PERMISSION = {
    TransferResult.REFUSED: "not allowed (REFUSED)",
    TransferResult.NOTAUTH: "not allowed (NOTAUTH)",
    TransferResult.BADKEY: "the key is unknown there, or not allowed (BADKEY)",
    TransferResult.BADSIG: "the secret is another one there (BADSIG)",
    TransferResult.BADTIME: "the clocks disagree (BADTIME)",
    TransferResult.BADALG: "the key's algorithm is not accepted (BADALG)",
}
FAILURE = {
    TransferResult.UNSIGNED: "the answer is not signed although the question was",
    TransferResult.SERVFAIL: "the server fails (SERVFAIL)",
    TransferResult.RCODE: "the server answers with an error",
    TransferResult.RESET: "the connection was closed or reset",
    TransferResult.TIMEOUT: "it did not come to an end in time",
    TransferResult.EMPTY: "it gives nothing but the zone's SOA, if that",
    TransferResult.TRUNCATED: "it broke off before its end",
    TransferResult.MALFORMED: "it is malformed",
    TransferResult.SERIAL_MOVED: "it ends with another SOA than it began with",
    TransferResult.LIMIT: "it went beyond the monitor's limits",
    TransferResult.TLS: "there is no TLS over which it could be asked for",
}
_WITHHELD = frozenset({*PERMISSION, TransferResult.RCODE, TransferResult.RESET, TransferResult.EMPTY})
"""Endings that give nothing away and leave no doubt about it, while the server does serve the zone over TCP."""


def why_unasked(axfr: Observation | None) -> str:
    """Why there is no word of how a transfer ended."""
    if axfr is not None and axfr.outcome is Outcome.UNASKED and axfr.detail:
        return axfr.detail
    return "no TCP, or the monitor could not ask"


def is_given(axfr: Observation) -> bool:
    """Whether more came than the zone's SOA, which whoever may ask has anyway."""
    return axfr.transfer is TransferResult.ALLOWED or axfr.given > 0


def is_withheld(axfr: Observation) -> bool:
    """Whether it came to an end, if a strange one, and of the zone there was nothing but its SOA in it."""
    if axfr.transfer in _WITHHELD:
        return True
    ended = axfr.transfer in (TransferResult.SERIAL_MOVED, TransferResult.MALFORMED)
    return ended and axfr.records > 1 and not axfr.given
