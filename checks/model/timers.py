"""What the timers of a zone's SOA are to be, by a published profile or by ranges of one's own."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from checks.common.text import format_duration

TimerProfile = Literal["none", "rfc1912", "ripe-203", "dnscale", "zonemaster", "isnic"]

TIMERS = ("refresh", "retry", "expire", "minimum", "ttl", "ns_ttl")
"""What has a range, by the field of ``TimerLimits``: the timers of the SOA, how long resolvers keep a negative answer,
and the TTL of the SOA and of the NS RRset.
"""


@dataclass(frozen=True, slots=True)
class TimerLimits:
    """What the timers of a zone's SOA are to be: a range of one's own comes before that of the profile."""

    # monitor/config/tables.py reads the fields, and says what their metadata means

    profile: TimerProfile = "none"
    """Whose advice is followed: `"rfc1912"` (RFC 1912 section 2.2, RFC 2308 section 5), `"ripe-203"` (for small and
    stable zones), `"dnscale"` (a provider's guide to secondary DNS), `"zonemaster"` (the limits of its tests),
    `"isnic"` (as RFC 1912, and NS records for a day at least: what the registry of .is wants); `"none"`: only what
    contradicts itself is told of."""
    refresh: tuple[timedelta, ...] = field(
        default=(), metadata={"unset": "by the profile", "example": 'refresh = ["20m", "1d"]'}
    )
    """Least and most, or only the least: how often a secondary asks its primary for a new version."""
    retry: tuple[timedelta, ...] = field(
        default=(), metadata={"unset": "by the profile", "example": 'retry = ["5m", "2h"]'}
    )
    """Least and most: how often it asks again while the primary does not answer."""
    expire: tuple[timedelta, ...] = field(
        default=(), metadata={"unset": "by the profile", "example": 'expire = ["14d", "42d"]'}
    )
    """Least and most: how long it serves the zone without its primary."""
    minimum: tuple[timedelta, ...] = field(
        default=(), metadata={"unset": "by the profile", "example": 'minimum = ["5m", "3h"]'}
    )
    """Least and most: how long resolvers remember that a name does not exist, which is the lesser of the SOA's minimum
    and TTL (RFC 2308 section 5)."""
    ttl: tuple[timedelta, ...] = field(default=(), metadata={"unset": "any", "example": 'ttl = ["5m", "1d"]'})
    """Least and most: the TTL of the SOA record."""
    ns_ttl: tuple[timedelta, ...] = field(
        default=(), metadata={"unset": "by the profile", "example": 'ns_ttl = ["1h", "7d"]'}
    )
    """Least and most: the TTL of the zone's NS records. Where it is set, they are asked for at each look."""

    def __post_init__(self) -> None:
        for name in TIMERS:
            own: tuple[timedelta, ...] = getattr(self, name)
            if len(own) > 2:
                raise ValueError(f"{name} has more than two values: the least and the most that it may be")
            if own and own[0] > own[-1]:
                least, most = map(format_duration, own)
                raise ValueError(f"the least of {name}, {least}, is more than its most, {most}")
