"""Serials that are dates or Unix times, and what becomes of a zone whose serials leave the way they were counted by.

A date is YYYYMMDDnn (RFC 1912 section 2.2). Numbers alone do not tell a date from a count, so that little is said.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from checks.common.serial import HALF, MAX_STEP, MODULUS, behind, newer, path
from checks.common.text import enumerated, format_time
from checks.model import Finding, Zone
from checks.model.finding_type import NUMBERING, FindingType, Severity
from checks.zone_state.address import ANSWERED
from checks.zone_state.model import SerialGroup, ZoneState

DATE_FUTURE = FindingType(
    "serial-date-future", Severity.INFO, "A zone's serial is a date that is to come", family=NUMBERING
)
JUMPED = FindingType(
    "serial-jumped", Severity.WARNING, "A serial left the dates before it, and hides those to come", family=NUMBERING
)

FIRST_YEAR = 1990
YEARS_AHEAD = 100
"""A serial that reads as a date farther ahead is none: it is on its way around the circle, or a count of its own."""
DAY, MONTH, YEAR = timedelta(days=1), timedelta(days=30), timedelta(days=366)


def date_of(serial: int) -> date | None:
    """The day that a serial YYYYMMDDnn names; None where it is no date, or one before serials were."""
    days = serial // 100
    year, month, day = days // 10_000, days // 100 % 100, days % 100
    if year < FIRST_YEAR:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


def first_of(day: date) -> int:
    """The least serial of a day."""
    return (day.year * 10_000 + day.month * 100 + day.day) * 100


def date_ahead(serial: int, at: datetime) -> date | None:
    """The day a serial names, where that is later than tomorrow, and the serial is no Unix time up to then.

    Tomorrow begins in UTC+14 ten hours before it is noon in UTC: it is today somewhere. None for all others.
    """
    if serial // 100 <= at.year * 10_000 + at.month * 100 + at.day + 1 or serial <= at.timestamp():
        return None
    day = date_of(serial)
    ahead = day is not None and at.date() + DAY < day and day.year <= at.year + YEARS_AHEAD
    return day if ahead else None


def is_unix_time(serial: int, at: datetime) -> bool:
    """Whether it is the time of a moment not long ago."""
    now = at.timestamp()
    return now - MONTH.total_seconds() <= serial <= now + DAY.total_seconds()


def hides_dates(serial: int, at: datetime) -> bool:
    """Whether it is no date, and dates of today and tomorrow are not newer."""
    day = date_of(serial)
    none = day is None or day.year > at.year + YEARS_AHEAD
    return none and not newer(first_of(at.date() + DAY) + 99, serial)


def has_jumped(before: int, after: int, at: datetime) -> bool:
    """Whether a step went from a date to a serial beside which dates are old, or on to one of a day to come.

    A step to the next date, or within a day's hundred, counts on, whatever day that is. The greatest step there is
    leads around the circle, and is meant.
    """
    step = (after - before) % MODULUS
    if not newer(after, before) or step == MAX_STEP:
        return False
    if date_ahead(after, at) is not None:
        return step >= 100
    day = date_of(before)
    return day is not None and day <= at.date() + DAY and hides_dates(after, at)


def mixed(before: int | None, after: int | None, at: datetime | None) -> str:
    """Said of a step from one way of counting to another that went back; "" where it was none."""
    if before is None or after is None or at is None or (day := date_of(before)) is None:
        return ""
    if day.year > at.year + YEARS_AHEAD or not is_unix_time(after, at) or newer(after, before):
        return ""
    return f": {before} is the date {day}, {after} the Unix time {format_time(datetime.fromtimestamp(after, UTC))}"


def style_findings(zone: Zone, serial_group: SerialGroup, zone_state: ZoneState, at: datetime) -> Iterator[Finding]:
    """What is to be said of the reference of a serial group, as a number."""
    reference = serial_group.reference
    if reference is None or serial_group.regressed is not None:
        return
    leader = zone.leader(serial_group.group)
    whose = leader.name if leader is not None else None
    subject = serial_group.group if leader is None else ""
    said = f"{whose} serves" if whose is not None else "the zone's newest serial is"
    today = first_of(at.date()) + 1
    if (day := date_ahead(reference, at)) is not None:
        if serial_group.jumped is None and (_seen_to_come(serial_group) or day <= at.date() + YEAR):
            return
        text = (
            f"{said} {reference}, which reads as the date {day}: serials of days before that are older, and no "
            f"secondary takes them. Until then count on from it, {(reference + 1) % MODULUS} next"
            f"{_way_back(zone_state, serial_group, reference, today)}"
        )
        yield Finding(DATE_FUTURE.code, text, whose, subject=subject)
    elif (jumped := serial_group.jumped) is not None and hides_dates(reference, at):
        wanted = today if newer(today, jumped.serial) else (jumped.serial + 1) % MODULUS
        text = (
            f"{said} {reference}, after {jumped.serial}, a date: what follows by date, such as {wanted}, is "
            f"{'2^31 away from that' if (reference - wanted) % MODULUS == HALF else 'older than that'}, and not every "
            f"secondary takes it. If {reference} is meant, count on from it, {(reference + 1) % MODULUS} next: that "
            f"ends this{_way_back(zone_state, serial_group, reference, wanted)}"
        )
        yield Finding(JUMPED.code, text, whose, subject=subject)


def _seen_to_come(serial_group: SerialGroup) -> bool:
    """Whether the reference is not the first that was seen: then it is known how it was come by."""
    return any(version.absent is not None for version in serial_group.versions[-1:])


def _way_back(zone_state: ZoneState, serial_group: SerialGroup, reference: int, wanted: int) -> str:
    """The serials to publish, each of which every server takes that serves the one before it; said only where all of
    them serve the reference, for who is behind it may not take the first.
    """
    ours = [one for one in zone_state.address_states if one.group == serial_group.group]
    sure = serial_group.doubt is None and all(
        one.outcome == ANSWERED and one.doubt is None and one.serial == reference for one in ours
    )
    if not sure:
        return ". A way back by date begins once every server has that"
    steps = enumerated(path(reference, wanted))
    return f". To count by date again set the serial to {steps}, each once all servers have the one before"


def jumped_from(serial_group: SerialGroup, reference: int | None, served: set[int], at: datetime) -> bool:
    """Whether the reference has jumped since the last look; not where a server was ahead, and is to be passed."""
    before = serial_group.reference
    if before is None or reference is None or not has_jumped(before, reference, at):
        return False
    return all(behind(before, one) is not None for one in served)
