"""What became of a query, of a transfer, and of an update."""

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


class UpdateResult(StrEnum):
    """How an update ended (RFC 2136 section 3.8, RFC 8945 section 5); all but DONE are typed reasons."""

    DONE = "done"
    REFUSED = "refused"
    NOTAUTH = "notauth"
    NOTZONE = "notzone"
    NOTIMP = "notimp"
    SERVFAIL = "servfail"
    RCODE = "rcode"
    """Another rcode; ``Observation.rcode`` has it."""
    BADKEY = "badkey"
    BADSIG = "badsig"
    BADTIME = "badtime"
    BADALG = "badalg"
    UNSIGNED = "unsigned"
    """It is said to be done, and nobody has signed that."""
    MALFORMED = "malformed"
    TIMEOUT = "timeout"
    RESET = "reset"
    """The connection was refused, reset or closed without an answer."""
    UNREACHABLE = "unreachable"
