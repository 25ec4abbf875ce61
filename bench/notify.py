"""Measures what NOTIFY costs and brings: junk by the thousand, and how soon a change that is announced is known.

uv run python -m bench.notify                           # 3 000 zones, 1 000 packets of each kind of junk a second
uv run python -m bench.notify --zones 100 --seconds 2 --changes 3
"""

import argparse
import itertools
import json
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import dns.flags
import dns.message
import dns.opcode

from bench.process import end_well
from bench.servers import HOSTS, Pair, names, nsd_pair
from bench.service import CONFIG, Service, service, until
from bench.table import machine, middle, written

LISTEN = '[notify]\nlisten = ["127.0.0.1:0"]\n'
NO_SWEEPS, SWEEPS = "1h", "10s"
STRANGER = "127.0.0.9"
TURN = 0.01
"""Seconds between two handfuls of packets."""
PAUSE = 1.0
"""Seconds between two changes: a zone is not asked because of a NOTIFY more than twice a second."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.notify", description=__doc__.partition("\n")[0])
    parser.add_argument("--zones", type=int, default=3000)
    parser.add_argument("--rate", type=int, default=1000, help="packets a second (1000)")
    parser.add_argument("--seconds", type=float, default=30.0, help="of each kind of junk (30)")
    parser.add_argument("--changes", type=int, default=20, help="versions that are announced (20)")
    options = parser.parse_args()
    end_well()
    zones = names(options.zones)
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="soawatch-bench-") as name, nsd_pair(zones, frozenset(zones[:1])) as pair:
        with listening(pair, Path(name) / "junk", SWEEPS) as (one, to):
            print(f"\n## {options.rate:,} packets a second\n\n{junk(one, to, zones, options)}", flush=True)
        with listening(pair, Path(name) / "changes", NO_SWEEPS) as (one, to):
            print(f"\n## A change that is announced\n\n{changes(one, to, pair, options.changes)}", flush=True)


@contextmanager
def listening(pair: Pair, directory: Path, cadence: str) -> Iterator[tuple[Service, tuple[str, int]]]:
    """A service that has been round once, and where it listens for NOTIFY."""
    with service(pair.zones, pair.addresses, directory, cadence, config=CONFIG + LISTEN, watched=False) as one:
        next(since for since in until(300.0, one) if one.ready())
        said = map(json.loads, one.program.err.read_text().splitlines())
        host, _, port = next(line["address"] for line in said if line["event"] == "listening for NOTIFY").rpartition(
            ":"
        )
        yield one, (host, int(port))


def notify(zone: str) -> bytes:
    message = dns.message.make_query(zone, "SOA", flags=dns.flags.AA)
    message.set_opcode(dns.opcode.NOTIFY)
    return message.to_wire()


def junk(one: Service, to: tuple[str, int], zones: Sequence[str], options: argparse.Namespace) -> str:
    """A row for each kind of packets: from where, what, how much of a core, and what became of the sweeps."""
    unknown = [notify(f"unknown{number}.example.") for number in range(256)]
    kinds: Sequence[tuple[str, str, Sequence[bytes]]] = (
        ("nothing", HOSTS[0], ()),
        ("anything from a stranger", STRANGER, unknown),
        ("a server's, not to be read", HOSTS[0], [wire[:17] for wire in unknown]),
        ("a server's, of unknown zones", HOSTS[0], unknown),
        ("a server's, of zones that have not changed", HOSTS[0], [notify(zone) for zone in zones]),
    )
    rows = []
    for what, source, packets in kinds:
        before, cpu = one.reading(), one.program.cpu()
        sent = flood(to, source, packets, options.rate, options.seconds)
        after, spent = one.reading(), one.program.cpu() - cpu
        metrics = one.metrics()
        rows.append((
            what, f"{sent / (after.at - before.at):,.0f}", f"{spent / (after.at - before.at) * 100:.1f} %",
            f"{metrics.total('soawatch_sweep_duration_seconds'):.1f} s",
            f"{metrics.total('soawatch_cadence_kept_seconds'):.1f} s",
            f"{metrics.total('soawatch_sweeps_missed_total'):.0f}",
        ))  # fmt: skip
    return written(("packets", "a second", "CPU of a core", "a sweep takes", "cadence kept", "sweeps missed"), rows)


def flood(to: tuple[str, int], source: str, packets: Sequence[bytes], rate: int, seconds: float) -> int:
    """How many were sent, spread evenly."""
    sent, begun, each = 0, time.monotonic(), itertools.cycle(packets)
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind((source, 0))
        while (past := time.monotonic() - begun) < seconds:
            while packets and sent < past * rate:
                sock.sendto(next(each), to)
                sent += 1
            time.sleep(TURN)
    return sent


def changes(one: Service, to: tuple[str, int], pair: Pair, number: int) -> str:
    """From the moment at which the primary, which has a new version, sends NOTIFY, to where the API has it."""
    zone, found = min(pair.moving), []
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind((HOSTS[0], 0))
        for _ in range(number):
            pair.move()
            begun = time.monotonic()
            sock.sendto(notify(zone), to)
            wanted = pair.servers[0].serial
            next(
                since
                for since in until(30.0, one, 0.002)
                if one.web.get(f"/api/v1/zones/{zone}").json()["reference_serial"] == wanted
            )
            found.append(time.monotonic() - begun)
            pair.agree()
            time.sleep(PAUSE)
    return written(("what", "measured"), [(f"NOTIFY to verdict, {number} changes", middle(found, 3))])


if __name__ == "__main__":
    main()
