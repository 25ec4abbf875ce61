"""From which serial IXFR is asked: the one that an address served before it served the one that it has now."""

from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from checks.common.epoch import EPOCH
from checks.common.serial import newer
from checks.model import Observation, Query
from monitor.polling.sweep import ProbeQueries
from monitor.state.ports import AddressHistoryRow, StoreError

MAX_RUNS = 500
"""Rows of a zone's history that are looked through, the newest of all its addresses."""


class AddressHistory(Protocol):
    """What a store remembers of who served what (``monitor.state.ports.Store.address_history``)."""

    def __call__(self, zone: str, since: datetime, limit: int, /) -> Awaitable[Sequence[AddressHistoryRow]]: ...


async def nothing_known(_zone: str, _since: datetime, _limit: int) -> Sequence[AddressHistoryRow]:
    """The history where there is no store."""
    return ()


def from_earlier(
    queries: Iterable[Query], probe: ProbeQueries, history: AddressHistory
) -> AsyncIterator[Sequence[Observation]]:
    """Asks as ``probe`` does; those that are to be asked since an ``earlier`` serial by what the history says, and not
    at all where it says nothing.
    """
    asked = tuple(queries)
    return _resolved(asked, probe, history) if any(query.earlier for query in asked) else probe(asked)


async def _resolved(
    queries: Sequence[Query], probe: ProbeQueries, history: AddressHistory
) -> AsyncIterator[Sequence[Observation]]:
    runs = {zone: await _runs(zone, history) for zone in {query.zone for query in queries if query.earlier}}
    found = [earlier_query(query, runs[query.zone]) if query.earlier else query for query in queries]
    if asked := [query for query in found if query is not None]:
        async for batch in probe(asked):
            yield batch


def earlier_query(query: Query, runs: Mapping[tuple[str, str], Sequence[int]]) -> Query | None:
    """The query since the latest serial that is older (RFC 1982) than the one it has; None: none is known.

    ``runs`` are the serials that each server served at each address, the latest first.
    """
    now = query.since
    served = runs.get((query.server, str(query.address)), ())
    before = next((serial for serial in served if now is not None and newer(now, serial)), None)
    return None if before is None else replace(query, since=before)


async def _runs(zone: str, history: AddressHistory) -> Mapping[tuple[str, str], Sequence[int]]:
    try:
        rows = await history(zone, EPOCH, MAX_RUNS)
    except StoreError:  # who writes tells of it
        return {}
    served: dict[tuple[str, str], list[int]] = {}
    for row in reversed(rows):
        if row.serial is not None:
            served.setdefault((row.server, row.address), []).append(row.serial)
    return served
