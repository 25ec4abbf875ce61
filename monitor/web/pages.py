"""The routes of the pages. Thin: the models say what is on them, the templates how it looks."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from urllib.parse import unquote

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from alerting.finding_types import FINDING_TYPES
from alerting.incident import Incident
from alerting.runbook import explain
from checks.model import Health
from monitor.state.failover import failovers
from monitor.state.label_search import SoughtLabel, split_labels
from monitor.state.ports import AddressHistoryRow, StoreError
from monitor.state.status import Status, ZoneStatus
from monitor.web.diff_page import DiffPage
from monitor.web.failover_view import failover_rows
from monitor.web.history_view import SPANS, HistoryChart, fitting_span, history_chart
from monitor.web.identity_view import identity_rows
from monitor.web.label_view import ZONES_WITH, label_views
from monitor.web.paging import page, page_of
from monitor.web.propagation_view import PropagationRow, propagation_rows
from monitor.web.snapshot import SnapshotCache, View, WebContext
from monitor.web.source_view import source_rows
from monitor.web.sweep_view import sweep_rows
from monitor.web.templating import Renderer
from monitor.web.transfer_view import ixfr_rows, transfer_rows
from monitor.web.tree_view import tree_rows
from monitor.web.view_models import (
    check_rows,
    find_servers,
    finding_views,
    healths,
    open_incidents,
    server_counts,
    server_findings,
    server_row,
    zone_row,
)

log = structlog.get_logger(__name__)

MAX_INCIDENT_CARDS = 5
"""Incidents on the overview; the rest is on their own page."""
INCIDENTS_PER_PAGE = 50


class Pages:
    """The pages people look at."""

    def __init__(self, context: WebContext, snapshot: SnapshotCache, renderer: Renderer, diff_page: DiffPage) -> None:
        self._context = context
        self._snapshot = snapshot
        self._renderer = renderer
        self._diff_page = diff_page

    def routes(self) -> list[Route]:
        return [
            Route("/", self.overview),
            Route("/zones", self.overview),
            Route("/zones/{zone:path}", self.zone),
            Route("/servers", self.servers),
            Route("/servers/{server:path}", self.server),
            Route("/incidents", self.incidents),
            Route("/checks", self.checks),
            Route("/sources", self.sources),
            Route("/codes", self.codes),
            Route("/codes/{code}", self.code),
        ]

    def _status(self, request: Request) -> Status:
        return self._snapshot.status(request.state.view)

    async def overview(self, request: Request) -> Response:
        status, now = self._status(request), self._context.now()
        text, health = request.query_params.get("q", "")[:200], request.query_params.get("health", "")
        name, labels = split_labels(text)
        found = await page(
            partial(status.zones.page, name, healths(health), labels=labels),
            request.query_params.get("page"),
            {"q": text, "health": health},
        )
        incidents, counts = open_incidents(status), status.zones.tally()
        return self._renderer.page(
            request,
            "overview.html",
            incidents=incidents[:MAX_INCIDENT_CARDS],
            more_incidents=max(0, len(incidents) - MAX_INCIDENT_CARDS),
            zones=[zone_row(zone, now) for zone in found.items],
            found=found,
            text=text,
            labelled=bool(labels),
            health=health if health in {kind.value for kind in Health} else "",
            counts=[(kind.value, counts[kind]) for kind in (Health.BAD, Health.UNKNOWN, Health.GOOD)],
            total=len(status.zones),
        )

    async def zone(self, request: Request) -> Response:
        now = self._context.now()
        zone = self._snapshot.zone(request.state.view, request.path_params["zone"])
        if zone is None:
            raise HTTPException(404, "No such zone is watched.")
        chart, chosen = await self._history(request, zone, now)
        span = SPANS[chosen or "24h"]
        past = await self._past(request, zone.name, 5)
        return self._renderer.page(
            request,
            "zone.html",
            title=zone.unicode,
            row=zone_row(zone, now),
            labels=label_views(zone.labels, ZONES_WITH),
            addresses=[(zone, address) for address in zone.addresses],
            identities=identity_rows(zone.addresses, now),
            findings=finding_views(zone, self._status(request).silences.active, now),
            compare=self._diff_page.form(request.state.view, zone.name),
            checks=check_rows(zone),
            tree=tree_rows(zone.tree, now),
            failovers=failover_rows(failovers(zone), now),
            canaries=[one.canary for one in zone.addresses if one.canary is not None],
            transfers=transfer_rows(zone.addresses),
            ixfr=ixfr_rows(zone.addresses),
            chart=chart,
            chosen=chosen,
            spans=list(SPANS),
            chosen_span=span,
            propagation=await self._propagation(request, now - span, zone=zone.name),
            past=[incident for incident in past or () if incident.phase != "open"],
        )

    async def _history(self, request: Request, zone: ZoneStatus, now: datetime) -> tuple[HistoryChart | None, str]:
        """The chart of the span that was asked for; None when the store cannot be read just now."""
        asked = request.query_params.get("span", "")
        chosen = asked if asked in SPANS else ""
        try:
            kept = await self._context.store.address_history(zone.name, now - SPANS[chosen or "24h"])
        except StoreError:
            log.warning("history cannot be read", zone=zone.name, exc_info=True)
            return None, chosen
        rows: Sequence[AddressHistoryRow] = self._snapshot.history(request.state.view, kept)
        chosen = chosen or fitting_span(rows, now)
        return history_chart(zone.unicode, rows, now, SPANS[chosen], zone.reference_serials.values()), chosen

    async def _propagation(
        self, request: Request, since: datetime, *, zone: str | None = None, server: str | None = None
    ) -> Sequence[PropagationRow]:
        """Nothing when the store cannot be read just now."""
        try:
            kept = await self._context.store.propagations(since, zone=zone, server=server)
        except StoreError:
            log.warning("propagation cannot be read", zone=zone, server=server, exc_info=True)
            return ()
        return propagation_rows(self._snapshot.propagations(request.state.view, kept))

    async def _past(
        self,
        request: Request,
        zone: str | None,
        most: int,
        before: datetime | None = None,
        labels: Sequence[SoughtLabel] = (),
    ) -> list[Incident] | None:
        """Incidents from the store, newest first; None when it cannot be read just now."""
        if labels and request.state.view is not View.WHOLE:
            return []
        try:
            kept = await self._context.store.incidents(limit=most, before=before, zone=zone, labels=labels)
        except StoreError:
            log.warning("incidents cannot be read", exc_info=True)
            return None
        return self._snapshot.incidents(request.state.view, kept)

    async def servers(self, request: Request) -> Response:
        servers, params = self._status(request).zones.servers(), request.query_params
        text, health = params.get("q", "")[:200], params.get("health", "")
        names = find_servers(servers, text, healths(health))
        names.sort(key=lambda name: servers[name].level)
        found = await page_of(names, params.get("page"), {"q": text, "health": health})
        return self._renderer.page(
            request,
            "servers.html",
            title="Servers",
            servers=[server_row(name, servers[name], self._context.probe_stats.median(name)) for name in found.items],
            found=found,
            text=text,
            health=health if health in {kind.value for kind in Health} else "",
            counts=server_counts(servers),
            total=len(servers),
        )

    async def server(self, request: Request) -> Response:
        status, name = self._status(request), request.path_params["server"]
        tally = status.zones.servers().get(name)
        if tally is None:
            raise HTTPException(404, "No such server is watched.")
        found = await page(partial(status.zones.at_server, name), request.query_params.get("page"), {})
        return self._renderer.page(
            request,
            "server.html",
            title=name,
            server=server_row(name, tally, self._context.probe_stats.median(name)),
            findings=await server_findings(name, tally, status.zones),
            addresses=[(zone, at) for zone in found.items for at in zone.addresses if at.server == name],
            propagation=await self._propagation(request, self._context.now() - SPANS["24h"], server=name),
            found=found,
        )

    async def incidents(self, request: Request) -> Response:
        status = self._status(request)
        before, label = _time(request.query_params.get("before")), request.query_params.get("label", "")[:200]
        labels = [SoughtLabel.of(label)] if label else []
        past = await self._past(request, None, INCIDENTS_PER_PAGE + 1, before, labels)
        standing = [one for one in open_incidents(status) if all(sought.is_in(one.labels) for sought in labels)]
        older = past[INCIDENTS_PER_PAGE - 1].opened_at.isoformat() if past and len(past) > INCIDENTS_PER_PAGE else ""
        return self._renderer.page(
            request,
            "incidents.html",
            title="Incidents",
            label=label,
            open=await page_of([] if before else standing, request.query_params.get("page"), {"label": label}),
            past=None
            if past is None
            else [incident for incident in past[:INCIDENTS_PER_PAGE] if incident.phase != "open"],
            older=older,
            first=before is None,
        )

    async def checks(self, request: Request) -> Response:
        status, now = self._status(request), self._context.now()
        return self._renderer.page(
            request,
            "checks.html",
            title="Checks",
            sweeps=await page_of(sweep_rows(status.sweeps.values(), now), request.query_params.get("page")),
        )

    async def sources(self, request: Request) -> Response:
        rows = source_rows(self._status(request).sources)
        found = await page_of(rows, request.query_params.get("page"))
        return self._renderer.page(request, "sources.html", title="Sources", sources=found)

    async def codes(self, request: Request) -> Response:
        return self._renderer.page(request, "codes.html", title="Findings", codes=FINDING_TYPES.values())

    async def code(self, request: Request) -> Response:
        code = FINDING_TYPES.get(request.path_params["code"])
        if code is None:
            raise HTTPException(404, "There is no such finding.")
        entry = explain(code.code)
        words = {"zone": "example.com", "address": "192.0.2.2", "port": "53", "key": " -k xfr.key", "record": "www A"}
        return self._renderer.page(
            request,
            "code.html",
            title=code.code,
            code=code,
            entry=entry,
            cures=entry.fixes("example.com"),
            dig=[line.format_map(words).replace(" -p 53 ", " ") for line in entry.dig],
        )


def _time(text: str | None) -> datetime | None:
    """From one of our own links; anything else is as if it were not there."""
    try:
        at = datetime.fromisoformat(unquote(text or "").replace(" ", "+"))
    except ValueError:
        return None
    return at if at.tzinfo else None
