"""How a server answers IXFR (RFC 1995)."""

from enum import StrEnum


class IxfrAnswer(StrEnum):
    """What a secondary can take; ``Observation.transfer`` has what else became of it."""

    INCREMENTAL = "incremental"
    """The differences from the version that was named (section 4)."""
    FULL_ZONE = "full-zone"
    """The whole zone, as AXFR has it: there are no differences from that version, or never any."""
    UP_TO_DATE = "up-to-date"
    """The SOA alone: there is nothing newer. Whether it has differences is not known."""
