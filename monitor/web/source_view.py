"""The sources of zones as they are shown: what each names, when it was last read, and why it is not believed."""

from collections.abc import Iterable
from dataclasses import dataclass

from checks.model import Health
from monitor.state.level import Level
from monitor.state.source_status import SourceStatus

KINDS = {"catalog": "Catalog", "list": "List", "powerdns": "PowerDNS API"}
_STATES = {
    Health.GOOD: (Level.GOOD, "Believed"),
    Health.UNKNOWN: (Level.UNKNOWN, "Not read"),
    Health.BAD: (Level.WARNING, "Not believed"),
}


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A source in a line."""

    source: SourceStatus
    level: Level
    word: str
    kind: str


def source_rows(sources: Iterable[SourceStatus]) -> list[SourceRow]:
    """Those that are not believed first, then as they are written in the configuration."""
    ordered = sorted(sources, key=lambda one: _STATES[one.health][0])
    return [SourceRow(one, *_STATES[one.health], KINDS[one.kind]) for one in ordered]
