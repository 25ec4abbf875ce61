"""The order of records in an answer to IXFR (RFC 1995 section 4), and the serial that the question carries."""

import struct
from dataclasses import replace

from checks.common.serial import newer
from checks.model import IxfrAnswer
from monitor.probe.message.request import IN, SOA, Request
from monitor.probe.message.wire import Malformed

_SOA_BELOW = b"\xc0\x0c" + struct.pack("!HHIH", SOA, IN, 0, 22) + b"\0\0"
"""A SOA record of the name in the question, up to its serial; servers read nothing else of it."""


def from_serial(request: Request, serial: int) -> Request:
    """The request with the client's SOA in its authority section (section 3); to be signed after that."""
    wire = request.wire
    rest = struct.pack("!IIIII", serial, 0, 0, 0, 0)
    return replace(request, wire=wire[:8] + (1).to_bytes(2, "big") + wire[10:] + _SOA_BELOW + rest)


class IxfrSequence:
    """Takes the records of an answer one by one: the new SOA, then for each step the old SOA, what is taken away, the
    next SOA, what is added; and the new SOA again.
    """

    __slots__ = ("_adding", "_at", "_new", "_since")

    def __init__(self, since: int, new: int) -> None:
        """``since`` is the serial in the question, ``new`` that of the first SOA of the answer."""
        self._since, self._new = since, new
        self._at: int | None = None
        """The serial of the latest SOA within the steps."""
        self._adding = False

    @property
    def alone(self) -> IxfrAnswer | None:
        """What it is if no record followed the first SOA in its message; None: more must come."""
        return None if self._at is not None or newer(self._new, self._since) else IxfrAnswer.UP_TO_DATE

    def take(self, serial: int | None) -> IxfrAnswer | None:
        """The next record: the serial of a SOA of the zone, None of any other; what the answer is once that is known.

        INCREMENTAL comes with the last record, FULL_ZONE with the second. Raises Malformed.
        """
        if self._at is None:
            return self._second(serial)
        if serial is None:
            return None
        if not self._adding:
            if not newer(serial, self._at):
                raise Malformed(f"a difference leads from serial {self._at} to {serial}, which is not newer")
            self._at, self._adding = serial, True
            return None
        if serial != self._at:
            raise Malformed(f"a difference begins with serial {serial}, and the one before led to {self._at}")
        self._adding = False
        return IxfrAnswer.INCREMENTAL if serial == self._new else None

    def _second(self, serial: int | None) -> IxfrAnswer | None:
        if serial is None:
            return IxfrAnswer.FULL_ZONE
        if serial == self._new:
            raise Malformed("the zone's SOA twice, and nothing else")
        if serial != self._since:
            raise Malformed(f"the first difference begins with serial {serial}, and {self._since} was asked from")
        self._at = serial
        return None
