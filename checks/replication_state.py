"""The replication state of an address, in one word."""

from collections.abc import Iterable

from checks.common.serial import behind, newer
from checks.model import Finding, Outcome, Zone
from checks.registry import FINDINGS
from checks.zone_state.address import ANSWERED
from checks.zone_state.model import AddressState, ZoneState
from checks.zone_state.update import serial_group_of, unsigned

_BY_CODE = {found.code: found.state for found in FINDINGS if found.state is not None}
_SILENT = frozenset(outcome.value for outcome in Outcome if outcome.transport_failed)
_OPEN = frozenset(
    {Outcome.UNASKED.value, Outcome.MALFORMED.value, Outcome.MISMATCHED.value, Outcome.TRUNCATED_ONLY.value}
)


def replication_state(
    zone: Zone, zone_state: ZoneState, address_state: AddressState | None, findings: Iterable[Finding]
) -> str:
    """in-sync, propagating, late, overdue, stuck, ahead, unordered, silent, not-served or unknown.

    ``findings`` are those of the check soa-serial, of any address. What is not yet a finding (a version on its
    way, at the address or at one of several machines behind it; something believed only at a second look) is
    "propagating". "silent": nothing listens or answers there; "not-served": it answers, but with no version of the
    zone; "unknown": not looked at, or nothing that could be understood came back.
    """
    if address_state is None or address_state.outcome in _OPEN:
        return "unknown"
    if address_state.outcome in _SILENT:
        return "silent"
    if address_state.outcome != ANSWERED or address_state.serial is None:
        return "not-served"
    for finding in findings:
        if (finding.server, finding.address) == (
            address_state.server,
            address_state.address,
        ) and finding.code in _BY_CODE:
            return _BY_CODE[finding.code]
    serial_group = serial_group_of(zone_state, address_state.group)
    if serial_group is None or serial_group.reference is None:
        return "unknown"
    others = any(one.serial != address_state.serial for one in address_state.identities)
    if address_state.serial == serial_group.reference and address_state.doubt is None and not others:
        waits = address_state.server == zone.signer and unsigned(zone, zone_state) is not None
        return "propagating" if waits else "in-sync"
    if behind(serial_group.reference, address_state.serial) is None and not newer(
        address_state.serial, serial_group.reference
    ):
        return "unordered"
    return "propagating"
