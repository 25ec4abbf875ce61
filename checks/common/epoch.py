"""Times as microseconds since 1970, exactly: what columns and packed rows hold."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(at: datetime, since: datetime = EPOCH) -> int:
    if at is since:
        return 0
    span = at - since
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


def moment_of(micros: int) -> datetime:
    """The inverse of ``micros``."""
    return EPOCH + timedelta(0, 0, micros)
