"""What is wrong with the monitor itself, and not with what it watches: values, and the rules by which it is so."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from alerting.finding_types import CADENCE_NOT_KEPT, CLOCK_JUMPED, CLOCK_OFF, DISK_LOW, ZONES_VANISHED
from checks.common.text import enumerated, format_duration, format_time, plural
from checks.model import ZonePoll
from monitor.state.sweep_status import SweepStatus

TOLD_FOR = timedelta(hours=1)
"""How long it is a finding that something happened to the monitor that is over at once."""

MAX_NAMED = 3


@dataclass(frozen=True, slots=True)
class OwnTrouble:
    """One finding. ``subject`` tells apart those of one code."""

    code: str
    text: str
    subject: str = ""


# --- clocks ---

MIN_JUMP = 60.0
"""Seconds; what NTP sets right without anybody's doing is less."""

MIN_WITNESSES = 2
"""So many servers must agree that it is this machine's clock: one alone may be wrong itself."""

AGREE = 60.0
"""Seconds between what two servers say, at most."""

MAX_SPREAD = timedelta(minutes=5)
"""What a sweep may take longer than its cadence, before what it found is old."""


@dataclass(frozen=True, slots=True)
class ClockSkew:
    """How far a server's clock is ahead of ours, in seconds, and until when that is news."""

    seconds: float
    until: datetime


def note_skews(skews: dict[str, ClockSkew], poll: ZonePoll) -> None:
    """What servers that are asked with a key say of the time: BADTIME tells theirs (RFC 8945 section 5.2.3), and
    whoever accepts the signature agrees with ours.
    """
    for seen in poll.seen:
        if seen.query.key is None:
            continue
        if seen.skew is not None:
            skews[seen.server] = ClockSkew(seen.skew, poll.at + 2 * poll.cadence + MAX_SPREAD)
        elif not seen.outcome.no_response:
            skews.pop(seen.server, None)


def clock_off(skews: Mapping[str, ClockSkew], now: datetime) -> Iterator[OwnTrouble]:
    """This machine's clock is off, if at least two servers say so that agree with each other."""
    fresh = {server: skew.seconds for server, skew in skews.items() if skew.until > now}
    if len(fresh) < MIN_WITNESSES:
        return
    middle = median(fresh.values())
    agreeing = sorted(server for server, seconds in fresh.items() if abs(seconds - middle) <= AGREE)
    if len(agreeing) >= MIN_WITNESSES:
        way = "behind" if middle > 0 else "ahead"
        said = f"{format_duration(abs(middle))} {way}, say {enumerated(agreeing, MAX_NAMED)} (BADTIME)"
        yield OwnTrouble(CLOCK_OFF.code, f"this machine's clock is {said}")


def clock_jumped(seconds: float, at: datetime) -> OwnTrouble:
    """``seconds`` are those that the wall clock moved more than the monotonic one did, up to ``at``."""
    length = format_duration(abs(seconds))
    what = f"forward by {length}, or the machine slept" if seconds > 0 else f"back by {length}"
    return OwnTrouble(CLOCK_JUMPED.code, f"this machine's clock went {what}, shortly before {format_time(at)}")


# --- the disk ---

SPARE_BYTES = 100 * 1024**2
"""What is to be free beside room for the database once more, which is made anew from memory where it is lost …"""

SPARE_SHARE = 0.1
"""… or this share of a disk that is small."""

MIN_INODES = 50


@dataclass(frozen=True, slots=True)
class DiskSpace:
    """Of the file system that the database is on, for those who are not root; and what the database takes."""

    total: int
    free: int
    free_inodes: int | None
    """None: it has no such limit."""
    database: int


def disk_low(space: DiskSpace, path: str, *, known: bool) -> Iterator[OwnTrouble]:
    """``known``: it was low before, and is until a quarter more is free."""
    wanted = min(SPARE_BYTES, SPARE_SHARE * space.total) + space.database
    if space.free < wanted * (1.25 if known else 1):
        said = f"{_megabytes(space.free)} are free on the disk of {path}, which takes {_megabytes(space.database)}"
        yield OwnTrouble(DISK_LOW.code, said, "space")
    if space.free_inodes is not None and space.free_inodes < MIN_INODES * (2 if known else 1):
        yield OwnTrouble(DISK_LOW.code, f"{plural(space.free_inodes, 'file')} more fit on the disk of {path}", "files")


def _megabytes(octets: int) -> str:
    return f"{octets / 1e6:.0f} MB"


# --- zones ---

VANISHED_SHARE = 0.5
"""More than this share of all zones is not taken away at once without anybody wanting to know."""


def zones_vanished(gone: Sequence[str], before: int, at: datetime) -> Iterator[OwnTrouble]:
    """``gone`` are the zones that a reload let go of, of as many as there were ``before``. One zone is no storm, unless
    it was the only one.
    """
    if len(gone) > VANISHED_SHARE * before and (len(gone) > 1 or before == 1):
        named = enumerated((name.rstrip(".") or name for name in gone), MAX_NAMED)
        how = "all " if len(gone) == before else f"{len(gone)} of "
        text = f"the configuration that was read at {format_time(at)} lets go of {how}{plural(before, 'zone')}: {named}"
        yield OwnTrouble(ZONES_VANISHED.code, text)


# --- sweeps ---

LAGGING_FOR = timedelta(minutes=10)
"""How long a cadence must not be kept, at least; and for three sweeps."""


def cadence_not_kept(sweep: SweepStatus, since: datetime, now: datetime) -> Iterator[OwnTrouble]:
    """``since``: it has been lagging at every look since then."""
    kept = sweep.kept(now)
    if kept is None or now - since < max(LAGGING_FOR, 3 * sweep.cadence):
        return
    every = f"every {format_duration(kept)} instead of every {format_duration(sweep.cadence)}"
    caps = sorted({low.setting for low in sweep.low_caps or ()})
    why = f", for which {enumerated(caps)} {'is' if len(caps) == 1 else 'are'} too low" if caps else ""
    subject = f"{sweep.check} every {format_duration(sweep.cadence)}"
    yield OwnTrouble(CADENCE_NOT_KEPT.code, f"{sweep.check} is asked {every}{why}", subject)
