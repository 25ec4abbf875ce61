"""One address of one server: its sockets, what is in flight to it, and what there is to ask it."""

import errno
import os
import socket
from collections import deque
from collections.abc import Callable
from itertools import accumulate, chain, groupby, repeat
from struct import Struct
from types import MappingProxyType

from checks.model import Address, Observation, Outcome, Query
from monitor.probe.bulk.batches import HEAD, QueryBatch, QueryTemplate
from monitor.probe.bulk.batches import PLAIN as PLAIN_HEAD
from monitor.probe.client.observations import QueryFailure
from monitor.probe.client.target_queue import FAILURE_THRESHOLD, HALF_OPEN_PROBES, MOST_PER_ADDRESS, TokenBucket
from monitor.probe.message.request import name_text, question
from monitor.probe.settings import Probe


class BatchResult:
    """What comes in for one call: ``wires`` is what each of the ``same`` said, b"" if nothing; then ``silent`` has why.

    ``trials`` are those under way; ``over`` says that nobody waits any more.
    """

    __slots__ = ("odd", "over", "same", "silent", "trials", "wires")

    def __init__(self) -> None:
        self.same: list[int] = []
        self.wires: list[bytes] = []
        self.odd: list[tuple[int, Observation]] = []
        self.silent: dict[int, QueryFailure] = {}
        self.trials: set[Retry] = set()
        self.over = False


class PendingBatch:
    """A volley under way. ``next`` is the first that has not been asked."""

    __slots__ = (
        "_queries", "address", "ends", "kind", "names", "next", "refs", "same", "server", "tray", "wires",
    )  # fmt: skip

    def __init__(
        self,
        volley: QueryBatch,
        tray: BatchResult,
        kind: QueryTemplate,
        queries: dict[bytes, list[Query]] | None = None,
    ) -> None:
        """``queries`` are those to be answered, by name, where they are not the zones' own."""
        self.server, self.address, self.kind, self.tray = volley.server, volley.address, kind, tray
        self.names, self.refs = list(volley.names), list(volley.refs)
        self.ends = [len(self.names)]
        """Where each run of names of one length ends, last first."""
        sizes = list(map(len, self.names))
        if min(sizes) != max(sizes):  # packets of one length can be handed to the system together
            order = sorted(range(len(sizes)), key=sizes.__getitem__)
            self.names = [self.names[place] for place in order]
            self.refs = [self.refs[place] for place in order]
            sizes.sort()
            self.ends = list(accumulate(sum(1 for _ in run) for _, run in groupby(sizes)))[::-1]
        self.next = 0
        self.same, self.wires = tray.same, tray.wires
        self._queries = queries

    def query(self, name: bytes) -> Query:
        """To be called once for each."""
        if self._queries is not None:
            return self._queries[name].pop()
        text = name_text(name)
        return Query(text, self.server, self.address, text, self.kind.qtype, identify=self.kind.identify)

    def text(self, query: Query) -> str:
        """Its name as it is written, which need not be how a caller has written it."""
        return query.qname if self._queries is None else question(query).text


class Retry:
    """One query that is asked more than once. ``askings`` are the places where an answer may still come in.

    ``held`` puts down an answer that has come already and is an error: it stands unless the question gets a better one
    without EDNS. Then ``query`` is what it answers.
    """

    __slots__ = ("_query", "askings", "attempt", "failure", "gate", "held", "load", "name", "over", "ref")

    def __init__(self, load: PendingBatch, name: bytes, ref: int, gate: "Target") -> None:
        self.load, self.name, self.ref, self.gate = load, name, ref, gate
        self.askings: list[tuple[PooledSocket, bytes]] = []
        self.attempt = 0
        self.failure: QueryFailure | None = None
        self.held: Callable[[], None] | None = None
        self._query: Query | None = None
        self.over = False

    def hold(self, query: Query, held: Callable[[], None]) -> None:
        self._query, self.held = query, held

    @property
    def query(self) -> Query:
        """To be asked for once, as from its load, unless one is held."""
        return self._query if self._query is not None else self.load.query(self.name)


Entry = tuple[int, bytes, float, PendingBatch | Retry]
"""Ref (-1 of a trial, which has its own), name, when it was asked, and for whom."""


GROUP = 60
"""Queries handed to the system at once."""


LIFE = 512
"""Queries from one port; then another one is opened."""


SECONDS = 1.0
"""How long a port is used, be it ever so little."""


HOLDS = 128
"""Queries in flight from one port: fewer than answers fit into its buffer, be they as large as we allow."""


_ROOM = 1 << 20


_IDS = tuple(Struct("2s" * count) for count in range(GROUP + 1))


_SIZE = Struct("H")


_UDP_SEGMENT = 103


# Without it the system keeps to itself what routers say of a host (ip(7), IP_RECVERR); Python does not name them.
_TELL = MappingProxyType({socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (socket.IPPROTO_IPV6, 25)})


WHOLE_NOT = frozenset({errno.EIO, errno.EINVAL, errno.ENOPROTOOPT, errno.EOPNOTSUPP, errno.EMSGSIZE})
"""What the system says where it cannot cut one packet into many (UDP_SEGMENT, Linux 4.18; some devices do not)."""


LATER = frozenset({errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM})
"""What it says when it has no room just now."""


class PooledSocket:
    """A connected socket under a random port, and its queries by id. ``late`` are asked again, and may answer yet."""

    __slots__ = ("asked", "attempt", "closed", "edns", "flight", "gate", "late", "recv", "sock", "until", "wait")

    def __init__(self, sock: socket.socket, gate: "Target", attempt: int, wait: float, edns: bool, now: float) -> None:
        """``attempt`` is the asking that it is for, from 0 on."""
        self.sock = sock
        self.recv = sock.recv
        self.gate = gate
        self.attempt, self.wait, self.edns = attempt, wait, edns
        self.flight: dict[bytes, Entry] = {}
        self.late: dict[bytes, tuple[float, Retry]] = {}
        self.asked = 0
        self.until = now + SECONDS
        self.closed = False

    def connect(self, family: socket.AddressFamily, place: tuple[str, int] | tuple[str, int, int, int]) -> None:
        """Raises OSError."""
        self.sock.setsockopt(*_TELL[family], 1)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM)
        self.sock.connect(place)

    def spent(self, now: float) -> bool:
        return self.asked >= LIFE or now >= self.until

    def room(self, now: float) -> int:
        """How many more may go out from it now."""
        if self.spent(now):
            return 0
        return min(LIFE - self.asked, HOLDS - len(self.flight))

    def ids(self, count: int) -> list[bytes]:
        """So many that are not in use here, each as random as the system can draw it."""
        draw = _IDS[count]
        while True:
            drawn = draw.unpack(os.urandom(draw.size))
            if len(set(drawn)) == count and self.flight.keys().isdisjoint(drawn) and self.late.keys().isdisjoint(drawn):
                return list(drawn)

    def send(self, ids: list[bytes], names: list[bytes], tail: bytes) -> tuple[int, OSError | None]:
        """One by one; how many went, and what kept the next from going."""
        send = self.sock.send
        head = HEAD if self.edns else PLAIN_HEAD
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
        size = 2 + len(HEAD) + len(names[0]) + len(tail)
        packets = b"".join(chain.from_iterable(zip(ids, repeat(HEAD), names, repeat(tail))))
        self.sock.sendmsg([packets], [(socket.IPPROTO_UDP, _UDP_SEGMENT, _SIZE.pack(size))])


WINDOW = 180
"""Queries in flight to an address that answers: a server's buffer holds some 250 of them."""

CLUMP = 50
"""So many are waited for before more is sent, while there is enough to send."""

SILENT_WINDOW = 16384
"""Queries in flight to an address that answers nothing: each costs a slot, and nobody's time."""

ONCE = -1
"""The attempt of a query that is asked only once."""

PLAIN = -2
"""The attempt of one that is asked without EDNS, for its answer with EDNS was an error."""


class Target:
    """Loads that wait, trials that are due, ports that are open, and whether anybody is there."""

    __slots__ = (
        "_misses", "_timeout", "_timeouts", "_waits", "address", "again", "attempts", "bucket", "busy", "due",
        "heard_ever", "listed", "loads", "ports", "server", "starved", "whole",
    )  # fmt: skip

    def __init__(self, server: str, address: Address, bucket: TokenBucket, probe: Probe, *, whole: bool) -> None:
        """``whole``: packets may be handed to the system many at a time."""
        self.server, self.address, self.bucket = server, address, bucket
        self.whole = whole
        self.attempts = max(1, probe.attempts)
        first = probe.timeout * 2 / (self.attempts + 1)
        self._waits = tuple(first * number for number in range(1, self.attempts + 1))
        self._timeout = probe.timeout
        self._timeouts: dict[int, QueryFailure] = {}
        self.loads: deque[PendingBatch] = deque()
        self.again: deque[Retry] = deque()
        self.ports: dict[int, list[PooledSocket]] = {}
        """Those still sent from, by attempt."""
        self.busy = 0
        """Queries asked and not yet answered or given up."""
        self.listed = False
        self.due = 0.0
        """When it is worth looking at it again."""
        self.starved: float | None = None
        """Since when there has been no descriptor, or no room in the system."""
        self.heard_ever = False
        self._misses = 0

    @property
    def silent(self) -> bool:
        return self._misses >= FAILURE_THRESHOLD

    @property
    def attempt(self) -> int:
        """How the next query is asked: once, or as the first of several askings."""
        return ONCE if self.attempts == 1 or (self.silent and self.busy >= HALF_OPEN_PROBES) else 0

    def wait(self, attempt: int) -> float:
        return self._timeout if attempt < 0 else self._waits[attempt]

    def timeout(self, attempt: int) -> QueryFailure:
        """What is said of a query that was given up after this asking."""
        failure = self._timeouts.get(attempt)
        if failure is None:
            asked = 1 if attempt == ONCE else attempt + 1
            patience = self._timeout if attempt == ONCE else sum(self._waits[: attempt + 1])
            text = f"no answer to {asked} askings within {patience:g} s"
            failure = self._timeouts[attempt] = QueryFailure(Outcome.TIMEOUT, text)
        return failure

    def last(self, attempt: int) -> bool:
        return attempt < 0 or attempt + 1 >= self.attempts

    def room(self) -> int:
        if self.silent:
            return max(0, SILENT_WINDOW - self.busy)
        return max(0, (WINDOW if self.heard_ever else MOST_PER_ADDRESS) - self.busy)

    def heard(self) -> None:
        self._misses = 0
        self.heard_ever = True

    def missed(self) -> None:
        self._misses += 1
