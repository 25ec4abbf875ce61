"""What does soawatch notice, and how fast? The bundled pair is broken and mended while the service watches it."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from alerting.model import Phase, Severity
from alerting.severity import severity_of
from checks.model import Health
from monitor.app import Service
from monitor.clock import monotonic, now
from monitor.config.load import parse
from monitor.pair import faults
from monitor.pair.config_text import zone_entry
from monitor.pair.control import Control
from monitor.pair.fault import Fault
from monitor.pair.pair import Pair
from monitor.pair.template import Timers
from monitor.status import FindingStatus, Status
from monitor.web.serve import WebServer

SCENES = (
    "frozen",
    "lossy",
    "tcp-dead",
    "transfer-open",
    "wrong-secret",
    "skewed-clock",
    "truncated-transfer",
    "lame",
    "expired",
    "not-authoritative",
    "record-changed",
    "serial-ahead",
    "serial-back",
    "forged",
    "garbage",
    "dead",
)
"""The faults that are played, in this order. Those without codes must be ridden out in silence."""

ZONES = ("alpha.example.", "beta.example.", "gamma.example.")
TIMERS = Timers(refresh=5, retry=2, expire=600, minimum=5)
PATIENCE = 30.0
"""Seconds within which a fault must be noticed, and its end too."""
QUIET = 5.0
"""Seconds that a fault which harms nobody is watched for."""
SECRET = "whsec_ZGVtby1kZW1vLWRlbW8tZGVtby1kZW1vLWRlbW8="  # noqa: S105 - of a receiver that lives as long as the demo

CONFIG = """
[service]
listen   = "{listen}"
database = "demo.db"
vantage  = "demo"
[cadence]
reachable  = "1500ms"
soa-serial = "1500ms"
soa-fields = "1500ms"
ns-set     = "1500ms"
records    = "1500ms"
transfer   = "1500ms"
[probe]
timeout  = "700ms"
attempts = 2
transfer = {{ deadline = "3s" }}
[keys.xfr]
algorithm   = "hmac-sha256"
secret_file = "xfr.key"
[servers.ns1]
addresses = ["{primary}"]
[servers.ns2]
addresses = ["{secondary}"]
[alerting]
grace  = "1s"
settle = "1s"
[receivers.hook]
type          = "webhook"
url           = "http://{hook}/told"
secret_file   = "hook.key"
allow_private = true
"""


@dataclass(frozen=True, slots=True)
class Noticed:
    """What came of one fault. Seconds are counted from when it was switched on, ``resolved`` from when it was mended.

    ``codes`` has each finding's code with the time of its first sight, ``fired`` those that outlasted the grace;
    ``told`` is when the receiver heard.
    """

    fault: Fault
    codes: dict[str, float]
    fired: frozenset[str]
    texts: dict[str, str]
    told: float | None
    resolved: float | None

    @property
    def as_expected(self) -> bool:
        """What must be noticed was, and told, and its end too; or nothing where nothing must be."""
        if not self.fault.codes:
            return not self.fired and self.told is None
        heard = self.told is not None and self.resolved is not None
        return set(self.fault.codes) <= self.fired and heard is news(self.fault)


def news(fault: Fault) -> bool:
    """Whether somebody must hear of it: findings of severity info are shown only."""
    return any(severity_of(code, {}) > Severity.INFO for code in fault.codes)


@dataclass(slots=True)
class Hook:
    """A receiver that verifies what it hears and remembers when it heard it."""

    heard: list[tuple[str, float]] = field(default_factory=list)

    async def told(self, request: Request) -> Response:
        try:
            said = Webhook(SECRET).verify(await request.body(), dict(request.headers))
        except WebhookVerificationError:
            return Response(status_code=401)
        self.heard.append((said["type"], monotonic()))
        return Response(status_code=204)

    def since(self, start: float, kind: str) -> float | None:
        return next((at - start for said, at in self.heard if said == kind and at >= start), None)


@dataclass(frozen=True, slots=True)
class Stage:
    """Pair and service, running. ``directory`` holds configuration and database while the demo lasts."""

    pair: Pair
    service: Service
    hook: Hook
    directory: Path

    @property
    def page(self) -> str:
        host, port = self.service.address
        return f"http://{host}:{port}/"


@contextlib.asynccontextmanager
async def stage(listen: str = "127.0.0.1:0", more: str = "", *, controlled: bool = False) -> AsyncIterator[Stage]:
    """Pair, receiver and service, all on loopback; all gone afterwards. ``more`` is added to the configuration.

    ``controlled``: the pair obeys ``soawatch pair`` in the stage's directory. Raises ConfigError for a ``listen``
    that the service does not take, ControlError where the directory's name is too long for a socket, OSError.
    """
    with tempfile.TemporaryDirectory(prefix="soawatch-demo-") as name:
        directory = Path(name)
        stopping = asyncio.Event()
        hook = Hook()
        server = WebServer(Starlette(routes=[Route("/told", hook.told, methods=["POST"])]), "127.0.0.1", 0, stopping)
        await server.start()
        try:
            async with Pair(ZONES, now=now, timers=TIMERS) as pair:
                await pair.in_sync(timeout=PATIENCE)
                write_secret(directory / "xfr.key", pair.key.secret.reveal())
                write_secret(directory / "hook.key", SECRET)
                text = (
                    CONFIG.format(
                        listen=listen,
                        primary=pair.primary.address,
                        secondary=pair.secondary.address,
                        hook="{}:{}".format(*server.address),
                    )
                    + more
                    + "".join(zone_entry(zone, "ns1", "ns2", "xfr") for zone in ZONES)
                )
                path = directory / "demo.toml"
                path.write_text(text)
                config = parse(text, path, {})
                service = Service(config, lambda: config)
                await service.start()
                try:
                    async with obeying(pair, directory) if controlled else contextlib.nullcontext():
                        yield Stage(pair, service, hook, directory)
                finally:
                    await service.stop()
        finally:
            stopping.set()
            await server.stop()


@contextlib.asynccontextmanager
async def obeying(pair: Pair, directory: Path) -> AsyncIterator[None]:
    control = Control(pair, directory)
    await control.start()
    try:
        yield
    finally:
        await control.close()


def write_secret(path: Path, secret: str) -> None:
    path.touch(mode=0o600)
    path.write_text(secret + "\n")


async def play(stage: Stage, fault: Fault, progress: Callable[[str], None] = lambda text: None) -> Noticed:
    """Break, watch, mend, watch. ``progress`` hears each thing as it is noticed."""
    start = monotonic()
    codes: dict[str, float] = {}
    texts: dict[str, str] = {}
    fired: set[str] = set()
    heard: float | None = None

    def look() -> bool:
        nonlocal heard
        for finding in standing(stage.service.status):
            if finding.code not in codes:
                codes[finding.code] = monotonic() - start
                texts[finding.code] = finding.text
                progress(f"{codes[finding.code]:4.1f} s  {finding.code}: {finding.text}")
            if finding.phase is Phase.FIRING:
                fired.add(finding.code)
        if heard is None and (heard := stage.hook.since(start, "incident.opened")) is not None:
            progress(f"{heard:4.1f} s  the receiver was told")
        found = bool(fault.codes) and set(fault.codes) <= fired
        return found and (heard is not None or not news(fault))

    stage.pair.break_(fault.name)
    if fault.change:
        for zone in stage.pair.zones:
            stage.pair.change(zone)
    await until(look, PATIENCE if fault.codes else QUIET)
    mended = monotonic()
    stage.pair.mend(fault.name)
    settled = await until(lambda: well(stage.service.status), PATIENCE)
    resolved = stage.hook.since(mended, "incident.resolved")
    if heard is not None and settled:
        await until(lambda: stage.hook.since(mended, "incident.resolved") is not None, 5.0)
        resolved = stage.hook.since(mended, "incident.resolved")
    return Noticed(fault, codes, frozenset(fired), texts, heard, resolved)


def standing(status: Status) -> Iterable[FindingStatus]:
    """Findings that stand now, and not those that are only waiting to be believed gone."""
    return (f for name in status.zones for f in status.zones[name].findings if f.phase in (Phase.PENDING, Phase.FIRING))


def well(status: Status) -> bool:
    nothing_open = all(incident.phase == "resolved" for incident in status.incidents.values())
    return nothing_open and status.zones.tally()[Health.GOOD] == len(status.zones)


async def until(condition: Callable[[], bool], patience: float) -> bool:
    """Whether the condition came true in time; looked at twenty times a second."""
    end = monotonic() + patience
    while not condition():
        if monotonic() > end:
            return False
        await asyncio.sleep(0.05)
    return True


async def ready(stage: Stage) -> float:
    """Seconds until every zone was seen to be well. Raises TimeoutError."""
    start = monotonic()
    if not await until(lambda: len(stage.service.status.zones) > 0 and well(stage.service.status), PATIENCE):
        raise TimeoutError("the pair was not seen to be well")
    return monotonic() - start


def scene(name: str) -> Fault:
    """Raises UnknownFault."""
    return faults.fault(name)


@dataclass(frozen=True, slots=True)
class Told:
    """The demo's sum: ``noticed`` of ``faults`` that had to be, ``silent`` of ``harmless`` that had not to be."""

    faults: int
    noticed: int
    harmless: int
    silent: int
    began: datetime

    @property
    def all_well(self) -> bool:
        return self.noticed == self.faults and self.silent == self.harmless


def sum_up(played: Iterable[Noticed], began: datetime) -> Told:
    scenes = list(played)
    real = [n for n in scenes if n.fault.codes]
    harmless = [n for n in scenes if not n.fault.codes]
    return Told(len(real), sum(n.as_expected for n in real), len(harmless), sum(n.as_expected for n in harmless), began)
