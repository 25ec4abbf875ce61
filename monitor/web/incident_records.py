"""One incident, with its timeline and who was told when: what API and page show of it, and what is done about it."""

from dataclasses import replace

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from alerting.headline import changes
from alerting.incident import Incident
from alerting.outbox import Delivery
from alerting.render import as_data, stamp
from alerting.timeline import TimelineEntry
from monitor.config.errors import InvalidValue
from monitor.state.ports import IncidentRecord, StoreError
from monitor.web.caller import operator
from monitor.web.json_body import read_object, words
from monitor.web.snapshot import SnapshotCache, View, WebContext
from monitor.web.zone_request import bad_request, refuse_all_but_json

log = structlog.get_logger(__name__)

MAX_NOTE = 500
"""Characters of a note."""
UNKNOWN = "no such incident is known"
OVER = "the incident is over: there is nothing to acknowledge"


class IncidentRecords:
    """Reads one, as a view may see it."""

    def __init__(self, context: WebContext, snapshot: SnapshotCache) -> None:
        self._context = context
        self._snapshot = snapshot

    async def of(self, view: View, id: str) -> IncidentRecord | None:
        """What stands is as it is now, also while the database does not give it. Raises StoreError where nothing is
        known of that id but what is there.
        """
        standing = self._context.status().incidents.get(id)
        try:
            kept = await self._context.store.incident_record(id)
        except StoreError:
            if standing is None:
                raise
            log.warning("the history of an incident cannot be read", incident=id, exc_info=True)
            kept = None
        if standing is not None:
            kept = IncidentRecord(standing, *((kept.timeline, kept.deliveries) if kept else ()))
        return None if kept is None else self._snapshot.incident_record(view, kept)


class IncidentEndpoints:
    """Those of the API."""

    def __init__(self, context: WebContext, snapshot: SnapshotCache) -> None:
        self._context = context
        self._records = IncidentRecords(context, snapshot)

    def routes(self) -> list[Route]:
        return [
            Route("/api/v1/incidents/{id}/acknowledge", self.acknowledge, methods=["GET", "POST", "DELETE"]),
            Route("/api/v1/incidents/{id}", self.incident),
        ]

    async def incident(self, request: Request) -> Response:
        found = await self._records.of(request.state.view, request.path_params["id"])
        if found is None:
            raise HTTPException(404, UNKNOWN)
        return JSONResponse(record_data(found))

    async def acknowledge(self, request: Request) -> Response:
        """POST: somebody knows of it; DELETE: nobody does any more."""
        if request.method in ("GET", "HEAD"):
            raise HTTPException(405, "an incident is acknowledged by POST", {"Allow": "POST, DELETE"})
        who, id = operator(request, self._context), request.path_params["id"]
        if request.method == "DELETE":
            done = await self._context.incident_actions.unacknowledge(id, who, "")
        else:
            refuse_all_but_json(request, "the note")
            try:
                said = read_object(await request.body(), {"note": note}, '{"note": "I look at it"}')
            except InvalidValue as error:
                raise bad_request(error) from None
            done = await self._context.incident_actions.acknowledge(id, who, said.get("note", ""))
        found = await self._records.of(View.WHOLE, id)
        if found is None:
            raise HTTPException(404, UNKNOWN)
        if done is None:
            raise HTTPException(409, OVER)
        return JSONResponse(record_data(found))


def note(key: str, value: object) -> str:
    """What somebody says of what they do: a line. Raises InvalidValue."""
    return words(key, value, MAX_NOTE)


def record_data(record: IncidentRecord) -> dict[str, object]:
    """The incident as lists show it, with what became of it and who was told."""
    return {
        **as_data(record.incident),
        "timeline": [_entry(record.incident, each) for each in record.timeline],
        "deliveries": [_delivery(each) for each in record.deliveries],
    }


def sentences(incident: Incident, entry: TimelineEntry) -> str:
    """What changed, in words; empty where the event says all there is to say."""
    return " ".join(changes(replace(incident, severity=entry.severity, change=entry.change)))


def _entry(incident: Incident, entry: TimelineEntry) -> dict[str, object]:
    return {
        "at": stamp(entry.at),
        "event": str(entry.event),
        "severity": str(entry.severity),
        "zone_count": entry.zones,
        "who": entry.who or None,
        "note": entry.note or None,
        "text": sentences(incident, entry) or None,
    }


def _delivery(delivery: Delivery) -> dict[str, object]:
    return {
        "receiver": delivery.receiver,
        "type": str(delivery.event),
        "at": stamp(delivery.at),
        "state": str(delivery.state),
        "attempts": delivery.attempts,
        "settled_at": stamp(delivery.settled_at),
        "error": delivery.error or None,
        "among_many": delivery.among_many,
    }
