"""A nameserver: the zones it holds, the keys it knows, how it behaves, where it listens."""

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
from monitor.pair import tsig
from monitor.pair import zone_copy as holdings
from monitor.pair.behaviour import Conduct
from monitor.pair.endpoint import IDLE, Endpoint
from monitor.pair.exchange import Position, Reply, exchange
from monitor.pair.request import HEADER, bare
from monitor.pair.zone_copy import Holding, Served
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
        self.tally: Counter[str] = Counter()
        self._now = now
        self._hosts = hosts
        self._idle = idle
        self._clients = tsig.keyring(clients or {})
        self._peers = {key.name: key for key in peers}
        self._upstreams = upstreams
        self._on_notify = on_notify
        self._dice = random.Random(seed)  # noqa: S311 - what is lost is to be the same every time
        self._conduct = Conduct()
        self._holdings: dict[Name, Holding] = {}
        self._shown: dict[Name, Holding] = {}
        self._endpoints: list[Endpoint] = []

    # --- listening ---

    async def start(self) -> None:
        """Raises OSError when there is no port, NotLoopback for a host that others can reach."""
        try:
            for host in self._hosts:
                self._endpoints.append(Endpoint(host, self._speak, self.tally, self._dice, self._idle))
            for endpoint in self._endpoints:
                await endpoint.start()
                endpoint.apply(self._conduct)
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

    # --- what it holds ---

    @property
    def holdings(self) -> Mapping[Name, Holding]:
        return self._holdings

    def hold(self, holding: Holding) -> None:
        """Serves this from now on, in place of what it held of that zone."""
        self._holdings[holding.origin] = holding
        self._shown[holding.origin] = holdings.disguise(holding, self._conduct)

    def served(self, origin: Name) -> Served | None:
        """What it answers from, if asked now."""
        shown = self._shown.get(origin)
        return None if shown is None else holdings.serve(shown, self._conduct, asyncio.get_running_loop().time())

    # --- how it behaves ---

    @property
    def conduct(self) -> Conduct:
        return self._conduct

    @conduct.setter
    def conduct(self, conduct: Conduct) -> None:
        self._conduct = conduct
        self._shown = {origin: holdings.disguise(held, conduct) for origin, held in self._holdings.items()}
        for endpoint in self._endpoints:
            endpoint.apply(conduct)

    def clock(self) -> int:
        """Its own idea of the time, in seconds since 1970."""
        return int(self._now().timestamp() + self._conduct.skew)

    def _keys(self) -> dict[Name, dns.tsig.Key]:
        clients = {} if self._conduct.forgotten else self._clients
        if self._conduct.mistyped:
            clients = {name: tsig.mistyped(key) for name, key in clients.items()}
        return {**self._peers, **clients}

    # --- answering ---

    def _speak(self, wire: bytes, host: str, udp: bool) -> Reply:
        try:
            position = Position(self.name, self.served, self._keys(), self._conduct, self.clock(), self._upstreams)
            reply = exchange(wire, position, host, udp=udp)
        except Exception:
            # No packet may end a server. Each of these is a defect of ours: it is counted and told.
            log.exception("no answer could be made", server=self.name, octets=wire[:64].hex())
            reply = Reply("failed", [bare(wire, Rcode.SERVFAIL)] if len(wire) >= HEADER else ())
        self.tally[reply.kind] += 1
        if reply.notified is not None:
            self._on_notify(reply.notified)
        return reply
