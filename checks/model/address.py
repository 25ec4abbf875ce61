"""Where a nameserver is asked."""

from dataclasses import dataclass
from enum import StrEnum

PORT = 53
"""Of nameservers, where no other is said (RFC 1035 section 4.2)."""


class Family(StrEnum):
    IPV4 = "ipv4"
    IPV6 = "ipv6"


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """One address of a nameserver; each is observed on its own. The text form is that of the configuration."""

    host: str
    port: int = PORT

    @property
    def family(self) -> Family:
        return Family.IPV6 if ":" in self.host else Family.IPV4

    def __str__(self) -> str:
        if self.port == PORT:
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
