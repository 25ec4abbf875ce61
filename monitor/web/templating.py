"""Renders pages: templates with everything escaped, and what all pages have in common."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.types import Scope

from checks.common.text import format_duration
from monitor.probe.message.names import unicode
from monitor.state.level import Level, severity_level, state_level
from monitor.web import formatting, view_models
from monitor.web.events import revision
from monitor.web.headline import headline, notices
from monitor.web.kept_difference import kept_difference
from monitor.web.redaction import title
from monitor.web.snapshot import SnapshotCache, View, WebContext
from monitor.web.static import Static

SENTENCES: Mapping[int, str] = {
    400: "That question cannot be understood.",
    401: "This page asks for the token.",
    404: "There is nothing here.",
    405: "Only GET and HEAD are answered here.",
    413: "More was sent than is taken in here.",
    421: "This is not reached by that name: use an address or localhost, or set url in [service].",
    429: "Too many wrong tokens: the next is not looked at before a few seconds have passed.",
    500: "Something went wrong here; the log says what.",
    503: "The database cannot be read just now.",
}


FILTERS: Mapping[str, Callable[..., object]] = {
    "behind": view_models.lag_text,
    "cause_path": view_models.cause_path,
    "clock": formatting.clock,
    "code_path": view_models.code_path,
    "duration": format_duration,
    "incident_path": view_models.incident_path,
    "health_level": view_models.HEALTH_LEVELS.__getitem__,
    "kept_difference": kept_difference,
    "level": severity_level,
    "meaning": title,
    "milliseconds": formatting.milliseconds,
    "took": formatting.took,
    "number": formatting.number,
    "phase_word": view_models.phase_word,
    "roles": view_models.roles,
    "server_path": view_models.server_path,
    "since": formatting.since,
    "state_level": state_level,
    "state_word": view_models.state_word,
    "unicode": unicode,
    "some_zones": view_models.some_zones,
    "until": formatting.until,
    "zone_path": view_models.zone_path,
}


def environment(static_paths: Mapping[str, str]) -> jinja2.Environment:
    """The templates, with everything escaped: compiled once in a process, however many renderers it has."""
    return _environment(tuple(static_paths.items()))


@lru_cache(maxsize=4)
def _environment(static_paths: tuple[tuple[str, str], ...]) -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["static"] = dict(static_paths)
    made.filters |= {**FILTERS, "breaking": breakable}
    return made


class Renderer:
    """``page`` renders a template for a request; ``problem`` says in its reader's format what is wrong."""

    def __init__(self, context: WebContext, snapshot: SnapshotCache, static: Static) -> None:
        self._context = context
        self._snapshot = snapshot
        self._templates = environment(static.paths)

    def page(self, request: Request, template: str, *, title: str = "", **what: Any) -> Response:
        view: View = request.state.view
        status, now = self._snapshot.status(view), self._context.now()
        notice = headline(status, now, public=view is View.PUBLIC)
        common = {
            "title": title,
            "headline": notice,
            "well": notice.level in (Level.GOOD, Level.PROPAGATING),
            "notices": notices(status, now),
            "vantage": status.vantage,
            "version": status.version,
            "now": now,
            "seen": revision(self._context),
            "path": request.scope["path"],
            "has_sources": bool(status.sources),
            "has_silences": bool(status.silences.made or status.silences.active or status.silences.windows),
            "can_leave": bool(self._context.tokens) and view is View.WHOLE,
            "can_enter": bool(self._context.tokens) and view is View.PUBLIC,
            "caller": request.state.caller,
        }
        return HTMLResponse(self._templates.get_template(template).render(common | what))

    def bare(self, template: str, code: int, headers: Mapping[str, str], **what: Any) -> Response:
        """A page that tells nothing of what is watched."""
        return HTMLResponse(self._templates.get_template(template).render(what), code, dict(headers))

    def problem(self, scope: Scope, code: int, headers: Mapping[str, str], sentence: str = "") -> Response:
        text = sentence or SENTENCES.get(code, "That does not work.")
        path = scope["path"]
        if path.startswith("/api/"):
            return JSONResponse({"error": text}, code, dict(headers))
        if path.startswith(("/metrics", "/events", "/healthz", "/readyz", "/static/")):
            return PlainTextResponse(text + "\n", code, dict(headers))
        if code == 401:
            return self.bare("login.html", code, headers, wrong=False, wait=0, next=path)
        return self.bare("problem.html", code, headers, number=code, sentence=text)


def breakable(name: str) -> Markup:
    """A long name may be broken after its dots, and is copied without the break."""
    return escape(name).replace(".", Markup(".<wbr>"))
