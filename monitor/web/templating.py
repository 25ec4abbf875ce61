"""Renders pages: templates with everything escaped, and what all pages have in common."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.types import Scope

from monitor.state.level import Level
from monitor.web.context import View, WebContext
from monitor.web.events import mark
from monitor.web.formatting import number
from monitor.web.page_models import headline, notices
from monitor.web.snapshot import Shown
from monitor.web.static import Static

SENTENCES: Mapping[int, str] = {
    400: "That question cannot be understood.",
    401: "This page asks for the token.",
    404: "There is nothing here.",
    405: "Only GET and HEAD are answered here.",
    413: "Nothing is taken in here.",
    421: "This is not reached by that name: use an address or localhost, or set url in [service].",
    429: "Too many wrong tokens: the next is not looked at before a few seconds have passed.",
    500: "Something went wrong here; the log says what.",
    503: "The database cannot be read just now.",
}


class Look:
    """``page`` draws a template for a request; ``problem`` says in its reader's format what is wrong."""

    def __init__(self, context: WebContext, shown: Shown, static: Static) -> None:
        self._context = context
        self._shown = shown
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals["static"] = static.paths
        self._templates.filters |= {"breaking": breaking, "number": number}

    def page(self, request: Request, template: str, *, title: str = "", **what: Any) -> Response:
        view: View = request.state.view
        status, now = self._shown.status(view), self._context.now()
        says = headline(status, now, public=view is View.PUBLIC)
        common = {
            "title": title,
            "headline": says,
            "well": says.level in (Level.GOOD, Level.PROPAGATING),
            "notices": notices(status, now),
            "vantage": status.vantage,
            "version": status.version,
            "now": f"{now:%H:%M:%S} UTC",
            "seen": mark(self._context),
            "path": request.scope["path"],
            "live": True,
            "can_leave": self._context.settings.token is not None and view is View.WHOLE,
            "can_enter": self._context.settings.token is not None and view is View.PUBLIC,
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


def breaking(name: str) -> Markup:
    """A long name may be broken after its dots, and is copied without the break."""
    return escape(name).replace(".", Markup(".<wbr>"))
