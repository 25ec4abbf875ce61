"""Runs one query over UDP, TCP or as a transfer, to an observation."""

import asyncio
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from weakref import WeakValueDictionary

from checks.model import NO_ANSWER, Observation, Outcome, Query, TransferResult, Transport
from checks.model.tls import TlsFault
from monitor.clock import Now
from monitor.probe.bulk.engine import BulkEngine
from monitor.probe.bulk.udp_exchange import UdpExchange
from monitor.probe.client.axfr import Ended, Transfer
from monitor.probe.client.ixfr import IncrementalTransfer
from monitor.probe.client.observations import ExchangeResult, QueryFailure, Response, failed
from monitor.probe.client.result_stream import Suspicion
from monitor.probe.client.sockets import Sockets, Unasked
from monitor.probe.client.target_queue import QueryAttempt
from monitor.probe.client.tcp import Stream, connect, over_tcp
from monitor.probe.client.tls import TlsContexts, TlsStream
from monitor.probe.client.tls_pool import TlsPool
from monitor.probe.client.update import Updates
from monitor.probe.client.without_edns import retry_without_edns
from monitor.probe.client.zonemd import with_digests
from monitor.probe.message.ixfr import from_serial
from monitor.probe.message.record_sorter import RecordSorter
from monitor.probe.message.request import AXFR, IXFR, ZONEVERSION, Question, make_request, question
from monitor.probe.message.text import bounded
from monitor.probe.message.tsig import Signer
from monitor.probe.message.zone_digest import ZoneDigest
from monitor.probe.settings import Probe, TlsSettings
from monitor.probe.types import TsigKey

TRANSIENT_RESULTS = frozenset({
    TransferResult.SERIAL_MOVED, TransferResult.RESET, TransferResult.TRUNCATED,
    TransferResult.EMPTY, TransferResult.SERVFAIL, TransferResult.TIMEOUT,
})  # fmt: skip
"""How a transfer ends when the zone changes, the server reloads or the way is cut under it, or when it has too many
transfers under way (BIND says SERVFAIL beyond ``transfers-out``); once more tells that from a fault."""

RETRANSFER_DELAY = 0.25
"""What is waited before that, as a share of ``probe.timeout``: half a second by default."""

MIN_PAYLOAD = 512
"""Octets that fit into a datagram whatever is agreed on (RFC 1035 section 2.3.4): no reason to truncate."""

MAX_STRAYS = 3
"""Stray packets beside which a right answer over UDP is still believed, when TCP cannot tell."""

MAX_DIGESTS = 2
"""Whole zones read for their content at one time, over all servers, and one from each server: it takes a processor."""

MAX_SILENCE = 15.0
"""Seconds that a server may keep silent within a whole transfer."""


class Exchange:
    """Runs queries; keeps nothing of any of them."""

    def __init__(
        self, settings: Probe, keys: Mapping[str, TsigKey], now: Now, sockets: Sockets, udp: BulkEngine,
        tls: Mapping[str, TlsSettings],
    ) -> None:  # fmt: skip
        self._settings = settings
        self._keys = keys
        self._now = now
        self._sockets, self._udp = sockets, udp
        self._signers: dict[str, Signer] = {}
        self._digests = asyncio.Semaphore(MAX_DIGESTS)
        self._digesting: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        """Servers from which a zone is read for its content."""
        self._updates = Updates(sockets, now)
        self._tls = TlsContexts(tls)
        self.tls_pool = TlsPool(sockets, self._tls)

    async def observe(self, attempt: QueryAttempt) -> Observation:
        """Exactly one observation, whatever happens on the network."""
        query = attempt.query
        try:
            asked = question(query)
            signer = self._signer(query.key)
            self._sockets.endpoint(query.address)
        except (ValueError, Unasked) as reason:
            return self.unasked(query, str(reason))
        if asked.type == AXFR and query.content is not None:
            turn = self._digesting.setdefault(query.server, asyncio.Lock())
            async with turn, self._digests:
                return await self._transfer(attempt, asked, signer)
        if asked.type in (AXFR, IXFR):
            return await self._transfer(attempt, asked, signer)
        if query.update is not None:
            return await self._updates.observe(attempt, signer)
        if signer is not None:
            return self.unasked(query, "only transfers and updates are signed")
        if query.anywhere:
            return await self._anywhere(attempt, asked)
        if query.transport is Transport.TLS:
            found = await self._over_tls(attempt, asked)
            attempt.queue.record(_outcome(found))
            return self._observation(query, found)
        apex = query.qname == query.zone and not query.foreign
        found = await (self._ask_version(attempt, asked) if query.version else self._ask(attempt, asked, edns=True))
        if isinstance(found, Response) and found.edns and found.answer.fails(apex=apex):
            found = await retry_without_edns(
                found, attempt.count_retry, lambda edns: self._ask(attempt, asked, edns=edns)
            )
        attempt.queue.record(_outcome(found))
        return self._observation(query, found)

    async def _ask_version(self, attempt: QueryAttempt, asked: Question) -> ExchangeResult:
        """With ZONEVERSION once; who does not answer that is asked without, this time and from then on, and what became
        of the option is not held against it.
        """
        if attempt.queue.gives_version:
            found = await self._ask(attempt, asked, edns=True)
            if isinstance(found, Response) and found.answer.options.version is not None:
                return found
            attempt.queue.gives_version = False
            attempt.count_retry()
        options = tuple(code for code in asked.options if code != ZONEVERSION)
        return await self._ask(attempt, replace(asked, options=options), edns=True)

    async def _anywhere(self, attempt: QueryAttempt, asked: Question) -> Observation:
        waits = (attempt.queue.timeout / 2,) * 2
        udp = await self._udp.exchange(attempt.query, asked, waits, edns=False, anywhere=True)
        found = udp.unasked or udp.result_from_anywhere()
        if isinstance(found, Response) and found.answer.truncated:
            found = await self._after_truncation(attempt, asked, found, edns=False)
        attempt.queue.record(_outcome(found))
        seen = self._observation(attempt.query, found)
        return replace(seen, limited=attempt.detector.lately(attempt.query))

    def unasked(self, query: Query, why: str) -> Observation:
        return Observation(query, Outcome.UNASKED, self._now(), detail=bounded(why))

    async def _ask(self, attempt: QueryAttempt, asked: Question, *, edns: bool) -> ExchangeResult:
        if attempt.query.transport is Transport.TCP:
            return await self._over_tcp(attempt, asked, attempt.patience, edns=edns)
        tcp: ExchangeResult | None = None
        suspicion, garbled = attempt.call.suspicion, attempt.queue.garbled
        if suspicion is Suspicion.TRUNCATED or (suspicion is Suspicion.FORGED and not garbled):
            tcp = await self._ask_tcp(attempt, asked, edns=edns)
            if isinstance(tcp, Response) and suspicion is Suspicion.TRUNCATED:
                _note_rate_limit(attempt, tcp)
                return tcp
        udp = await self._udp.exchange(attempt.query, asked, attempt.waits, edns=edns, stop_at_stray=garbled)
        if tcp is None:
            found = udp.unasked or udp.result()
            if isinstance(found, Response) and found.answer.truncated:
                return await self._after_truncation(attempt, asked, found, edns=edns)
            if not udp.strays or (garbled and udp.answer is None):
                return found
            tcp = await self._ask_tcp(attempt, asked, edns=edns)
        return _combine(udp, tcp)

    async def _after_truncation(
        self, attempt: QueryAttempt, asked: Question, short: Response, *, edns: bool
    ) -> ExchangeResult:
        tcp = await self._ask_tcp(attempt, asked, edns=edns)
        _note_rate_limit(attempt, tcp)
        return _untruncated(short, tcp)

    async def _ask_tcp(self, attempt: QueryAttempt, asked: Question, *, edns: bool) -> ExchangeResult:
        """Over TCP what UDP could not tell."""
        attempt.count_retry()
        found = await self._over_tcp(attempt, asked, attempt.tcp_patience, edns=edns)
        attempt.tcp.record(_outcome(found))
        return found

    async def _over_tcp(self, attempt: QueryAttempt, asked: Question, patience: float, *, edns: bool) -> ExchangeResult:
        """A connection that is taken and then dropped is tried once more: a server that reloads, as NSD does for
        each new version of any of its zones, drops what it has just taken. Where nothing at all is said on one, it is
        asked without EDNS on another.
        """
        place, first = attempt.query.address, make_request(asked, edns=edns)
        no_edns = make_request(asked, edns=False)
        fallback = (no_edns, attempt.queue.timeout / 2) if edns else None
        found = await over_tcp(self._sockets, place, first, patience, fallback)
        if isinstance(found, QueryFailure) and found.dropped:
            attempt.count_retry()
            found = await over_tcp(self._sockets, place, make_request(asked, edns=edns), patience)
        if isinstance(found, QueryFailure) and found.dropped and found.mute and edns:
            without = await over_tcp(self._sockets, place, no_edns, patience)
            found = without if isinstance(without, Response) else found
        if isinstance(found, Response) and edns and not found.edns:
            attempt.count_retry()
            return replace(found, without_edns=NO_ANSWER)
        return found

    async def _over_tls(self, attempt: QueryAttempt, asked: Question) -> ExchangeResult:
        """A connection that is taken and then dropped is tried once more, as over TCP."""
        place = attempt.query.server, attempt.query.address
        found = await self.tls_pool.ask(*place, make_request(asked, edns=True), attempt.patience)
        if isinstance(found, QueryFailure) and (found.dropped or _is_transient(found)):
            attempt.count_retry()
            found = await self.tls_pool.ask(*place, make_request(asked, edns=True), attempt.patience)
        return found

    async def _transfer(self, attempt: QueryAttempt, asked: Question, signer: Signer | None) -> Observation:
        if not attempt.queue.breaker.closed:  # does it accept connections? before taking a turn from those who answer
            connection = await self._connect(attempt.query, attempt.patience)
            if isinstance(connection, QueryFailure):
                attempt.queue.record(connection.outcome)
                return self._no_transfer(attempt.query, connection)
            connection.close()
        patience = max(attempt.patience, MAX_SILENCE) if attempt.query.whole else attempt.patience
        ended = await self._transfer_once(attempt, asked, signer, patience)
        if _is_transient(ended):
            mute = ended.outcome is Outcome.TIMEOUT
            await asyncio.sleep(attempt.queue.timeout * RETRANSFER_DELAY)
            attempt.count_retry()
            ended = await self._transfer_once(attempt, asked, signer, attempt.queue.timeout if mute else patience)
        attempt.queue.record(ended.outcome)
        if isinstance(ended, QueryFailure):
            return self._no_transfer(attempt.query, ended)
        return ended.observation(attempt.query, self._now())

    async def _transfer_once(
        self, attempt: QueryAttempt, asked: Question, signer: Signer | None, patience: float
    ) -> Ended | QueryFailure:
        """Once, and where the zone came, with the digests of it that are wanted."""
        if not attempt.query.zonemd:
            return await self._transfer_alone(attempt, asked, signer, patience)
        with closing(RecordSorter()) as sorter:
            ended = await self._transfer_alone(attempt, asked, signer, patience, sorter)
            if isinstance(ended, Ended) and ended.content is not None:
                ended = replace(ended, content=await with_digests(ended.content, sorter, attempt.query.zonemd))
            return ended

    async def _transfer_alone(
        self, attempt: QueryAttempt, asked: Question, signer: Signer | None, patience: float,
        sorter: RecordSorter | None = None,
    ) -> Ended | QueryFailure:  # fmt: skip
        """Over a connection of its own, when it is this server's turn to transfer.

        Without EDNS, as BIND, NSD and PowerDNS do: what is refused only for that would be given to them.
        """
        async with attempt.queue.transfers:
            stream = await self._connect(attempt.query, attempt.patience)
            if isinstance(stream, QueryFailure):
                return stream
            tls = stream.tls if isinstance(stream, TlsStream) else None
            try:
                one = make_request(asked, edns=False)
                since = attempt.query.since or 0
                one = from_serial(one, since) if asked.type == IXFR else one
                one = signer.sign(one) if signer is not None else one
                verifier = signer.verifier(one) if signer is not None else None
                limits = self._settings.transfer
                if asked.type == IXFR:
                    ixfr = IncrementalTransfer(stream, one, verifier, limits, since)
                    return replace(await ixfr.answer(patience), tls=tls)
                transfer = Transfer(stream, one, verifier, limits)
                if attempt.query.content is not None:
                    ended = await transfer.content(patience, self._digest(attempt.query, asked, sorter))
                elif attempt.query.whole:
                    ended = await transfer.whole(patience)
                else:
                    ended = await transfer.permission(patience)
                return replace(ended, tls=tls)
            finally:
                stream.close()

    def _digest(self, query: Query, asked: Question, sorter: RecordSorter | None) -> ZoneDigest:
        return ZoneDigest(asked.name, query.content or (), query.signatures, int(self._now().timestamp()), sorter)

    async def _connect(self, query: Query, patience: float) -> Stream | QueryFailure:
        if query.transport is not Transport.TLS:
            return await connect(self._sockets, query.address, patience, query.source)
        return await self._tls.connect(
            self._sockets, query.server, query.address, patience, transfer=True, source=query.source
        )

    def _no_transfer(self, query: Query, failure: QueryFailure) -> Observation:
        """There was no connection to ask on."""
        seen = self._observation(query, failure)
        return seen if failure.tls is None else replace(seen, transfer=TransferResult.TLS)

    def _signer(self, name: str | None) -> Signer | None:
        """Raises ValueError when there is no such key, or it cannot be used."""
        if name is None:
            return None
        if name not in self._signers:
            if name not in self._keys:
                raise ValueError(f"there is no key {name} in the configuration")
            self._signers[name] = Signer(self._keys[name], lambda: self._now().timestamp())
        return self._signers[name]

    def _observation(self, query: Query, found: ExchangeResult) -> Observation:
        at = self._now()
        return failed(query, found, at) if isinstance(found, QueryFailure) else found.observation(query, at)


def _is_transient(ended: Ended | QueryFailure) -> bool:
    """Whether it may end otherwise the next time."""
    if isinstance(ended, Ended):
        return ended.transfer in TRANSIENT_RESULTS or ended.outcome is Outcome.TIMEOUT
    return ended.tls is not None and ended.tls.fault is TlsFault.HANDSHAKE


def _note_rate_limit(attempt: QueryAttempt, tcp: ExchangeResult) -> None:
    """A truncated answer where the whole one would have fit into any datagram is how a rate is limited."""
    if isinstance(tcp, Response) and tcp.size <= MIN_PAYLOAD:
        attempt.detector.note(attempt.query)
        attempt.queue.bucket.limited()


def _untruncated(short: Response, tcp: ExchangeResult) -> ExchangeResult:
    """What TC=1 hid (RFC 7766 section 5)."""
    if isinstance(tcp, Response):
        return replace(tcp, discarded=short.discarded)
    if tcp.outcome is Outcome.UNASKED:
        return tcp
    detail = f"truncated over UDP; over TCP: {tcp.detail}"
    return QueryFailure(Outcome.TRUNCATED_ONLY, detail, short.discarded, tcp.evidence, short.answer)


def _combine(udp: UdpExchange, tcp: ExchangeResult) -> ExchangeResult:
    """TCP has the word about the zone, and none about UDP: where no attempt brought anything that can be used, UDP has
    failed, whatever TCP says. Without TCP a right answer is believed beside a stray or two, but not out of a flood.
    """
    if isinstance(tcp, Response):
        if udp.answer is not None or udp.flooded:
            without = udp.without_edns
            return replace(tcp, discarded=udp.discarded, evidence=udp.evidence, why=udp.why, without_edns=without)
        return udp.result()
    found = udp.result(MAX_STRAYS)
    if isinstance(found, Response):
        return _untruncated(found, tcp) if found.answer.truncated else found
    if tcp.outcome is Outcome.UNASKED:
        return tcp
    return replace(found, detail=f"{found.detail}; nothing that can be used over TCP")


def _outcome(found: ExchangeResult) -> Outcome:
    return Outcome.ANSWERED if isinstance(found, Response) else found.outcome
