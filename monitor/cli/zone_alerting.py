"""What the service knows of a zone's incidents, who knows of these, and what is silenced: for soawatch explain."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from alerting.headline import acknowledged, headline
from alerting.incident import OPEN, Incident
from alerting.model import Alert, AlertKey, Phase
from alerting.silences import ActiveSilences, Silence
from checks.common.text import format_time
from checks.model import Finding
from monitor.cli.zone_check.check_zone import ZoneReport
from monitor.cli.zone_check.target import CheckTarget
from monitor.state.ports import StoreError
from monitor.web.silence_data import silenced_text

MAX_INCIDENTS = 50
"""Of a zone, that are looked through for those that are open."""


@dataclass(frozen=True, slots=True)
class ZoneAlerting:
    """The open incidents that the zone has to do with, and the silences that are active, those of maintenance windows
    too. ``note``: why the service's own could not be read.
    """

    incidents: Sequence[Incident] = ()
    silences: Sequence[Silence] = ()
    note: str = ""

    def silence_of(self, report: ZoneReport, finding: Finding, at: datetime) -> str:
        """Who has silenced the finding, until when and why; empty where nobody has."""
        key = AlertKey(report.zone.name, "", finding.code, finding.server, finding.address, finding.subject)
        alert = Alert(key, Phase.FIRING, at, report.severity(finding), finding.text)
        found = next(iter(ActiveSilences(tuple(self.silences)).of(alert, lambda _: report.zone.labels)), None)
        return next((silenced_text(one, at) for one in self.silences if one.id == found), "")

    def lines(self, at: datetime) -> Iterator[str]:
        """The incidents, and what people did about them."""
        for one in self.incidents:
            yield f"  {one.id}, {one.severity} since {format_time(one.began_at)}: {headline(one)}"
            if one.acknowledged is not None:
                yield f"    {acknowledged(one)}; nobody is reminded of it"
            yield from (f"    {silenced_text(each, at)}" for each in self.silences if each.id in one.silences)


async def read_zone_alerting(what: CheckTarget, at: datetime) -> ZoneAlerting:
    """From the service's database, where there is one, and the configuration."""
    windows = [one for window in what.config.maintenance for one in window.active(at)]
    if what.database is None:
        return ZoneAlerting((), windows)
    try:
        if not what.database.exists():
            return ZoneAlerting((), windows)
        from monitor.store.reader import open_reader

        reader = await open_reader(what.database)
        try:
            incidents = await reader.incidents(what.zone, MAX_INCIDENTS)
            made = await reader.silences()
        finally:
            await reader.close()
    except (StoreError, OSError) as error:
        return ZoneAlerting((), windows, f"what is silenced and who knows of what cannot be read: {error}")
    silences = [*(one for one in made if one.is_active(at)), *windows]
    return ZoneAlerting([one for one in incidents if one.phase == OPEN], silences)
