"""The page of an incident: GET shows it, POST of its own form acknowledges it."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from alerting.headline import headline
from alerting.incident import OPEN, Incident
from alerting.render import dig_lines
from monitor.config.errors import InvalidValue
from monitor.web.auth import read_form
from monitor.web.caller import Caller, operator
from monitor.web.form_proof import FormProof
from monitor.web.incident_records import MAX_NOTE, OVER, IncidentRecords, note
from monitor.web.incident_view import delivery_rows, known_text, timeline_rows
from monitor.web.label_view import INCIDENTS_WITH, label_views
from monitor.web.silence_data import silence_form, silenced_text
from monitor.web.snapshot import SnapshotCache, View, WebContext
from monitor.web.templating import Renderer
from monitor.web.view_models import incident_path

MAX_ZONES = 100
"""Zones that are named."""


class IncidentPage:
    """Without a script as well as with one."""

    def __init__(self, context: WebContext, snapshot: SnapshotCache, renderer: Renderer) -> None:
        self._context = context
        self._records = IncidentRecords(context, snapshot)
        self._renderer = renderer
        self._proof = FormProof()

    def routes(self) -> list[Route]:
        return [
            Route("/incidents/{id}/acknowledge", self.acknowledge, methods=["POST"]),
            Route("/incidents/{id}", self.incident),
        ]

    async def incident(self, request: Request) -> Response:
        return await self._page(request, request.path_params["id"])

    async def acknowledge(self, request: Request) -> Response:
        who, id = operator(request, self._context), request.path_params["id"]
        given = await read_form(request)
        if not self._proof.holds(given.get("proof", ""), _form_path(id), who):
            raise HTTPException(403, "This form is out of date, or from elsewhere: open the page again.")
        actions = self._context.incident_actions
        if given.get("action") == "unacknowledge":
            done = await actions.unacknowledge(id, who, "")
        else:
            try:
                said = note("note", given.get("note", ""))
            except InvalidValue as error:
                return await self._page(request, id, f"The {error.text}.", given.get("note", ""), 400)
            done = await actions.acknowledge(id, who, said)
        if done is None:
            return await self._page(request, id, f"{OVER[0].upper()}{OVER[1:]}.", code=409)
        return RedirectResponse(incident_path(id), 303)

    async def _page(self, request: Request, id: str, trouble: str = "", said: str = "", code: int = 200) -> Response:
        record, now = await self._records.of(request.state.view, id), self._context.now()
        if record is None:
            raise HTTPException(404, "No such incident is known.")
        caller: Caller = request.state.caller
        silences = self._context.status().silences
        one, sees_all = record.incident, request.state.view is View.WHOLE
        may_act = caller.may_operate and one.phase == OPEN
        answer = self._renderer.page(
            request,
            "incident.html",
            title=headline(one),
            one=one,
            about=headline(one),
            labels=label_views(one.labels, INCIDENTS_WITH),
            zones=_zones(one)[:MAX_ZONES],
            more_zones=max(0, len(_zones(one)) - MAX_ZONES),
            standing=[line for line in one.lines if line.ended_at is None],
            ended=[line for line in one.lines if line.ended_at is not None],
            acknowledged=known_text(one, now),
            timeline=timeline_rows(record),
            deliveries=delivery_rows(record, now),
            sees_all=sees_all,
            dig=dig_lines(line for line in one.lines if line.ended_at is None) if sees_all else (),
            form=_form_path(id) if may_act else "",
            proof=self._proof.of(_form_path(id), caller.name) if may_act else "",
            silenced=[silenced_text(each, now) for each in silences.by_id(one.silences)],
            silence=silence_form(one) if may_act else "",
            trouble=trouble,
            said=said,
            max_note=MAX_NOTE,
        )
        answer.status_code = code
        return answer


def _form_path(id: str) -> str:
    return f"{incident_path(id)}/acknowledge"


def _zones(incident: Incident) -> tuple[str, ...]:
    """Those that are bad, or were."""
    return incident.zones or tuple(sorted({*incident.past_zones, *incident.left_zones}))
