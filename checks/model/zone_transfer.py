"""A transfer that was read to its end: how long it took, and how large the zone is."""

from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import datetime

from checks.model.address import Address
from checks.model.ixfr import IxfrResponse
from checks.model.transfer_way import TransferWay
from checks.model.transport import Transport


@dataclass(frozen=True, slots=True)
class ZoneTransfer:
    """One whole zone from one address (AXFR, RFC 5936), ``at`` its end.

    ``seconds`` are those from the question to the last message, without the time to connect; ``octets`` are those of
    all messages with their lengths, under TLS those within it. ``records`` counts the SOA at both ends.
    """

    server: str
    address: Address
    at: datetime
    seconds: float
    octets: int
    messages: int
    records: int
    serial: int
    key: str | None = None
    transport: Transport = Transport.TCP
    source: str | None = None

    @property
    def rate(self) -> float | None:
        """Octets a second; None where it took no time that could be measured."""
        return self.octets / self.seconds if self.seconds > 0 else None

    @property
    def way(self) -> TransferWay:
        """What tells it from other transfers of the zone: where, and how, it was asked for."""
        return self.server, self.address, self.key, self.transport, self.source


@dataclass(frozen=True, slots=True)
class TransferFigures:
    """What one check last measured of the transfers of a zone: of each way one."""

    whole: tuple[ZoneTransfer, ...] = ()
    ixfr: tuple[IxfrResponse, ...] = ()

    def updated(self, whole: Iterable[ZoneTransfer], ixfr: Iterable[IxfrResponse]) -> "TransferFigures":
        """With newer ones in place of those that were asked for in the same way."""
        return TransferFigures(
            tuple({one.way: one for one in (*self.whole, *whole)}.values()),
            tuple({one.way: one for one in (*self.ixfr, *ixfr)}.values()),
        )

    def only(self, ways: Container[TransferWay]) -> "TransferFigures":
        """Those of these ways."""
        return TransferFigures(
            tuple(one for one in self.whole if one.way in ways), tuple(one for one in self.ixfr if one.way in ways)
        )
