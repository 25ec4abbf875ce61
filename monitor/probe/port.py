"""What has gone out from one port of ours, and is not answered yet?"""

import errno
import os
import socket
from itertools import chain, repeat
from struct import Struct
from types import MappingProxyType
from typing import TYPE_CHECKING

from monitor.probe.volley import HEAD, PLAIN, Load, Trial

if TYPE_CHECKING:
    from monitor.probe.gate import Gate

Entry = tuple[int, bytes, float, Load | Trial]
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


class Port:
    """A connected socket under a random port, and its queries by id. ``late`` are asked again, and may answer yet."""

    __slots__ = ("asked", "attempt", "closed", "edns", "flight", "gate", "late", "recv", "sock", "until", "wait")

    def __init__(self, sock: socket.socket, gate: "Gate", attempt: int, wait: float, edns: bool, now: float) -> None:
        """``attempt`` is the asking that it is for, from 0 on."""
        self.sock = sock
        self.recv = sock.recv
        self.gate = gate
        self.attempt, self.wait, self.edns = attempt, wait, edns
        self.flight: dict[bytes, Entry] = {}
        self.late: dict[bytes, tuple[float, Trial]] = {}
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
        head = HEAD if self.edns else PLAIN
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
