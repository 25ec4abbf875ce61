"""What became of a query."""

from enum import StrEnum


class Outcome(StrEnum):
    """What became of a query: a closed set. An rcode is part of an answer, not an outcome."""

    ANSWERED = "answered"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    REFUSED_CONNECTION = "refused-connection"
    TRUNCATED_ONLY = "truncated-only"
    MALFORMED = "malformed"
    MISMATCHED = "mismatched"
    UNASKED = "unasked"
    """The monitor itself could not ask (no descriptor, local firewall, no route, offline): accuses nobody."""

    @property
    def transport_failed(self) -> bool:
        """It says something of the way to the server, and nothing of the zone."""
        return self in (Outcome.TIMEOUT, Outcome.UNREACHABLE, Outcome.REFUSED_CONNECTION)

    @property
    def no_response(self) -> bool:
        """Nothing at all came back from the other side."""
        return self in (Outcome.TIMEOUT, Outcome.UNREACHABLE, Outcome.UNASKED)

    @property
    def unusable(self) -> bool:
        """Something came back, and nothing that a resolver could use."""
        return self in (Outcome.MALFORMED, Outcome.MISMATCHED)


class TransferResult(StrEnum):
    """How a transfer ended; all but ALLOWED are typed reasons."""

    ALLOWED = "allowed"
    REFUSED = "refused"
    NOTAUTH = "notauth"
    BADKEY = "badkey"
    BADSIG = "badsig"
    BADTIME = "badtime"
    BADALG = "badalg"
    UNSIGNED = "unsigned"
    SERVFAIL = "servfail"
    RCODE = "rcode"
    """Another rcode (FORMERR, NOTIMP …); ``Observation.rcode`` has it."""
    RESET = "reset"
    TIMEOUT = "timeout"
    EMPTY = "empty"
    TRUNCATED = "truncated"
    MALFORMED = "malformed"
    SERIAL_MOVED = "serial-moved"
    TLS = "tls"
    """There was no TLS over which it could be asked for; ``Observation.tls`` has the fault."""
    LIMIT = "limit"
    """One of our own limits on time, octets, messages or records ended it."""
