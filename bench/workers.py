"""What several processes that ask take, beside one: by the CPU time of each, since two cores are too few for all."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.process import ALL
from bench.road import FULL
from bench.servers import names, nsd_pair
from bench.service import CONFIG, Service, Spell, service, spell, until
from bench.table import micro, say, written

WORKERS = (1, 2, 3)

FEW = 5_000
"""Zones of which all is asked: so few that one process looks at all of them for the first time within a minute."""

SETTLING = 45.0
"""Seconds until nothing is polled in full any more."""

ALL_CHECKS = {
    "reachable": "2s", "soa-serial": "2s", "soa-fields": "10s", "ns-set": "10s", "records": "10s", "transfer": "2m",
}  # fmt: skip
"""The cadences of the default configuration, thirty times as often. That of transfer says how often each zone is asked
over TCP; no transfer is made.
"""

RECORDS = 'records = ["www A"]\n'


def workers(most: int, rounds: int) -> str:
    """One process that asks, and more. On two cores the servers need what the others could use: what counts is what
    each process takes.
    """
    zones = names(min(most, 200_000) // 2)
    moving = frozenset(zones[:1])
    with tempfile.TemporaryDirectory(prefix="soawatch-bench-") as name, nsd_pair(zones, moving) as pair:
        tables = []
        for what, config, some in (
            ("serials only", CONFIG, zones),
            ("all checks of the default configuration, and a record", _all_checks(), zones[:FEW]),
        ):
            say(what)
            rows = _rows(pair.addresses, some, Path(name) / str(len(tables)), config)
            tables.append(f"### {2 * len(some):,} addresses, {what}\n\n" + written(HEAD, rows))
    return f"## Several processes that ask, {len(ALL)} cores for all\n\n" + "\n".join(tables)


HEAD = (
    "processes that ask", "CPU per question", "of the service; of each worker", "the busiest, on a core of its own",
    "as much as one", "memory", "lost",
)  # fmt: skip


def _all_checks() -> str:
    head, _, tail = CONFIG.partition("[cadence]\n")
    cadence = "".join(f'{check} = "{often}"\n' for check, often in ALL_CHECKS.items())
    return f"{head}[cadence]\n{cadence}{tail[tail.index('[probe]') :]}{RECORDS}"


def _rows(
    servers: Sequence[tuple[str, int]], zones: Sequence[str], directory: Path, config: str
) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = []
    alone = 0.0
    for number in WORKERS:
        say(f"workers = {number}")
        try:
            with service(zones, servers, directory / str(number), FULL, workers=number, config=config) as one:
                seen = _quiet(one, 2 * len(zones))
                busiest = max(seen.cpu_each.values()) / max(1, seen.queries) * 1e6
                alone = alone or busiest
                rows.append((f"workers = {number}", *_measured(one, seen, busiest), f"{alone / busiest:.2f}",
                             f"{one.program.peak():.0f} MB", f"{seen.lost} of {seen.queries:,}"))  # fmt: skip
        except RuntimeError as error:
            rows.append((f"workers = {number}", f"could not be measured: {str(error)[-100:]}", *[""] * 5))
    return rows


def _quiet(one: Service, addresses: int) -> Spell:
    """When all has been looked at."""
    for _ in until(900.0, one, 0.5):
        if one.ready() and one.zones("good") == addresses // 2:
            break
    spell(one, queries=addresses, seconds=SETTLING)
    return spell(one, queries=5 * addresses, seconds=15.0)


def _measured(one: Service, seen: Spell, busiest: float) -> Sequence[str]:
    took: Mapping[int, float] = {pid: cpu / max(1, seen.queries) * 1e6 for pid, cpu in seen.cpu_each.items()}
    each = sorted((cpu for pid, cpu in took.items() if pid != one.program.pid and cpu > 0.1), reverse=True)
    return (
        f"{micro(sum(took.values()))} µs",
        "; ".join(filter(None, (f"{micro(took[one.program.pid])} µs", ", ".join(f"{micro(cpu)} µs" for cpu in each)))),
        f"{micro(busiest)} µs: {1e6 / busiest:,.0f} questions/s",
    )
