"""An incident as it is told while something of it is silenced."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from alerting.incident import Incident, NotifiedState
from alerting.incident_lines import heard_lines
from alerting.incident_members import IncidentMembers
from alerting.model import Alert, AlertKey, Phase
from checks.model.finding_type import Severity


@dataclass(frozen=True, slots=True)
class ToldAs:
    """``heard`` is the incident as if what is silenced were not there; ``known`` has what was told before and stands,
    too, though it is silenced by now: it is neither news nor over. Both are the incident itself if nothing is silenced.
    """

    heard: Incident
    known: Incident

    @property
    def hides_known(self) -> bool:
        """Whether something that was told before is silenced."""
        return _names(self.heard) != _names(self.known)


def as_heard(incident: Incident, members: IncidentMembers, alerts: dict[AlertKey, Alert]) -> Incident:
    """Without what is silenced."""
    if not members.silenced:
        return incident
    heard = members.heard
    unserved, short = heard.unserved.told(), heard.short.told()
    severity = max(heard.severities, default=incident.notified.severity if incident.notified else Severity.INFO)
    return replace(
        incident,
        severity=Severity.CRITICAL if unserved or short else severity,
        began_at=heard.began() if heard.findings else incident.began_at,
        zones=heard.names.zones.inorder,
        servers=heard.names.servers.inorder,
        codes=heard.names.codes.inorder,
        findings=heard.findings,
        recovering=heard.phases.get(Phase.RECOVERING, 0),
        unserved=unserved,
        short=short,
        flapping=2 * heard.flapping > sum(heard.severities.values()),
        lines=heard_lines(incident.lines, heard.lines(alerts), members.all.line_keys),
        silenced=0,
        silenced_zones=(),
        silences=(),
    )


def told_as(incident: Incident, heard: Incident) -> ToldAs:
    """What counts as known of an incident, by names: of what is silenced that which was told of."""
    notified = incident.notified
    if heard is incident or notified is None:
        return ToldAs(heard, heard)
    known = replace(
        incident,
        severity=max(heard.severity, min(incident.severity, notified.severity)),
        zones=_known(incident.zones, heard.zones, notified.zones),
        servers=_known(incident.servers, heard.servers, notified.servers),
        codes=_known(incident.codes, heard.codes, notified.codes),
        unserved=_known(incident.unserved, heard.unserved, notified.unserved),
        short=_known(incident.short, heard.short, notified.short),
    )
    return ToldAs(heard, known)


def is_over(told: ToldAs, notified: NotifiedState) -> bool:
    """Whether nothing stands of what was told, and what stands is silenced."""
    names = zip(_names(told.known), (notified.zones, notified.servers, notified.codes), strict=True)
    return not told.heard.findings and any(before and not now for now, before in names)


def _known(now: Iterable[str], heard: Iterable[str], before: Iterable[str]) -> tuple[str, ...]:
    known = {*heard, *before}
    return tuple(name for name in now if name in known)


def _names(incident: Incident) -> tuple[tuple[str, ...], ...]:
    return incident.zones, incident.servers, incident.codes
