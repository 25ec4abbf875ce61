"""What the web has of the service, and what a request may see of it: all of Status, or its public part."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from prometheus_client import CollectorRegistry

from alerting.incident import Incident
from alerting.model import Secret
from alerting.silences import Matchers, Silence
from checks.common.wait_progress import AddressProgress, WaitProgress
from checks.common.zone_difference import ZoneComparison
from checks.model import Address, Server, Zone
from checks.zone_state.model import Propagation
from monitor.clock import Now
from monitor.config.named_token import NamedToken
from monitor.probe.message.names import BadName, parse_name
from monitor.probe.server_series import ServerSeries
from monitor.probe.stats import ProbeStats
from monitor.state.ports import AddressHistoryRow, IncidentRecord, Store
from monitor.state.status import Status, ZoneStatus
from monitor.web.event_hub import EventHub
from monitor.web.redaction import (
    RedactedStatus,
    Redaction,
    public,
    public_history,
    public_incident,
    public_propagations,
    public_timeline,
)


class View(StrEnum):
    """Everything, or only what the public may see."""

    WHOLE = "whole"
    PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class Settings:
    """Without any token and not ``public``: whoever reaches the port sees everything (it is a loopback port).

    With ``token``, or a named one: whoever has one sees everything; others see nothing, or, when ``public``, the public
    view. ``public`` without a token: everybody has the public view. ``url`` is how people reach the page.
    """

    token: Secret | None = None
    public: bool = False
    max_zones: int = 1000
    url: str | None = None


class RunningWait(Protocol):
    """A wait: ``run`` returns when all have what is waited for, and cancelling it ends the asking."""

    progress: WaitProgress

    async def run(self) -> WaitProgress: ...


class WatchedZones(Protocol):
    """``zone`` is one of the zones that are watched, as it is watched now."""

    def zone(self, name: str) -> Zone | None: ...


class ZoneWaits(WatchedZones, Protocol):
    """Waits at the zones that are watched."""

    def wait(self, progress: WaitProgress, tell: Callable[[WaitProgress, AddressProgress], None]) -> RunningWait: ...


class ZoneDiffs(WatchedZones, Protocol):
    """Comparisons of zones that are watched. Each of the two servers may be asked at one of these addresses."""

    async def compare(
        self,
        zone: Zone,
        before: Sequence[tuple[Server, Address]],
        after: Sequence[tuple[Server, Address]],
        *,
        dnssec: bool,
        wanted: int,
    ) -> ZoneComparison:
        """``dnssec``: what signers make counts; ``wanted``: so many differences are enough. Raises CannotCompare."""
        ...


def _no_tokens() -> Sequence[NamedToken]:
    return ()


class IncidentActions(Protocol):
    """What people do about incidents: each returns the incident as it is then; None: none of that id is open."""

    async def acknowledge(self, id: str, who: str, note: str) -> Incident | None: ...

    async def unacknowledge(self, id: str, who: str, note: str) -> Incident | None: ...


class SilenceActions(Protocol):
    """What people do about silences. Each raises NotKept where the database does not take it."""

    async def make(
        self, matchers: Matchers, starts_at: datetime | None, ends_at: datetime | None, who: str, comment: str
    ) -> Silence:
        """One that starts now, unless ``starts_at`` is another time."""
        ...

    async def end(self, id: str, who: str) -> Silence | None:
        """The silence as it is then; None: there is none of that id."""
        ...


@dataclass(frozen=True, slots=True)
class WebContext:
    """``status`` gives the present Status; ``registry`` has all counters; ``stopping`` ends all open streams.
    ``named_tokens`` are those of the present configuration.
    """

    status: Callable[[], Status]
    registry: CollectorRegistry
    probe_stats: ProbeStats
    server_series: ServerSeries
    store: Store
    event_hub: EventHub
    now: Now
    stopping: asyncio.Event
    waits: ZoneWaits
    diffs: ZoneDiffs
    incident_actions: IncidentActions
    silence_actions: SilenceActions
    settings: Settings = Settings()
    named_tokens: Callable[[], Sequence[NamedToken]] = _no_tokens

    @property
    def tokens(self) -> Sequence[NamedToken]:
        """All that are good; that of [service] has no name."""
        own = self.settings.token
        return self.named_tokens() if own is None else (NamedToken("", own), *self.named_tokens())


TICKING = "heartbeat"
"""The one field of a Status that moves though nothing else does."""


def is_same_status(one: Status, other: Status) -> bool:
    """Whether both show the same: one was made from the other, and nothing but the heartbeat was replaced."""
    return one is other or all(
        getattr(one, part.name) is getattr(other, part.name) for part in fields(Status) if part.name != TICKING
    )


class SnapshotCache:
    """Pages, API and metrics take what they show from here, so that nothing goes past the redaction.

    What is made from a Status is made once, and kept until the next one.
    """

    def __init__(self, context: WebContext) -> None:
        self._context = context
        self._made: RedactedStatus | None = None

    def _redacted(self) -> RedactedStatus:
        status = self._context.status()
        if self._made is None or not is_same_status(self._made.whole, status):
            self._made = public(status, self._made)
        return self._made

    def status(self, view: View) -> Status:
        status = self._context.status()
        return status if view is View.WHOLE else replace(self._redacted().public, heartbeat=status.heartbeat)

    def redaction(self, view: View) -> Redaction | None:
        """What must not be shown; None: all may."""
        return None if view is View.WHOLE else self._redacted().redaction

    def zone(self, view: View, name: str) -> ZoneStatus | None:
        """With or without the final dot, in either form of an internationalised name; ``@`` or nothing is the root."""
        try:
            return self.status(view).zones.get("." if name in ("", "@") else parse_name(name))
        except BadName:
            return None

    def history(self, view: View, rows: Sequence[AddressHistoryRow]) -> Sequence[AddressHistoryRow]:
        redaction = self.redaction(view)
        return rows if redaction is None else public_history(rows, redaction)

    def propagations(self, view: View, rows: Sequence[Propagation]) -> Sequence[Propagation]:
        redaction = self.redaction(view)
        return rows if redaction is None else public_propagations(rows, redaction)

    def incident_record(self, view: View, kept: IncidentRecord) -> IncidentRecord | None:
        """None where the incident must not be seen."""
        redaction = self.redaction(view)
        if redaction is None:
            return kept
        shown = public_incident(kept.incident, redaction)
        return None if shown is None else IncidentRecord(shown, public_timeline(kept.timeline))

    def incidents(self, view: View, kept: Sequence[Incident]) -> list[Incident]:
        redaction = self.redaction(view)
        if redaction is None:
            return list(kept)
        return [shown for incident in kept if (shown := public_incident(incident, redaction)) is not None]
