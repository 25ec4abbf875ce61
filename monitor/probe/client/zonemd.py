"""The digest of a zone that its ZONEMD record is compared with (RFC 8976 section 3.3, scheme SIMPLE).

Sorting and hashing take a thread, a slice at a time: a zone may be large, and the disk may make it wait.
"""

import asyncio
import hashlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar

from checks.model import ZoneContent
from monitor.probe.message.record_sorter import RecordSorter

T = TypeVar("T")

HASHES = MappingProxyType({1: hashlib.sha384, 2: hashlib.sha512})
"""By the number of the hash algorithm (RFC 8976 section 5.3)."""


async def make_room(sorter: RecordSorter) -> None:
    """Lets the disk have what is too much for memory."""
    if sorter.full:
        await _in_thread(sorter.spill)


async def with_digests(content: ZoneContent, sorter: RecordSorter, algorithms: Collection[int]) -> ZoneContent:
    """``content`` with the zone's digests by these hash algorithms, where the sorter has all its records."""
    hashes = {algorithm: HASHES[algorithm]() for algorithm in algorithms}
    merged = sorter.merge()
    while await _in_thread(partial(_step, merged, tuple(hashes.values()))):
        pass
    if sorter.failed:
        return replace(content, undigested=sorter.failed)
    return replace(content, digests=tuple((algorithm, made.digest()) for algorithm, made in hashes.items()))


def _step(merged: Iterator[bytes], hashes: Collection[Any]) -> bool:
    """Hashes a slice of the zone; False: there is no more."""
    some = next(merged, b"")
    for each in hashes:
        each.update(some)
    return bool(some)


async def _in_thread(call: Callable[[], T]) -> T:
    """Its end is waited for even when this is cancelled: the file that it uses is closed after that."""
    running = asyncio.ensure_future(asyncio.to_thread(call))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.gather(running, return_exceptions=True)
        raise
