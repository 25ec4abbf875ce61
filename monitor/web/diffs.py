"""Comparisons of a zone on two servers: POST /api/v1/zones/{zone}/diff, and what the page has of them, too."""

import asyncio

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive

from checks.common.zone_difference import CannotCompare, ZoneComparison
from checks.model import Zone
from monitor.config.errors import InvalidValue
from monitor.web.diff_request import DiffRequest, read_diff
from monitor.web.diff_schema import comparison_data
from monitor.web.event_stream import while_wanted
from monitor.web.snapshot import SnapshotCache, WebContext
from monitor.web.zone_request import bad_request, refuse_all_but_json, refuse_public, watched_zone

MAX_DIFFS = 2
"""Comparisons under way at once, of API and page together: each transfers two zones, some of their records are kept."""
MAX_CHARACTERS = 4_000_000
"""What the records in an answer may be in all."""


class Diffs:
    """Compares for whoever asks, so many at once, in the time that was asked for, and while somebody waits for it."""

    def __init__(self, context: WebContext, most: int = MAX_DIFFS) -> None:
        self._context = context
        self._most = most
        self._count = 0

    async def compare(self, zone: Zone, asked: DiffRequest, receive: Receive) -> ZoneComparison:
        """Raises HTTPException: 502 where nothing can be told, 503 for too many, 504 when the time is over; and
        ClientDisconnect when nobody waits any more.
        """
        if self._count >= self._most:
            raise HTTPException(503, "too many comparisons are under way", {"Retry-After": "30"})
        self._count += 1
        try:
            found = await while_wanted(self._in_time(zone, asked), receive, self._context.stopping)
        except CannotCompare as why:
            raise HTTPException(502, str(why)) from None
        except TimeoutError:
            raise HTTPException(504, f"not compared within {asked.timeout:g} s") from None
        finally:
            self._count -= 1
        if found is not None:
            return found
        if self._context.stopping.is_set():
            raise HTTPException(503, "the service stops", {"Retry-After": "30"})
        raise ClientDisconnect

    async def _in_time(self, zone: Zone, asked: DiffRequest) -> ZoneComparison:
        async with asyncio.timeout(asked.timeout):
            return await self._context.diffs.compare(
                zone, asked.before, asked.after, dnssec=asked.dnssec, wanted=asked.lines
            )


class DiffEndpoint:
    """The API's. Only who sees everything may have others asked."""

    def __init__(self, context: WebContext, snapshot: SnapshotCache, diffs: Diffs) -> None:
        self._context = context
        self._snapshot = snapshot
        self._diffs = diffs

    async def serve(self, request: Request) -> Response:
        if request.method != "POST":
            raise HTTPException(405, "a comparison is asked for by POST", {"Allow": "POST"})
        refuse_public(request, self._context, "compare")
        refuse_all_but_json(request, "what is compared")
        zone = watched_zone(request, self._snapshot, self._context.diffs)
        try:
            asked = read_diff(zone, await request.body())
        except InvalidValue as error:
            raise bad_request(error) from None
        found = await self._diffs.compare(zone, asked, request.receive)
        return JSONResponse(comparison_data(found, asked.lines, MAX_CHARACTERS))
