"""What is asked for the engine's callers, and what has come back of it?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate, groupby
from typing import TYPE_CHECKING

from checks.model import Address, Observation, Query
from monitor.probe.found import Failure
from monitor.probe.question import ask, name_text, question

if TYPE_CHECKING:
    from monitor.probe.gate import Gate
    from monitor.probe.port import Port

HEAD = b"\0\0\0\1\0\0\0\0\0\1"
"""What follows the id: not recursive, one question, one additional record."""

PLAIN = b"\0\0\0\1\0\0\0\0\0\0"
"""The same without EDNS."""


@dataclass(slots=True)
class Volley:
    """One question to one address for each of many zones.

    ``names`` are wire names in lower case, uncompressed; ``refs`` what the caller knows each by: an index into the
    columns.
    """

    server: str
    address: Address
    names: Sequence[bytes]
    refs: Sequence[int]


@dataclass(slots=True)
class Heard:
    """A batch: ``same`` are refs that say what they said, ``odd`` what all others say."""

    same: list[int]
    odd: list[tuple[int, Observation]]
    at: datetime


class Kind:
    """What is asked of all names of a load."""

    __slots__ = ("identify", "qtype", "rtype", "section", "tail")

    def __init__(self, qtype: str = "SOA", *, identify: bool = True) -> None:
        """Raises ValueError when there is no such type."""
        root = question(Query(".", "", Address(""), ".", qtype, identify=identify))
        self.qtype, self.rtype, self.identify = qtype, root.type, identify
        self.section = root.section[1:]
        """What follows the name in the question."""
        self.tail = ask(root, edns=True).wire[13:]
        """What follows it in all, with EDNS."""


class Tray:
    """What comes in for one call: ``wires`` is what each of the ``same`` said, b"" if nothing; then ``silent`` has why.

    ``trials`` are those under way; ``over`` says that nobody waits any more.
    """

    __slots__ = ("odd", "over", "same", "silent", "trials", "wires")

    def __init__(self) -> None:
        self.same: list[int] = []
        self.wires: list[bytes] = []
        self.odd: list[tuple[int, Observation]] = []
        self.silent: dict[int, Failure] = {}
        self.trials: set[Trial] = set()
        self.over = False


class Load:
    """A volley under way. ``next`` is the first that has not been asked."""

    __slots__ = (
        "_queries", "address", "ends", "kind", "names", "next", "refs", "same", "server", "tray", "wires",
    )  # fmt: skip

    def __init__(self, volley: Volley, tray: Tray, kind: Kind, queries: dict[bytes, list[Query]] | None = None) -> None:
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


class Trial:
    """One query that is asked more than once. ``askings`` are the places where an answer may still come in.

    ``held`` puts down an answer that has come already and is an error: it stands unless the question gets a better one
    without EDNS. Then ``query`` is what it answers.
    """

    __slots__ = ("_query", "askings", "attempt", "failure", "gate", "held", "load", "name", "over", "ref")

    def __init__(self, load: Load, name: bytes, ref: int, gate: "Gate") -> None:
        self.load, self.name, self.ref, self.gate = load, name, ref, gate
        self.askings: list[tuple[Port, bytes]] = []
        self.attempt = 0
        self.failure: Failure | None = None
        self.held: Callable[[], None] | None = None
        self._query: Query | None = None
        self.over = False

    def hold(self, query: Query, held: Callable[[], None]) -> None:
        self._query, self.held = query, held

    @property
    def query(self) -> Query:
        """To be asked for once, as from its load, unless one is held."""
        return self._query if self._query is not None else self.load.query(self.name)
