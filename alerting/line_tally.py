"""The alerts of one line of an incident: what they come to, kept up to date alert by alert."""

from bisect import bisect_left, insort
from collections.abc import Mapping
from datetime import datetime

from alerting.incident import IncidentFinding
from alerting.model import Alert, AlertKey, Phase
from alerting.name_counts import NameCounts
from checks.model.finding_type import Severity

SAMPLE_SIZE = 5
"""Zones named by a line that is about many."""

Entry = tuple[bool, int, datetime, str, int, AlertKey]
"""Recovering, severity, beginning, zone: the first is bad now, the gravest, the oldest. Numbers are all different."""


class LineTally:
    """Alerts that differ in nothing but zone, subject and check. An alert more or less costs a search."""

    __slots__ = ("_certain", "_entries", "_good", "_numbers", "_zones")

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._numbers: list[int] = []
        self._good: list[datetime] = []
        """Since when those that recover are good."""
        self._zones = NameCounts()
        self._certain = 0
        """Those that have come out of their grace."""

    def __bool__(self) -> bool:
        return bool(self._entries)

    def add(self, alert: Alert, number: int) -> None:
        """One that stands; no other in the line has its ``number``."""
        insort(self._entries, _entry(alert, number))
        insort(self._numbers, number)
        if (good_since := _good_since(alert)) is not None:
            insort(self._good, good_since)
        self._zones.add(alert.key.zone)
        self._certain += alert.phase is not Phase.PENDING

    def remove(self, alert: Alert, number: int) -> None:
        """One that was added so."""
        del self._entries[bisect_left(self._entries, _entry(alert, number))]
        del self._numbers[bisect_left(self._numbers, number)]
        if (good_since := _good_since(alert)) is not None:
            del self._good[bisect_left(self._good, good_since)]
        self._zones.add(alert.key.zone, -1)
        self._certain -= alert.phase is not Phase.PENDING

    @property
    def began(self) -> datetime:
        """The first bad look at any of them."""
        return min(since for _, since in self._groups())

    @property
    def number(self) -> int:
        """The least number of an alert of the line."""
        return self._numbers[0]

    def line(self, alerts: Mapping[AlertKey, Alert]) -> IncidentFinding:
        """One line for all; it speaks for the first of those that are bad now, the gravest before, in the words that
        ``alerts`` has.
        """
        key, zones = self._entries[0][-1], len(self._zones)
        others = (zone for zone in self._zones.first(SAMPLE_SIZE) if zone != key.zone)
        groups = self._groups()
        return IncidentFinding(
            code=key.code,
            severity=Severity(max(severity for severity, _ in groups)),
            zone=key.zone,
            server=key.server,
            address=str(key.address) if key.address is not None else None,
            text=alerts[key].text,
            since=min(since for _, since in groups),
            ended_at=self._good[-1] if len(self._good) == len(self._entries) else None,
            subject=key.subject,
            count=len(self._entries),
            zones=zones,
            sample=tuple([key.zone, *others][:SAMPLE_SIZE]) if zones > 1 else (),
            flaps=alerts[key].flaps if alerts[key].flapping else None,
            pending=not self._certain,
        )

    def _groups(self) -> list[tuple[int, datetime]]:
        """Severity and beginning of the first entries of each phase and severity."""
        found, at = [], 0
        while at < len(self._entries):
            recovering, severity, since, *_ = self._entries[at]
            found.append((-severity, since))
            at = bisect_left(self._entries, (recovering, severity + 1), lo=at, key=_group)
        return found


def _group(entry: Entry) -> tuple[bool, int]:
    return entry[:2]


def _entry(alert: Alert, number: int) -> Entry:
    return alert.phase is Phase.RECOVERING, -alert.severity, alert.began, alert.key.zone, number, alert.key


def _good_since(alert: Alert) -> datetime | None:
    return alert.good_since if alert.phase is Phase.RECOVERING else None
