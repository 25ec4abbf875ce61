"""The page that compares a zone on two servers: its form, and what came of it."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from checks.model import Zone
from monitor.config.errors import InvalidValue
from monitor.web.auth import read_form
from monitor.web.diff_request import diff_request
from monitor.web.diff_view import ComparisonView, DiffForm, comparison_view, diff_form
from monitor.web.diffs import Diffs
from monitor.web.form_proof import FormProof
from monitor.web.snapshot import SnapshotCache, View, WebContext
from monitor.web.templating import Renderer
from monitor.web.view_models import zone_path
from monitor.web.zone_request import refuse_public, watched_zone

LINES = 500
"""Records that a page shows."""
MAX_CHARACTERS = 200_000
"""What they may be in all."""


class DiffPage:
    """Only who sees everything may compare; without a script as well as with one."""

    def __init__(self, context: WebContext, snapshot: SnapshotCache, renderer: Renderer, diffs: Diffs) -> None:
        self._context = context
        self._snapshot = snapshot
        self._renderer = renderer
        self._diffs = diffs
        self._proof = FormProof()

    def routes(self) -> list[Route]:
        return [Route("/zones/{zone:path}/diff", self.serve, methods=["GET", "POST"])]

    def form(self, view: View, name: str, **filled: str | bool) -> DiffForm | None:
        """The form for a zone; None for who may not send it, and where there are no two addresses."""
        zone = self._context.diffs.zone(name) if view is View.WHOLE else None
        if zone is None:
            return None
        path = f"{zone_path(name)}/diff"
        return diff_form(zone, path, self._proof.of(path), **filled)  # type: ignore[arg-type]

    async def serve(self, request: Request) -> Response:
        refuse_public(request, self._context, "compare")
        zone = watched_zone(request, self._snapshot, self._context.diffs)
        if request.method == "POST":
            return await self._compare(request, zone)
        given = {key: value for key, value in request.query_params.items() if key in ("before", "after")}
        return self._page(request, zone, self.form(View.WHOLE, zone.name, **given))

    async def _compare(self, request: Request, zone: Zone) -> Response:
        given = await read_form(request)
        if not self._proof.holds(given.get("proof", ""), f"{zone_path(zone.name)}/diff"):
            raise HTTPException(403, "This form is out of date, or from elsewhere: open the page of the zone again.")
        ignore = given.get("ignore_dnssec") == "yes"
        form = self.form(
            View.WHOLE, zone.name, before=given.get("before", ""), after=given.get("after", ""), ignore_dnssec=ignore
        )
        try:
            asked = diff_request(zone, {**given, "ignore_dnssec": ignore}, lines=LINES)
            found = await self._diffs.compare(zone, asked, request.receive)
        except InvalidValue as error:
            return self._page(request, zone, form, trouble=error.text, code=400)
        except HTTPException as error:
            return self._page(
                request, zone, form, trouble=error.detail, code=200 if error.status_code in (502, 504) else 503
            )
        return self._page(request, zone, form, view=comparison_view(found, LINES, MAX_CHARACTERS))

    def _page(
        self, request: Request, zone: Zone, form: DiffForm | None, *, view: ComparisonView | None = None,
        trouble: str = "", code: int = 200,
    ) -> Response:  # fmt: skip
        status = self._snapshot.zone(View.WHOLE, zone.name)
        name = status.unicode if status is not None else zone.name
        title = f"{name}, compared"
        answer = self._renderer.page(
            request, "diff.html", title=title, zone=zone, name=name, form=form, view=view, trouble=trouble
        )
        answer.status_code = code
        if code == 503:
            answer.headers["Retry-After"] = "30"
        return answer
