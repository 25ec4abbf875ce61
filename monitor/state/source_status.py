"""A source of zones beside the configuration itself, as it is shown: a catalog, a list in a file, one of an API."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from checks.model import Health
from monitor.config.zone_sources import SourceTrouble


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """``source`` is what the store calls it: kind and name. ``zones``: how many it named when it was believed last, and
    new ones since.
    """

    source: str
    zones: int = 0
    refresh: timedelta | None = None
    """How often it is asked for; None: it is read with the configuration."""
    serial: int | None = None
    """Of a catalog: of the version that was taken last."""
    read_at: datetime | None = None
    """When it was last read and believed, since the service started."""
    trouble: SourceTrouble | None = None
    """Why it is not believed now …"""
    trouble_since: datetime | None = None
    """… and since when."""

    @property
    def kind(self) -> str:
        """``catalog``, ``list`` (a file or a directory), or ``powerdns``."""
        return self.source.partition(" ")[0]

    @property
    def name(self) -> str:
        """The name of the catalog, the path, or the URL; printable."""
        return self.source.partition(" ")[2]

    @property
    def health(self) -> Health:
        if self.trouble is not None:
            return Health.BAD
        return Health.UNKNOWN if self.read_at is None else Health.GOOD

    def after_look(
        self, at: datetime, zones: int, trouble: SourceTrouble | None, serial: int | None = None
    ) -> "SourceStatus":
        """As it is when it has been looked at."""
        began = trouble is not None and (self.trouble is None or self.trouble.code != trouble.code)
        return replace(
            self,
            zones=zones,
            serial=serial,
            trouble=trouble,
            trouble_since=None if trouble is None else at if began else self.trouble_since,
            read_at=at if trouble is None else self.read_at,
        )
