"""The routes of the JSON API. The shapes are in api_schema.py."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from alerting.incident import OPEN
from alerting.render import as_data
from checks.model import Health
from monitor.config.errors import known, near, quoted
from monitor.state.label_search import MAX_SOUGHT, SoughtLabel, split_labels
from monitor.state.status import ZoneStatus
from monitor.web.api_schema import server_data, source_data, sweep_data, zone_data, zone_summary
from monitor.web.paging import whole
from monitor.web.propagation_view import propagation_data
from monitor.web.snapshot import SnapshotCache, View, WebContext
from monitor.web.view_models import find_servers, healths, open_incidents

MAX_LIMIT = 1000
One = TypeVar("One")


class Api:
    """Lists are arrays; how many there are in all is in X-Total-Count, the next part in Link (RFC 8288)."""

    def __init__(self, context: WebContext, snapshot: SnapshotCache) -> None:
        self._context = context
        self._snapshot = snapshot

    def routes(self) -> list[Route]:
        return [
            Route("/api/v1/zones", _taking(self.zones, "health", "q", "label", "offset", "limit")),
            Route("/api/v1/zones/{zone:path}/propagation", _taking(self.zone_propagation, "since")),
            Route("/api/v1/zones/{zone:path}", _taking(self.zone)),
            Route("/api/v1/incidents", _taking(self.incidents, "zone", "label", "phase", "before", "limit")),
            Route("/api/v1/servers", _taking(self.servers, "health", "q", "offset", "limit")),
            Route("/api/v1/servers/{server:path}/propagation", _taking(self.server_propagation, "since")),
            Route("/api/v1/checks", _taking(self.checks, "offset", "limit")),
            Route("/api/v1/sources", _taking(self.sources, "offset", "limit")),
        ]

    async def zones(self, request: Request) -> Response:
        params, wanted = request.query_params, _healths(request)
        zones = self._snapshot.status(request.state.view).zones
        first, most = _number(request, "offset", 0), _number(request, "limit", 100, MAX_LIMIT)
        text, written = split_labels(params.get("q", ""))
        labels = [*written, *_labels(request)]
        part, total = await zones.page(text, wanted, first, most, by_name=True, labels=labels)
        later = {"offset": str(first + most)} if first + most < total else {}
        return _listed(request, [zone_summary(zone) for zone in part], total, later)

    async def zone(self, request: Request) -> Response:
        zone = self._snapshot.zone(request.state.view, request.path_params["zone"])
        if zone is None:
            raise HTTPException(404, "no such zone is watched")
        return JSONResponse(zone_data(zone, self._context.now()))

    async def zone_propagation(self, request: Request) -> Response:
        """How long versions of the zone took to each address of its secondaries."""
        zone = self._snapshot.zone(request.state.view, request.path_params["zone"])
        if zone is None:
            raise HTTPException(404, "no such zone is watched")
        return await self._propagation(request, zone=zone.name)

    async def server_propagation(self, request: Request) -> Response:
        """How long versions of any zone took to each address of the server."""
        name = request.path_params["server"]
        if name not in self._snapshot.status(request.state.view).zones.servers():
            raise HTTPException(404, "no such server is watched")
        return await self._propagation(request, server=name)

    async def _propagation(self, request: Request, zone: str | None = None, server: str | None = None) -> Response:
        """Of the latest arrivals since ``since``, a day ago unless it is said."""
        since = _time(request, "since") or self._context.now() - timedelta(days=1)
        kept = await self._context.store.propagations(since, zone=zone, server=server)
        return JSONResponse(propagation_data(self._snapshot.propagations(request.state.view, kept), since))

    async def servers(self, request: Request) -> Response:
        servers = self._snapshot.status(request.state.view).zones.servers()
        names = find_servers(servers, request.query_params.get("q", ""), _healths(request))
        return _part(request, names, lambda name: server_data(name, servers[name]))

    async def checks(self, request: Request) -> Response:
        """By check and cadence: the zones that a check asks equally often make up one sweep."""
        sweeps, now = self._snapshot.status(request.state.view).sweeps.values(), self._context.now()
        ordered = sorted(sweeps, key=lambda sweep: (sweep.check, sweep.cadence))
        return _part(request, ordered, lambda sweep: sweep_data(sweep, now))

    async def sources(self, request: Request) -> Response:
        """Where zones come from, as they are written in the configuration."""
        return _part(request, self._snapshot.status(request.state.view).sources, source_data)

    async def incidents(self, request: Request) -> Response:
        """Newest first, open and resolved. ``before``: opened before then; ``zone``: those that concern it; ``label``:
        those with zones that have it; ``phase``: "open" for all that stand, and no others.
        """
        most, labels = _number(request, "limit", 100, MAX_LIMIT), _labels(request)
        zone = request.query_params.get("zone")
        known = self._snapshot.zone(request.state.view, zone) if zone else None
        if zone and known is None:
            raise HTTPException(404, "no such zone is watched")
        if phase := request.query_params.get("phase", ""):
            if phase != OPEN:
                raise HTTPException(400, "phase is open")
            return _listed(request, self._standing(request, known, labels), None, {})
        if labels and request.state.view is not View.WHOLE:
            return _listed(request, [], None, {})
        kept = await self._context.store.incidents(
            limit=most, before=_time(request, "before"), zone=known.name if known else None, labels=labels
        )
        later = {"before": kept[-1].opened_at.isoformat()} if len(kept) == most else {}
        shown = self._snapshot.incidents(request.state.view, kept)
        return _listed(request, [as_data(incident) for incident in shown], None, later)

    def _standing(
        self, request: Request, zone: ZoneStatus | None, labels: Sequence[SoughtLabel]
    ) -> list[dict[str, object]]:
        """As they are now, also while the database cannot be read."""
        standing = open_incidents(self._snapshot.status(request.state.view))
        return [
            as_data(one)
            for one in sorted(standing, key=lambda one: (one.opened_at, one.id), reverse=True)
            if zone is None or zone.name in one.zones or zone.name in one.past_zones
            if all(label.is_in(one.labels) for label in labels)
        ]


Handler = Callable[[Request], Awaitable[Response]]


def _taking(endpoint: Handler, *parameters: str) -> Handler:
    """The endpoint, for requests with no other parameters: one that is misspelt would filter nothing, and say so to
    nobody."""

    async def checked(request: Request) -> Response:
        if strange := next((name for name in request.query_params if name not in parameters), None):
            hint = near(strange, parameters) or (known(parameters) if parameters else "it takes none")
            raise HTTPException(400, f"there is no parameter {quoted(strange)} ({hint})")
        return await endpoint(request)

    return checked


def _part(request: Request, ordered: Sequence[One], data: Callable[[One], Any]) -> Response:
    """That of a list which ``offset`` and ``limit`` ask for."""
    first, most = _number(request, "offset", 0), _number(request, "limit", 100, MAX_LIMIT)
    later = {"offset": str(first + most)} if first + most < len(ordered) else {}
    return _listed(request, [data(one) for one in ordered[first : first + most]], len(ordered), later)


def _listed(request: Request, rows: Sequence[Any], total: int | None, later: dict[str, str]) -> Response:
    response = JSONResponse(list(rows))
    if total is not None:
        response.headers["X-Total-Count"] = str(total)
    if later:
        given = [(key, value) for key, value in request.query_params.multi_items() if key not in later]
        query = urlencode([*given, *later.items()])
        response.headers["Link"] = f'<{request.scope["path"]}?{query}>; rel="next"'
    return response


def _healths(request: Request) -> Collection[Health]:
    health = request.query_params.get("health", "")
    if health and health not in {kind.value for kind in Health}:
        raise HTTPException(400, "health is good, bad or unknown")
    return healths(health)


def _labels(request: Request) -> Sequence[SoughtLabel]:
    """All that are asked for."""
    given = request.query_params.getlist("label")
    if len(given) > MAX_SOUGHT:
        raise HTTPException(400, f"no zone has more than {MAX_SOUGHT} labels")
    return [SoughtLabel.of(text) for text in given if text]


def _number(request: Request, name: str, otherwise: int, most: int | None = None) -> int:
    text = request.query_params.get(name)
    if text is None:
        return otherwise
    number = whole(text, -1)
    if number < (0 if most is None else 1):
        raise HTTPException(400, f"{name} is a whole number")
    return number if most is None else min(number, most)


def _time(request: Request, name: str) -> datetime | None:
    """RFC 3339; a time without a zone is refused, for nobody knows when that is."""
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise HTTPException(400, f"{name} is a time like 2026-11-20T10:02:00Z")
    return at
