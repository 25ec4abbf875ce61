"""How a server answers IXFR (RFC 1995)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from checks.model.address import Address
from checks.model.transfer_way import TransferWay
from checks.model.transport import Transport


class IxfrAnswer(StrEnum):
    """What a secondary can take; ``Observation.transfer`` has what else became of it."""

    INCREMENTAL = "incremental"
    """The differences from the version that was named (section 4)."""
    FULL_ZONE = "full-zone"
    """The whole zone, as AXFR has it: there are no differences from that version, or never any."""
    UP_TO_DATE = "up-to-date"
    """The SOA alone: there is nothing newer. Whether it has differences is not known."""


@dataclass(frozen=True, slots=True)
class DifferenceSize:
    """The differences that an answer to IXFR brought, read to their end: as large, and as long on their way, as
    ``ZoneTransfer`` has it of a whole zone. ``records`` counts all SOA records between them.
    """

    seconds: float
    octets: int
    messages: int
    records: int


@dataclass(frozen=True, slots=True)
class IxfrResponse:
    """How one address answered IXFR, ``at`` the end of that: it has ``serial``, and was asked from ``since``.

    ``size`` is known of differences alone: of a whole zone no more is read than shows that it is one.
    """

    server: str
    address: Address
    at: datetime
    answer: IxfrAnswer
    since: int
    serial: int
    size: DifferenceSize | None = None
    key: str | None = None
    transport: Transport = Transport.TCP
    source: str | None = None

    @property
    def way(self) -> TransferWay:
        """What tells it from other transfers of the zone."""
        return self.server, self.address, self.key, self.transport, self.source
