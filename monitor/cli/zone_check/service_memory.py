"""What the service remembers of a zone, if that is fit to judge by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from checks.base import cadence_of
from checks.common.epoch import EPOCH
from checks.common.text import format_time
from checks.model import RememberedRecords
from checks.registry import CHECKS
from checks.zone_state.model import SERIAL_CHECK, ZoneState
from monitor.cli.zone_check.target import CheckTarget
from monitor.polling.earlier_serials import MAX_RUNS
from monitor.state.ports import AddressHistoryRow, StoreError

STALE = 3
"""Cadences after which a service that has not looked again does not run, and its memory is old."""


@dataclass(frozen=True, slots=True)
class ServiceMemory:
    """A zone state to begin with, whose it is (empty: nobody's), why it is not the service's, what each check remembers
    of records, and who served what before: that is so however long ago the service looked.
    """

    zone_state: ZoneState
    of: str = ""
    notes: tuple[str, ...] = ()
    records: Mapping[str, RememberedRecords] = field(default_factory=dict)
    history: Sequence[AddressHistoryRow] = ()

    async def address_history(self, _zone: str, _since: datetime, _limit: int) -> Sequence[AddressHistoryRow]:
        """``history``: it is that of the one zone that is asked."""
        return self.history


async def read_service_memory(what: CheckTarget, at: datetime) -> ServiceMemory:
    """The service's state of the zone, where there is one that is kept up to date.

    The zone state of a service that stands still says nothing of what came since: it would take every difference for a
    new one, and whoever it last saw in sync long ago for one that is about to expire.
    """
    nothing = ZoneState(what.zone)
    if what.database is None:
        return ServiceMemory(nothing)
    try:
        if not what.database.exists():
            return ServiceMemory(nothing)
        from monitor.store.reader import open_reader  # it takes a quarter of the start, and many have no service

        reader = await open_reader(what.database)
        try:
            zone_state = await reader.zone_state(what.zone)
            records = await reader.records(what.zone)
            runs = await reader.address_history(what.zone, EPOCH, MAX_RUNS)
        finally:
            await reader.close()
    except (StoreError, OSError) as error:
        return ServiceMemory(nothing, notes=(f"looking without memory: {error}",))
    if zone_state is None or zone_state.at is None:
        return ServiceMemory(nothing, history=runs)
    every = cadence_of(CHECKS[SERIAL_CHECK], what.config.zones[what.zone].cadence, what.config.cadence)
    if not every:
        return ServiceMemory(nothing, history=runs)
    if at - zone_state.at > STALE * every + timedelta(seconds=what.config.probe.timeout * what.config.probe.attempts):
        note = f"the service last looked {format_time(zone_state.at)}, so its memory is not used"
        return ServiceMemory(nothing, notes=(note,), history=runs)
    return ServiceMemory(zone_state, str(what.database), records=records, history=runs)
