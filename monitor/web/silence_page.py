"""The page of silences: GET shows them, POST of its own forms makes and ends them."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from alerting.maintenance import MaintenanceWindow
from alerting.silences import Silence
from checks.common.text import one_line
from monitor.config.errors import InvalidValue
from monitor.state.level import Level
from monitor.web.auth import read_form
from monitor.web.caller import Caller, operator
from monitor.web.form_proof import FormProof
from monitor.web.formatting import clock
from monitor.web.silence_data import PATH, when
from monitor.web.silence_request import MAX_COMMENT, read_silence_form
from monitor.web.silences import refuse_public_view, refuse_too_many
from monitor.web.snapshot import SnapshotCache, WebContext
from monitor.web.templating import Renderer

FIELDS = ("zones", "labels", "servers", "codes", "severity", "starts_at", "duration", "comment")
"""Of the form; those that a link may fill in."""


@dataclass(frozen=True, slots=True)
class SilenceRow:
    """A silence, or the next time of a maintenance window."""

    level: Level
    word: str
    what: str
    span: str
    who: str
    comment: str
    end: str = ""
    """Where the form leads that ends it; empty where there is nothing to end."""


class SilencePage:
    """Without a script as well as with one; for who sees everything."""

    def __init__(self, context: WebContext, snapshot: SnapshotCache, renderer: Renderer) -> None:
        self._context = context
        self._snapshot = snapshot
        self._renderer = renderer
        self._proof = FormProof()

    def routes(self) -> list[Route]:
        return [
            Route(PATH, self.silences, methods=["GET", "POST"]),
            Route(PATH + "/{id}/end", self.end, methods=["POST"]),
        ]

    async def silences(self, request: Request) -> Response:
        if request.method == "POST":
            return await self._make(request)
        refuse_public_view(request, self._context)
        return self._page(request, {key: request.query_params.get(key, "") for key in FIELDS})

    async def _make(self, request: Request) -> Response:
        who, context = operator(request, self._context), self._context
        given = await read_form(request)
        self._check(given, who)
        try:
            wanted = read_silence_form(given, context.now())
        except InvalidValue as error:
            hint = f" ({error.hint})" if error.hint else ""
            return self._page(request, given, f"Not silenced: {error.text}{hint}.", 400)
        refuse_too_many(context.status(), wanted, context)
        await context.silence_actions.make(wanted.matchers, wanted.starts_at, wanted.ends_at, who, wanted.comment)
        return RedirectResponse(PATH, 303)

    async def end(self, request: Request) -> Response:
        who = operator(request, self._context)
        self._check(await read_form(request), who)
        if await self._context.silence_actions.end(request.path_params["id"], who) is None:
            raise HTTPException(404, "There is no such silence.")
        return RedirectResponse(PATH, 303)

    def _check(self, given: dict[str, str], who: str) -> None:
        if not self._proof.holds(given.get("proof", ""), PATH, who):
            raise HTTPException(403, "This form is out of date, or from elsewhere: open the page again.")

    def _page(self, request: Request, filled: dict[str, str], trouble: str = "", code: int = 200) -> Response:
        caller: Caller = request.state.caller
        silences, now = self._snapshot.status(request.state.view).silences, self._context.now()
        standing = [one for one in silences.every() if not one.is_over(now)]
        answer = self._renderer.page(
            request,
            "silences.html",
            title="Silences",
            rows=[_row(one, now, may_end=caller.may_operate) for one in sorted(standing, key=_endless_first)],
            windows=[_window_row(window, now) for window in silences.windows],
            over=[_row(one, now) for one in silences.every() if one.is_over(now)],
            proof=self._proof.of(PATH, caller.name) if caller.may_operate else "",
            filled={key: filled.get(key, "") for key in FIELDS},
            endless=filled.get("endless") == "on",
            trouble=trouble,
            max_comment=MAX_COMMENT,
        )
        answer.status_code = code
        return answer


def _endless_first(one: Silence) -> bool:
    return one.ends_at is not None


def _row(one: Silence, now: datetime, *, may_end: bool = False) -> SilenceRow:
    until = "without an end" if one.ends_at is None else f"until {clock(one.ends_at, now)}"
    if one.is_over(now):
        level, word = Level.INFO, "Over"
    elif not one.is_active(now):
        level, word = Level.INFO, "To come"
    else:
        level, word = (Level.INFO, "Active") if one.ends_at is not None else (Level.WARNING, "No end")
    ended = f", ended by {one.ended_by}" if one.ended_by else ""
    end = f"{PATH}/{quote(one.id, safe='')}/end" if may_end and not one.maintenance else ""
    return SilenceRow(
        level, word, one_line(str(one.matchers)), f"from {clock(one.starts_at, now)} {until}", one.created_by + ended,
        one_line(one.comment), end,
    )  # fmt: skip


def _window_row(window: MaintenanceWindow, now: datetime) -> SilenceRow:
    """When it comes next; it may be under way."""
    coming = next(iter(window.next(now)), None)
    if coming is None or coming.ends_at is None:
        level, word, span = Level.INFO, "Over", ""
    else:
        level, word = Level.INFO, "Active" if coming.is_active(now) else "To come"
        until = f"from {clock(coming.starts_at, now)} until {clock(coming.ends_at, now)}"
        span = f"{when(window)}; next {until}" if window.recurrence is not None else until
    return SilenceRow(level, word, one_line(str(window.matchers)), span, window.name, one_line(window.comment))
