"""Who may have nameservers asked, and about which zone: the same for all requests that do."""

from starlette.exceptions import HTTPException
from starlette.requests import Request

from checks.model import Zone
from monitor.config.errors import InvalidValue
from monitor.web.snapshot import SnapshotCache, View, WatchedZones, WebContext


def refuse_public(request: Request, context: WebContext, what: str) -> None:
    """Only who sees everything may ``what`` ("wait"). Raises HTTPException for others."""
    if request.state.view is View.WHOLE:
        return
    if not context.tokens:
        raise HTTPException(403, f"public viewers cannot {what}: nobody may ask nameservers by us without a token")
    raise HTTPException(401, headers={"WWW-Authenticate": 'Bearer realm="soawatch"'})


def watched_zone(request: Request, snapshot: SnapshotCache, zones: WatchedZones) -> Zone:
    """The zone of the path, as it is watched now. Raises HTTPException where there is none."""
    status = snapshot.zone(View.WHOLE, request.path_params["zone"])
    zone = zones.zone(status.name) if status is not None else None
    if zone is None:
        raise HTTPException(404, "no such zone is watched")
    return zone


def refuse_all_but_json(request: Request, said: str) -> None:
    """Raises HTTPException where the body is of another type, or something is said in the URL as well; ``said`` is what
    the body says.

    A form of another site can send no JSON without asking first, which is refused.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "the body has to be of the type application/json")
    if request.query_params:
        raise HTTPException(400, f"{said} is said in the body, not in the URL")


def bad_request(error: InvalidValue) -> HTTPException:
    return HTTPException(400, f"{error.text}{f' ({error.hint})' if error.hint else ''}")
