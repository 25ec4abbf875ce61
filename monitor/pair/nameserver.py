"""A nameserver: the zones it has, the keys it knows, how it behaves, where it listens."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import dns.tsig
import structlog
from dns.name import Name
from dns.rcode import Rcode

from checks.model import Address
from monitor.clock import Now
from monitor.pair import behaviour as behaviours
from monitor.pair.answer import HEADER, bare
from monitor.pair.behaviour import Behaviour
from monitor.pair.endpoint import IDLE, ServerEndpoint
from monitor.pair.exchange import Context, Reply, exchange
from monitor.pair.zonedata import Served, ZoneCopy
from monitor.probe.message import tsig_server as tsig
from monitor.probe.types import TsigKey

log = structlog.get_logger(__name__)


class Nameserver:
    """One authoritative server on loopback.

    ``clients`` are the keys of those who ask, ``peers`` the keys between servers; a transfer is given to either.
    ``on_notify`` is called with a zone whose primary, one of ``upstreams`` (hosts), says that it has changed.
    """

    def __init__(
        self,
        name: str,
        *,
        now: Now,
        hosts: Sequence[str] = ("127.0.0.1",),
        clients: Mapping[str, TsigKey] | None = None,
        peers: Iterable[dns.tsig.Key] = (),
        upstreams: frozenset[str] = frozenset(),
        on_notify: Callable[[Name], None] = lambda zone: None,
        idle: float = IDLE,
        seed: int = 0,
    ) -> None:
        self.name = name
        self.counts: Counter[str] = Counter()
        """What came of the packets: the kinds of Reply, "dropped", "turned-away", "broken-off", "failed"."""
        self._now = now
        self._hosts = hosts
        self._idle = idle
        self._clients = {key.name: key for key in map(tsig.usable, (clients or {}).values())}
        self._peers = {key.name: key for key in peers}
        self._upstreams = upstreams
        self._on_notify = on_notify
        self._rng = random.Random(seed)  # noqa: S311 - what is lost is to be the same every time
        self._behaviour = Behaviour()
        self._copies: dict[Name, ZoneCopy] = {}
        self._altered: dict[Name, ZoneCopy] = {}
        self._endpoints: list[ServerEndpoint] = []

    async def start(self) -> None:
        """Raises OSError when there is no port, NotLoopback for a host that others can reach."""
        try:
            for host in self._hosts:
                self._endpoints.append(ServerEndpoint(host, self._respond, self.counts, self._rng, self._idle))
            for endpoint in self._endpoints:
                await endpoint.start()
                endpoint.apply(self._behaviour)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        await asyncio.gather(*(endpoint.close() for endpoint in self._endpoints))

    @property
    def addresses(self) -> tuple[Address, ...]:
        return tuple(endpoint.address for endpoint in self._endpoints)

    @property
    def address(self) -> Address:
        """The first of its addresses."""
        return self._endpoints[0].address

    @property
    def copies(self) -> Mapping[Name, ZoneCopy]:
        """The zones it has, without what a fault puts in their place."""
        return self._copies

    def set_copy(self, copy: ZoneCopy) -> None:
        """Serves this from now on, in place of the copy it had of that zone."""
        self._copies[copy.origin] = copy
        self._altered[copy.origin] = behaviours.altered(copy, self._behaviour)

    def served(self, origin: Name) -> Served | None:
        """What it answers from, if asked now."""
        copy = self._altered.get(origin)
        return None if copy is None else behaviours.serve(copy, self._behaviour, asyncio.get_running_loop().time())

    @property
    def behaviour(self) -> Behaviour:
        return self._behaviour

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._altered = {origin: behaviours.altered(copy, behaviour) for origin, copy in self._copies.items()}
        for endpoint in self._endpoints:
            endpoint.apply(behaviour)

    def clock(self) -> int:
        """Its own idea of the time, in seconds since 1970."""
        return int(self._now().timestamp() + self._behaviour.clock_skew)

    def _keys(self) -> dict[Name, dns.tsig.Key]:
        clients = {} if self._behaviour.clients_key_missing else self._clients
        if self._behaviour.clients_key_wrong:
            clients = {name: tsig.with_other_secret(key) for name, key in clients.items()}
        return {**self._peers, **clients}

    def _respond(self, wire: bytes, host: str, udp: bool) -> Reply:
        try:
            context = Context(self.name, self.served, self._keys(), self._behaviour, self.clock(), self._upstreams)
            reply = exchange(wire, context, host, udp=udp)
        except Exception:
            # No packet may end a server. Each of these is a defect of ours: it is counted and logged.
            log.exception("no answer could be made", server=self.name, octets=wire[:64].hex())
            reply = Reply("failed", [bare(wire, Rcode.SERVFAIL)] if len(wire) >= HEADER else ())
        self.counts[reply.kind] += 1
        if reply.notified is not None:
            self._on_notify(reply.notified)
        return reply
