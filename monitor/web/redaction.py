"""Redaction: takes away all that would tell the public of a hidden server."""

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import partial

from alerting.finding_types import FINDING_TYPES
from alerting.incident import Incident, IncidentFinding
from alerting.model import Alert
from alerting.timeline import TimelineEntry, TimelineEvent
from checks.common.transfer_tree import TransferHop
from checks.model import Address, RecordDifference
from checks.zone_state.model import IdentityState, Propagation
from monitor.probe.server_series import OTHER
from monitor.state.level import health_after_redaction
from monitor.state.notifies import Notify
from monitor.state.ports import AddressHistoryRow
from monitor.state.status import Status, ZoneStatus

OPERATORS_ONLY = frozenset(found.code for found in FINDING_TYPES.values() if found.operators_only)
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
        """Whether a sample of a counter is public: of no receiver, witness or hidden server, not even in a sum."""
        server = labels.get("server", OTHER)
        return labels.keys().isdisjoint(("receiver", "witness")) and (server == OTHER or server in self.visible)

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


def redaction_of(server_addresses: Set[tuple[str, Address, bool]]) -> Redaction:
    """From every address of every server, and whether it is hidden there: a server hidden anywhere is hidden."""
    hidden = {server for server, _, is_hidden in server_addresses if is_hidden}
    taken = frozenset(_canonical(where.host) for _, where, is_hidden in server_addresses if is_hidden)
    open_ = frozenset(_canonical(where.host) for _, where, is_hidden in server_addresses if not is_hidden)
    shared = {str(where) for _, where, is_hidden in server_addresses if is_hidden and _canonical(where.host) in open_}
    return Redaction(
        names=frozenset(server.lower().rstrip(".") for server in hidden) | (shared - open_),
        addresses=taken - open_,
        visible=frozenset(server for server, _, _ in server_addresses) - hidden,
    )


@dataclass(frozen=True, slots=True)
class RedactedStatus:
    """A Status, what is hidden of it, and what is left. What did not change is taken over to the next."""

    whole: Status
    server_addresses: Set[tuple[str, Address, bool]]
    redaction: Redaction
    public: Status


def public(status: Status, before: RedactedStatus | None = None) -> RedactedStatus:
    """The Status as the public may see it: no hidden server, no word about one, nothing about receivers and sources
    of zones, and of sweeps neither what they ask nor where a cap is too low: hidden servers count in that.

    A zone's health is then that of what is left: trouble of a hidden server alone does not show.
    """
    server_addresses = status.zones.server_addresses()
    known = (
        before
        if before is not None
        and (before.server_addresses is server_addresses or before.server_addresses == server_addresses)
        else None
    )
    redaction = known.redaction if known else redaction_of(server_addresses)
    if known and known.whole.incidents is status.incidents:
        incidents = known.public.incidents
    else:
        incidents = _public_incidents(status.incidents, redaction, known)
    zones = status.zones.redacted(partial(public_zone, redaction=redaction))
    if known and known.whole.sweeps is status.sweeps:
        sweeps = known.public.sweeps
    else:
        sweeps = {name: replace(sweep, queries=None, low_caps=None) for name, sweep in status.sweeps.items()}
    left = replace(
        status, zones=zones, incidents=incidents, sweeps=sweeps, sources=(), receivers={}, config_error="",
        store_error="",
        silences=status.silences.redacted(),
    )  # fmt: skip
    return RedactedStatus(status, server_addresses, redaction, left)


def _public_incidents(
    incidents: Mapping[str, Incident], redaction: Redaction, known: RedactedStatus | None
) -> Mapping[str, Incident]:
    """Those of which something may be shown; one that is as it was is as it was."""
    before, shown = (known.whole.incidents, known.public.incidents) if known else ({}, {})
    found = {
        name: shown.get(name) if before.get(name) is incident else public_incident(incident, redaction)
        for name, incident in incidents.items()
    }
    return {name: incident for name, incident in found.items() if incident is not None}


def public_zone(zone: ZoneStatus, redaction: Redaction) -> ZoneStatus:
    addresses = tuple(
        replace(a, nsid=_nsid(a.nsid, redaction), identities=_identities(a.identities, redaction))
        for a in zone.addresses
        if a.server in redaction.visible and not a.hidden
    )
    findings = tuple(shown for f in zone.findings if (shown := _finding(f, redaction)) is not None)
    groups = {a.group for a in addresses}
    return replace(
        zone,
        addresses=addresses,
        findings=findings,
        health=health_after_redaction(zone.health, len(zone.findings), (f.severity for f in findings)),
        reference_serials={group: serial for group, serial in zone.reference_serials.items() if group in groups},
        primary=zone.primary if zone.primary in redaction.visible else None,
        last_notify=_notify(zone, redaction),
        signer=zone.signer if zone.signer in redaction.visible else None,
        tree=_tree(zone, redaction),
        labels=(),
        checks=tuple(replace(check, reason="") if redaction.covers(check.reason) else check for check in zone.checks),
    )


def _nsid(nsid: str | None, redaction: Redaction) -> str | None:
    return None if nsid is not None and redaction.covers(nsid) else nsid


def _identities(identities: tuple[IdentityState, ...], redaction: Redaction) -> tuple[IdentityState, ...]:
    return tuple(replace(one, nsid=_nsid(one.nsid, redaction)) for one in identities)


def _notify(zone: ZoneStatus, redaction: Redaction) -> Notify | None:
    """Without the address that it came from: that may be one a server is not asked at."""
    notify = zone.last_notify
    return replace(notify, host="") if notify is not None and notify.server in redaction.visible else None


def _tree(zone: ZoneStatus, redaction: Redaction) -> tuple[TransferHop, ...]:
    """Only where nobody in it is hidden: what is above and below such a server would tell of it."""
    named = {name for hop in zone.tree for name in (hop.server, *hop.upstreams)}
    return zone.tree if named <= redaction.visible else ()


def _finding(finding: Alert, redaction: Redaction) -> Alert | None:
    if finding.key.server is not None and finding.key.server not in redaction.visible:
        return None
    subject = "" if redaction.covers(finding.key.subject) else finding.key.subject
    text = title(finding.key.code) if redaction.covers(finding.text) else finding.text
    return replace(
        finding, text=text, key=replace(finding.key, subject=subject), difference=_difference(finding, redaction)
    )


def _difference(finding: Alert, redaction: Redaction) -> RecordDifference | None:
    """All of it or nothing: what is left of one that names a hidden server would say that there is one."""
    one = finding.difference
    told = () if one is None else (finding.text, one.summary, one.reference, *one.removed, *one.added)
    return None if any(redaction.covers(text) for text in told) else one


def public_incident(incident: Incident, redaction: Redaction) -> Incident | None:
    """None when it is about hidden servers only. A past one loses its texts: who was hidden then is not known now."""
    if incident.cause.kind == "server" and incident.cause.name not in redaction.visible:
        return None
    if incident.cause.kind == "receiver":
        return None
    over = incident.phase != "open"
    lines = tuple(
        replace(
            line,
            text=title(line.code) if over or line.code in OPERATORS_ONLY or redaction.covers(line.text) else line.text,
        )
        for line in incident.lines
        if _may_show(line, redaction)
    )
    if incident.lines and not lines:
        return None
    hidden = sum(line.count for line in incident.lines if line.ended_at is None and not _may_show(line, redaction))
    return replace(
        incident,
        lines=lines,
        findings=max(0, incident.findings - hidden),
        servers=tuple(server for server in incident.servers if server in redaction.visible),
        past_servers=tuple(server for server in incident.past_servers if server in redaction.visible),
        change=None,
        receivers=(),
        parts=(),
        labels=(),
        silences=(),
        acknowledged=incident.acknowledged and replace(incident.acknowledged, by="", note=""),
    )


def public_timeline(timeline: Iterable[TimelineEntry]) -> list[TimelineEntry]:
    """Without who did it, and what names zones and servers."""
    shown = (each for each in timeline if each.event is not TimelineEvent.TOLD_AMONG_MANY)
    return [replace(each, who="", note="", servers=0, change=None) for each in shown]


def _may_show(line: IncidentFinding, redaction: Redaction) -> bool:
    if line.server is not None and line.server not in redaction.visible:
        return False
    return line.address is None or not redaction.covers(line.address)


def public_history(rows: Iterable[AddressHistoryRow], redaction: Redaction) -> Sequence[AddressHistoryRow]:
    return [row for row in rows if row.server in redaction.visible and not redaction.covers(row.address)]


def public_propagations(rows: Iterable[Propagation], redaction: Redaction) -> Sequence[Propagation]:
    return [row for row in rows if row.server in redaction.visible and not redaction.covers(str(row.address))]


def title(code: str) -> str:
    """The one-line meaning of a code; the code itself where it is not known."""
    known = FINDING_TYPES.get(code)
    return known.title if known else code
