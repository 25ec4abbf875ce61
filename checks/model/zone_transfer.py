"""A transfer that was read to its end: how long it took, and how large the zone is."""

from dataclasses import dataclass
from datetime import datetime

from checks.model.address import Address
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
    def way(self) -> tuple[str, Address, str | None, Transport, str | None]:
        """What tells it from other transfers of the zone: where, and how, it was asked for."""
        return self.server, self.address, self.key, self.transport, self.source
