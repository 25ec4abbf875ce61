"""Measures the parts of soawatch that ask, with nothing around them."""

import json
import sys
from pathlib import Path

from bench.process import core, running
from bench.servers import Pair
from bench.service import median
from bench.table import Asked

SAMPLE = 1000
"""Zones that dnspython is asked for."""

INSIDE = {"engine": ("soawatch: engine alone", 5), "prober": ("soawatch: dnspython prober alone", 1)}


def alone(command: str, pair: Pair, directory: Path) -> Asked:
    """A part of soawatch alone, in a process of its own."""
    what, sweeps = INSIDE[command]
    some = (
        pair.zones
        if command == "engine"
        else [*sorted(pair.moving)[: SAMPLE // 100], *sorted({*pair.zones} - pair.moving)[:SAMPLE]]
    )
    directory.mkdir(parents=True, exist_ok=True)
    listed = directory / "zones"
    listed.write_text("\n".join(some))
    addresses = [f"{host}:{port}" for host, port in pair.addresses]
    line = [sys.executable, "-m", "bench.inside", command, str(listed), str(sweeps), *addresses]
    with running(line, core(0), directory) as one:
        one.process.wait(600)
        if one.process.returncode:
            raise RuntimeError(one.err.read_text()[-1000:])
        told = json.loads(one.out.read_text())
    drifted, found = pair.drifted & set(some), set(told["drifted"])
    return Asked(
        what, median(told["micros"][-sweeps:]), median(told["rates"][-sweeps:]), told["peak"], told["lost"],
        f"{len(found & drifted)} of {len(drifted)}, {len(found - drifted)} false", told["of"],
    )  # fmt: skip
