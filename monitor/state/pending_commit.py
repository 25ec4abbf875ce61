"""A commit in the making: what a batch of polls has changed so far."""

from dataclasses import dataclass, field
from datetime import datetime

from alerting.model import Alert, AlertKey, Transition
from checks.model.canary import CanaryArrival
from checks.zone_state.model import Propagation, StateChange, ZoneState
from monitor.state.fast_path import FastPathChanges
from monitor.state.ports import KeptTransfers, RecordMemory

CheckOfZone = tuple[str, str]
"""A check, and the zone that it looks at."""


@dataclass(slots=True)
class PendingCommit:
    """A commit in the making, the zones whose status it changes, and which became steady, or do no longer."""

    path_changes: FastPathChanges
    zone_states: dict[str, ZoneState] = field(default_factory=dict)
    state_changes: list[StateChange] = field(default_factory=list)
    propagations: list[Propagation] = field(default_factory=list)
    canary_arrivals: list[CanaryArrival] = field(default_factory=list)
    alerts: dict[AlertKey, Alert] = field(default_factory=dict)
    transitions: list[Transition] = field(default_factory=list)
    dropped: tuple[str, ...] = ()
    touched: set[str] = field(default_factory=set)
    failed: list[str] = field(default_factory=list)
    """Checks that could not judge a zone because of a bug of their own."""
    rechecks: dict[CheckOfZone, datetime | None] = field(default_factory=dict)
    """When to look again before the next regular look, as the latest poll has it; None: no more."""
    new_rows: dict[str, bytes] = field(default_factory=dict)
    """Packed zone states of zones whose first poll was like that of another."""
    first: list[int] = field(default_factory=list)
    """Their numbers in the table."""
    took_over: list[int] = field(default_factory=list)
    """Zones, by number, of which a check that decides on their health has taken over a result."""
    other_over_udp: dict[int, None] = field(default_factory=dict)
    """Zones, by number, of which UDP has brought something else than before, while something stands at servers."""
    record_memories: dict[CheckOfZone, RecordMemory] = field(default_factory=dict)
    transfers: dict[CheckOfZone, KeptTransfers] = field(default_factory=dict)
    unchanged: int = 0
    """Polls that were passed over."""
    evaluated: int = 0
    """Polls of soa-serial that were evaluated."""
