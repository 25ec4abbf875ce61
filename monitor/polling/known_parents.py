"""What is known of parent zones, apart from how they are found: that takes more than a command needs that only asks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from checks.common.parent_side import ParentZone

LIFETIME = timedelta(hours=1)
"""How long it is believed where the servers of a parent zone are."""


@dataclass(frozen=True, slots=True)
class KnownParents:
    """What is known of names above zones: the zone that begins there, None where none does; and since when."""

    zones: Mapping[str, ParentZone | None] = field(default_factory=dict)
    at: Mapping[str, datetime] = field(default_factory=dict)

    def is_due(self, name: str, now: datetime) -> bool:
        known = self.at.get(name)
        return known is None or not timedelta(0) <= now - known < LIFETIME
