"""Transfers catalog zones (RFC 9432): the SOA first, then the zone if it is another version, over one connection."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from checks.model import Address, Outcome, Query, Soa, TransferResult
from monitor.clock import Now
from monitor.probe.client.axfr import Transfer
from monitor.probe.client.catalog_reader import BrokenCatalog, CatalogContent, CatalogReader
from monitor.probe.client.observations import QueryFailure
from monitor.probe.client.sockets import Sockets
from monitor.probe.client.tcp import Broken, Stream, connect
from monitor.probe.message import response as complete_reader
from monitor.probe.message import wire as wire_format
from monitor.probe.message.request import Question, Request, make_request, question
from monitor.probe.message.response import Unmatched
from monitor.probe.message.text import bounded
from monitor.probe.message.tsig import Signer, Verifier
from monitor.probe.message.wire import Malformed
from monitor.probe.settings import Probe
from monitor.probe.types import TsigKey

MAX_SILENCE = 15.0
"""Seconds that a server may keep silent within a transfer."""
MAX_CONNECTIONS = 32
"""At one time; a server may have one for as long as a transfer may take."""


class CatalogUnread(Exception):
    """The catalog could not be had from an address; the sentence says why and is printable."""


@dataclass(frozen=True, slots=True)
class CatalogVersion:
    """The catalog as an address has it. ``content`` is None where it is the version that was known."""

    soa: Soa
    content: CatalogContent | None


class CatalogClient:
    """Asks for catalogs, with sockets of its own; one question at a time to each address. Who finds MAX_CONNECTIONS
    under way waits for the next that ends.
    """

    def __init__(self, settings: Probe, keys: Mapping[str, TsigKey], now: Now) -> None:
        self._settings = settings
        self._keys, self._now = keys, now
        self._sockets = Sockets(settings.source, MAX_CONNECTIONS)
        self._connections = asyncio.Semaphore(MAX_CONNECTIONS)

    async def read(self, catalog: str, address: Address, key: str | None, known: int | None) -> CatalogVersion:
        """The catalog, unless its serial is the ``known`` one. Raises CatalogUnread and BrokenCatalog.

        The SOA is asked for over TCP, with the key: Knot DNS gives that of a catalog in no other way.
        """
        signer = self._signer(key)
        async with self._connections:
            return await self._read(catalog, address, signer, known)

    async def _read(self, catalog: str, address: Address, signer: Signer | None, known: int | None) -> CatalogVersion:
        stream = await connect(self._sockets, address, self._settings.timeout)
        if isinstance(stream, QueryFailure):
            raise CatalogUnread(bounded(stream.detail))
        try:
            soa = await self._soa(stream, _question(catalog, address, "SOA"), signer)
            if soa.serial == known:
                return CatalogVersion(soa, None)
            return await self._transferred(stream, _question(catalog, address, "AXFR"), signer)
        finally:
            stream.close()

    def _signer(self, key: str | None) -> Signer | None:
        try:
            return None if key is None else Signer(self._keys[key], lambda: self._now().timestamp())
        except ValueError as error:
            raise CatalogUnread(str(error)) from None

    async def _soa(self, stream: Stream, asked: Question, signer: Signer | None) -> Soa:
        request, verifier = _signed(asked, signer)
        until = asyncio.get_running_loop().time() + self._settings.timeout
        try:
            await stream.send(until, request.wire)
            wire = await stream.message(until, self._settings.timeout)
            complete_reader.require_match(wire, request)
            answer, outline = complete_reader.read(wire, asked), wire_format.outline(wire)
        except Broken as broken:
            raise CatalogUnread(f"asked for its SOA over TCP: {broken}") from None
        except (Unmatched, Malformed) as reason:
            raise CatalogUnread(f"asked for its SOA over TCP: {bounded(str(reason))}") from None
        fault = verifier and verifier.verify(
            wire, None if outline.tsig is None else wire_format.record(wire, outline.tsig)
        )
        if fault and not (answer.error and fault.error in ("", "UNSIGNED")):
            why = bounded(fault.text) if fault.error in fault.text else f"{fault.error}: {bounded(fault.text)}"
            raise CatalogUnread(f"asked for its SOA over TCP: {why}")
        if answer.error or answer.soa is None:
            raise CatalogUnread(f"asked for its SOA over TCP: {answer.rcode}{'' if answer.error else ' without one'}")
        return answer.soa

    async def _transferred(self, stream: Stream, asked: Question, signer: Signer | None) -> CatalogVersion:
        request, verifier = _signed(asked, signer)
        transfer, reader = Transfer(stream, request, verifier, self._settings.transfer), CatalogReader(asked.name)
        ended = await transfer.whole(max(self._settings.timeout, MAX_SILENCE), reader)
        if reader.overfull:
            soa = ended.answer and ended.answer.soa
            raise BrokenCatalog(ended.detail, soa.serial if soa else None)
        if ended.outcome is not Outcome.ANSWERED or ended.transfer is not TransferResult.ALLOWED:
            why = f"{ended.transfer}: {ended.detail}" if ended.detail else str(ended.transfer)
            raise CatalogUnread(f"transfer: {bounded(why)}")
        if ended.answer is None or ended.answer.soa is None:
            raise CatalogUnread("transfer: without a SOA")
        soa = ended.answer.soa
        try:
            return CatalogVersion(soa, await asyncio.to_thread(reader.content))
        except BrokenCatalog as error:
            raise BrokenCatalog(str(error), soa.serial) from None


def _question(catalog: str, address: Address, qtype: str) -> Question:
    return question(Query(catalog, str(address), address, catalog, qtype))


def _signed(asked: Question, signer: Signer | None) -> tuple[Request, Verifier | None]:
    """Without EDNS, as secondaries ask."""
    request = make_request(asked, edns=False)
    if signer is None:
        return request, None
    request = signer.sign(request)
    return request, signer.verifier(request)
