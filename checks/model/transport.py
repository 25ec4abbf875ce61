"""How a question reaches a server."""

from enum import StrEnum


class Transport(StrEnum):
    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"
    """DNS over TLS (RFC 7858), at a port of its own."""
