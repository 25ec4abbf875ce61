"""The shapes of the JSON API that other programs rely on; keys are added, never taken away or renamed."""

from datetime import datetime
from typing import Any

from alerting.model import Alert
from checks.common.transfer_tree import TransferHop
from checks.model import IxfrResponse, RecordDifference, ZoneTransfer
from checks.zone_state.model import IdentityState
from monitor.config.low_caps import LowCap
from monitor.state.failover import Failover, failovers
from monitor.state.level import HEALTH_OF_LEVEL
from monitor.state.notifies import Notify
from monitor.state.source_status import SourceStatus
from monitor.state.status import AddressStatus, ServerTally, ZoneStatus
from monitor.state.sweep_status import SweepStatus
from monitor.web.formatting import iso
from monitor.web.sweep_view import duration
from monitor.web.view_models import server_row

Json = dict[str, Any]


def zone_summary(zone: ZoneStatus) -> Json:
    return {
        "name": zone.name,
        "unicode": zone.unicode,
        "health": zone.health.value,
        "since": iso(zone.since),
        "labels": dict(zone.labels),
        "reference_serial": zone.reference_serial,
        "addresses": len(zone.addresses),
        "findings": sorted({finding.key.code for finding in zone.findings}),
    }


def zone_data(zone: ZoneStatus, now: datetime) -> Json:
    return {
        "name": zone.name,
        "unicode": zone.unicode,
        "health": zone.health.value,
        "since": iso(zone.since),
        "primary": zone.primary,
        "signer": zone.signer,
        "catalog": zone.catalog,
        "removed": zone.removed,
        "labels": dict(zone.labels),
        "reference_serial": zone.reference_serial,
        "reference_serials": dict(zone.reference_serials),
        "soa_timers": dict(zip(("refresh", "retry", "expire", "minimum"), zone.soa_timers, strict=True))
        if zone.soa_timers
        else None,
        "addresses": [_address(address, now) for address in zone.addresses],
        "findings": [_finding(finding) for finding in zone.findings],
        "checks": [
            {"check": c.check, "at": iso(c.at), "health": c.health.value, "reason": c.reason} for c in zone.checks
        ],
        "cadence_seconds": {check: every.total_seconds() or None for check, every in zone.cadences},
        "last_notify": _notify(zone.last_notify) if zone.last_notify else None,
        "tree": [_hop(hop, now) for hop in zone.tree],
        "failover": [_failover(one) for one in failovers(zone)],
    }


def _failover(one: Failover) -> Json:
    return {
        "lost": "provider" if one.group else "primary",
        "name": one.lost,
        "remains": [
            {
                "server": each.server,
                "until": iso(each.until),
                "until_estimated": each.estimated,
                "signatures_end_at": iso(each.signatures_end),
            }
            for each in one.remains
        ],
        "unheard": list(one.unheard),
        "dark_at": iso(one.dark_at),
    }


def _hop(hop: TransferHop, now: datetime) -> Json:
    lag = (now - hop.behind_since).total_seconds() if hop.behind_since is not None else 0
    return {
        "server": hop.server,
        "upstreams": list(hop.upstreams),
        "hop": hop.depth,
        "serves": hop.answers,
        "lag_seconds": max(0, round(lag)) if hop.answers or hop.behind_since is not None else None,
        "waits_for": hop.waits_for,
    }


def _notify(notify: Notify) -> Json:
    return {"at": iso(notify.at), "server": notify.server, "source": notify.host or None, "serial": notify.serial}


def _address(address: AddressStatus, now: datetime) -> Json:
    lag = address.lag(now)
    return {
        "server": address.server,
        "address": str(address.address),
        "serial": address.serial,
        "lag_seconds": None if lag is None else max(0, round(lag.total_seconds())),
        "state": address.state,
        "outcome": address.outcome,
        "rtt_ms": None if address.rtt is None else round(address.rtt * 1000, 3),
        "expires_at": iso(address.expires),
        "expires_estimated": address.estimated,
        "signatures_end_at": iso(address.signatures_end),
        "primary": address.primary,
        "signer": address.signer,
        "hidden": address.hidden,
        "group": address.group,
        "nsid": address.nsid,
        "identities": [_identity(one) for one in address.identities],
        "canary": None if (one := address.canary) is None else {"at": iso(one.at), "seconds": round(one.seconds, 3)},
        "transfers": [_transfer(one) for one in address.transfers],
        "ixfr": [_ixfr(one) for one in address.ixfr],
        "since": iso(address.since),
        "checked_at": iso(address.checked_at),
    }


def _transfer(one: ZoneTransfer) -> Json:
    return {
        "at": iso(one.at),
        "serial": one.serial,
        "seconds": round(one.seconds, 6),
        "octets": one.octets,
        "messages": one.messages,
        "records": one.records,
        "octets_per_second": None if one.rate is None else round(one.rate),
        "key": one.key,
        "transport": one.transport.value,
        "source": one.source,
    }


def _ixfr(one: IxfrResponse) -> Json:
    size = one.size
    return {
        "at": iso(one.at),
        "answer": one.answer.value,
        "since": one.since,
        "serial": one.serial,
        "seconds": None if size is None else round(size.seconds, 6),
        "octets": None if size is None else size.octets,
        "messages": None if size is None else size.messages,
        "records": None if size is None else size.records,
        "key": one.key,
        "transport": one.transport.value,
        "source": one.source,
    }


def _identity(one: IdentityState) -> Json:
    return {"nsid": one.nsid, "serial": one.serial, "since": iso(one.since), "seen_at": iso(one.seen)}


def _finding(finding: Alert) -> Json:
    return {
        "code": finding.key.code,
        "severity": str(finding.severity),
        "server": finding.key.server,
        "address": None if finding.key.address is None else str(finding.key.address),
        "text": finding.text,
        "since": iso(finding.began),
        "subject": finding.key.subject,
        "check": finding.key.check,
        "phase": finding.phase.value,
        "incident": finding.incident,
        "inherited": finding.inherited,
        "difference": None if (one := finding.difference) is None else _difference(one),
    }


def _difference(one: RecordDifference) -> Json:
    return {
        "reference": one.reference,
        "removed": list(one.removed),
        "added": list(one.added),
        "more": one.more,
        "is_complete": one.is_complete,
    }


def source_data(source: SourceStatus) -> Json:
    return {
        "kind": source.kind,
        "name": source.name,
        "health": source.health.value,
        "zones": source.zones,
        "serial": source.serial,
        "refresh_seconds": None if source.refresh is None else source.refresh.total_seconds(),
        "read_at": iso(source.read_at),
        "code": source.trouble.code if source.trouble else None,
        "error": source.trouble.text if source.trouble else None,
        "error_since": iso(source.trouble_since),
    }


def server_data(name: str, tally: ServerTally) -> Json:
    row = server_row(name, tally)
    return {
        "name": name,
        "health": HEALTH_OF_LEVEL[tally.level].value,
        "addresses": list(map(str, tally.addresses)),
        "zones": tally.zones,
        "in_sync": row.in_sync,
        "summary": row.summary,
    }


def sweep_data(sweep: SweepStatus, now: datetime) -> Json:
    kept, took, ended = sweep.kept(now), duration(sweep), sweep.finished is not None
    return {
        "check": sweep.check,
        "cadence_seconds": sweep.cadence.total_seconds(),
        "kept_seconds": None if kept is None else round(kept.total_seconds(), 3),
        "is_kept": None if kept is None else not sweep.is_lagging(now),
        "zones": sweep.zones if ended else None,
        "queries": sweep.queries if ended else None,
        "duration_seconds": None if took is None else round(took.total_seconds(), 3),
        "finished_at": iso(sweep.finished),
        "under_way_since": iso(sweep.begun) if sweep.under_way else None,
        "missed": sweep.missed,
        "low_caps": None if sweep.low_caps is None else [_low_cap(low, sweep) for low in sweep.low_caps],
    }


def _low_cap(low: LowCap, sweep: SweepStatus) -> Json:
    return {
        "setting": low.setting,
        "server": low.server,
        "cap": low.cap,
        "needed": round(low.needed, 3),
        "sufficient": low.sufficient,
        "estimated_seconds": round(low.time(sweep.cadence).total_seconds(), 3),
    }
