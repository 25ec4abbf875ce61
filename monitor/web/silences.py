"""Silences in the API: what is silenced, made and ended."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from monitor.config.errors import InvalidValue
from monitor.state.status import Status
from monitor.web.caller import operator
from monitor.web.silence_data import silence_data, window_data
from monitor.web.silence_request import WantedSilence, read_silence
from monitor.web.snapshot import View, WebContext
from monitor.web.zone_request import bad_request, refuse_all_but_json

MAX_STANDING = 1000
"""Silences that are not over yet, at most."""

MAX_STANDING_PATTERNS = 2000
"""Of zones, labels and servers that these have together: each finding is compared with each."""

UNKNOWN = "there is no such silence"
OVER = "the silence is over"


def refuse_public_view(request: Request, context: WebContext) -> None:
    """Who is told of what, and why not, is nothing for public viewers. Raises HTTPException."""
    if request.state.view is not View.WHOLE:
        if context.tokens:
            raise HTTPException(401, headers={"WWW-Authenticate": 'Bearer realm="soawatch"'})
        raise HTTPException(403, "public viewers do not see silences")


def refuse_too_many(status: Status, wanted: WantedSilence, context: WebContext) -> WantedSilence:
    """Raises HTTPException where there are so many that each batch would take long."""
    now = context.now()
    standing = [one.matchers for one in status.silences.made if not one.is_over(now)]
    if len(standing) >= MAX_STANDING:
        raise HTTPException(409, f"there are {MAX_STANDING} silences already: end some of them")
    if sum(one.patterns for one in (*standing, wanted.matchers)) > MAX_STANDING_PATTERNS:
        said = f"silences would have more than {MAX_STANDING_PATTERNS} patterns of zones, labels and servers together"
        raise HTTPException(409, f"{said}: end some of them, or say it with a glob")
    return wanted


class SilenceEndpoints:
    """Those of the API."""

    def __init__(self, context: WebContext) -> None:
        self._context = context

    def routes(self) -> list[Route]:
        return [
            Route("/api/v1/silences", self.silences, methods=["GET", "POST"]),
            Route("/api/v1/silences/{id}", self.silence, methods=["GET", "DELETE"]),
            Route("/api/v1/maintenance", self.maintenance),
        ]

    async def silences(self, request: Request) -> Response:
        """GET: all, the newest first, with windows that are under way; POST: make one."""
        context = self._context
        if request.method == "POST":
            who = operator(request, context)
            refuse_all_but_json(request, "what is to be silenced")
            try:
                wanted = read_silence(await request.body(), context.now())
            except InvalidValue as error:
                raise bad_request(error) from None
            refuse_too_many(context.status(), wanted, context)
            made = await context.silence_actions.make(
                wanted.matchers, wanted.starts_at, wanted.ends_at, who, wanted.comment
            )
            return JSONResponse(silence_data(made, context.now()), 201, {"Location": f"/api/v1/silences/{made.id}"})
        refuse_public_view(request, context)
        shown = context.status().silences.every()
        return JSONResponse(
            [silence_data(one, context.now()) for one in shown], headers={"X-Total-Count": str(len(shown))}
        )

    async def silence(self, request: Request) -> Response:
        """GET: one; DELETE: end it."""
        context, id = self._context, request.path_params["id"]
        if request.method == "DELETE":
            who = operator(request, context)
            before = context.status().silences.by_id([id])
            if before and before[0].maintenance:
                raise HTTPException(409, "a window of the configuration is ended by taking it out, and a reload")
            if before and before[0].is_over(context.now()):
                raise HTTPException(409, OVER)
            ended = await context.silence_actions.end(id, who)
            if ended is None:
                raise HTTPException(404, UNKNOWN)
            return JSONResponse(silence_data(ended, context.now()))
        refuse_public_view(request, context)
        found = context.status().silences.by_id([id])
        if not found:
            raise HTTPException(404, UNKNOWN)
        return JSONResponse(silence_data(found[0], context.now()))

    async def maintenance(self, request: Request) -> Response:
        """The windows of the configuration, and when each comes next."""
        refuse_public_view(request, self._context)
        now = self._context.now()
        return JSONResponse([window_data(window, now) for window in self._context.status().silences.windows])
