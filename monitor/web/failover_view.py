"""What is left of a zone when a server or a provider goes now, in words: for the page and for the commands."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from checks.common.text import enumerated, format_duration, format_time
from monitor.state.failover import Failover, Remaining
from monitor.state.level import Level


@dataclass(frozen=True, slots=True)
class FailoverRow:
    """``lost`` goes; ``sentence`` says what is left."""

    lost: str
    level: Level
    sentence: str


def failover_rows(found: Iterable[Failover], now: datetime) -> list[FailoverRow]:
    return [FailoverRow(_lost(one), _level(one), _left(one, now)) for one in found]


def failover_lines(found: Iterable[Failover], now: datetime) -> Iterator[str]:
    """The same for a terminal."""
    yield from (f"If {row.lost} goes now: {row.sentence}" for row in failover_rows(found, now))


def _level(one: Failover) -> Level:
    if one.remains:
        return Level.GOOD
    return Level.UNKNOWN if one.unheard else Level.CRITICAL


def _lost(one: Failover) -> str:
    if not one.group:
        return f"{one.lost} (the primary)"
    return f"provider {one.lost}" if one.lost else "the provider without a name"


def _left(one: Failover, now: datetime) -> str:
    if not one.remains and one.unheard:
        return f"whether {enumerated(one.unheard, most=6)} {_go_on(len(one.unheard))} is not known"
    if not one.remains:
        return "nobody that resolvers ask serves the zone"
    if not one.bounded:
        return f"{enumerated((each.server for each in one.remains), most=6)} {_go_on(len(one.remains))}"
    told = enumerated((_until(each, now) for each in one.remains), most=6)
    dark = one.dark_at
    last = f"; in {format_duration(dark - now)} the zone is dark" if dark is not None and dark > now else ""
    signed = min((each.signatures_end for each in one.remains if each.signatures_end is not None), default=None)
    early = signed is not None and (dark is None or signed < dark)
    ends = f"; its signatures end from {format_time(signed)} on" if signed is not None and early else ""
    return f"{told}{last}{ends}"


def _go_on(servers: int) -> str:
    return "goes on" if servers == 1 else "go on"


def _until(one: Remaining, now: datetime) -> str:
    if one.until is None:
        return f"{one.server} goes on, until when is not known"
    if one.until <= now:
        return f"{one.server} should have stopped already"
    return f"{one.server} goes on until {format_time(one.until)}{' (estimated)' if one.estimated else ''}"
