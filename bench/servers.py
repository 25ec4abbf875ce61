"""Two NSD servers with many zones on loopback, to measure against."""

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ZONE = """$TTL 300
@ SOA ns1 hostmaster {serial} 14400 3600 1209600 300
@ NS ns1
@ NS ns2
ns1 A 192.0.2.1
ns2 A 192.0.2.2
www A 192.0.2.80
@ TXT "a zone to measure with"
"""


def names(number: int) -> list[str]:
    return [f"zone{i:06}.example." for i in range(number)]


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextlib.contextmanager
def nsd_pair(
    zones: list[str], drifted: frozenset[str] = frozenset(), core: int | None = 1
) -> Iterator[list[tuple[str, int]]]:
    """Two servers with all zones; the second serves an older serial of the ``drifted`` ones. Yields their addresses."""
    program = shutil.which("nsd") or shutil.which("nsd", path="/usr/sbin")
    if program is None:
        raise SystemExit("nsd is not installed (Debian package: nsd)")
    with tempfile.TemporaryDirectory(prefix="soawatch-bench-") as name, contextlib.ExitStack() as stack:
        addresses = []
        for number, host in enumerate(("127.0.0.4", "127.0.0.5")):
            directory = Path(name) / host
            directory.mkdir()
            (directory / "new.zone").write_text(ZONE.format(serial=2026112002))
            (directory / "old.zone").write_text(ZONE.format(serial=2026112001))
            port = free_port()
            (directory / "nsd.conf").write_text(
                configuration(directory, host, port, zones, drifted if number else frozenset())
            )
            pin = ["taskset", "-c", str(core)] if core is not None and shutil.which("taskset") else []
            process = subprocess.Popen(
                [*pin, program, "-d", "-c", str(directory / "nsd.conf")],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            stack.callback(stop, process)
            addresses.append((host, port))
        for address in addresses:
            wait_for(address, zones[-1])
        yield addresses


def configuration(directory: Path, host: str, port: int, zones: list[str], drifted: frozenset[str]) -> str:
    head = f"""server:
  ip-address: {host}@{port}
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
        f'zone:\n  name: "{zone}"\n  zonefile: "{"old" if zone in drifted else "new"}.zone"\n' for zone in zones
    )


def wait_for(address: tuple[str, int], zone: str, patience: float = 60.0) -> None:
    import dns.exception
    import dns.message
    import dns.query

    end = time.monotonic() + patience
    query = dns.message.make_query(zone, "SOA")
    while time.monotonic() < end:
        with contextlib.suppress(dns.exception.DNSException, OSError):
            if dns.query.udp(query, address[0], port=address[1], timeout=0.5).answer:
                return
        time.sleep(0.1)
    raise SystemExit(f"nsd at {address} did not begin to answer")


def stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
