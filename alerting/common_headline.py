"""What is wrong with several servers that have something in common, in one line: only what is shown of them."""

from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from alerting.finding_types import FINDING_TYPES
from alerting.incident import RESOLVED, Incident, IncidentEvent, IncidentFinding
from alerting.incident_lines import MAX_LINES, gravity
from checks.common.text import one_line
from checks.model.finding_type import Severity
from checks.reachable import UNREACHABLE
from checks.transfer import tsig_error

OTHER_FAMILY = {"IPv4": "IPv6", "IPv6": "IPv4"}
NAMES = {"family": "{}", "network": "{}", "group": "group {}", "key": "key {}"}


def common_name(incident: Incident) -> str:
    """What its servers have in common; "" where it is about no such thing."""
    return NAMES.get(incident.cause.kind, "").format(one_line(incident.cause.name))


def common_headline(incident: Incident, event: IncidentEvent | None) -> str:
    """How many of those are bad that have it in common; "" where it is about no such thing, or does not tell."""
    kind, cause = incident.cause.kind, incident.cause.name
    if kind == "key":
        lines = [line for line in incident.lines if tsig_error(line.text)]
    elif kind in NAMES:
        lines = [line for line in incident.lines if line.code == UNREACHABLE.code]
        if kind == "group" and not lines:
            return _same_in_group(incident)
    else:
        return ""
    if kind == "network":
        lines = [line for line in lines if line.address is not None and _host(line.address) in ip_network(cause)]
    if not lines or _is_cut(incident):
        return ""
    name = one_line(cause)
    count, some = _count(incident, lines, _server if kind in ("key", "group") else _address)
    if kind == "key":
        return f"{count} servers refuse{'s' * (not some)} transfers with the key {name}: {tsig_error(lines[0].text)}"
    who = {"group": f"servers of group {name}", "network": f"addresses in {name}", "family": f"{name} addresses"}[kind]
    return f"{count} {who} {'do' if some else 'does'} not answer{_others(incident, event)}"


def _same_in_group(incident: Incident) -> str:
    """What its servers have that answer, by the gravest of what is found."""
    first = min(incident.lines, key=gravity, default=None)
    if first is None or first.code not in FINDING_TYPES or _is_cut(incident):
        return ""
    count, _ = _count(incident, [line for line in incident.lines if line.code == first.code], _server)
    return f"{count} servers of group {one_line(incident.cause.name)}: {FINDING_TYPES[first.code].title}"


def _others(incident: Incident, event: IncidentEvent | None) -> str:
    """That other addresses answer is looked at when it opens, and said with its first word alone."""
    first = event is IncidentEvent.OPENED and incident.change is None and incident.cause.kind == "family"
    return f"; their {OTHER_FAMILY[incident.cause.name]} addresses do" if first else ""


def _count(
    incident: Incident, lines: Sequence[IncidentFinding], what: Callable[[IncidentFinding], str | None]
) -> tuple[str, bool]:
    """How many are bad of those that were, in words; and whether these are several."""
    over = incident.phase == RESOLVED
    now = {what(line) for line in lines if over or line.ended_at is None}
    return f"{len(now)} of {len({what(line) for line in lines})}", len(now) != 1


def _is_cut(incident: Incident) -> bool:
    """Whether there are more lines than it has kept."""
    grave = sum(line.ended_at is None and line.severity is Severity.CRITICAL for line in incident.lines)
    return len(incident.lines) - grave >= MAX_LINES


def _server(line: IncidentFinding) -> str | None:
    return line.server


def _address(line: IncidentFinding) -> str | None:
    return line.address


def _host(address: str) -> IPv4Address | IPv6Address:
    """Of the text form of an address: 192.0.2.1, 192.0.2.1:5353, 2001:db8::1, [2001:db8::1]:5353."""
    if address.startswith("["):
        return ip_address(address[1:].partition("]")[0])
    return ip_address(address if address.count(":") > 1 else address.partition(":")[0])
