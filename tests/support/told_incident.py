"""An incident with a history: it grew, and of two who were told one does not take it."""

from dataclasses import replace

from alerting.incident import IncidentChange, IncidentEvent, ManyIncidents
from alerting.notification import OutboxMessage
from alerting.outbox import DeliveryResult
from alerting.timeline import TimelineEvent, entry, told_among_many
from checks.model.finding_type import Severity
from monitor.state.ports import Commit
from tests.support.web_status import ANNA, HIDDEN, VIEWER, Stage, ago, stage, troubled

ID = "20261120T100430-a1b2c3"
OF_THE_HIDDEN = "20261120T101010-d4e5f6"


MANY = "20261120T102000-0000aaaa"
"""A message about many incidents, this among them."""


async def told(*, public: bool = False) -> Stage:
    """An incident that grew, and of which two were told; one of them does not take it."""
    seen = replace(await stage(troubled(), public=public), tokens=(ANNA, VIEWER))
    incident = seen.status.incidents[ID]
    change = IncidentChange(severity=Severity.WARNING, zones=1, more_zones=2, named_zones=("a.example.", "b.example."))
    timeline = (
        entry(incident, TimelineEvent.OPENED, ago(minutes=20)),
        entry(incident, TimelineEvent.WORSENED, ago(minutes=15), change=replace(change, servers=(HIDDEN,))),
    )
    many = replace(incident, id=MANY, incidents=(ID, OF_THE_HIDDEN), many=ManyIncidents(2))
    timeline += (told_among_many(ID, f"{MANY}-1", Severity.CRITICAL, ago(minutes=14)),)
    messages = tuple(
        OutboxMessage(name, name, IncidentEvent.OPENED, incident, ago(minutes=19)) for name in ("mail", "hook")
    )
    messages += (OutboxMessage(f"{MANY}-1", "pager", IncidentEvent.WORSENED, many, ago(minutes=14)),)
    await seen.store.commit(
        Commit(incidents=tuple(seen.status.incidents.values()), timeline=timeline, messages=messages)
    )
    await seen.store.lease(ago(minutes=19), duration=60, limit=9)
    await seen.store.settle(DeliveryResult("mail", ago(minutes=19)))
    await seen.store.settle(DeliveryResult("hook", ago(minutes=18), "500", again=ago(minutes=10)))
    return seen
