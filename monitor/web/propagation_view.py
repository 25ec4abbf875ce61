"""How long new versions took to the addresses of secondaries, in numbers."""

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from checks.zone_state.model import Propagation
from monitor.web.formatting import iso, precise_iso

MAX_ARRIVALS = 100
"""Single arrivals that the API shows."""


@dataclass(frozen=True, slots=True)
class PropagationRow:
    """Versions that reached one address. Seconds are of those that were seen to come; None where none was."""

    server: str
    address: str
    versions: int
    at_first_look: int
    """How many of them were there already when they were first seen: how long they took is not known."""
    median: float | None
    p95: float | None
    slowest: float | None
    uncertainty: float | None
    """So much sooner they may have come: the median."""
    latest: Propagation


def propagation_rows(arrivals: Iterable[Propagation]) -> Sequence[PropagationRow]:
    """A row for each address, the slowest first."""
    of_address: dict[tuple[str, str], list[Propagation]] = defaultdict(list)
    for one in arrivals:
        of_address[one.server, str(one.address)].append(one)
    rows = [_row(*where, some) for where, some in of_address.items()]
    return sorted(rows, key=lambda row: (-(row.median or 0.0), row.server, row.address))


def _row(server: str, address: str, arrivals: Sequence[Propagation]) -> PropagationRow:
    timed = sorted((one for one in arrivals if one.seconds), key=lambda one: one.seconds)
    seconds = [one.seconds for one in timed]
    return PropagationRow(
        server,
        address,
        versions=len(arrivals),
        at_first_look=len(arrivals) - len(timed),
        median=statistics.median(seconds) if seconds else None,
        p95=seconds[math.ceil(0.95 * len(seconds)) - 1] if seconds else None,
        slowest=seconds[-1] if seconds else None,
        uncertainty=statistics.median(one.uncertainty for one in timed) if timed else None,
        latest=max(arrivals, key=lambda one: one.at),
    )


def propagation_data(arrivals: Sequence[Propagation], since: datetime) -> dict[str, object]:
    """As the API shows it."""
    return {
        "since": iso(since),
        "addresses": [
            {
                "server": row.server,
                "address": row.address,
                "versions": row.versions,
                "at_first_look": row.at_first_look,
                "median_seconds": _rounded(row.median),
                "p95_seconds": _rounded(row.p95),
                "slowest_seconds": _rounded(row.slowest),
                "uncertainty_seconds": _rounded(row.uncertainty),
            }
            for row in propagation_rows(arrivals)
        ],
        "arrivals": [
            {
                "zone": one.zone,
                "server": one.server,
                "address": str(one.address),
                "serial": one.serial,
                "seconds": _rounded(one.seconds) if one.seconds else None,
                "uncertainty_seconds": _rounded(one.uncertainty),
                "at": precise_iso(one.at),
            }
            for one in sorted(arrivals, key=lambda one: one.at, reverse=True)[:MAX_ARRIVALS]
        ],
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
