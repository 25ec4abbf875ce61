"""Sends the UPDATE of a canary over TCP, and again where nothing came back, to an observation."""

import asyncio
from dataclasses import replace

from checks.model import Observation, Outcome, Query, RrSet, Transport, UpdateResult
from monitor.clock import Now, monotonic
from monitor.probe.client.observations import QueryFailure
from monitor.probe.client.sockets import Sockets
from monitor.probe.client.target_queue import QueryAttempt
from monitor.probe.client.tcp import Broken, connect
from monitor.probe.message.request import Request
from monitor.probe.message.text import bounded, evidence
from monitor.probe.message.tsig import Signer
from monitor.probe.message.update import NotThatUpdate, make_update, new_value, read_answer
from monitor.probe.message.wire import Malformed

AGAIN_DELAY = 0.25
"""What is waited before the second try, as a share of ``probe.timeout``."""

_FAILURES = {
    Outcome.TIMEOUT: UpdateResult.TIMEOUT,
    Outcome.UNREACHABLE: UpdateResult.UNREACHABLE,
    Outcome.REFUSED_CONNECTION: UpdateResult.RESET,
}
_TRANSIENT = frozenset({UpdateResult.TIMEOUT, UpdateResult.RESET, UpdateResult.SERVFAIL})


class Updates:
    """Runs updates; keeps nothing of any of them.

    Over TCP: a datagram that was delayed could bring an old value back when a new one is there.
    """

    def __init__(self, sockets: Sockets, now: Now) -> None:
        self._sockets, self._now = sockets, now

    async def observe(self, attempt: QueryAttempt, signer: Signer | None) -> Observation:
        """Exactly one observation. What may have been lost is sent once more, with the same value."""
        query = attempt.query
        if signer is None or query.update is None:
            return Observation(query, Outcome.UNASKED, self._now(), detail="nothing is changed without a key")
        value = query.update.value or new_value(self._now())
        try:
            request = make_update(query, query.update.ttl, value)
        except ValueError as reason:
            return Observation(query, Outcome.UNASKED, self._now(), detail=bounded(str(reason)))
        seen = await self._send(attempt, request, signer)
        if seen.update in _TRANSIENT:
            await asyncio.sleep(attempt.queue.timeout * AGAIN_DELAY)
            attempt.count_retry()
            seen = await self._send(attempt, request, signer)
        attempt.queue.record(seen.outcome)
        return replace(seen, answer=RrSet(query.qname, query.qtype, query.update.ttl, (f'"{value}"',)))

    async def _send(self, attempt: QueryAttempt, request: Request, signer: Signer) -> Observation:
        """Once, over a connection of its own."""
        query, patience, loop = attempt.query, attempt.patience, asyncio.get_running_loop()
        wire = b""
        stream = await connect(self._sockets, query.address, patience)
        if isinstance(stream, QueryFailure):
            return self._failed(query, stream.outcome, stream.detail)
        try:
            signed, sent, until = signer.sign(request), monotonic(), loop.time() + patience
            await stream.send(until, signed.wire)
            wire = await stream.message(until, patience)
            rtt = monotonic() - sent
            said = read_answer(wire, signed, signer.verifier(signed))
        except Broken as broken:
            outcome = Outcome.TIMEOUT if broken.how == "timeout" else Outcome.REFUSED_CONNECTION
            return self._failed(query, outcome, str(broken))
        except (Malformed, NotThatUpdate) as reason:
            outcome = Outcome.MALFORMED if isinstance(reason, Malformed) else Outcome.MISMATCHED
            text = str(reason) or "an answer to something else"
            failed = self._failed(query, outcome, text)
            return replace(failed, update=UpdateResult.MALFORMED, evidence=evidence(wire))
        finally:
            stream.close()
        return Observation(
            query, Outcome.ANSWERED, self._now(), rtt, Transport.TCP, said.rcode, octets=len(wire),
            update=said.result, skew=said.skew, detail=bounded(said.detail),
        )  # fmt: skip

    def _failed(self, query: Query, outcome: Outcome, detail: str) -> Observation:
        return Observation(query, outcome, self._now(), detail=bounded(detail), update=_FAILURES.get(outcome))
