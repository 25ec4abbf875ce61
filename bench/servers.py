"""Two NSD servers with many zones on loopback, to measure against; some zones move when they are told to."""

import contextlib
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.process import Running, core, running

HOSTS = ("127.0.0.4", "127.0.0.5")
FIRST = 2026112001

ZONE = """$TTL 300
@ SOA ns1 hostmaster {serial} 14400 3600 1209600 300
@ NS ns1
@ NS ns2
ns1 A 192.0.2.1
ns2 A 192.0.2.2
www A 192.0.2.80
@ TXT "a zone to measure with"
"""


class Absent(Exception):
    """A program that is not on this machine."""


def names(number: int) -> list[str]:
    return [f"zone{i:06}.example." for i in range(number)]


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def free_everywhere() -> int:
    """A port that is free at all addresses, over UDP and TCP."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("", 0))
            port: int = tcp.getsockname()[1]
            with contextlib.suppress(OSError):
                udp.bind(("", port))
                return port


def program(name: str, package: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if found is None:
        raise Absent(f"not installed (Debian package: {package})")
    return found


@dataclass(slots=True)
class Server:
    address: tuple[str, int]
    directory: Path
    process: Running
    serial: int = FIRST
    """Of the zones that move."""


@dataclass(slots=True)
class Pair:
    """Both have all ``zones``; those that are ``moving`` have a file of their own on each."""

    zones: Sequence[str]
    moving: frozenset[str]
    servers: list[Server] = field(default_factory=list)
    took: float = 0.0
    """Seconds until both answered."""

    @property
    def addresses(self) -> list[tuple[str, int]]:
        return [server.address for server in self.servers]

    @property
    def drifted(self) -> frozenset[str]:
        """The zones in which the second is behind the first."""
        return self.moving if self.servers[0].serial != self.servers[1].serial else frozenset()

    def serials(self, zone: str) -> list[int]:
        return [server.serial if zone in self.moving else FIRST for server in self.servers]

    def move(self) -> None:
        """The first has a new version of the zones that move."""
        self._publish(self.servers[0], self.servers[0].serial + 1)

    def agree(self) -> None:
        """The second has what the first has."""
        if self.drifted:
            self._publish(self.servers[1], self.servers[0].serial)

    def _publish(self, server: Server, serial: int) -> None:
        path = server.directory / "moving.zone"
        path.write_text(ZONE.format(serial=serial))
        # A file that is not newer than the last by a second is not read again.
        later = time.time() + 2 * (serial - FIRST)
        os.utime(path, (later, later))
        server.process.signal(signal.SIGHUP)
        server.serial = serial
        for zone in (min(self.moving), max(self.moving)):
            wait_for(server, zone, serial)


@contextlib.contextmanager
def nsd_pair(zones: Sequence[str], moving: frozenset[str], on: int = 1) -> Iterator[Pair]:
    """Two servers with all zones, on one core. Raises Absent."""
    nsd = program("nsd", "nsd")
    pair = Pair(zones, moving)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="soawatch-bench-") as name, contextlib.ExitStack() as stack:
        for host in HOSTS:
            directory = Path(name) / host
            directory.mkdir()
            for kind in ("still", "moving"):
                (directory / f"{kind}.zone").write_text(ZONE.format(serial=FIRST))
            address = (host, free_port())
            (directory / "nsd.conf").write_text(configuration(directory, address, zones, moving))
            command = [nsd, "-d", "-c", str(directory / "nsd.conf")]
            pair.servers.append(Server(address, directory, stack.enter_context(running(command, core(on), directory))))
        for server in pair.servers:
            wait_for(server, zones[-1], FIRST, 300.0)
        pair.took = time.monotonic() - begun
        yield pair


def configuration(directory: Path, address: tuple[str, int], zones: Sequence[str], moving: frozenset[str]) -> str:
    head = f"""server:
  ip-address: {address[0]}@{address[1]}
  username: ""
  chroot: ""
  pidfile: ""
  database: ""
  zonesdir: "{directory}"
  xfrdfile: "{directory}/xfrd.state"
  zonelistfile: "{directory}/zone.list"
  server-count: 1
  logfile: "{directory}/log"
  rrl-ratelimit: 0
remote-control:
  control-enable: no
"""
    return head + "".join(
        f'zone:\n  name: "{zone}"\n  zonefile: "{"moving" if zone in moving else "still"}.zone"\n' for zone in zones
    )


@contextlib.contextmanager
def knot_everywhere(zones: Sequence[str], on: int = 1) -> Iterator[int]:
    """A server with all zones at every address of 127.0.0.0/8: its port. Raises Absent."""
    knot = program("knotd", "knot")
    with tempfile.TemporaryDirectory(prefix="soawatch-bench-") as name:
        directory = Path(name)
        (directory / "still.zone").write_text(ZONE.format(serial=FIRST))
        server = Server(("127.0.0.4", free_everywhere()), directory, None)  # type: ignore[arg-type] # started below
        (directory / "knot.conf").write_text(
            KNOT.format(port=server.address[1], directory=directory)
            + "".join(f'  - domain: "{zone}"\n' for zone in zones)
        )
        with running([knot, "-c", str(directory / "knot.conf")], core(on), directory) as server.process:
            wait_for(server, zones[-1], FIRST, 300.0)
            yield server.address[1]


KNOT = """server:
  listen: 0.0.0.0@{port}
  rundir: "{directory}"
  udp-workers: 1
  tcp-workers: 1
database:
  storage: "{directory}"
template:
  - id: default
    storage: "{directory}"
    file: still.zone
    journal-content: none
zone:
"""


def wait_for(server: Server, zone: str, serial: int, patience: float = 120.0) -> None:
    """Until it answers with that serial."""
    import dns.exception
    import dns.message
    import dns.query

    end = time.monotonic() + patience
    query = dns.message.make_query(zone, "SOA")
    while time.monotonic() < end:
        with contextlib.suppress(dns.exception.DNSException, OSError):
            answer = dns.query.udp(query, server.address[0], port=server.address[1], timeout=0.5).answer
            if answer and answer[0][0].serial == serial:
                return
        if server.process.over:
            raise RuntimeError(f"nsd ended: {server.process.err.read_text()[-500:]}")
        time.sleep(0.05)
    raise TimeoutError(f"nsd at {server.address} did not come to {zone} {serial}")


@contextlib.contextmanager
def nobody() -> Iterator[list[tuple[str, int]]]:
    """Two addresses where everything is taken and nothing answered: servers that are dead."""
    with contextlib.ExitStack() as stack:
        addresses = []
        for host in HOSTS:
            sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            sock.bind((host, 0))
            addresses.append((host, int(sock.getsockname()[1])))
        yield addresses
