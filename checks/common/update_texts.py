"""Says why an update (RFC 2136) was not taken."""

from collections.abc import Mapping
from types import MappingProxyType

from checks.model import Observation, UpdateResult

_REASON: Mapping[UpdateResult, str] = MappingProxyType(
    {
        UpdateResult.REFUSED: "the key may not change it from here (REFUSED)",
        UpdateResult.NOTAUTH: "not authoritative for the zone, or the signature rejected and no reason given (NOTAUTH)",
        UpdateResult.NOTZONE: "the name is not in that zone (NOTZONE)",
        UpdateResult.NOTIMP: "it takes no updates at all (NOTIMP)",
        UpdateResult.SERVFAIL: "it fails to carry it out (SERVFAIL)",
        UpdateResult.BADKEY: "it does not know the key by this name and algorithm, or not for that name (BADKEY)",
        UpdateResult.BADSIG: "the signature is not one of its key: the secrets differ (BADSIG)",
        UpdateResult.BADALG: "the algorithm of the key is not the one it has (BADALG)",
        UpdateResult.UNSIGNED: "it says that it is done, and does not sign that",
        UpdateResult.MALFORMED: "the answer cannot be understood",
        UpdateResult.TIMEOUT: "no answer over TCP",
        UpdateResult.RESET: "no connection, or none that lasted",
        UpdateResult.UNREACHABLE: "it cannot be reached",
    }
)


def why_not_done(seen: Observation) -> str:
    """What came of the update in place of a change."""
    if seen.update is None:
        return seen.detail or seen.outcome.value
    if seen.update is UpdateResult.BADTIME:
        if seen.skew is None:
            return "the clocks disagree (BADTIME)"
        way = "ahead of" if seen.skew >= 0 else "behind"
        return f"the clocks disagree (BADTIME): the server's is {round(abs(seen.skew))} s {way} the monitor's"
    if seen.update is UpdateResult.RCODE:
        return f"it answers with {seen.rcode}"
    if seen.update is UpdateResult.REFUSED and seen.detail:
        return "REFUSED, and that is not signed: the key may be unknown there, have another secret, or a clock be wrong"
    reason = _REASON.get(seen.update, seen.update.value)
    told = seen.update in (UpdateResult.MALFORMED, UpdateResult.TIMEOUT, UpdateResult.RESET, UpdateResult.UNREACHABLE)
    return f"{reason}: {seen.detail}" if told and seen.detail else reason
