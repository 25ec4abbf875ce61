"""The status of one zone, from zone state, check results and alerts."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from alerting.incident_lines import current
from alerting.model import NOT_CHECKED, Alert, Phase
from checks.common.transfer_tree import transfer_tree, waiting_since
from checks.model import (
    Address,
    Cadences,
    CheckResult,
    Finding,
    Health,
    IxfrResponse,
    TransferFigures,
    Zone,
    ZoneTransfer,
)
from checks.model.finding_type import Severity
from checks.reachable import Reachable
from checks.replication_state import replication_state
from checks.zone_state.model import SERIAL_CHECK, AddressState, ZoneState
from monitor.probe.message.names import unicode
from monitor.state.level import UNKNOWN_STATE
from monitor.state.status import AddressStatus, CheckStatus, ZoneStatus

Measured = TypeVar("Measured", ZoneTransfer, IxfrResponse)

HEALTH_CHECKS = (Reachable.name, SERIAL_CHECK)
"""The checks without whose word nobody can say that a zone is well, unless they are off for it."""


def zone_status(
    zone: Zone,
    zone_state: ZoneState | None,
    results: Mapping[str, CheckResult],
    alerts: Collection[Alert],
    since: datetime | None,
    now: datetime,
    deciding_checks: Collection[str] = HEALTH_CHECKS,
    cadences: Cadences = (),
    *,
    unheard: str = UNKNOWN_STATE,
    figures: Iterable[TransferFigures] = (),
) -> ZoneStatus:
    """The zone as it is shown: its addresses, the findings that stand, a health that claims no more than is known.

    ``unheard`` is the state of addresses of which no version is known; ``figures`` are those of each check that
    measures transfers.
    """
    findings = standing_findings(alerts)
    health = health_of(findings, results, deciding_checks)
    groups = zone_state.serial_groups if zone_state else ()
    soa = next((s.soa for s in groups if s.soa), None)
    return ZoneStatus(
        name=zone.name,
        unicode=unicode(zone.name),
        health=health,
        reference_serials={group.group: group.reference for group in groups},
        addresses=addresses(zone, zone_state, results, figures, unheard),
        findings=findings,
        checks=tuple(CheckStatus(v.check, v.at, v.health, v.reason) for _, v in sorted(results.items())),
        primary=zone.primary,
        signer=zone.signer,
        catalog=zone.catalog or None,
        labels=zone.labels,
        removed=zone.removed,
        soa_timers=(soa.refresh, soa.retry, soa.expire, soa.minimum) if soa else None,
        since=since if since is not None else bad_since(health, alerts, now),
        cadences=cadences,
        tree=transfer_tree(zone, zone_state) if zone_state else (),
    )


@dataclass(frozen=True, slots=True)
class ZoneSummary:
    """What a status comes to: health, the state of each address, what was found, since when it may be so."""

    health: Health
    states: tuple[str, ...]
    findings: tuple[Alert, ...]
    bad_since: datetime


def summarise(
    zone: Zone,
    zone_state: ZoneState | None,
    results: Mapping[str, CheckResult],
    alerts: Collection[Alert],
    now: datetime,
    deciding_checks: Collection[str] = HEALTH_CHECKS,
    *,
    well: bool = False,
    unheard: str = UNKNOWN_STATE,
) -> ZoneSummary:
    """The same as of ``zone_status``, for a tenth of its cost. ``well``: all addresses are known to be in sync."""
    findings = standing_findings(alerts) if alerts else ()
    health = health_of(findings, results, deciding_checks)
    said = [f for v in results.values() for f in v.findings]
    if zone_state is None:
        states = ("in-sync" if well else unheard,) * sum(len(server.addresses) for server in zone.servers)
    else:
        known = {(s.server, s.address): s for s in zone_state.address_states}
        states = tuple(
            replication_state(zone, zone_state, known.get((server.name, address)), said)
            for server, address in zone.server_addresses()
        )
    return ZoneSummary(health, states, findings, bad_since(health, alerts, now))


def standing_findings(alerts: Collection[Alert]) -> tuple[Alert, ...]:
    """What is found of a zone now, the gravest first; not what a server served before it went silent."""
    standing = current(tuple(alerts))
    told = (a for a in standing if not (a.key.code == NOT_CHECKED and a.phase is Phase.PENDING))
    return tuple(sorted(told, key=lambda f: (-f.severity, f.began, f.key.code)))


def health_of(
    findings: Collection[Alert],
    results: Mapping[str, CheckResult],
    deciding_checks: Collection[str] = HEALTH_CHECKS,
) -> Health:
    """Bad as long as something of weight stands; good only when the decisive checks have said so, and none is missing.

    That something could not be checked for long is a finding about the monitor: it makes the zone unknown, not bad.
    """
    if any(is_failing(f.severity, f.key.code) for f in findings):
        return Health.BAD
    spoken = [result.health for name in deciding_checks if (result := results.get(name)) is not None]
    if not deciding_checks or len(spoken) < len(deciding_checks) or Health.UNKNOWN in spoken:
        return Health.UNKNOWN
    return Health.UNKNOWN if any(f.key.code == NOT_CHECKED for f in findings) else Health.GOOD


def is_failing(severity: Severity, code: str) -> bool:
    """Whether it says something bad of the zone."""
    return severity >= Severity.WARNING and code != NOT_CHECKED


def bad_since(health: Health, alerts: Iterable[Alert], now: datetime) -> datetime:
    """Since when it is so, where nobody has seen it become so: after a restart the alerts know, those too that are
    about what was served before.
    """
    if health is not Health.BAD:
        return now
    return min([now, *(a.began for a in alerts if is_failing(a.severity, a.key.code))])


def addresses(
    zone: Zone,
    zone_state: ZoneState | None,
    results: Mapping[str, CheckResult],
    figures: Iterable[TransferFigures],
    unheard: str,
) -> tuple[AddressStatus, ...]:
    known = {(s.server, s.address): s for s in zone_state.address_states} if zone_state else {}
    findings = [f for v in results.values() for f in v.findings]
    ends = {(end.server, end.address): end.at for v in results.values() for end in v.ends}
    arrivals = {(one.server, one.address): one for v in results.values() for one in v.arrivals}
    known_figures = tuple(figures)
    transfers = latest(one for each in known_figures for one in each.whole)
    ixfr = latest(one for each in known_figures for one in each.ixfr)
    return tuple(
        replace(
            address_status(zone, zone_state, known.get((server.name, address)), findings, server.name, i, unheard),
            signatures_end=ends.get((server.name, address)),
            canary=arrivals.get((server.name, address)),
            transfers=transfers.get((server.name, address), ()),
            ixfr=ixfr.get((server.name, address), ()),
        )
        for server in zone.servers
        for i, address in enumerate(server.addresses)
    )


def latest(measured: Iterable[Measured]) -> Mapping[tuple[str, Address], tuple[Measured, ...]]:
    """By server and address, the latest of each way in which the zone was asked for, whichever check did."""
    newest = {one.way: one for one in sorted(measured, key=_at)}
    found: dict[tuple[str, Address], list[Measured]] = {}
    for one in newest.values():
        found.setdefault((one.server, one.address), []).append(one)
    return {place: tuple(some) for place, some in found.items()}


def _at(one: ZoneTransfer | IxfrResponse) -> datetime:
    return one.at


def address_status(
    zone: Zone,
    zone_state: ZoneState | None,
    standing: AddressState | None,
    findings: list[Finding],
    name: str,
    index: int,
    unheard: str,
) -> AddressStatus:
    server = zone.server(name)
    assert server is not None  # noqa: S101 - the name comes from the zone itself
    address = server.addresses[index]
    if zone_state is None or standing is None:
        return AddressStatus(
            server=name, address=address, hidden=server.hidden, primary=name == zone.primary, serial=None,
            state=unheard if zone_state is None else UNKNOWN_STATE, outcome=UNKNOWN_STATE, rtt=None, since=None,
            behind_since=None, checked_at=None, group=server.group,
            signer=name == zone.signer,
        )  # fmt: skip
    answering = standing.outcome == "answered"
    return AddressStatus(
        server=name,
        address=address,
        hidden=server.hidden,
        primary=name == zone.primary,
        signer=name == zone.signer,
        serial=standing.serial if answering else None,
        state=replication_state(zone, zone_state, standing, findings),
        outcome=standing.outcome,
        rtt=standing.rtt,
        since=standing.changed,
        behind_since=waiting_since(zone, zone_state, standing) if answering else None,
        checked_at=standing.checked_at,
        expires=standing.expires,
        estimated=standing.estimated,
        nsid=standing.nsid,
        identities=standing.identities,
        group=server.group,
    )
