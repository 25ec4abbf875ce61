"""What may be wrong with a server's TLS, and with its certificate."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class TlsFault(StrEnum):
    """Why there is no connection over TLS that could be used; ``Observation.detail`` says more."""

    HANDSHAKE = "handshake"
    """It came to no end, or what came is not TLS."""
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    NAME = "name"
    """The certificate is another name's."""
    UNTRUSTED = "untrusted"
    """Nobody vouches for it that is trusted: signed by itself, or by an authority that is not known."""
    PIN = "pin"
    """Its public key is none of those that are expected."""


@dataclass(frozen=True, slots=True)
class Tls:
    """What a connection over TLS, or the attempt at one, showed. ``until``: when the certificate ends, or ended."""

    until: datetime | None = None
    fault: TlsFault | None = None
