"""Alertmanager: each incident as an alert, posted again and again for as long as it stands (API v2)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import ClassVar

from alerting.http_notifier import HttpNotifier, bearer, token_remarks
from alerting.incident import IncidentEvent
from alerting.model import Remark, Secret
from alerting.notification import Notification
from alerting.urls import parsed
from checks.common.text import enumerated, instant, one_line
from checks.model.finding_type import Severity

PATH = "/api/v2/alerts"

ALERT_NAME = "SoawatchIncident"

RESERVED = frozenset({"alertname", "incident", "severity"})
"""Labels that make an alert one and the same: others must not be called so."""

STANDS_FOR = 4
"""So many times ``resend`` an alert stands that is not posted again, as with Prometheus: three may be lost."""

MAX_ALERTS = 256
"""In one request."""

MAX_NAMED = 20
MAX_TEXT = 2000
"""Characters of an annotation."""

_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Notifier(HttpNotifier):
    """Posts each incident to an Alertmanager as an alert that stands as long as it does.

    The alert is posted again every `resend`, with an end that is four times as far away: when soawatch is gone for
    longer it ends. After a restart of either it stands as before. Its labels are `alertname="SoawatchIncident"`,
    `incident` (unique), `severity` and your own; of another severity it is another alert, and the one before ends.
    Summary, description, cause, since, zones, servers and codes are annotations. Of a cluster every member is a
    receiver of its own.
    """

    url: Secret = field(repr=False, metadata={"example": 'url = "http://alertmanager:9093"'})
    """Where it is; `/api/v2/alerts` is added."""
    token: Secret | None = field(default=None, repr=False, metadata={"example": 'token_file = "alertmanager.token"'})
    """Goes into an `Authorization: Bearer` header; user and password may be in the URL."""
    labels: Mapping[str, str] = field(
        default_factory=dict, metadata={"unset": "none", "example": 'labels = { team = "dns" }'}
    )
    """More labels for each alert, to route by."""
    resend: timedelta = field(default=timedelta(minutes=1), metadata={"bounds": {"ge": timedelta(seconds=1)}})
    """How often what stands is posted again; at least `"1s"`."""

    def review(self) -> Iterator[Remark]:
        """Where the URL leads, and whether there can be such labels."""
        yield from self.url_remarks(self.url)
        yield from token_remarks(self.token)
        for name, value in self.labels.items():
            shown = one_line(name)[:40]
            if not _LABEL.fullmatch(name):
                yield Remark("labels", f"{shown!r} cannot be a label", "letters, digits and _, no digit at first")
            elif name in RESERVED:
                yield Remark("labels", f"{name} is given by the incident")
            elif not value.strip():
                yield Remark("labels", f"{name} is empty, which is as good as no label")

    keeps_state: ClassVar[bool] = True

    async def send(self, notification: Notification) -> None:
        await self._post(tuple(self._alerts(notification)), notification.sent_at or notification.at)

    async def post_standing(self, notifications: Sequence[Notification], at: datetime) -> None:
        """Post once more what stands; nothing of it is news. Raises DeliveryError."""
        alerts = iter([self._alert(each, each.about.severity, at + self._stands_for) for each in notifications])
        while batch := tuple(islice(alerts, MAX_ALERTS)):
            await self._post(batch, at)

    def destination(self) -> Secret:
        """With the labels, which make it another alert."""
        return Secret(" ".join([self.url.reveal(), *(f"{name}={self.labels[name]}" for name in sorted(self.labels))]))

    @property
    def _stands_for(self) -> timedelta:
        return STANDS_FOR * self.resend

    async def _post(self, alerts: Sequence[Mapping[str, object]], at: datetime) -> None:
        await self.post(_endpoint(self.url), alerts, at, bearer(self.token))

    def _alerts(self, notification: Notification) -> Iterator[Mapping[str, object]]:
        """The alert as it is now; and where it had another severity, the end of that one."""
        about, at = notification.about, notification.sent_at or notification.at
        before = about.change.severity if about.change is not None else None
        if before is not None:
            yield self._alert(notification, before, notification.at)
        if notification.event is not IncidentEvent.RESOLVED:
            yield self._alert(notification, about.severity, at + self._stands_for)
        elif before is None:
            yield self._alert(notification, about.severity, about.ended_at or about.resolved_at or notification.at)

    def _alert(self, notification: Notification, severity: Severity, ends_at: datetime) -> Mapping[str, object]:
        about = notification.about
        link = {"generatorURL": notification.link} if notification.link else {}
        return {
            "labels": {
                **self.labels,
                "alertname": ALERT_NAME,
                "incident": about.id,
                "severity": str(severity),
            },
            "annotations": _annotations(notification),
            "startsAt": _stamp(about.began_at),
            "endsAt": _stamp(max(ends_at, about.began_at)),
            **link,
        }


def _annotations(notification: Notification) -> dict[str, str]:
    about = notification.about
    over = notification.event is IncidentEvent.RESOLVED and not about.goes_on
    zones = sorted({*about.zones, *about.past_zones, *about.left_zones}) if over else about.zones
    said = {
        "summary": notification.summary.partition("\n")[0],
        "description": "\n".join(notification.details),
        "cause": one_line(str(about.cause)),
        "since": instant(about.began_at),
        "zones": enumerated(map(one_line, zones), MAX_NAMED),
        "servers": enumerated(map(one_line, about.servers), MAX_NAMED),
        "codes": enumerated(about.codes, MAX_NAMED),
        "labels": enumerated((one_line(f"{name}={value}") for name, value in about.labels), MAX_NAMED),
    }
    return {name: text[:MAX_TEXT] for name, text in said.items() if text}


def _endpoint(url: Secret) -> Secret:
    wanted = parsed(url.reveal())
    path = wanted.path.rstrip("/")
    return Secret(str(wanted.copy_with(path=path if path.endswith(PATH) else path + PATH)))


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
