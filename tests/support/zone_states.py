"""Zone states rebuilt from what is stored of them."""

import json
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from checks.model import Address, Soa
from checks.registry import FINDINGS
from checks.zone_state.model import (
    AddressState,
    IdentityState,
    SerialGroup,
    UnconfirmedSerial,
    Version,
    ZoneState,
)

REPLICATION_STATES = (
    "unknown", "in-sync", "propagating", "silent", "not-served",
    *(found.state for found in FINDINGS if found.state is not None),
)  # fmt: skip
"""All that an address may have."""


def rebuilt(zone_state: ZoneState) -> ZoneState:
    """Through JSON and back, as a store does it."""
    text = json.dumps(asdict(zone_state), default=lambda value: value.isoformat())
    return build(ZoneState, json.loads(text))


NESTED: dict[str, Any] = {
    "serial_groups": SerialGroup,
    "address_states": AddressState,
    "versions": Version,
    "address": Address,
    "doubt": UnconfirmedSerial,
    "identities": IdentityState,
    "regressed": Version,
    "jumped": Version,
    "soa": Soa,
}


TIMES = {"at", "since", "changed", "synced", "checked_at", "expires", "absent", "seen"}


def build(kind: Any, value: dict[str, Any]) -> Any:
    given = {}
    for field in fields(kind):
        one = value[field.name]
        if isinstance(one, list):
            one = tuple(build(NESTED[field.name], item) for item in one)
        elif field.name in NESTED and one is not None:
            one = build(NESTED[field.name], one)
        elif field.name in TIMES and one is not None:
            one = datetime.fromisoformat(one)
        given[field.name] = one
    return kind(**given)
