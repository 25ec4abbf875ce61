"""Measures what a whole zone costs that is read for its digest, beside dnspython, which builds the zone.

uv run python -m bench.content                      # 1 000 000 records, from NSD and from Knot
uv run python -m bench.content --records 100000
"""

import argparse
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.process import core, end_well, running
from bench.servers import FIRST, KNOT, Absent, Server, configuration, free_everywhere, free_port, program, wait_for
from bench.table import machine, say, written

ZONE = "content.example."
HEAD = f"@ SOA ns1 hostmaster {FIRST} 14400 3600 1209600 300\n@ NS ns1\nns1 A 192.0.2.1\n"
LOADING = 600.0
"""Seconds that a server may take to read the zone."""


def main() -> None:
    if sys.argv[1:2] == ["zone"]:
        print(json.dumps(built(sys.argv[2], *sys.argv[3:5])))
        return
    parser = argparse.ArgumentParser(prog="python -m bench.content", description=__doc__.partition("\n")[0])
    parser.add_argument("--records", type=int, default=1_000_000)
    options = parser.parse_args()
    end_well()
    print(machine(), flush=True)
    rows = []
    with tempfile.TemporaryDirectory(prefix="soawatch-bench-") as name:
        for software, serve in (("NSD", nsd), ("Knot", knot)):
            directory = Path(name) / software
            directory.mkdir()
            rows += measured(software, serve, directory, options.records)
    print(f"\n## {options.records:,} records\n\n{written(COLUMNS, rows)}", flush=True)


COLUMNS = ("what", "CPU", "to dnspython", "seconds", "memory above idle", "loop late, p99", "records")


def measured(software: str, serve: Any, directory: Path, records: int) -> Iterator[Sequence[str]]:
    """A row for soawatch and one for dnspython."""
    (directory / "still.zone").write_text(f"$TTL 300\n{HEAD}")
    with (directory / "still.zone").open("a") as file:
        file.writelines(f"h{n} A 10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}\n" for n in range(records - 4))
    say(f"{software} reads the zone")
    try:
        with serve(directory) as server:
            wait_for(server, ZONE, FIRST, LOADING)
            say(f"{software}: soawatch")
            ours = process(directory, "-m", "bench.inside", "content", ZONE, "{}:{}".format(*server.address))
        with serve(directory, patient=True) as server:
            wait_for(server, ZONE, FIRST, LOADING)
            say(f"{software}: dnspython")
            theirs = process(directory, "-m", "bench.content", "zone", ZONE, *map(str, server.address))
    except Absent as absent:
        yield (software, str(absent), *[""] * 5)
        return
    what = "soawatch, digest" if ours["result"] == "allowed" else f"soawatch, digest ({ours['result']})"
    yield (
        f"{what}, {software}", f"{ours['cpu']:.2f} s", f"1/{theirs['cpu'] / ours['cpu']:.1f}", f"{ours['wall']:.1f}",
        f"{ours['memory']:.0f} MB", f"{ours['late'] * 1000:.0f} ms", f"{ours['records']:,}",
    )  # fmt: skip
    yield (
        f"dnspython, dns.zone.Zone, {software}", f"{theirs['cpu']:.2f} s", "", f"{theirs['wall']:.1f}",
        f"{theirs['memory']:.0f} MB", "", f"{theirs['records']:,}",
    )  # fmt: skip


def process(directory: Path, *arguments: str) -> dict[str, Any]:
    """What a process of its own says of itself."""
    with running([sys.executable, *arguments], core(0), directory / arguments[1]) as one:
        one.process.wait(3600)
        if one.process.returncode:
            raise RuntimeError(one.err.read_text()[-1000:])
        told: dict[str, Any] = json.loads(one.out.read_text())
        return told


def built(name: str, host: str, port: str) -> dict[str, Any]:
    """The zone as dnspython takes it: into a ``dns.zone.Zone``."""
    import dns.message
    import dns.query
    import dns.zone

    zone = dns.zone.Zone(name)
    query = dns.message.make_query(name, "AXFR")
    before = resident("VmRSS")
    wall, cpu = time.perf_counter(), time.process_time()
    dns.query.inbound_xfr(host, zone, query, port=int(port), timeout=60, lifetime=3600)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    records = sum(len(rdataset) for node in zone.nodes.values() for rdataset in node.rdatasets)
    return {"wall": wall, "cpu": cpu, "memory": resident("VmHWM") - before, "records": records}


def resident(key: str) -> float:
    """Megabytes: of VmRSS now, of VmHWM at most."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith(key)) / 1024


@contextlib.contextmanager
def nsd(directory: Path, *, patient: bool = False) -> Iterator[Server]:
    """``patient``: with a time-out that no reader is too slow for."""
    address = ("127.0.0.4", free_port())
    config = configuration(directory, address, [ZONE], frozenset())
    if patient:
        config = config.replace("server:", "server:\n  tcp-timeout: 3600")
    (directory / "nsd.conf").write_text(f"{config}  provide-xfr: 127.0.0.0/8 NOKEY\n")
    with running([program("nsd", "nsd"), "-d", "-c", str(directory / "nsd.conf")], core(1), directory) as one:
        yield Server(address, directory, one)


@contextlib.contextmanager
def knot(directory: Path, *, patient: bool = False) -> Iterator[Server]:
    """``patient``: it waits longer than half a second for who is slow to read."""
    port = free_everywhere()
    rule = "acl:\n  - id: all\n    address: 127.0.0.0/8\n    action: transfer\n"
    config = KNOT.format(port=port, directory=directory).replace("template:", f"{rule}template:")
    if patient:
        config = config.replace("server:", "server:\n  tcp-io-timeout: 60000")
    (directory / "knot.conf").write_text(f'{config}  - domain: "{ZONE}"\n    acl: all\n')
    with running([program("knotd", "knot"), "-c", str(directory / "knot.conf")], core(1), directory) as one:
        yield Server(("127.0.0.4", port), directory, one)


if __name__ == "__main__":
    main()
