"""The alerts of an incident as one audience is told of them: of its zones only, and by its own grace and settle."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from heapq import heappop, heappush
from itertools import count

from alerting.audience import Audience
from alerting.flapping import settle_of
from alerting.incident_members import IncidentMembers, Numbered
from alerting.model import Alert, AlertKey, Phase, Route
from alerting.routing import LabelsOf, no_labels


class AudienceMembers:
    """Goes along with ``whole``, the alerts of the incident: an alert more or less costs as much as there, and one
    whose grace or settle ends for the audience alone costs a search.
    """

    def __init__(self, audience: Audience, whole: IncidentMembers, labels_of: LabelsOf = no_labels) -> None:
        self.members = IncidentMembers()
        self._audience, self._whole, self._labels_of = audience, whole, labels_of
        self._moved: dict[AlertKey, None] = dict.fromkeys(whole)
        whole.followers.append(self._moved)
        self._inside: set[AlertKey] = set()
        self._counter = count()
        self._until: dict[AlertKey, datetime] = {}
        self._due: list[tuple[datetime, int, AlertKey]] = []
        """By time; what is not so in ``_until`` is out of date."""
        self._of_zone: dict[str, Sequence[Route]] = {}

    def leave(self) -> None:
        """It goes along no more."""
        self._whole.followers = [each for each in self._whole.followers if each is not self._moved]

    def refresh(self, now: datetime) -> None:
        """Every alert is as it is for the audience by ``now``."""
        while (at := self.next_at()) is not None and at <= now:
            self._moved[heappop(self._due)[2]] = None
        changed = bool(self._moved)
        for key in self._moved:
            self._place(key, self._whole.numbered(key), now)
        self._moved.clear()
        if changed or any(each.unserved.certain or each.short.certain for each in (self._whole.all, self.members.all)):
            self._set_unserved()

    def next_at(self) -> datetime | None:
        """When an alert becomes another for the audience although nothing changes."""
        while self._due and self._until.get(self._due[0][2]) != self._due[0][0]:
            heappop(self._due)
        return self._due[0][0] if self._due else None

    def _place(self, key: AlertKey, numbered: Numbered | None, now: datetime) -> None:
        phase, until = (None, None) if numbered is None else self._phase(numbered.alert, now)
        self._until.pop(key, None)
        if phase is None or numbered is None:
            if key in self._inside:
                self._inside.remove(key)
                self.members.remove(key)
            return
        alert = numbered.alert
        seen = alert if alert.phase is phase else replace(alert, phase=phase)
        self._inside.add(key)
        self.members.put(seen, numbered.number, numbered.silences)
        if until is not None:
            self._until[key] = until
            heappush(self._due, (until, next(self._counter), key))

    def _phase(self, alert: Alert, now: datetime) -> tuple[Phase | None, datetime | None]:
        """The phase of an alert for the audience, and until when; none where it is nothing to it."""
        zone = alert.key.zone
        if (routes := self._of_zone.get(zone)) is None:
            routes = self._of_zone[zone] = self._audience.of_zone(zone, self._labels_of(zone))
        if not routes:
            return None, None
        if alert.phase is Phase.PENDING:
            return alert.phase, None
        policy, shared = self._audience.patience(alert, routes), self._audience.shared
        waits = policy.grace > shared.grace and not alert.flapping
        fires_at = alert.began + policy.grace if waits else None
        if alert.phase is Phase.FIRING:
            return (alert.phase, None) if fires_at is None or fires_at <= now else (Phase.PENDING, fires_at)
        good_since = alert.good_since or alert.since
        over_at = good_since + settle_of(alert, policy) if policy.settle < shared.settle else None
        if (fires_at is not None and good_since < fires_at) or (over_at is not None and over_at <= now):
            return None, None
        return alert.phase, over_at

    def _set_unserved(self) -> None:
        """Zones without a server, or with too few, as far as what fires for the audience makes them so."""
        whole, own, heard = self._whole.all, self.members.all, self._whole.heard
        kinds = ((whole.unserved, own.unserved, heard.unserved, False), (whole.short, own.short, heard.short, True))
        firing = own.firing().zones
        for theirs, ours, _, _ in kinds:
            for zone in [zone for zone in ours.names.names if zone not in theirs.names or zone not in own.names.zones]:
                self.members.served(zone)
        for theirs, _, told, short in kinds:
            for zone in [zone for zone in theirs.names.names if zone in own.names.zones]:
                certain = zone in theirs.certain and zone in firing
                self.members.lose(zone, certain=certain, silenced=zone not in told.names, short=short)
