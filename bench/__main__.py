"""What does watching cost? One command, one table for each size; every figure beside a limit measured in the same run.

uv run python -m bench                          # 20 000 and 200 000 addresses, three rounds
uv run python -m bench --addresses 20000
uv run python -m bench --quick                  # one round of 2 000 addresses, without what is to be installed first
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.peers import PEERS, asked_by
from bench.process import core, running
from bench.road import Walk, described, walk
from bench.servers import Absent, Pair, names, nsd_pair
from bench.service import median
from bench.table import LIMIT, Asked, compared, machine

SAMPLE = 1000
"""Zones that dnspython is asked for."""

INSIDE = {"engine": ("soawatch: engine alone", 5), "prober": ("soawatch: dnspython prober alone", 1)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description="What does watching cost?")
    parser.add_argument("--addresses", type=int, nargs="+", default=[20_000, 200_000], help="how many to ask")
    parser.add_argument("--rounds", type=int, default=3, help="how often all is measured, by turns")
    parser.add_argument("--without", nargs="*", default=[], help=f"peers to leave out, of: {', '.join(PEERS)}")
    parser.add_argument("--quick", action="store_true", help="2 000 addresses, one round, no peers but dnsperf")
    options = parser.parse_args()
    if options.quick:
        options.addresses, options.rounds, options.without = [2000], 1, [name for name in PEERS if name != LIMIT]
    least = 2.0 if options.quick else 12.0
    print(machine(), flush=True)
    try:
        for addresses in options.addresses:
            print(
                f"\n## {addresses:,} addresses\n\n{measured(addresses // 2, options.rounds, options.without, least)}",
                flush=True,
            )
    except Absent as absent:
        sys.exit(f"nsd is {absent}")


def measured(count: int, rounds: int, without: Sequence[str], least: float = 12.0) -> str:
    """Two tables in Markdown."""
    zones = names(count)
    moving = frozenset(zones[:: min(100, max(1, count // 2))])
    asked: list[list[Asked]] = []
    walks: list[Walk] = []
    with tempfile.TemporaryDirectory(prefix="soawatch-bench-") as name, nsd_pair(zones, moving) as pair:
        directory = Path(name)
        pair.move()
        for number in range(rounds):
            say(f"{2 * count} addresses, round {number + 1} of {rounds}")
            one = [asked_by(peer, pair, directory / peer.split()[0]) for peer in PEERS if peer not in without]
            one += [inside(command, pair, directory / command) for command in INSIDE]
            say("the whole road")
            walks.append(walk(pair, directory / f"round{number}", least=least))
            asked.append([*one, *walks[-1].asked])
    return f"{compared(asked)}\n{described(walks, count)}"


def inside(command: str, pair: Pair, directory: Path) -> Asked:
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
        f"{len(found & drifted)} of {len(drifted)}, {len(found - drifted)} false", told["of"] * len(told["micros"]),
    )  # fmt: skip


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
