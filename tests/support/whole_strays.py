"""What is bad elsewhere of what an incident was about, out of all alerts: what ``alerting.strays`` is compared with."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from alerting.incident import Cause, Incident, NotifiedState
from alerting.incident_members import is_undecided
from alerting.incident_news import Rules
from alerting.model import Alert, AlertKey, Phase
from tests.support.whole_members import Members


def whole_strays(incident: Incident, here: Collection[AlertKey], grave: Iterable[Alert]) -> list[Alert]:
    """In no order that counts."""
    return [
        alert
        for alert in grave
        if alert.key not in here
        and alert.key.zone in incident.zones + incident.moved_zones
        and alert.key.code in incident.codes + incident.past_codes
        and (alert.key.server is None or alert.key.server in incident.servers + incident.past_servers)
        and not is_undecided(alert)
    ]


def whole_handed_on(
    incidents: Mapping[str, Incident], grave: Sequence[Alert], causes: Mapping[AlertKey, Cause]
) -> Mapping[str, Incident]:
    """Those that have another cause from now on, since nothing is left of them that fires, or has theirs."""
    handed: dict[str, Incident] = {}
    taken = {incident.cause: name for name, incident in incidents.items()}
    free = [a for a in grave if not is_undecided(a) and (a.phase is Phase.PENDING or a.incident not in incidents)]
    for name, incident in incidents.items():
        fired = any(alert.phase is not Phase.PENDING and alert.incident == name for alert in grave)
        if fired or any(taken.get(causes[alert.key]) == name for alert in free):
            continue
        left = [alert for alert in whole_strays(incident, (), free) if causes[alert.key] not in taken]
        left.sort(key=lambda alert: alert.phase is Phase.PENDING)
        if left:
            handed[name] = replace(incident, cause=causes[left[0].key])
            del taken[incident.cause]
            taken[handed[name].cause] = name
    return handed


def past(before: tuple[str, ...], last: tuple[str, ...], now: Collection[str]) -> tuple[str, ...]:
    """What was there before and is not now."""
    return tuple(sorted({*before, *last}.difference(now)))


def lost_elsewhere(
    incident: Incident, members: Members, unserved: tuple[str, ...], short: tuple[str, ...]
) -> dict[str, tuple[str, ...]]:
    """Zones for which no server is left, or too few are, by what is in another incident by now."""
    told = incident.notified or NotifiedState(incident.began_at, incident.severity)
    no_server = {*incident.unserved, *incident.moved_unserved, *told.unserved} - {*unserved}
    too_few = {*incident.short, *incident.moved_short, *told.short} - {*unserved, *short}
    return {
        "moved_unserved": tuple(
            sorted(zone for zone, one in members.lost.items() if zone in no_server and not one.short)
        ),
        "moved_short": tuple(sorted(too_few.intersection(members.lost))),
    }


def silenced_zones(alerts: Sequence[Alert], rules: Rules) -> tuple[str, ...]:
    heard = {alert.key.zone for alert in alerts if not rules.silences.of(alert, rules.labels_of)}
    return tuple(sorted({alert.key.zone for alert in alerts if alert.key.zone} - heard))
