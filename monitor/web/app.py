"""The web application: all routes, and what stands before and behind them."""

import re
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ExceptionHandler

from checks.common.text import one_line
from monitor.state.ports import NotKept, StoreError
from monitor.web.api import Api
from monitor.web.auth import COOKIE, HEADERS, AuthMiddleware, read_form, set_session_cookie, token_given
from monitor.web.client_address import forwarded_client
from monitor.web.diff_page import DiffPage
from monitor.web.diffs import DiffEndpoint, Diffs
from monitor.web.events import Events
from monitor.web.headline import scheduler_stalled
from monitor.web.incident_page import IncidentPage
from monitor.web.incident_records import IncidentEndpoints
from monitor.web.login_attempts import LoginAttempts
from monitor.web.metrics_endpoint import MetricsEndpoint
from monitor.web.pages import Pages
from monitor.web.silence_page import SilencePage
from monitor.web.silences import SilenceEndpoints
from monitor.web.snapshot import Settings, SnapshotCache, View, WebContext
from monitor.web.static import load
from monitor.web.templating import Renderer
from monitor.web.waits import Waits

__all__ = ["Settings", "View", "WebContext", "build"]

_OWN_PATH = re.compile(r"/(?![/\\])[!-~]*")
"""A path of ours, and never another site's."""


def build(context: WebContext) -> Starlette:
    """The ASGI application. It reads the present Status at each request; nothing of it is kept but what is derived."""
    snapshot, static = SnapshotCache(context), load()
    renderer = Renderer(context, snapshot, static)
    attempts = LoginAttempts()
    login = Login(context, renderer, attempts)
    diffs = Diffs(context)
    diff_page = DiffPage(context, snapshot, renderer, diffs)
    app = Starlette(
        routes=[
            *diff_page.routes(),
            *Pages(context, snapshot, renderer, diff_page).routes(),
            *IncidentPage(context, snapshot, renderer).routes(),
            Route("/api/v1/zones/{zone:path}/wait", Waits(context, snapshot), methods=["GET", "POST"]),
            Route(
                "/api/v1/zones/{zone:path}/diff", DiffEndpoint(context, snapshot, diffs).serve, methods=["GET", "POST"]
            ),
            *IncidentEndpoints(context, snapshot).routes(),
            *SilenceEndpoints(context).routes(),
            *SilencePage(context, snapshot, renderer).routes(),
            *Api(context, snapshot).routes(),
            Route("/metrics", MetricsEndpoint(context, snapshot).serve),
            Route("/events", Events(context)),
            Route("/healthz", HealthEndpoints(context).alive),
            Route("/readyz", HealthEndpoints(context).ready),
            Route("/login", login.form, methods=["GET"]),
            Route("/login", login.enter, methods=["POST"]),
            Route("/logout", login.leave, methods=["POST"]),
            Route("/static/{path:path}", static.serve),
        ],
        middleware=[Middleware(AuthMiddleware, context=context, refuse=renderer.problem, attempts=attempts)],
        exception_handlers=_handlers(renderer),
    )
    app.router.redirect_slashes = False  # it would build a link from the Host header
    return app


class HealthEndpoints:
    """For load balancers and service managers; open to all, and telling nothing of what is watched."""

    def __init__(self, context: WebContext) -> None:
        self._context = context

    async def alive(self, request: Request) -> Response:
        """That this is answered shows that the loop turns; the scheduler shows it by ticking."""
        status, trouble = self._context.status(), []
        if scheduler_stalled(status, self._context.now()):
            trouble.append("the scheduler stalled")
        if not status.store_ok:
            trouble.append("the database cannot be written")
        return _plain(trouble)

    async def ready(self, request: Request) -> Response:
        status, trouble = self._context.status(), []
        if not status.ready:
            trouble.append("the first sweep is under way")
        if not status.store_ok:
            trouble.append("the database cannot be written")
        return _plain(trouble)


def _plain(trouble: list[str]) -> Response:
    return PlainTextResponse("\n".join(trouble or ["ok"]) + "\n", 503 if trouble else 200)


class Login:
    """The form that asks for a token, once, and gives a cookie for it."""

    def __init__(self, context: WebContext, renderer: Renderer, attempts: LoginAttempts) -> None:
        self._context = context
        self._renderer = renderer
        self._attempts = attempts

    async def form(self, request: Request) -> Response:
        if not self._context.tokens:
            raise HTTPException(404)
        return self._renderer.bare("login.html", 200, {}, wrong=False, wait=0, next="/")

    async def enter(self, request: Request) -> Response:
        if not self._context.tokens:
            raise HTTPException(404)
        form = await read_form(request)
        back = form.get("next", "/")
        client, now = forwarded_client(request.scope), self._context.now()
        if wait := self._attempts.wait(client, now):
            return self._renderer.bare("login.html", 429, {"Retry-After": str(wait)}, wrong=True, wait=wait, next=back)
        given = form.get("token", "").encode()
        token = token_given(given, self._context.tokens)
        if token is None:
            self._attempts.wrong(client, given, now)
            return self._renderer.bare("login.html", 401, {}, wrong=True, wait=0, next=back)
        response = RedirectResponse(back if _OWN_PATH.fullmatch(back) else "/", 303)
        set_session_cookie(response, self._context.settings, token.token, self._context.now())
        return response

    async def leave(self, request: Request) -> Response:
        response = RedirectResponse("/", 303)
        response.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return response


NOT_KEPT = "it was not done, since the database does not take it"


def _handlers(renderer: Renderer) -> dict[int | type[Exception], ExceptionHandler]:
    def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - Starlette calls it for nothing else
        own = "" if error.detail == HTTPStatus(error.status_code).phrase else error.detail
        return renderer.problem(request.scope, error.status_code, error.headers or {}, own)

    def gone(request: Request, error: Exception) -> Response:
        return Response(status_code=400)  # nobody hears it: the client went away before it had said all

    def store(request: Request, error: Exception) -> Response:
        return renderer.problem(request.scope, 503, {})

    def not_kept(request: Request, error: Exception) -> Response:
        return renderer.problem(request.scope, 503, {}, f"{NOT_KEPT}: {one_line(str(error))}")

    def bug(request: Request, error: Exception) -> Response:
        return renderer.problem(request.scope, 500, {**HEADERS, "Cache-Control": "no-store"})  # no middleware adds them

    return {HTTPException: http, ClientDisconnect: gone, NotKept: not_kept, StoreError: store, Exception: bug}
