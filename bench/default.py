"""Measures the default configuration as installed: all checks, at their own cadence, on zones of two NSD servers.

uv run python -m bench.default                          # 3 000 zones, with the default cap per server and without
uv run python -m bench.default --zones 100000 --records --caps 100000
"""

import argparse
import tempfile
import time
from pathlib import Path

from bench.process import end_well
from bench.servers import Pair, names, nsd_pair
from bench.service import Service, service, until
from bench.table import machine, written

CONFIG = """
[service]
listen = "127.0.0.1:0"
log_format = "json"
[probe]
max_qps_per_server = {cap}
{{probe}}
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

RECORDS = 'records = ["www A", "@ TXT"]'

CHECKS = ("reachable", "soa-serial", "soa-fields", "ns-set", "records")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.default", description=__doc__.partition("\n")[0])
    parser.add_argument("--zones", type=int, default=3000)
    parser.add_argument("--caps", type=int, nargs="+", default=[200, 5000], help="max_qps_per_server (200 5000)")
    parser.add_argument("--records", action="store_true", help="two chosen records of each zone, too")
    parser.add_argument("--seconds", type=float, default=120.0, help="how long it is watched when steady (120)")
    options = parser.parse_args()
    end_well()
    zones = names(options.zones)
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="soawatch-bench-") as name, nsd_pair(zones, frozenset(zones[:1])) as pair:
        for cap in options.caps:
            print(f"\n## {len(zones):,} zones on two servers, at most {cap:,} questions a second to each\n")
            print(measured(pair, Path(name) / str(cap), cap, options.records, options.seconds), flush=True)


def measured(pair: Pair, directory: Path, cap: int, records: bool, seconds: float) -> str:
    config = CONFIG.format(cap=cap, records=RECORDS if records else "")
    checks = [check for check in CHECKS if records or check != "records"]
    with service(pair.zones, pair.addresses, directory, config=config) as one:
        begun = one.program.cpu()
        ready = next(since for since in until(900.0, one) if one.ready())
        swept = next(since for since in until(1800.0, one, 0.5) if all(has_swept(one, check) for check in checks))
        first = one.program.cpu()
        before, cpu = one.reading(), one.program.cpu()
        time.sleep(seconds)
        after, spent = one.reading(), one.program.cpu() - cpu
        asked = after.queries - before.queries
        elapsed = after.at - before.at
        page = time.monotonic()
        size = len(one.web.get("/metrics").content)
        page = time.monotonic() - page
        unwell = len(pair.zones) - one.zones("good")
        peak = one.program.peak()
    addresses = 2 * len(pair.zones)
    rows = [
        ("process started to ready", f"{ready:.1f} s"),
        ("process started to the end of each check's first sweep", f"{swept:.1f} s"),
        ("CPU of the first sweeps, per address", f"{(first - begun) / addresses * 1e6:.0f} µs"),
        ("steady: share of a core", f"{spent / elapsed * 100:.2f} %"),
        ("steady: CPU per address and minute", f"{spent / elapsed * 60 / addresses * 1e6:.0f} µs"),
        ("steady: questions a second", f"{asked / elapsed:.0f}"),
        ("steady: CPU per question", f"{spent / max(1, asked) * 1e6:.0f} µs"),
        ("zones that are not good (none is to be)", f"{unwell}"),
        ("`/metrics`", f"{size / 1e6:.2f} MB, {page * 1000:.0f} ms"),
        ("memory at most", f"{peak:.0f} MB"),
    ]
    return written(("what", "measured"), rows)


def has_swept(one: Service, check: str) -> bool:
    return one.value("soawatch_last_sweep_timestamp_seconds", check=check) > 0


if __name__ == "__main__":
    main()
