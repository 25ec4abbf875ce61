"""Measures how the cost grows with what is watched: from a thousand addresses to a million, and at its edges.

uv run python -m bench.growth                     # 1 000, 10 000, 100 000 and 1 000 000 addresses
uv run python -m bench.growth --most 100000
uv run python -m bench.growth --only dead workers --most 100000
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.alone import alone
from bench.peers import asked_by
from bench.process import end_well
from bench.road import FULL, QUIET, Care, Walk, ms, walk
from bench.servers import Absent, names, nobody, nsd_pair
from bench.service import Service, Spell, median, service, spell, until
from bench.storing import rows as stored
from bench.table import LIMIT, Asked, machine, micro, middle, say, written
from bench.workers import workers

SIZES = (1_000, 10_000, 100_000, 1_000_000)

DAILY = "60s"
"""A cadence as people have it."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description="How does what it costs grow?")
    parser.add_argument("--most", type=int, default=SIZES[-1], help="addresses, at most")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", nargs="*", choices=[*PARTS], default=[*PARTS])
    options = parser.parse_args()
    end_well()
    print(machine(), flush=True)
    try:
        for part in options.only:
            print(f"\n{PARTS[part](options.most, options.rounds)}", flush=True)
    except Absent as absent:
        sys.exit(f"nsd is {absent}")


def growing(most: int, rounds: int) -> str:
    """A row for each size."""
    rows = []
    for addresses in [size for size in SIZES if size <= most]:
        zones = names(addresses // 2)
        moving = frozenset(zones[:: min(100, len(zones) // 2)])
        with tempfile.TemporaryDirectory(prefix="soawatch-bench-") as name, nsd_pair(zones, moving) as pair:
            walks: list[Walk] = []
            limits: list[Asked] = []
            engines: list[Asked] = []
            for number in range(rounds):
                say(f"{addresses} addresses, round {number + 1} of {rounds}; servers started in {pair.took:.0f} s")
                limits.append(asked_by(LIMIT, pair, Path(name) / "dnsperf"))
                engines.append(alone("engine", pair, Path(name) / "engine"))
                walks.append(walk(pair, Path(name) / f"round{number}", Care()))
            rows.append(grown(addresses, limits, engines, walks))
    return "## How it grows\n\n" + written(GROWN, rows)


GROWN = (
    "addresses", "dnsperf", "engine alone", "nothing new", "1 % behind", "first sweep", "one quiet sweep", "memory",
    "first verdict", "all verdicts", "1 % told", "loop late p99", "lost", "drift found",
)  # fmt: skip


def grown(addresses: int, limits: list[Asked], engines: list[Asked], walks: list[Walk]) -> Sequence[str]:
    first, quiet, behind = (
        [next(asked for asked in one.asked if asked.what == what) for one in walks] for what in WHATS
    )
    every = [asked for one in walks for asked in one.asked]
    return (
        f"{addresses:,}",
        *(each(some) for some in (limits, engines, quiet, behind, first)),
        middle([sweep for one in walks for sweep in one.sweeps]),
        f"{max(asked.peak or 0.0 for asked in every):.0f} MB",
        middle([one.first for one in walks], 1),
        middle([one.all for one in walks], 1),
        middle([one.noticed for one in walks], 1),
        f"{ms([one.late for one in walks])}, first sweep {ms([one.late_first for one in walks])}",
        str(sum(asked.lost or 0 for asked in every)),
        behind[-1].found,
    )


WHATS = ("soawatch: first sweep, all new", QUIET, "soawatch: 1 % is behind")


def each(asked: Sequence[Asked]) -> str:
    good = [one.micro for one in asked if not one.absent]
    return f"{micro(median(good))} µs" if good else asked[0].absent


def daily(most: int, rounds: int) -> str:
    """At an everyday cadence, spread over its minute."""
    rows = []
    for addresses in [size for size in SIZES if 10_000 <= size <= most]:
        zones = names(addresses // 2)
        with tempfile.TemporaryDirectory(prefix="soawatch-bench-") as name, nsd_pair(zones, frozenset()) as pair:
            say(f"{addresses} addresses each {DAILY}")
            with service(zones, pair.addresses, Path(name) / "service", FULL, watched=False) as one:
                for _ in until(900.0, one, 0.5):
                    if one.ready() and not one.zones("unknown"):
                        break
                one.reload(DAILY)
                spell(one, queries=addresses, seconds=60.0)
                seen = spell(one, queries=2 * addresses, seconds=120.0)
                rows.append(
                    (
                        f"{addresses:,}",
                        f"{seen.cpu / seen.seconds * 100:.1f} %",
                        f"{micro(seen.micro)} µs",
                        f"{seen.lost} of {seen.queries:,}",
                    )
                )
    head = ("addresses", "CPU of a core", "CPU per address", "lost")
    return f"## Each {DAILY}, spread over it\n\n" + written(head, rows)


def dead(most: int, rounds: int) -> str:
    """Nobody answers: whether a sweep still ends in its time, and what it takes against one of servers that live."""
    addresses = min(most, 100_000)
    zones = names(addresses // 2)
    with tempfile.TemporaryDirectory(prefix="soawatch-bench-") as name, nsd_pair(zones, frozenset()) as pair:
        with nobody() as nowhere, service(zones, nowhere, Path(name) / "dead", DAILY) as one:
            never = _begun("both have never answered", one, addresses)
        with service(zones, pair.addresses, Path(name) / "live", DAILY) as one:
            live = _begun("both servers live", one, addresses)
            say("they die")
            for server in pair.servers:
                server.process.stop()
            dying = spell(one, queries=addresses, seconds=60.0)
            later = spell(one, queries=2 * addresses, seconds=120.0)
            died = _row("both have lived, and die", dying.durations[-1], dying.micro, later)
    head = (
        f"{addresses:,} addresses", "first sweep", "CPU per address", "a later sweep", "CPU per address",
        "loop late p99",
    )  # fmt: skip
    return "## When nobody answers\n\n" + written(head, [live, never, died])


def _begun(what: str, one: Service, addresses: int) -> Sequence[str]:
    """The first sweep, and later ones."""
    say(what)
    begun = one.program.cpu()
    for _ in until(900.0, one, 0.5):
        if one.ready():
            break
    first, cpu = one.reading(), one.program.cpu() - begun
    later = spell(one, queries=2 * addresses, seconds=120.0)
    return _row(what, first.duration, cpu / addresses * 1e6, later)


def _row(what: str, duration: float, took: float, later: Spell) -> Sequence[str]:
    return (
        what,
        f"{duration:.1f} s",
        f"{took:.0f} µs",
        f"{later.durations[-1]:.1f} s of {DAILY}",
        f"{micro(later.micro)} µs",
        f"{later.late:.0f} ms",
    )


def storing(most: int, rounds: int) -> str:
    return f"## What remembering costs, {most:,} addresses\n\n" + written(
        ("what", "measured", "goal"), stored(most // 2)
    )


PARTS: dict[str, Callable[[int, int], str]] = {
    "growing": growing,
    "daily": daily,
    "dead": dead,
    "workers": workers,
    "storing": storing,
}


if __name__ == "__main__":
    main()
