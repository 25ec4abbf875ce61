"""What is said of the timers of a SOA: the published ranges, and what a value means for a zone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from checks.common.text import format_duration
from checks.model.timers import TIMERS, TimerLimits

_RFC1912, _RFC2308 = "RFC 1912 section 2.2", "RFC 2308 section 5"
_RIPE203, _DNSCALE, _ZONEMASTER = "RIPE-203", "DNScale's guide to secondary DNS", "Zonemaster"
_OWN = "the configuration"

MINUTE, HOUR, DAY = 60, 3600, 86400


@dataclass(frozen=True, slots=True)
class TimerRange:
    """From ``least`` to ``most`` seconds, where there is a most; and who says so."""

    least: int
    most: int | None
    source: str

    def holds(self, seconds: int) -> bool:
        return self.least <= seconds and (self.most is None or seconds <= self.most)

    def __str__(self) -> str:
        if self.most is None:
            return f"at least {in_seconds(self.least)}"
        if self.least == self.most:
            return in_seconds(self.least)
        return (
            f"{in_seconds(self.least)} to {in_seconds(self.most)}" if self.least else f"at most {in_seconds(self.most)}"
        )

    def cure(self, seconds: int) -> str:
        """What to set in place of a value that is none of these."""
        if self.least == self.most:
            return f"set it to {self.least}"
        return f"set at least {self.least}" if seconds < self.least else f"set at most {self.most}"


def _exactly(seconds: int, source: str) -> TimerRange:
    return TimerRange(seconds, seconds, source)


_CLASSIC: Mapping[str, TimerRange] = {
    "refresh": TimerRange(20 * MINUTE, None, _RFC1912),
    "expire": TimerRange(14 * DAY, 28 * DAY, _RFC1912),
    "minimum": TimerRange(0, DAY, _RFC2308),
}

PROFILES: Mapping[str, Mapping[str, TimerRange]] = MappingProxyType(
    {
        "none": {},
        "rfc1912": _CLASSIC,
        "ripe-203": {
            "refresh": _exactly(DAY, _RIPE203),
            "retry": _exactly(2 * HOUR, _RIPE203),
            "expire": _exactly(1000 * HOUR, _RIPE203),
            "minimum": _exactly(2 * DAY, _RIPE203),
        },
        "dnscale": {
            "refresh": _exactly(HOUR, _DNSCALE),
            "retry": _exactly(15 * MINUTE, _DNSCALE),
            "expire": _exactly(14 * DAY, _DNSCALE),
            "minimum": _exactly(5 * MINUTE, _DNSCALE),
        },
        "zonemaster": {
            "refresh": TimerRange(4 * HOUR, None, f"{_ZONEMASTER} ZONE02"),
            "retry": TimerRange(HOUR, None, f"{_ZONEMASTER} ZONE04"),
            "expire": TimerRange(7 * DAY, None, f"{_ZONEMASTER} ZONE05"),
            "minimum": TimerRange(5 * MINUTE, DAY, f"{_ZONEMASTER} ZONE06"),
        },
        "isnic": {**_CLASSIC, "ns_ttl": TimerRange(DAY, None, "ISNIC")},
    }
)
"""Profile → timer → its range. RFC 1912 has the refresh longer the less a zone changes, a day or more with NOTIFY; its
words on the minimum are of the time before RFC 2308.
"""


def ranges_of(limits: TimerLimits) -> Mapping[str, TimerRange]:
    """By timer, those that are set; one's own come before those of the profile."""
    found = dict(PROFILES[limits.profile])
    for name in TIMERS:
        own: tuple[timedelta, ...] = getattr(limits, name)
        if own:
            most = _seconds(own[1]) if len(own) > 1 else None
            found[name] = TimerRange(_seconds(own[0]), most, _OWN)
    return found


def _seconds(length: timedelta) -> int:
    return round(length.total_seconds())


def in_seconds(seconds: int) -> str:
    """ "30 s", "3600 s (1 h)": as the record has it, and as people read it."""
    return f"{seconds} s" if seconds < MINUTE else f"{seconds} s ({format_duration(seconds)})"


def unusual_ns_ttl(ttl: int, wanted: TimerRange) -> Iterator[tuple[str, str]]:
    """The same of the NS records' TTL as ``TimerValues.outside`` says of the SOA."""
    if not wanted.holds(ttl):
        text = f"the TTL of the NS records is {in_seconds(ttl)}, and {wanted.source} has {wanted}"
        yield "ns_ttl", f"{text}: resolvers look for the zone's servers again so often; {wanted.cure(ttl)}"


@dataclass(frozen=True, slots=True)
class TimerValues:
    """Those of one SOA record, in seconds."""

    refresh: int
    retry: int
    expire: int
    minimum: int
    ttl: int

    @property
    def negative_ttl(self) -> int:
        """How long resolvers keep a negative answer (RFC 2308 section 5)."""
        return min(self.minimum, self.ttl)

    def conflicts(self, max_lag: timedelta) -> Iterator[tuple[str, str]]:
        """Subject and text of what contradicts itself, whatever a profile says. ``max_lag`` is the zone's."""
        refresh, retry, expire = in_seconds(self.refresh), in_seconds(self.retry), in_seconds(self.expire)
        if self.retry >= self.refresh:
            text = (
                f"retry is {retry}, no less than refresh, {refresh}: a secondary that could not ask its primary tries "
                f"again no sooner than it would have asked anyway; set retry to a fraction of refresh ({_RFC1912})"
            )
            yield "retry", text
        if self.expire < self.refresh + self.retry:
            text = (
                f"expire is {expire}, less than refresh and retry together, {in_seconds(self.refresh + self.retry)}: a "
                "secondary that fails to ask its primary once stops serving the zone before it has tried again; set "
                f"it to more than the longest outage of the primary, two to four weeks ({_RFC1912})"
            )
            yield "expire", text
        if self.expire < _seconds(max_lag):
            text = (
                f"expire is {expire}, less than the max_lag of the zone, {in_seconds(_seconds(max_lag))}: a "
                "secondary that has lost its primary stops serving the zone before it is told of as late; set a "
                "longer expire, or a shorter max_lag"
            )
            yield "max_lag", text

    def outside(self, ranges: Mapping[str, TimerRange]) -> Iterator[tuple[str, str]]:
        """Timer and text of what is in none of these ranges."""
        values = {
            "refresh": self.refresh, "retry": self.retry, "expire": self.expire, "minimum": self.negative_ttl,
            "ttl": self.ttl,
        }  # fmt: skip
        for name, wanted in ranges.items():
            if name in values and not wanted.holds(values[name]):
                text = f"{self._said(name)}, and {wanted.source} has {wanted}: {self._meaning(name)}"
                yield name, f"{text}; {wanted.cure(values[name])}"

    def _said(self, name: str) -> str:
        if name == "ttl":
            return f"the TTL of the SOA is {in_seconds(self.ttl)}"
        if name == "minimum" and self.ttl < self.minimum:
            return f"the TTL of the SOA is {in_seconds(self.ttl)}, less than its minimum, {in_seconds(self.minimum)}"
        return f"{name} is {in_seconds(getattr(self, name))}"

    def _meaning(self, name: str) -> str:
        """What the value is for."""
        if name == "refresh":
            return "so often does a secondary that hears no NOTIFY ask for a new version"
        if name == "retry":
            return f"so often does a secondary try again while its primary does not answer, and {self._tries()}"
        if name == "expire":
            survived = format_duration(max(0, self.expire - self.refresh))
            return f"a secondary goes on for at least {survived} after its primary is gone, and {self._tries()}"
        if name == "minimum":
            return f"resolvers remember for {in_seconds(self.negative_ttl)} that a name does not exist"
        return "resolvers keep the SOA for so long"

    def _tries(self) -> str:
        """How many tries fit in between the first that fails and the end."""
        if not self.retry:
            return "there is no pause between its tries"
        tries = max(0, self.expire - self.refresh) // self.retry
        return f"{'1 try fits' if tries == 1 else f'{tries} tries fit'} in before the zone ends there"
