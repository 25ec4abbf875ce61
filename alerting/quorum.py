"""How severe a server that does not answer is, by how many of its zone's servers still do."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from alerting.model import Alert, AlertKey, Phase
from alerting.root_cause import OUT_OF_SERVICE
from alerting.unserved import is_out, that_count
from checks.model import Zone
from checks.model.finding_type import Severity


def quorum_severity(key: AlertKey, severity: Severity, alerts: Iterable[Alert], zone: Zone) -> Severity:
    """How severe an alert of the zone is that is of this ``severity`` by its code; ``alerts`` are all of the zone.

    Where the zone has a quorum, and it is more than information that a server does not answer, that is a warning while
    as many servers are left as the quorum says, and critical when there are fewer. What is in its grace, or recovers,
    takes no server away.
    """
    if not zone.quorum or severity is Severity.INFO or key.code not in OUT_OF_SERVICE or key.server is None:
        return severity
    return Severity.WARNING if _good(alerts, zone) >= zone.quorum else Severity.CRITICAL


def by_quorum(alerts: Sequence[Alert], zone: Zone) -> list[Alert]:
    """Those of the zone's alerts that are of another severity by its quorum than they say, as they are by that."""
    found = ((each, quorum_severity(each.key, each.severity, alerts, zone)) for each in alerts if zone.quorum)
    return [replace(each, severity=severity) for each, severity in found if severity is not each.severity]


def _good(alerts: Iterable[Alert], zone: Zone) -> int:
    """How many servers are not out of service with every address; hidden ones are not counted where there are others,
    for no resolver asks them.
    """
    out = {
        (alert.key.server, alert.key.address)
        for alert in alerts
        if alert.phase is Phase.FIRING and alert.key.code in OUT_OF_SERVICE and alert.key.server is not None
    }
    return sum(not is_out(server, out) for server in that_count(zone))
