"""How questions are asked: the settings of the prober, read by monitor/config/tables.py."""

import base64
import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated
from zlib import crc32

LocalAddress = Annotated[str, "an IP address without port"]


def waits(timeout: float, attempts: int) -> tuple[float, ...]:
    """Seconds to wait for a response to each of the attempts: more each time, on average ``timeout`` (1, 2, 3 s)."""
    first = timeout * 2 / (attempts + 1)
    return tuple(first * number for number in range(1, attempts + 1))


def worker_of(zone: str, workers: int) -> int:
    """Which of so many asks the zone of this name over UDP: always the same."""
    return crc32(zone.encode()) % workers


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """It is asked over TLS, too (RFC 7858; RFC 9103 for transfers); an empty table stands for all defaults."""

    port: int = field(default=853, metadata={"bounds": {"ge": 1, "le": 65535}})
    """Where it listens for TLS, at each of its addresses."""
    name: str | None = field(default=None, metadata={"unset": "its host name"})
    """The name that its certificate must be for."""
    ca_file: Path | None = field(default=None, metadata={"unset": "the system's"})
    """The authorities that are trusted, in PEM; a certificate that is signed by itself is its own."""
    pins: tuple[str, ...] = field(default=(), metadata={"unset": ""})
    """Its public keys, of which the certificate must have one, instead of a name and an authority: the SHA-256 of each
    SubjectPublicKeyInfo, in base64 (RFC 7858 section 4.2)."""
    verify: bool = True
    """`false`: any certificate will do, also one that has ended."""

    def __post_init__(self) -> None:
        if not self.verify and (self.pins or self.name is not None or self.ca_file is not None):
            raise ValueError("verify = false contradicts name, ca_file and pins")
        if self.pins and (self.name is not None or self.ca_file is not None):
            raise ValueError("pins stand in place of name and ca_file")
        if not all(map(_is_pin, self.pins)):
            raise ValueError("a pin must be the base64 of 32 octets")

    @property
    def named(self) -> bool:
        """Whether the name in the certificate counts."""
        return self.verify and not self.pins


def _is_pin(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == hashlib.sha256().digest_size
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class TransferLimits:
    """Where a transfer is ended by us."""

    deadline: float = field(default=60.0, metadata={"unit": "s", "bounds": {"ge": 0.1}})
    """How long one transfer may take; at least `"100ms"`."""
    max_octets: int = field(default=100_000_000, metadata={"bounds": {"ge": 65536}})
    """Octets of all its messages; at least 65536."""
    max_messages: int = field(default=100_000, metadata={"bounds": {"ge": 1}})
    """DNS messages."""
    max_records: int = field(default=5_000_000, metadata={"bounds": {"ge": 2}})
    """Records."""


@dataclass(frozen=True, slots=True)
class Probe:
    """How questions are asked."""

    timeout: float = field(default=2.0, metadata={"unit": "s", "bounds": {"ge": 0.01}})
    """For one answer; at least `"10ms"`."""
    attempts: int = field(default=3, metadata={"bounds": {"ge": 1, "le": 10}})
    """Before a server counts as silent; 1 to 10."""
    max_qps_per_server: float = field(default=200.0, metadata={"bounds": {"ge": 0.01}})
    """Questions a second to one server, at most; not below 0.01."""
    max_in_flight: int = field(default=256, metadata={"bounds": {"ge": 1, "le": 20000}})
    """Questions without answer at one time, over all servers; the engine that asks for serials over UDP has its own
    measure, 180 per address, and of zones that stand up to 64 are asked down one connection, a quarter as many
    connections at one time."""
    transfers_per_server: int = field(default=2, metadata={"bounds": {"ge": 1, "le": 100}})
    """Transfers from one server at one time."""
    transfer: TransferLimits = TransferLimits()
    source: tuple[LocalAddress, ...] = field(
        default=(),
        metadata={"unset": "the system chooses", "example": 'source = ["192.0.2.200", "2001:db8::200"]'},
    )
    """Addresses of this machine to ask from, one of each family."""
    workers: int = field(default=1, metadata={"bounds": {"ge": 1, "le": 64}})
    """Processes that ask for serials, NS sets and records, and over TCP for zones that are well, each for its share of
    the zones, 1 to 64. More than one pays from some hundred thousand zones on, where there are processors for them;
    with 1 the service itself asks. Each of them has an equal share of `max_qps_per_server`, `max_qps` and
    `max_in_flight`, and so has the service, which asks what follows from an answer."""
    max_qps: float | None = field(
        default=None, metadata={"bounds": {"ge": 0.01}, "unset": "no limit", "example": "max_qps = 5000"}
    )
    """Questions a second to all servers together, at most; not below 0.01."""
    max_qps_per_foreign_server: float = field(default=50.0, metadata={"bounds": {"ge": 0.01}})
    """Questions a second to one server that is none of a zone's own, as those of its parent are, at most; never more
    than `max_qps_per_server`."""

    @property
    def parts(self) -> int:
        """Into how many the rates are divided: one for each worker and, beside several, one for the service itself."""
        return self.workers + 1 if self.workers > 1 else 1

    def part(self, least_in_flight: int = 1) -> "Probe":
        """For one of the processes that ask at the same time: its share of the rates and of what may be in flight.

        Of that it has ``least_in_flight`` at least, where there are so many.
        """
        if self.parts == 1:
            return self
        return replace(
            self,
            max_qps_per_server=self.max_qps_per_server / self.parts,
            max_qps_per_foreign_server=min(self.max_qps_per_foreign_server, self.max_qps_per_server / self.parts),
            max_qps=None if self.max_qps is None else self.max_qps / self.parts,
            max_in_flight=max(min(self.max_in_flight, least_in_flight), self.max_in_flight // self.parts),
            workers=1,
        )
