"""Runs one check over one zone's poll, and turns all that can go wrong with that into its result."""

from collections.abc import Iterable
from dataclasses import replace

from checks.base import Check, Statement
from checks.model import (
    CanaryArrival,
    CheckInconclusive,
    CheckResult,
    Finding,
    Health,
    Inconclusive,
    IxfrResponse,
    RememberedRecords,
    SignatureEnd,
    Zone,
    ZonePoll,
    ZoneTransfer,
)
from checks.zone_state.model import ZoneState


def run_check(check: Check, zone: Zone, poll: ZonePoll, zone_state: ZoneState) -> CheckResult:
    """The check's findings as a CheckResult.

    BAD whenever there are findings, of whatever severity: severity is policy and is not known here. GOOD only if
    something was decided. UNKNOWN, without findings, when the check was inconclusive, when nothing was asked,
    when every address that was asked is inconclusive as a whole, or when the check itself failed: a defect in a
    check accuses no server, and its ``reason`` begins with "check failed".
    """
    said: list[Statement] = []
    try:
        said.extend(check.evaluate(zone, poll, zone_state))
    except CheckInconclusive as undecided:
        return _with_the_rest(_unknown(check, zone, poll, str(undecided) or "undecided"), said)
    except Exception as defect:  # noqa: BLE001 - the one place where a defect in a check is contained
        return replace(_unknown(check, zone, poll, f"check failed: {type(defect).__name__}: {defect}"), failed=True)
    findings = tuple(sorted(_distinct(one for one in said if isinstance(one, Finding)), key=_place))
    unsure = tuple(dict.fromkeys(one for one in said if isinstance(one, Inconclusive)))
    if not findings and _nothing_decided(poll, unsure):
        why = unsure[0].reason if unsure else "nothing was asked"
        return _with_the_rest(_unknown(check, zone, poll, why, unsure), said)
    health = Health.BAD if findings else Health.GOOD
    ends = tuple(one for one in said if isinstance(one, SignatureEnd))
    return _with_the_rest(CheckResult(zone.name, check.name, poll.at, health, findings, unsure, ends=ends), said)


def _with_the_rest(result: CheckResult, said: Iterable[Statement]) -> CheckResult:
    """With what is so whatever was found, or could not be decided."""
    remembered = next((one for one in said if isinstance(one, RememberedRecords)), None)
    transfers = tuple(one for one in said if isinstance(one, ZoneTransfer))
    arrivals = tuple(one for one in said if isinstance(one, CanaryArrival))
    ixfr = tuple(one for one in said if isinstance(one, IxfrResponse))
    return replace(result, transfers=transfers, ixfr=ixfr, arrivals=arrivals, remembered=remembered)


def _unknown(check: Check, zone: Zone, poll: ZonePoll, why: str, unsure: tuple[Inconclusive, ...] = ()) -> CheckResult:
    return CheckResult(zone.name, check.name, poll.at, Health.UNKNOWN, (), unsure, why)


def _distinct(findings: Iterable[Finding]) -> Iterable[Finding]:
    """The first of each code, server, address and subject: that is what an alert is kept under."""
    first: dict[object, Finding] = {}
    for finding in findings:
        first.setdefault((finding.code, finding.server, finding.address, finding.subject), finding)
    return first.values()


def _place(finding: Finding) -> tuple[str, str, str, str]:
    return (finding.server or "", str(finding.address or ""), finding.code, finding.subject)


def _nothing_decided(poll: ZonePoll, unsure: tuple[Inconclusive, ...]) -> bool:
    whole = [one for one in unsure if one.subject is None]
    return all(any(one.covers(seen.query.server, seen.query.address, "") for one in whole) for seen in poll.seen)
