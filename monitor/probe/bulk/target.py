"""One address of one server: its sockets, what is in flight to it, and what there is to ask it."""

import errno
import os
import socket
from collections import deque
from collections.abc import Callable
from itertools import accumulate, chain, groupby, repeat
from struct import Struct

from checks.model import Address, Observation, Query
from monitor.probe.bulk.batches import HEADER_EDNS, HEADER_NO_EDNS, QueryBatch, QueryTemplate
from monitor.probe.circuit_breaker import CircuitBreaker
from monitor.probe.client.observations import QueryFailure, timed_out
from monitor.probe.client.sockets import SocketAddress, connect_udp
from monitor.probe.client.target_queue import MAX_IN_FLIGHT_PER_ADDRESS, TokenBucket
from monitor.probe.message.request import name_text, question
from monitor.probe.message.soa_forms import FormedAnswer
from monitor.probe.settings import Probe, waits


class BatchResult:
    """Results of one call: ``wires`` has the response of each of ``unchanged``, b"" if none; then ``failures`` has why.

    ``formed`` are changed, too: responses that were recognised. ``retries`` are those under way; ``cancelled``: nobody
    waits any more. Whatever has results that have not been fetched is in ``unflushed``.
    """

    __slots__ = ("_unflushed", "cancelled", "changed", "failures", "formed", "retries", "unchanged", "wires")

    def __init__(self, unflushed: "set[BatchResult]") -> None:
        self._unflushed = unflushed
        self.unchanged: list[int] = []
        self.wires: list[bytes] = []
        self.changed: list[tuple[int, Observation]] = []
        self.formed: list[tuple[int, FormedAnswer]] = []
        self.failures: dict[int, QueryFailure] = {}
        self.retries: set[Retry] = set()
        self.cancelled = False

    def add_changed(self, slot: int, seen: Observation) -> None:
        self.changed.append((slot, seen))
        self._unflushed.add(self)

    def add_formed(self, slot: int, answer: FormedAnswer) -> None:
        self.formed.append((slot, answer))
        self._unflushed.add(self)

    def add_unchanged(self, slot: int, wire: bytes) -> None:
        self.unchanged.append(slot)
        self.wires.append(wire)
        self._unflushed.add(self)

    def note_unchanged(self) -> None:
        """Something is appended to ``unchanged`` and ``wires``."""
        self._unflushed.add(self)


class PendingBatch:
    """A batch under way. ``next`` is the index of the first query that has not been sent."""

    __slots__ = (
        "_queries", "address", "ends", "formed", "names", "next", "result", "server", "slots", "template", "unchanged",
        "wires",
    )  # fmt: skip

    def __init__(
        self,
        batch: QueryBatch,
        result: BatchResult,
        template: QueryTemplate,
        queries: dict[bytes, list[Query]] | None = None,
        *,
        formed: bool = False,
    ) -> None:
        """``queries`` are those to be answered, by name, where they are not the zones' own. ``formed``: no observation
        is made of a response that is recognised.
        """
        self.formed = formed
        self.server, self.address, self.template, self.result = batch.server, batch.address, template, result
        self.names, self.slots = list(batch.names), list(batch.slots)
        self.ends = [len(self.names)]
        """Where each run of names of one length ends, last first."""
        sizes = list(map(len, self.names))
        if min(sizes) != max(sizes):  # packets of one length can be handed to the system together
            order = sorted(range(len(sizes)), key=sizes.__getitem__)
            self.names = [self.names[place] for place in order]
            self.slots = [self.slots[place] for place in order]
            sizes.sort()
            self.ends = list(accumulate(sum(1 for _ in run) for _, run in groupby(sizes)))[::-1]
        self.next = 0
        self.unchanged, self.wires = result.unchanged, result.wires
        self._queries = queries

    def query(self, name: bytes) -> Query:
        """To be called once for each."""
        if self._queries is not None:
            return self._queries[name].pop()
        text = name_text(name)
        one = self.template
        return Query(text, self.server, self.address, text, one.qtype, identify=one.identify, dnssec=one.dnssec)

    def text(self, query: Query) -> str:
        """Its name as it is written, which need not be how a caller has written it."""
        return query.qname if self._queries is None else question(query).text


class Retry:
    """One query that is sent more than once. ``awaited`` are the sockets and ids under which an answer may still come.

    ``held`` reports an answer that has come already and is an error: it stands unless the query gets a better one
    without EDNS. Then ``query`` is what it answers. ``done``: it has ended.
    """

    __slots__ = ("_query", "attempt", "awaited", "done", "failure", "held", "name", "pending", "slot", "target")

    def __init__(self, pending: PendingBatch, name: bytes, slot: int, target: "Target") -> None:
        self.pending, self.name, self.slot, self.target = pending, name, slot, target
        self.awaited: list[tuple[PooledSocket, bytes]] = []
        self.attempt = 0
        self.failure: QueryFailure | None = None
        self.held: Callable[[], None] | None = None
        self._query: Query | None = None
        self.done = False

    def hold(self, query: Query, held: Callable[[], None]) -> None:
        self._query, self.held = query, held

    @property
    def query(self) -> Query:
        """To be called once, as for its batch, unless an answer is held."""
        return self._query if self._query is not None else self.pending.query(self.name)


Entry = tuple[int, bytes, float, PendingBatch | Retry]
"""Slot (-1 for a Retry, which has its own), name, when it was sent (monotonic), and for what."""


SEND_BATCH = 60
"""Queries handed to the system at once."""


MAX_QUERIES_PER_SOCKET = 512
"""Queries from one socket; then another one is opened."""


SOCKET_LIFETIME = 1.0
"""Seconds for which one is used."""


MAX_IN_FLIGHT_PER_SOCKET = 128
"""Queries in flight from one socket: fewer than answers fit into its buffer, be they as large as we allow."""


_RECEIVE_BUFFER = 1 << 20


_IDS = tuple(Struct("2s" * count) for count in range(SEND_BATCH + 1))


_SIZE = Struct("H")


_UDP_SEGMENT = 103


GSO_UNSUPPORTED = frozenset({errno.EIO, errno.EINVAL, errno.ENOPROTOOPT, errno.EOPNOTSUPP, errno.EMSGSIZE})
"""What the system says where it cannot cut one packet into many (UDP_SEGMENT, Linux 4.18; some devices do not)."""


TRANSIENT_ERRORS = frozenset({errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM})
"""What it says when it has no room just now."""


class PooledSocket:
    """A connected socket under a random port, and its queries by id. ``late`` are asked again, and may answer yet."""

    __slots__ = ("asked", "attempt", "closed", "edns", "late", "queries", "raw", "recv", "target", "until", "wait")

    def __init__(self, raw: socket.socket, target: "Target", attempt: int, wait: float, edns: bool, now: float) -> None:
        """``attempt`` is that of the queries it is for, from 0 on."""
        self.raw = raw
        self.recv = raw.recv
        self.target = target
        self.attempt, self.wait, self.edns = attempt, wait, edns
        self.queries: dict[bytes, Entry] = {}
        self.late: dict[bytes, tuple[float, Retry]] = {}
        self.asked = 0
        self.until = now + SOCKET_LIFETIME
        self.closed = False

    def connect(self, place: SocketAddress) -> None:
        """Raises OSError."""
        self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        connect_udp(self.raw, place)

    def expired(self, now: float) -> bool:
        return self.asked >= MAX_QUERIES_PER_SOCKET or now >= self.until

    def room(self, now: float) -> int:
        """How many more may go out from it now."""
        if self.expired(now):
            return 0
        return min(MAX_QUERIES_PER_SOCKET - self.asked, MAX_IN_FLIGHT_PER_SOCKET - len(self.queries))

    def ids(self, count: int) -> list[bytes]:
        """So many that are not in use here, each as random as the system can draw it."""
        draw = _IDS[count]
        while True:
            drawn = draw.unpack(os.urandom(draw.size))
            if (
                len(set(drawn)) == count
                and self.queries.keys().isdisjoint(drawn)
                and self.late.keys().isdisjoint(drawn)
            ):
                return list(drawn)

    def send(self, ids: list[bytes], names: list[bytes], tail: bytes) -> tuple[int, OSError | None]:
        """One by one; how many went, and what kept the next from going."""
        send = self.raw.send
        head = HEADER_EDNS if self.edns else HEADER_NO_EDNS
        number = 0
        try:
            for packet in map(b"".join, zip(ids, repeat(head), names, repeat(tail))):
                send(packet)
                number += 1
        except OSError as error:
            return number, error
        return number, None

    def send_all(self, ids: list[bytes], names: list[bytes], tail: bytes) -> None:
        """All in one call: names of one length, asked with EDNS. Raises OSError, and then none has gone."""
        size = 2 + len(HEADER_EDNS) + len(names[0]) + len(tail)
        packets = b"".join(chain.from_iterable(zip(ids, repeat(HEADER_EDNS), names, repeat(tail))))
        self.raw.sendmsg([packets], [(socket.IPPROTO_UDP, _UDP_SEGMENT, _SIZE.pack(size))])


WINDOW = 180
"""Queries in flight to an address that answers: a server's buffer holds some 250 of them."""

MIN_SEND_BATCH = 50
"""So many are waited for before more is sent, while there is enough to send."""

SILENT_WINDOW = 16384
"""Queries in flight to an address that answers nothing: each costs a slot, and nobody's time."""

SINGLE_ATTEMPT = -1
"""The attempt of a query that is asked only once."""

NO_EDNS_ATTEMPT = -2
"""The attempt of one that is asked without EDNS, for its answer with EDNS was an error."""


class InFlight:
    """How many queries are in flight, to all targets."""

    __slots__ = ("total",)

    def __init__(self) -> None:
        self.total = 0


class Target:
    """Batches pending, retries due, sockets open, and whether anybody responds."""

    __slots__ = (
        "_everywhere",
        "_timeout",
        "_timeouts",
        "_waits",
        "address",
        "attempts",
        "breaker",
        "bucket",
        "due",
        "has_answered",
        "in_flight",
        "pending",
        "queued",
        "retries",
        "server",
        "sockets",
        "starved_since",
        "use_gso",
        "waiting",
    )  # fmt: skip

    def __init__(
        self, server: str, address: Address, bucket: TokenBucket, probe: Probe, everywhere: InFlight, *, use_gso: bool
    ) -> None:
        """``use_gso``: packets may be handed to the system many at a time."""
        self._everywhere = everywhere
        self.server, self.address, self.bucket = server, address, bucket
        self.use_gso = use_gso
        self.attempts = max(1, probe.attempts)
        self._waits = waits(probe.timeout, self.attempts)
        self._timeout = probe.timeout
        self._timeouts: dict[int, QueryFailure] = {}
        self.pending: deque[PendingBatch] = deque()
        self.retries: deque[Retry] = deque()
        self.sockets: dict[int, list[PooledSocket]] = {}
        """Those still sent from, by attempt."""
        self.in_flight = 0
        """Queries asked and not yet answered or given up."""
        self.queued = self.waiting = False
        """Whether it has anything to send, and whether it waits for ``due`` to do so."""
        self.due = 0.0
        """When it is worth looking at it again."""
        self.starved_since: float | None = None
        """Since when there has been no descriptor, or no room in the system."""
        self.has_answered = False
        self.breaker = CircuitBreaker()

    @property
    def attempt(self) -> int:
        """That of the next query: SINGLE_ATTEMPT, or the first of several."""
        return SINGLE_ATTEMPT if self.attempts == 1 or self.breaker.is_open(self.in_flight) else 0

    def wait(self, attempt: int) -> float:
        return self._timeout if attempt < 0 else self._waits[attempt]

    def timeout(self, attempt: int) -> QueryFailure:
        """The failure of a query that was given up after this attempt."""
        failure = self._timeouts.get(attempt)
        if failure is None:
            asked = 1 if attempt == SINGLE_ATTEMPT else attempt + 1
            patience = self._timeout if attempt == SINGLE_ATTEMPT else sum(self._waits[: attempt + 1])
            failure = self._timeouts[attempt] = timed_out(asked, patience)
        return failure

    def last(self, attempt: int) -> bool:
        return attempt < 0 or attempt + 1 >= self.attempts

    def room(self) -> int:
        if not self.breaker.closed:
            return max(0, SILENT_WINDOW - self.in_flight)
        return max(0, (WINDOW if self.has_answered else MAX_IN_FLIGHT_PER_ADDRESS) - self.in_flight)

    def add_in_flight(self, count: int) -> None:
        """So many more, or less."""
        self.in_flight += count
        self._everywhere.total += count

    def responded(self) -> None:
        self.breaker.success()
        self.has_answered = True
