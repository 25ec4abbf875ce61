"""Compares a zone on two servers, record by record, without keeping either.

First digests of both are made while they are transferred (``ZoneDigest``). Where these differ both are transferred once
more, and the records of the parts that differ are kept: as many parts as may be kept at one time, and again for others
as long as fewer differences are known than are wanted, MAX_PASSES times at most. What was not read is said.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from checks.common.transfers import why_not_given
from checks.common.zone_difference import CannotCompare, ComparedZone, ZoneComparison, soa_line, zone_difference
from checks.model import Address, Observation, Outcome, Query, Soa, ZoneContent
from checks.model.content import BUCKETS
from monitor.polling.sweep import ProbeQueries

KEPT_RECORDS = 20_000
"""Records of each zone that are kept at one time, about: so many parts are read as have them on average."""
MAX_PASSES = 3
"""Times that each zone is transferred to see in what it differs."""
T = TypeVar("T")

MAX_STARTS = 2
"""Times that it is begun where a zone moves on meanwhile."""


@dataclass(frozen=True, slots=True)
class TransferSource:
    """A server to take the zone from: by the first of these transfers that is answered, each from another address."""

    server: str
    transfers: tuple[Query, ...]

    @property
    def addresses(self) -> tuple[Address, ...]:
        return tuple(transfer.address for transfer in self.transfers)


class _Moved(Exception):
    """A zone was on another serial when it was transferred again."""


async def compare_zones(
    probe: ProbeQueries, before: TransferSource, after: TransferSource, *, dnssec: bool, wanted: int
) -> ZoneComparison:
    """What a zone differs in from one server to the other. ``dnssec``: records of GENERATED_TYPES count; ``wanted``:
    so many differences are enough, and more are told where they are known.

    Raises CannotCompare where one of them gives no zone, or moves on whenever it is transferred again.
    """
    told = ""
    for _ in range(MAX_STARTS):
        seen = await _both(_first(probe, before), _first(probe, after))
        try:
            return await _in_detail(probe, seen, dnssec=dnssec, wanted=wanted)
        except _Moved as moved:
            told = str(moved)
    raise CannotCompare(f"{told} while it was compared; the zone changes faster than it can be transferred")


async def _in_detail(probe: ProbeQueries, seen: Sequence[Observation], *, dnssec: bool, wanted: int) -> ZoneComparison:
    first, second = map(_content, seen)
    differing = first.differing(second, dnssec=dnssec)
    at_once = max(1, KEPT_RECORDS * BUCKETS // max(first.records, second.records, 1))
    zone = seen[0].query.zone
    soas = [soa_line(zone, _soa(one)) for one in seen]
    difference = zone_difference(soas[:1], soas[1:], dnssec=dnssec)
    read, partly = 0, False
    for _ in range(MAX_PASSES):
        if read >= len(differing) or difference.number >= wanted:
            break
        parts = differing[read : read + at_once]
        one, other = await _both(*(_again(probe, each, parts) for each in seen))
        difference += zone_difference(one.kept, other.kept, dnssec=dnssec)
        partly |= one.overflow or other.overflow
        read += len(parts)
    zones = [ComparedZone(one.server, one.address, _soa(one), _content(one).records + 1) for one in seen]
    return ZoneComparison(zone, zones[0], zones[1], difference, max(0, len(differing) - read), partly)


async def _both(one: Coroutine[Any, Any, T], other: Coroutine[Any, Any, T]) -> tuple[T, T]:
    """What both return. Where one raises, the other is not waited for."""
    running = [asyncio.ensure_future(one), asyncio.ensure_future(other)]
    try:
        first, second = await asyncio.gather(*running)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    return first, second


async def _first(probe: ProbeQueries, source: TransferSource) -> Observation:
    """The zone from the first of the addresses that answers."""
    failed = ""
    for transfer in source.transfers:
        query = replace(transfer, whole=True, content=())
        seen = await _ask(probe, query)
        if seen.content is not None and seen.soa is not None:
            return seen
        failed = failed or f"{_place(query)} gives no zone: {why_not_given(seen)}"
        if seen.outcome is Outcome.ANSWERED:
            break
    raise CannotCompare(failed or f"no address of {source.server} is known")


async def _again(probe: ProbeQueries, seen: Observation, parts: tuple[int, ...]) -> ZoneContent:
    """The records of these parts, of the zone as it was."""
    query = replace(seen.query, content=parts)
    again = await _ask(probe, query)
    if again.content is None or again.soa is None:
        raise CannotCompare(f"{_place(query)} gave the zone once, and not again: {why_not_given(again)}")
    if again.soa.serial != _soa(seen).serial:
        raise _Moved(f"{_place(query)} went from serial {_soa(seen).serial} to {again.soa.serial}")
    return again.content


async def _ask(probe: ProbeQueries, query: Query) -> Observation:
    seen = [one async for batch in probe([query]) for one in batch]
    return seen[0]


def _place(query: Query) -> str:
    at = str(query.address)
    return at if query.server == at else f"{query.server} ({at})"


def _content(seen: Observation) -> ZoneContent:
    assert seen.content is not None  # noqa: S101 - _first returns none without it
    return seen.content


def _soa(seen: Observation) -> Soa:
    assert seen.soa is not None  # noqa: S101 - _first returns none without it
    return seen.soa
