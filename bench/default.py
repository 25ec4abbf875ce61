"""Measures the default configuration as installed: all checks, at their own cadence, on zones of two NSD servers.

uv run python -m bench.default                          # 3 000 zones, with the default cap per server and without
uv run python -m bench.default --zones 100000 --records --caps 100000
uv run python -m bench.default --own                    # every zone on two servers of its own
"""

import argparse
import contextlib
import ipaddress
import json
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from bench.process import end_well
from bench.servers import knot_everywhere, names, nsd_pair
from bench.service import Service, service, until
from bench.table import machine, written

SERVICE = """
[service]
listen = "127.0.0.1:0"
log_format = "json"
[probe]
max_qps_per_server = {cap}
{{probe}}
"""

PAIR = """
[servers.ns1]
addresses = ["{{one}}"]
[servers.ns2]
addresses = ["{{two}}"]
[[lists]]
file = "zones.txt"
servers = ["ns1", "ns2"]
primary = "ns1"
{records}
"""

OWN = """
[[lists]]
file = "zones.txt"
format = "jsonl"
{records}
"""

SERVER = """
[servers."{name}"]
addresses = ["{address}"]
"""

LOOPBACK = ipaddress.ip_address("127.16.0.0")

RECORDS = 'records = ["www A", "@ TXT"]'

SWEPT_LOOKS = 2.0
"""Seconds between two looks at whether the first sweeps are over: each is a scrape, as dear as many questions."""

CHECKS = ("reachable", "soa-serial", "soa-fields", "ns-set", "records", "signatures")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.default", description=__doc__.partition("\n")[0])
    parser.add_argument("--zones", type=int, default=3000)
    parser.add_argument("--caps", type=int, nargs="+", default=[200, 5000], help="max_qps_per_server (200 5000)")
    parser.add_argument(
        "--records", action="store_true", help="two chosen records of each zone in place of the default list"
    )
    parser.add_argument("--own", action="store_true", help="every zone on two servers of its own")
    parser.add_argument("--seconds", type=float, default=120.0, help="how long it is watched when steady (120)")
    options = parser.parse_args()
    end_well()
    zones = names(options.zones)
    print(machine(), flush=True)
    where = "two servers of its own each" if options.own else "two servers"
    asked = own_servers(zones) if options.own else two_servers(zones)
    with tempfile.TemporaryDirectory(prefix="soawatch-bench-") as name, asked as (lines, addresses, servers):
        for cap in options.caps:
            print(f"\n## {len(zones):,} zones on {where}, at most {cap:,} questions a second to each\n")
            config = (SERVICE + (OWN if options.own else PAIR)).format(
                cap=cap, records=RECORDS if options.records else ""
            )
            config += servers
            print(measured(lines, addresses, Path(name) / str(cap), config, options), flush=True)


Watched = tuple[Sequence[str], Sequence[tuple[str, int]], str]
"""The lines of a list of zones, the addresses that the configuration names, and the servers it has besides."""


@contextlib.contextmanager
def two_servers(zones: Sequence[str]) -> Iterator[Watched]:
    with nsd_pair(zones, frozenset(zones[:1])) as pair:
        yield zones, pair.addresses, ""


@contextlib.contextmanager
def own_servers(zones: Sequence[str]) -> Iterator[Watched]:
    """Each zone's servers are called as its NS set calls them: all are known, and nobody has to resolve a name."""
    with knot_everywhere(zones) as port:
        lines, tables = [], []
        for number, zone in enumerate(zones):
            called = [f"ns{which}.{zone.removesuffix('.')}" for which in (1, 2)]
            lines.append(json.dumps({"name": zone, "servers": called, "primary": called[0]}))
            for which, name in enumerate(called, 1):
                tables.append(SERVER.format(name=name, address=f"{LOOPBACK + 2 * number + which}:{port}"))
        yield lines, [("127.0.0.4", port), ("127.0.0.5", port)], "".join(tables)


def measured(
    zones: Sequence[str],
    addresses: Sequence[tuple[str, int]],
    directory: Path,
    config: str,
    options: argparse.Namespace,
) -> str:
    seconds = options.seconds
    with service(zones, addresses, directory, config=config, watched=False) as one:
        begun = one.program.cpu()
        ready = next(since for since in until(900.0, one) if one.ready())
        swept = next(since for since in until(3600.0, one, SWEPT_LOOKS) if have_swept(one, CHECKS))
        first = one.program.cpu()
        before, cpu = one.reading(), one.program.cpu()
        time.sleep(seconds)
        after, spent = one.reading(), one.program.cpu() - cpu
        asked = after.queries - before.queries
        elapsed = after.at - before.at
        page = time.monotonic()
        size = len(one.web.get("/metrics").content)
        page = time.monotonic() - page
        unwell = len(zones) - one.zones("good")
        peak = one.program.peak()
    asked_at = 2 * len(zones)
    rows = [
        ("process started to ready", f"{ready:.1f} s"),
        ("process started to the end of each check's first sweep", f"{swept:.1f} s"),
        ("CPU of the first sweeps, per address", f"{(first - begun) / asked_at * 1e6:.0f} µs"),
        ("steady: share of a core", f"{spent / elapsed * 100:.2f} %"),
        ("steady: CPU per address and minute", f"{spent / elapsed * 60 / asked_at * 1e6:.0f} µs"),
        ("steady: questions a second", f"{asked / elapsed:.0f}"),
        ("steady: CPU per question", f"{spent / max(1, asked) * 1e6:.0f} µs"),
        ("zones that are not good (none is to be)", f"{unwell}"),
        ("`/metrics`", f"{size / 1e6:.2f} MB, {page * 1000:.0f} ms"),
        ("memory at most", f"{peak:.0f} MB"),
    ]
    return written(("what", "measured"), rows)


def have_swept(one: Service, checks: Iterable[str]) -> bool:
    """Whether each of the checks has come to the end of a sweep. One scrape."""
    metrics = one.metrics()
    return all(metrics.total("soawatch_last_sweep_timestamp_seconds", check=check) > 0 for check in checks)


if __name__ == "__main__":
    main()
