"""The demo's stage: pairs that can be broken, the service that watches them, and a receiver that hears of it."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from monitor.clock import monotonic, now
from monitor.config.load import parse
from monitor.pair.config_template import config_text, zone_entry
from monitor.pair.control import Control
from monitor.pair.pair import CLIENT_KEY, Pair, new_key
from monitor.pair.zonedata import Timers
from monitor.service.service import Service
from monitor.web.server import WebServer

ZONES = (
    ("alpha.example.", "beta.example.", "gamma.example."),
    ("delta.example.", "epsilon.example.", "zeta.example."),
    ("eta.example.", "theta.example.", "iota.example."),
    ("kappa.example.", "lambda.example.", "mu.example."),
    ("nu.example.", "xi.example.", "omicron.example."),
    ("pi.example.", "rho.example.", "sigma.example."),
)
"""Those of each pair; a stage has at most so many pairs."""
TIMERS = Timers(refresh=5, retry=2, expire=600, minimum=5)
KEY_FILE = "xfr.key"
PATIENCE = 30.0
"""Seconds within which a fault must be noticed, and its end too."""
QUIET = 5.0
"""Seconds that a fault which harms nobody is watched for."""
SECRET = "whsec_ZGVtby1kZW1vLWRlbW8tZGVtby1kZW1vLWRlbW8="  # noqa: S105 - of a receiver that lives as long as the demo

RECEIVER = """\
[receivers.hook]
type = "webhook"
url = "http://{hook}/told"
secret_file = "hook.key"
allow_private = true

"""


@dataclass(frozen=True, slots=True)
class Heard:
    """One thing the receiver was told: its type, when, of which incident, and the zones it named."""

    kind: str
    at: float
    incident: str
    zones: frozenset[str]
    unserved: frozenset[str] = frozenset()
    """Zones that no server answers for, as it was told."""


@dataclass(slots=True)
class Hook:
    """A receiver that verifies what it hears and remembers when it heard it."""

    told: list[Heard] = field(default_factory=list)

    @property
    def heard(self) -> list[tuple[str, float]]:
        """Type and time of all it was told."""
        return [(each.kind, each.at) for each in self.told]

    async def take(self, request: Request) -> Response:
        try:
            said = Webhook(SECRET).verify(await request.body(), dict(request.headers))
        except WebhookVerificationError:
            return Response(status_code=401)
        data = said["data"]
        zones, unserved = frozenset(data["zones"]), frozenset(data["unserved_zones"])
        self.told.append(Heard(said["type"], monotonic(), data["id"], zones, unserved))
        return Response(status_code=204)

    def since(self, start: float, kind: str, zones: Collection[str] = ()) -> float | None:
        """Seconds from ``start`` until it was told so of an incident that began in one of these zones, or in any."""
        wanted = {each.incident for each in self.told if not zones or not each.zones.isdisjoint(zones)}
        found = (each for each in self.told if each.kind == kind and each.at >= start and each.incident in wanted)
        return next((each.at - start for each in found), None)

    def of_the_last(self, start: float, zones: Collection[str]) -> float | None:
        """Seconds from ``start`` until it was told that no server is left that answers for all of these zones."""
        found = (each for each in self.told if each.at >= start and each.unserved.issuperset(zones))
        return next((each.at - start for each in found), None)


@dataclass(frozen=True, slots=True)
class Stage:
    """Pairs and service, running. ``directory`` holds configuration and database while the demo lasts."""

    pairs: tuple[Pair, ...]
    service: Service
    hook: Hook
    directory: Path

    @property
    def pair(self) -> Pair:
        """The first one, which ``soawatch pair`` reaches."""
        return self.pairs[0]

    @property
    def page(self) -> str:
        host, port = self.service.address
        return f"http://{host}:{port}/"


def server_names(number: int) -> tuple[str, str]:
    """What the configuration calls primary and secondary of a pair; the first has number 0."""
    return f"ns{2 * number + 1}", f"ns{2 * number + 2}"


@contextlib.asynccontextmanager
async def stage(
    listen: str = "127.0.0.1:0", more: str = "", *, controlled: bool = False, pairs: int = 1
) -> AsyncIterator[Stage]:
    """Pairs, receiver and service, all on loopback; all gone afterwards. ``more`` is added to the configuration.

    ``controlled``: the first pair obeys ``soawatch pair`` in the stage's directory. Raises ConfigError for a ``listen``
    that the service does not take, ControlError where the directory's name is too long for a socket, and OSError.
    """
    async with contextlib.AsyncExitStack() as ends:
        directory = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="soawatch-demo-")))
        hook = Hook()
        host, port = await ends.enter_async_context(receiving(hook))
        key = new_key(CLIENT_KEY)
        playing = [
            await ends.enter_async_context(Pair(zones, now=now, timers=TIMERS, key=key)) for zones in ZONES[:pairs]
        ]
        await asyncio.gather(*(pair.in_sync(timeout=PATIENCE) for pair in playing))
        write_secret(directory / KEY_FILE, key.secret.reveal())
        write_secret(directory / "hook.key", SECRET)
        text = settings(playing, listen) + RECEIVER.format(hook=f"{host}:{port}") + more + zone_entries(playing)
        path = directory / "demo.toml"
        path.write_text(text)
        config = parse(text, path, {})
        service = Service(config, lambda: config)
        await service.start()
        ends.push_async_callback(service.stop)
        if controlled:
            await ends.enter_async_context(obeying(playing[0], directory))
        yield Stage(tuple(playing), service, hook, directory)


def settings(pairs: Sequence[Pair], listen: str = "127.0.0.1:0") -> str:
    """The configuration of a service that watches these pairs, without receivers and zones."""
    servers = {
        name: server.addresses
        for number, pair in enumerate(pairs)
        for name, server in zip(server_names(number), pair.servers, strict=True)
    }
    return config_text(
        servers,
        every="1500ms",
        key=pairs[0].key,
        key_file=KEY_FILE,
        service={"listen": listen, "database": "demo.db", "vantage": "demo"},
        probe={"timeout": "700ms"},
    )


def zone_entries(pairs: Sequence[Pair]) -> str:
    """The zones of these pairs, each on the servers of its own."""
    return "".join(
        zone_entry(zone, *server_names(number), CLIENT_KEY) for number, pair in enumerate(pairs) for zone in pair.zones
    )


@contextlib.asynccontextmanager
async def receiving(hook: Hook) -> AsyncIterator[tuple[str, int]]:
    """The receiver's address while it listens."""
    stopping = asyncio.Event()
    server = WebServer(Starlette(routes=[Route("/told", hook.take, methods=["POST"])]), "127.0.0.1", 0, stopping)
    await server.start()
    try:
        yield server.address
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
