"""Refuses transfers in a circle: what a zone is transferred from must end at a server that has it from nobody."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from checks.model.zone_table import ZoneTable
from monitor.config.errors import KeyPath, Problems, quoted
from monitor.config.model import ServerEntry, ZoneEntry

MOST_NAMED = 8
"""Servers of a circle that are named."""

Circle = tuple[str, ...]


def check_upstreams(
    problems: Problems, paths: Mapping[str, KeyPath], servers: Mapping[str, ServerEntry], zones: ZoneTable[ZoneEntry]
) -> None:
    """Every circle of upstreams is a mistake, and so is one that a zone closes, whose primary has an upstream.

    ``paths`` are where each server stands in the file. The upstream of a primary does not count in its own zones. Where
    there are zones of which it may be a secondary, it is meant for those.
    """
    written = {name: entry.upstream for name, entry in servers.items() if entry.upstream}
    told: set[str] = set()
    for circle in circles(written):
        told.update(circle)
        if len(circle) > 1:  # one that names itself is told where its upstream is read
            text = f"transfers go in a circle: {_steps(circle)}"
            _tell(problems, paths, circle, text, "one of them takes its zones from elsewhere")
    used = [(kind, zones.templates[kind]) for kind, count in enumerate(zones.template_counts()) if count]
    for kind, zone in used:
        primary = zone.primary
        if primary not in written or primary in told or _elsewhere(primary, used):
            continue
        follows = {name: written.get(name, (primary,)) for name in zone.servers if name != primary}
        for circle in circles({**written, **follows}, (primary,)):
            told.add(primary)
            name = zones.names[zones.template_ids.index(kind)]
            text = f"transfers of {name} go in a circle: {_steps(circle)}"
            _tell(problems, paths, circle, text, f"{quoted(primary)} is the primary: leave its upstream out")


def circles(edges: Mapping[str, Sequence[str]], starts: Iterable[str] | None = None) -> Iterator[Circle]:
    """The circles that are met from ``starts``, or from anywhere; of several that share a server the first."""
    done: set[str] = set()
    for start in edges if starts is None else starts:
        road: dict[str, Iterator[str]] = {} if start in done else {start: iter(edges.get(start, ()))}
        while road:
            here = next(reversed(road))
            further = next(road[here], None)
            if further is None:
                done.add(here)
                del road[here]
            elif further in road:
                names = list(road)
                yield tuple(names[names.index(further) :])
                done.update(road)
                break
            elif further not in done:
                road[further] = iter(edges.get(further, ()))


def _elsewhere(server: str, used: Iterable[tuple[int, ZoneEntry]]) -> bool:
    """Whether it is, or may be, a secondary of some zones; whose servers are found later may have any."""
    return any(zone.primary != server and (not zone.servers or server in zone.servers) for _, zone in used)


def _steps(circle: Circle) -> str:
    """Who has the zone from whom, and back to the first."""
    steps = [f"{quoted(one)} from {quoted(other)}" for one, other in zip(circle, (*circle[1:], circle[0]), strict=True)]
    if len(steps) > MOST_NAMED:
        steps[MOST_NAMED - 1 : -1] = [f"… ({len(steps) - MOST_NAMED} more)"]
    return ", ".join(steps)


def _tell(problems: Problems, paths: Mapping[str, KeyPath], circle: Circle, text: str, hint: str) -> None:
    first = next(name for name in circle if name in paths)
    problems.mistake((*paths[first], "upstream"), text, hint)
