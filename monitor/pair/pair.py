"""A primary and its secondary, run together, and the faults that are switched on and off at them."""

import asyncio
import base64
import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import dns.name
import dns.tsig
from dns.name import Name

from alerting.model import Secret
from monitor.clock import Now
from monitor.pair import faults, zonedata
from monitor.pair.client import Upstream, notify
from monitor.pair.config_template import config_text, watched_records, zone_entry
from monitor.pair.nameserver import Nameserver
from monitor.pair.secondary import Secondary
from monitor.pair.zonedata import BadZone, Timers, ZoneCopy, zone_text
from monitor.probe.message import names
from monitor.probe.message import tsig_server as tsig
from monitor.probe.types import TsigKey

CLIENT_KEY = "xfr"
_PEER_KEY = "between-servers"
_ALGORITHM = "hmac-sha256"


class UnknownServer(ValueError):
    """The pair has no server of that name."""


class Pair:
    """A primary, ns1, and a secondary, ns2, on loopback: real servers, broken on demand.

    ``zones`` maps names to presentation text; names alone get a small zone with ``timers``. ``key`` is what
    clients may transfer with; a random one unless given. Use it as an asynchronous context manager, or ``start``
    and ``close`` it.
    """

    def __init__(
        self,
        zones: Mapping[str, str] | Iterable[str] = ("pair.example.",),
        *,
        now: Now,
        timers: Timers | None = None,
        hosts: Sequence[str] = ("127.0.0.1",),
        key: TsigKey | None = None,
        seed: int = 0,
    ) -> None:
        self.key = key or new_key(CLIENT_KEY)
        self._peer_key = tsig.usable(new_key(_PEER_KEY))
        texts = zones if isinstance(zones, Mapping) else {name: zone_text(timers) for name in zones}
        clients = {self.key.name: self.key}
        self.primary = Nameserver("ns1", now=now, hosts=hosts, clients=clients, peers=[self._peer_key], seed=seed)
        self.secondary = Nameserver(
            "ns2",
            now=now,
            hosts=hosts,
            clients=clients,
            peers=[self._peer_key],
            upstreams=frozenset(hosts),
            on_notify=self._notified,
            seed=seed + 1,
        )
        for name, text in texts.items():
            origin = _origin(name)
            self.primary.set_copy(ZoneCopy(origin, zonedata.parse(origin, text)))
        self._copies = Secondary(self.secondary, self.primary.copies)
        self._active: dict[str, list[str]] = {"ns1": [], "ns2": []}
        self._notifying: set[asyncio.Task[bool]] = set()
        self._changing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Both listen; the secondary begins to load. Raises OSError when there is no port."""
        try:
            await self.primary.start()
            await self.secondary.start()
        except BaseException:
            await self.close()
            raise
        self._copies.start(self._upstream)

    async def close(self) -> None:
        self._change_every(0.0)
        for task in self._notifying:
            task.cancel()
        await asyncio.gather(*self._notifying, return_exceptions=True)
        await self._copies.close()
        await self.primary.close()
        await self.secondary.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # --- zones ---

    @property
    def servers(self) -> tuple[Nameserver, Nameserver]:
        return self.primary, self.secondary

    @property
    def zones(self) -> tuple[str, ...]:
        return tuple(origin.to_text() for origin in self.primary.copies)

    def serial(self, zone: str, server: str = "ns1") -> int | None:
        """The serial that server answers with now, its faults included; None while it serves none."""
        served = self.server(server).served(_origin(zone))
        return None if served is None or served.data is None else served.data.serial

    def change(self, zone: str, *records: str, drop: Iterable[str] = (), by: int = 1) -> int:
        """Gives the zone a new serial on the primary, and the records their new content; tells the secondary.

        ``records`` are lines of a zone file, each RRset in them taking the place of the old one; ``drop`` names
        RRsets that go, as "owner TYPE". Returns the new serial. Raises BadZone, and changes nothing then.
        """
        copy = self.primary.copies.get(_origin(zone))
        if copy is None or copy.data is None:
            raise BadZone(f"the pair has no zone {zone}")
        data = zonedata.edit(copy.data, records, drop, serial=zonedata.stepped(copy.data.serial, by))
        self.primary.set_copy(copy.changed(data))
        task = asyncio.create_task(notify(self.secondary.address, data, self._peer_key, self.primary.clock()))
        self._notifying.add(task)
        task.add_done_callback(self._notifying.discard)
        return data.serial

    async def in_sync(self, zone: str | None = None, *, timeout: float = 5.0) -> None:
        """Returns once the secondary holds what the primary holds. Raises TimeoutError."""
        async with asyncio.timeout(timeout):
            for origin in [_origin(zone)] if zone else list(self.primary.copies):
                data = self.primary.copies[origin].data
                if data is not None:
                    await self._copies.in_sync(origin, data.serial)

    # --- the configuration that watches it ---

    @property
    def key_file(self) -> str:
        """The name of the file that ``write`` puts the clients' key into."""
        return f"{self.key.name}.key"

    def config_toml(self, *, listen: str = "127.0.0.1:9953", key_file: str = "") -> str:
        """A configuration of soawatch for the pair. It holds the secret, unless ``key_file`` does."""
        head = '# Written by "soawatch pair": watches its two servers, on a fast clock.\n'
        settings = config_text(
            {server.name: server.addresses for server in self.servers},
            key=self.key,
            key_file=key_file,
            service={"listen": listen},
            cadence={"transfer": "4s"},
            probe={"attempts": 3},
            settle="2s",
        )
        zones = (copy.data for copy in self.primary.copies.values() if copy.data is not None)
        return (
            head
            + settings
            + "".join(
                zone_entry(data.origin.to_text(), "ns1", "ns2", self.key.name, watched_records(data)) for data in zones
            )
        )

    def write(self, directory: Path, *, listen: str = "127.0.0.1:9953") -> Path:
        """Puts the key (as tsig-keygen writes it, mode 0600) and a configuration there; returns the latter's path."""
        key = directory / self.key_file
        key.unlink(missing_ok=True)
        key.touch(mode=0o600)
        key.write_text(
            f'key "{self.key.wire_name}" {{\n\talgorithm {self.key.algorithm};\n'
            f'\tsecret "{self.key.secret.reveal()}";\n}};\n'
        )
        config = directory / "soawatch.toml"
        config.write_text(self.config_toml(listen=listen, key_file=self.key_file))
        return config

    # --- faults ---

    def server(self, name: str) -> Nameserver:
        """ns1 or ns2. Raises UnknownServer."""
        for server in self.servers:
            if server.name == name:
                return server
        raise UnknownServer(f"no server is called {name!r}; there are ns1 and ns2")

    @property
    def active(self) -> dict[str, tuple[str, ...]]:
        """Server → its faults, in the order they were switched on."""
        return {server: tuple(names) for server, names in self._active.items()}

    def break_(self, fault: str, server: str | None = None) -> str:
        """Switches a fault on; returns the server it applies to. Raises UnknownFault, UnknownServer."""
        broken = self.server(server or faults.fault(fault).server)
        faults.fault(fault)
        if fault not in self._active[broken.name]:
            self._active[broken.name].append(fault)
            self._apply_faults(broken)
        return broken.name

    def mend(self, fault: str | None = None, server: str | None = None) -> tuple[str, ...]:
        """Switches a fault off, or all, where they are on; returns the servers that were mended."""
        if fault is not None:
            faults.fault(fault)
        mended = []
        for each in self.servers if server is None else [self.server(server)]:
            left = [name for name in self._active[each.name] if fault is not None and name != fault]
            if left != self._active[each.name]:
                self._active[each.name] = left
                self._apply_faults(each)
                mended.append(each.name)
        return tuple(mended)

    def _apply_faults(self, server: Nameserver) -> None:
        """The secondary asks anew at once: what kept it from its primary, or was altered there, may be over."""
        altered = server is self.primary and server.behaviour.alters_zones
        server.behaviour = faults.behaviour(self._active[server.name])
        if altered and not server.behaviour.alters_zones:
            self._copies.retransfer_all()
        self._copies.refresh_all()
        periods = (faults.fault(name).changes for names in self._active.values() for name in names)
        self._change_every(min((seconds for seconds in periods if seconds), default=0.0))

    def _change_every(self, seconds: float) -> None:
        """Give every zone a new serial again and again, so many seconds apart; 0 ends it."""
        if self._changing is not None:
            self._changing.cancel()
        self._changing = asyncio.create_task(self._change_all(seconds)) if seconds else None

    async def _change_all(self, seconds: float) -> None:
        while True:
            for zone in self.zones:
                self.change(zone)
            await asyncio.sleep(seconds)

    # --- the secondary's side ---

    def _notified(self, zone: Name) -> None:
        self._copies.refresh(zone)

    def _upstream(self) -> Upstream:
        behaviour, key = self.secondary.behaviour, self._peer_key
        if behaviour.own_key_unknown:
            key = dns.tsig.Key(dns.name.from_text("a-key-nobody-knows."), key.secret, key.algorithm)
        elif behaviour.own_key_wrong:
            key = tsig.with_other_secret(key)
        return Upstream(self.primary.address, key, self.secondary.clock)


def new_key(name: str) -> TsigKey:
    """A key with a random secret (RFC 8945 section 8 asks for as many octets as the digest has)."""
    return TsigKey(name, f"{name}.", _ALGORITHM, Secret(base64.b64encode(secrets.token_bytes(32)).decode()))


def _origin(zone: str) -> Name:
    try:
        return dns.name.from_text(names.parse_name(zone))
    except names.BadName as error:
        raise BadZone(f"{zone!r} is not a name of a zone: {error}") from None
