"""Asks one query in the way that suits it, and says what became of it as an observation."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from checks.model import NO_ANSWER, Observation, Outcome, Query, TransferResult, Transport
from monitor.clock import Now
from monitor.probe.client.axfr import Ended, Transfer
from monitor.probe.client.observations import ExchangeResult, QueryFailure, Response
from monitor.probe.client.result_stream import Doubted
from monitor.probe.client.sockets import Sockets, Unasked
from monitor.probe.client.target_queue import QueryAttempt, TargetQueue
from monitor.probe.client.tcp import connect, over_tcp
from monitor.probe.client.udp import FEW, UdpExchange, Write, conclude, patiently, query_udp
from monitor.probe.client.unconnected_udp import anywhere
from monitor.probe.message.request import AXFR, Ask, Question, ask, question
from monitor.probe.message.text import bounded, evidence
from monitor.probe.message.tsig import Signer
from monitor.probe.settings import Probe
from monitor.probe.types import TsigKey

NO_EDNS = frozenset({"FORMERR", "NOTIMP", "BADVERS"})
"""What servers say that do not know EDNS (RFC 6891 section 7)."""

PASSING = frozenset(
    {
        TransferResult.SERIAL_MOVED,
        TransferResult.RESET,
        TransferResult.TRUNCATED,
        TransferResult.EMPTY,
        TransferResult.SERVFAIL,
    }
)
"""How a transfer ends when the zone changes or the server reloads under it, or when it has too many transfers under
way (BIND says SERVFAIL beyond ``transfers-out``); once more tells that from a fault."""

BREATH = 0.25
"""What is waited before that, as a share of ``probe.timeout``: half a second by default."""

PLAIN_FROM = 3
"""The asking, over UDP, from which on EDNS is left out: something on the way may drop what it does not know."""

SHORT = 512
"""Octets that fit into a datagram whatever is agreed on (RFC 1035 section 2.3.4): no reason to truncate."""

_NOBODY = frozenset({Outcome.TIMEOUT, Outcome.UNREACHABLE, Outcome.REFUSED_CONNECTION})
_UNUSABLE = frozenset({Outcome.MISMATCHED, Outcome.MALFORMED})

LONGEST_SILENCE = 15.0
"""Seconds that a server may keep silent within a whole transfer."""


class Exchange:
    """Asks one query at a time; holds nothing of any of them."""

    def __init__(self, settings: Probe, keys: Mapping[str, TsigKey], now: Now, sockets: Sockets) -> None:
        self._settings = settings
        self._keys = keys
        self._now = now
        self._sockets = sockets
        self._signers: dict[str, Signer] = {}
        self._buffer = bytearray(65535)

    async def observe(self, turn: QueryAttempt) -> Observation:
        """Exactly one observation, whatever happens on the network."""
        query = turn.query
        try:
            asked = question(query)
            signer = self._signer(query.key)
            self._sockets.endpoint(query.address)
        except (ValueError, Unasked) as reason:
            return self.unasked(query, str(reason))
        if asked.type == AXFR:
            return await self._transfer(turn, asked, signer)
        if query.anywhere:
            return await self._anywhere(turn, asked)
        found = await self._ask(turn, asked, signer, edns=True)
        apex = query.qname == query.zone
        if isinstance(found, Response) and found.edns and found.answer.fails(apex=apex):
            found = await self._plain(turn, asked, signer, found)
        _remember(turn.lane, _outcome(found))
        return self._seen(query, found)

    async def _plain(self, turn: QueryAttempt, asked: Question, signer: Signer | None, found: Response) -> Response:
        """An error may be meant for EDNS: the question without it tells (RFC 6891 section 7). Without EDNS any answer
        counts beside an error that says so, and beside another error one that is none.
        """
        rcode = found.answer.rcode
        if rcode not in NO_EDNS and signer is not None:
            return found
        turn.again()
        plain = await self._ask(turn, asked, signer, edns=False)
        if not isinstance(plain, Response) or plain.answer.rcode == rcode:
            return found
        if plain.answer.error and rcode not in NO_EDNS:
            return found
        return replace(plain, discarded=plain.discarded + found.discarded, without_edns=rcode)

    async def _anywhere(self, turn: QueryAttempt, asked: Question) -> Observation:
        write = _writer(asked, None, edns=False)
        found = await anywhere(self._sockets, turn.query.address, write, turn.twice())
        if isinstance(found, Response) and found.answer.truncated:
            told = await self._instead(turn, write, None)
            _limited(turn, told)
            found = _whole(found, told)
        _remember(turn.lane, _outcome(found))
        seen = self._seen(turn.query, found)
        return replace(seen, limited=turn.limits.lately(turn.query))

    def unasked(self, query: Query, why: str) -> Observation:
        return Observation(query, Outcome.UNASKED, self._now(), detail=bounded(why))

    async def _ask(self, turn: QueryAttempt, asked: Question, signer: Signer | None, *, edns: bool) -> ExchangeResult:
        write = _writer(asked, signer, edns=edns)
        if turn.query.transport is Transport.TCP:
            return await self._over_tcp(turn, write, signer, turn.patience)
        waits = turn.waits()
        told = await self._instead(turn, write, signer) if self._instead_first(turn) else None
        if isinstance(told, Response) and turn.call.doubt is Doubted.TRUNCATED:
            _limited(turn, told)
            return told
        ear = UdpExchange(self._sockets, turn.query.address, signer, self._buffer)
        try:
            found = await query_udp(ear, write, waits)
            if told is None:
                if isinstance(found, Response) and found.answer.truncated:
                    told = await self._instead(turn, write, signer)
                    _limited(turn, told)
                    return _whole(found, told)
                if not ear.strays or (turn.lane.garbled and ear.answer is None):
                    return found
                told = await self._instead(turn, write, signer)
            if not ear.flooded:
                await patiently(ear, write, waits)
            return _settled(ear, told)
        finally:
            ear.close()

    def _instead_first(self, turn: QueryAttempt) -> bool:
        """Whether TCP is asked before UDP is asked anew."""
        return turn.call.doubt is Doubted.TRUNCATED or (turn.call.doubt is Doubted.FORGED and not turn.lane.garbled)

    async def _instead(self, turn: QueryAttempt, write: Write, signer: Signer | None) -> ExchangeResult:
        """Over TCP what UDP could not tell."""
        turn.again()
        found = await self._over_tcp(turn, write, signer, turn.instead)
        _remember(turn.tcp, _outcome(found))
        return found

    async def _over_tcp(
        self, turn: QueryAttempt, write: Write, signer: Signer | None, patience: float
    ) -> ExchangeResult:
        """A connection that is taken and then dropped is tried once more: a server that reloads, as NSD does for
        each new version of any of its zones, drops what it has just taken. Where nothing at all is said on one, it is
        asked without EDNS on another.
        """
        first, place, plain = write(0), turn.query.address, write(PLAIN_FROM)
        instead = (plain, turn.lane.timeout / 2) if first.edns else None
        found = await over_tcp(self._sockets, place, first, signer, patience, instead)
        if isinstance(found, QueryFailure) and found.dropped:
            turn.again()
            found = await over_tcp(self._sockets, place, write(0), signer, patience)
        if isinstance(found, QueryFailure) and found.dropped and found.mute and first.edns:
            without = await over_tcp(self._sockets, place, plain, signer, patience)
            found = without if isinstance(without, Response) else found
        if isinstance(found, Response) and first.edns and not found.edns:
            turn.again()
            return replace(found, without_edns=NO_ANSWER)
        return found

    async def _transfer(self, turn: QueryAttempt, asked: Question, signer: Signer | None) -> Observation:
        if turn.lane.silent:  # knock before taking a turn from those who answer
            door = await connect(self._sockets, turn.query.address, turn.patience)
            if isinstance(door, QueryFailure):
                _remember(turn.lane, door.outcome)
                return self._seen(turn.query, door)
            door.close()
        patience = max(turn.patience, LONGEST_SILENCE) if turn.query.whole else turn.patience
        ended = await self._pull(turn, asked, signer, patience)
        if isinstance(ended, Ended) and (ended.transfer in PASSING or ended.outcome is Outcome.TIMEOUT):
            mute = ended.outcome is Outcome.TIMEOUT
            await asyncio.sleep(turn.lane.timeout * BREATH)
            turn.again()
            ended = await self._pull(turn, asked, signer, turn.lane.timeout if mute else patience)
        _remember(turn.lane, ended.outcome)
        if isinstance(ended, QueryFailure):
            return self._seen(turn.query, ended)
        return self._pulled(turn.query, ended)

    async def _pull(
        self, turn: QueryAttempt, asked: Question, signer: Signer | None, patience: float
    ) -> Ended | QueryFailure:
        """Once, over a connection of its own, when it is this server's turn to transfer.

        Without EDNS, as BIND, NSD and PowerDNS do: what is refused only for that would be given to them.
        """
        async with turn.lane.transfers:
            stream = await connect(self._sockets, turn.query.address, turn.patience)
            if isinstance(stream, QueryFailure):
                return stream
            try:
                one = _writer(asked, signer, edns=False)(0)
                reader = signer.reader(one) if signer is not None else None
                transfer = Transfer(stream, one, reader, self._settings.transfer)
                return await (transfer.whole(patience) if turn.query.whole else transfer.permission(patience))
            finally:
                stream.close()

    def _signer(self, name: str | None) -> Signer | None:
        """Raises ValueError when there is no such key, or it cannot be used."""
        if name is None:
            return None
        if name not in self._signers:
            if name not in self._keys:
                raise ValueError(f"there is no key {name} in the configuration")
            self._signers[name] = Signer(self._keys[name], lambda: self._now().timestamp())
        return self._signers[name]

    def _seen(self, query: Query, found: ExchangeResult) -> Observation:
        at = self._now()
        if isinstance(found, QueryFailure):
            short = found.answer
            return Observation(
                query,
                found.outcome,
                at,
                rcode=short.rcode if short is not None else None,
                authoritative=short is not None and short.authoritative,
                ede=short.options.ede if short is not None else (),
                discarded=found.discarded,
                detail=bounded(found.detail),
                evidence=evidence(found.evidence),
                source=found.source,
            )
        answer, trouble = found.answer, found.trouble
        note = f"asked without EDNS: with it, {found.without_edns}" if found.without_edns else ""
        said = [note, trouble.text if trouble is not None else "", found.why]
        return Observation(
            query,
            Outcome.ANSWERED,
            at,
            rtt=found.rtt,
            transport=found.transport,
            rcode=answer.rcode,
            authoritative=answer.authoritative,
            shape=answer.shape,
            soa=answer.soa,
            answer=answer.answer,
            nsid=answer.options.nsid,
            expire=answer.options.expire,
            ede=answer.options.ede,
            discarded=found.discarded,
            skew=trouble.skew if trouble is not None else None,
            records=answer.records,
            octets=found.size,
            detail=bounded("; ".join(one for one in said if one)),
            evidence=evidence(found.evidence),
            without_edns=found.without_edns,
        )

    def _pulled(self, query: Query, ended: Ended) -> Observation:
        answer = ended.answer
        return Observation(
            query,
            ended.outcome,
            self._now(),
            rtt=ended.rtt,
            transport=Transport.TCP,
            rcode=answer.rcode if answer is not None else None,
            authoritative=answer is not None and answer.authoritative,
            shape=answer.shape if answer is not None else None,
            soa=answer.soa if answer is not None else None,
            ede=answer.options.ede if answer is not None else (),
            transfer=ended.transfer,
            skew=ended.skew,
            records=ended.records,
            given=ended.given,
            octets=ended.octets,
            discarded=int(bool(ended.evidence)),
            detail=bounded(ended.detail),
            evidence=evidence(ended.evidence),
        )


def _writer(asked: Question, signer: Signer | None, *, edns: bool) -> Write:
    """Writes the question for its nth asking, each time under a fresh id."""

    def write(number: int) -> Ask:
        one = ask(asked, edns=edns and number + 1 < PLAIN_FROM)
        return signer.sign(one) if signer is not None else one

    return write


def _limited(turn: QueryAttempt, told: ExchangeResult) -> None:
    """A truncated answer where the whole one would have fit into any datagram is how a rate is limited."""
    if isinstance(told, Response) and told.size <= SHORT:
        turn.limits.note(turn.query)
        turn.lane.bucket.limited()


def _whole(short: Response, again: ExchangeResult) -> ExchangeResult:
    """What TC=1 hid (RFC 7766 section 5)."""
    if isinstance(again, Response):
        return replace(again, discarded=short.discarded)
    if again.outcome is Outcome.UNASKED:
        return again
    detail = f"truncated over UDP; over TCP: {again.detail}"
    return QueryFailure(Outcome.TRUNCATED_ONLY, detail, short.discarded, again.evidence, short.answer)


def _settled(ear: UdpExchange, told: ExchangeResult) -> ExchangeResult:
    """TCP has the word about the zone, and none about UDP: where no asking brought anything that can be used, UDP has
    failed, whatever TCP says. Without TCP a right answer is believed beside a stray or two, but not out of a flood.
    """
    if isinstance(told, Response):
        if ear.answer is not None or ear.flooded:
            without = ear.without_edns
            return replace(told, discarded=ear.discarded, evidence=ear.evidence, why=ear.why, without_edns=without)
        return conclude(ear)
    heard = conclude(ear, FEW)
    if isinstance(heard, Response):
        return _whole(heard, told) if heard.answer.truncated else heard
    if told.outcome is Outcome.UNASKED:
        return told
    return replace(heard, detail=f"{heard.detail}; nothing that can be used over TCP")


def _remember(lane: TargetQueue, outcome: Outcome) -> None:
    """Is anybody there? What we could not ask says nothing about that."""
    if outcome in _NOBODY:
        lane.missed()
    elif outcome in _UNUSABLE:
        lane.unusable()
    elif outcome is not Outcome.UNASKED:
        lane.heard()


def _outcome(found: ExchangeResult) -> Outcome:
    return Outcome.ANSWERED if isinstance(found, Response) else found.outcome
