"""The demo's environment: pairs of nameservers, the service that watches them, and a receiver of its alerts."""

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
from monitor.pair import control
from monitor.pair.config_template import config_text, zone_entry
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
"""Those of each pair."""
TIMERS = Timers(refresh=5, retry=2, expire=600, minimum=5)
KEY_FILE = "xfr.key"
TIMEOUT = 75.0
"""Seconds within which a fault must be noticed, and its end too: a first word may wait for a minute (GROUP_WAIT)."""
HARMLESS_WATCH_TIME = 5.0
"""Seconds that a harmless fault is watched for."""
SECRET = "whsec_ZGVtby1kZW1vLWRlbW8tZGVtby1kZW1vLWRlbW8="  # noqa: S105 - of a receiver that lives as long as the demo

RECEIVER = """\
[receivers.hook]
type = "webhook"
url = "http://{hook}/events"
secret_file = "hook.key"
allow_private = true

"""


@dataclass(frozen=True, slots=True)
class Event:
    """One webhook event: its type, when it came (monotonic seconds), of which incident, and the zones it named."""

    kind: str
    at: float
    incident: str
    zones: frozenset[str]
    unserved: frozenset[str] = frozenset()
    """Zones that no server answered for."""


@dataclass(slots=True)
class WebhookReceiver:
    """Verifies the events it is sent and keeps them."""

    events: list[Event] = field(default_factory=list)

    async def receive(self, request: Request) -> Response:
        try:
            body = Webhook(SECRET).verify(await request.body(), dict(request.headers))
        except WebhookVerificationError:
            return Response(status_code=401)
        data = body["data"]
        zones, unserved = frozenset(data["zones"]), frozenset(data["unserved_zones"])
        self.events.append(Event(body["type"], monotonic(), data["id"], zones, unserved))
        return Response(status_code=204)

    def since(self, start: float, kind: str, zones: Collection[str] = ()) -> float | None:
        """Seconds from ``start`` to an event of that kind, of an incident that named one of these zones.

        Without ``zones``, of any incident.
        """
        wanted = {each.incident for each in self.events if not zones or not each.zones.isdisjoint(zones)}
        found = (each for each in self.events if each.kind == kind and each.at >= start and each.incident in wanted)
        return next((each.at - start for each in found), None)

    def unserved_since(self, start: float, zones: Collection[str]) -> float | None:
        """Seconds from ``start`` until events have said of each of these zones that no server answers for it."""
        left = set(zones)
        for event in self.events:
            if event.at >= start:
                left -= event.unserved
                if not left:
                    return event.at - start
        return None


@dataclass(frozen=True, slots=True)
class Environment:
    """Pairs, service and receiver, running. ``directory`` has configuration and database while the demo lasts."""

    pairs: tuple[Pair, ...]
    service: Service
    receiver: WebhookReceiver
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
async def environment(
    listen: str = "127.0.0.1:0", more: str = "", *, controlled: bool = False, pairs: int = 1
) -> AsyncIterator[Environment]:
    """Pairs, receiver and service, all on loopback; all gone afterwards. ``more`` is added to the configuration.

    ``controlled``: ``soawatch pair`` reaches the first pair in the environment's directory. Raises ConfigError for a
    ``listen`` that the service does not take, ControlError where the directory's name is too long for a socket, and
    OSError.
    """
    async with contextlib.AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soawatch-demo-")))
        receiver = WebhookReceiver()
        host, port = await stack.enter_async_context(_listening(receiver))
        key = new_key(CLIENT_KEY)
        running = [
            await stack.enter_async_context(Pair(zones, now=now, timers=TIMERS, key=key)) for zones in ZONES[:pairs]
        ]
        await asyncio.gather(*(pair.in_sync(timeout=TIMEOUT) for pair in running))
        _write_secret(directory / KEY_FILE, key.secret.reveal())
        _write_secret(directory / "hook.key", SECRET)
        text = settings(running, listen) + RECEIVER.format(hook=f"{host}:{port}") + more + zone_entries(running)
        path = directory / "demo.toml"
        path.write_text(text)
        config = parse(text, path, {})
        service = Service(config, lambda: config)
        await service.start()
        stack.push_async_callback(service.stop)
        if controlled:
            await stack.enter_async_context(control.controlled(running[0], directory))
        yield Environment(tuple(running), service, receiver, directory)


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
async def _listening(receiver: WebhookReceiver) -> AsyncIterator[tuple[str, int]]:
    """The receiver's address while it listens."""
    stopping = asyncio.Event()
    server = WebServer(
        Starlette(routes=[Route("/events", receiver.receive, methods=["POST"])]), "127.0.0.1", 0, stopping
    )
    await server.start()
    try:
        yield server.address
    finally:
        stopping.set()
        await server.stop()


def _write_secret(path: Path, secret: str) -> None:
    path.touch(mode=0o600)
    path.write_text(secret + "\n")
