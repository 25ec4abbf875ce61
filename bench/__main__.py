"""Measures what watching costs: one command, one table for each size; every figure beside a limit of the same run.

uv run python -m bench                          # 20 000 and 200 000 addresses, three rounds
uv run python -m bench --addresses 20000
uv run python -m bench --quick                  # one round of 2 000 addresses, without what is to be installed first
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.alone import INSIDE, alone
from bench.peers import PEERS, asked_by
from bench.process import end_well
from bench.road import Care, Walk, described, walk
from bench.servers import Absent, names, nsd_pair
from bench.table import LIMIT, Asked, compared, machine, say


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description="What does watching cost?")
    parser.add_argument("--addresses", type=int, nargs="+", help="how many to ask (20000 200000)")
    parser.add_argument("--rounds", type=int, default=3, help="how often all is measured, by turns")
    parser.add_argument("--without", nargs="*", default=[], help=f"peers to leave out, of: {', '.join(PEERS)}")
    parser.add_argument("--quick", action="store_true", help="2 000 addresses, one round, no peers but dnsperf")
    options = parser.parse_args()
    end_well()
    if options.quick:
        options.rounds, options.without = 1, [name for name in PEERS if name != LIMIT]
    sizes = options.addresses or ([2000] if options.quick else [20_000, 200_000])
    care = Care(2.0, 3) if options.quick else Care()
    print(machine(), flush=True)
    try:
        for addresses in sizes:
            print(
                f"\n## {addresses:,} addresses\n\n{measured(addresses // 2, options.rounds, options.without, care)}",
                flush=True,
            )
    except Absent as absent:
        sys.exit(f"nsd is {absent}")


def measured(count: int, rounds: int, without: Sequence[str], care: Care) -> str:
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
            one += [alone(command, pair, directory / command) for command in INSIDE]
            say("the whole road")
            walks.append(walk(pair, directory / f"round{number}", care))
            asked.append([*one, *walks[-1].asked])
    return f"{compared(asked)}\n{described(walks, count)}"


if __name__ == "__main__":
    main()
