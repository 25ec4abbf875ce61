"""Takes away all that tells strangers of a hidden server."""

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import partial

from alerting.model import Incident, IncidentFinding
from checks.codes import CODES
from checks.model import Address
from monitor.state.level import health_after_redaction
from monitor.state.ports import AddressHistoryRow
from monitor.state.status import FindingStatus, Status, ZoneStatus

OPERATORS = frozenset({"store-failing", "configuration-refused"})
"""What the monitor says of itself with names of files, and what is in them."""

_ADDRESS = re.compile(r"[0-9A-Fa-f:.]{2,}")


@dataclass(frozen=True, slots=True)
class Redaction:
    """Names and addresses that must not be seen, and the servers that may be. Built from a whole Status."""

    names: frozenset[str]
    addresses: frozenset[str]
    visible: frozenset[str]

    def covers(self, text: str) -> bool:
        """Whether the text names a hidden server or address, in whatever way it may be written."""
        return self._names_server(text) or self._names_address(text)

    def may_show(self, labels: Mapping[str, str]) -> bool:
        """Whether a sample of a counter is public: it is of no receiver, and of no hidden server."""
        return "receiver" not in labels and ("server" not in labels or labels["server"] in self.visible)

    def _names_server(self, text: str) -> bool:
        low = text.lower()
        return any(name in low and re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", low) for name in self.names)

    def _names_address(self, text: str) -> bool:
        if not self.addresses:
            return False
        tokens = (token for token in _ADDRESS.findall(text) if token.count(".") > 2 or token.count(":") > 1)
        return any(self.addresses & _readings(token) for token in tokens)


def _readings(token: str) -> set[str]:
    """The addresses a run of digits, dots and colons can be read as: alone, or followed by a port or a full stop."""
    found = set()
    for text in (token, token.strip(".:"), token.rpartition(":")[0], token.rpartition(".")[0]):
        try:
            found.add(ipaddress.ip_address(text).compressed)
        except ValueError:
            continue
    return found


def _canonical(host: str) -> str:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).compressed
    except ValueError:
        return host


def redaction(places: Set[tuple[str, Address, bool]]) -> Redaction:
    """From every address of every server, and whether it is hidden there: a server hidden anywhere is hidden."""
    hidden = {server for server, _, is_hidden in places if is_hidden}
    taken = frozenset(_canonical(where.host) for _, where, is_hidden in places if is_hidden)
    open_ = frozenset(_canonical(where.host) for _, where, is_hidden in places if not is_hidden)
    shared = {str(where) for _, where, is_hidden in places if is_hidden and _canonical(where.host) in open_}
    return Redaction(
        names=frozenset(server.lower().rstrip(".") for server in hidden) | (shared - open_),
        addresses=taken - open_,
        visible=frozenset(server for server, _, _ in places) - hidden,
    )


@dataclass(frozen=True, slots=True)
class Parted:
    """A Status, what is hidden of it, and what is left. What did not change is taken over to the next."""

    whole: Status
    places: Set[tuple[str, Address, bool]]
    redaction: Redaction
    public: Status


def public(status: Status, before: Parted | None = None) -> Parted:
    """The same picture as strangers may see it: no hidden server, no word about one, nothing about receivers.

    A zone's health is then that of what is left: trouble of a hidden server alone does not show.
    """
    places = status.zones.places()
    known = before if before is not None and (before.places is places or before.places == places) else None
    cover = known.redaction if known else redaction(places)
    if known and known.whole.incidents is status.incidents:
        incidents = known.public.incidents
    else:
        shown = (public_incident(incident, cover) for incident in status.incidents.values())
        incidents = {incident.id: incident for incident in shown if incident is not None}
    zones = status.zones.redacted(partial(public_zone, cover=cover))
    left = replace(status, zones=zones, incidents=incidents, receivers={}, config_error="", store_error="")
    return Parted(status, places, cover, left)


def public_zone(zone: ZoneStatus, cover: Redaction) -> ZoneStatus:
    addresses = tuple(
        a if a.nsid is None or not cover.covers(a.nsid) else replace(a, nsid=None)
        for a in zone.addresses
        if a.server in cover.visible and not a.hidden
    )
    findings = tuple(shown for f in zone.findings if (shown := _finding(f, cover)) is not None)
    groups = {a.group for a in addresses}
    return replace(
        zone,
        addresses=addresses,
        findings=findings,
        health=health_after_redaction(zone.health, len(zone.findings), (f.severity for f in findings)),
        reference_serials={group: serial for group, serial in zone.reference_serials.items() if group in groups},
        primary=zone.primary if zone.primary in cover.visible else None,
        checks=tuple(replace(check, reason="") if cover.covers(check.reason) else check for check in zone.checks),
    )


def _finding(finding: FindingStatus, cover: Redaction) -> FindingStatus | None:
    if finding.server is not None and finding.server not in cover.visible:
        return None
    subject = "" if cover.covers(finding.subject) else finding.subject
    text = title(finding.code) if cover.covers(finding.text) else finding.text
    return replace(finding, text=text, subject=subject)


def public_incident(incident: Incident, cover: Redaction) -> Incident | None:
    """None when it is about hidden servers only. A past one loses its texts: who was hidden then is not known now."""
    if incident.cause.kind == "server" and incident.cause.name not in cover.visible:
        return None
    if incident.cause.kind == "receiver":
        return None
    over = incident.phase != "open"
    lines = tuple(
        replace(line, text=title(line.code) if over or line.code in OPERATORS or cover.covers(line.text) else line.text)
        for line in incident.lines
        if _may_show(line, cover)
    )
    if incident.lines and not lines:
        return None
    hidden = sum(line.count for line in incident.lines if line.ended is None and not _may_show(line, cover))
    return replace(
        incident,
        lines=lines,
        findings=max(0, incident.findings - hidden),
        servers=tuple(server for server in incident.servers if server in cover.visible),
        past_servers=tuple(server for server in incident.past_servers if server in cover.visible),
        change=None,
        receivers=(),
    )


def _may_show(line: IncidentFinding, cover: Redaction) -> bool:
    if line.server is not None and line.server not in cover.visible:
        return False
    return line.address is None or not cover.covers(line.address)


def public_runs(rows: Iterable[AddressHistoryRow], cover: Redaction) -> Sequence[AddressHistoryRow]:
    return [row for row in rows if row.server in cover.visible and not cover.covers(row.address)]


def title(code: str) -> str:
    """The one-line meaning of a code; the code itself where it is not known."""
    known = CODES.get(code)
    return known.title if known else code
