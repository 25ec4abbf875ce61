"""A zone as one address gave it, whole."""

from dataclasses import dataclass

from checks.common.text import server_at
from checks.model import Address, Observation, Server


@dataclass(frozen=True, slots=True)
class TransferredZone:
    """``seen`` is of a transfer that has a SOA and a content."""

    server: Server
    address: Address
    seen: Observation

    @property
    def place(self) -> tuple[str, Address]:
        return self.server.name, self.address

    @property
    def serial(self) -> int | None:
        return self.seen.soa.serial if self.seen.soa is not None else None

    def __str__(self) -> str:
        return server_at(self.server.name, self.address)
