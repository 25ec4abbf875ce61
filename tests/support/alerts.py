"""Words in which tests tell of alerts: minutes, signs for health, short ways to make values."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from alerting.finding_types import severity_of
from alerting.incident import Cause, Incident, IncidentEvent, IncidentFinding
from alerting.model import Alert, AlertKey, Phase
from alerting.notification import OutboxMessage
from checks.model import Address, CheckResult, Finding, Health, Inconclusive, Server, Zone
from checks.model.finding_type import Severity

START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)

SIGNS = {"+": Health.GOOD, "-": Health.BAD, "?": Health.UNKNOWN}

ADDRESSES = {"ns1": Address("192.0.2.1"), "ns2": Address("192.0.2.2"), "ns3": Address("192.0.2.3")}


def minute(count: float) -> datetime:
    return START + timedelta(minutes=count)


def server(name: str, *upstream: str) -> Server:
    return Server(name, (ADDRESSES[name],), upstream=upstream)


def zone(name: str, *servers: str, primary: str | None = "ns1", upstream: Mapping[str, tuple[str, ...]] = {}) -> Zone:
    return Zone(name, tuple(server(each, *upstream.get(each, ())) for each in servers), primary)


def key(zone: str, code: str, server: str | None = None, *, check: str = "", subject: str = "") -> AlertKey:
    return AlertKey(zone, check or code, code, server, ADDRESSES.get(server or ""), subject)


def alert(
    zone: str,
    code: str,
    server: str | None = None,
    *,
    phase: Phase = Phase.FIRING,
    at: float = 0,
    text: str = "",
    incident: str | None = None,
    severity: Severity | None = None,
    subject: str = "",
) -> Alert:
    return Alert(
        key(zone, code, server, subject=subject),
        phase,
        minute(at),
        severity or severity_of(code, {}),
        text or f"{server or zone} has {code}",
        bad_since=minute(at),
        incident=incident,
        seen=minute(at),
    )


def finding(code: str, server: str | None = None, text: str = "", subject: str = "") -> Finding:
    return Finding(code, text or f"{server} has {code}", server, ADDRESSES.get(server or ""), subject)


def result(
    zone: str,
    at: float,
    *findings: Finding,
    check: str = "soa-serial",
    unsure: Iterable[Inconclusive] = (),
    reason: str = "",
) -> CheckResult:
    health = Health.UNKNOWN if reason else Health.BAD if findings else Health.GOOD
    return CheckResult(zone, check, minute(at), health, findings, tuple(unsure), reason)


OPENED_MESSAGE = OutboxMessage(
    "20261120T100000-3f9a2c-1-0011aabb",
    "oncall",
    IncidentEvent.OPENED,
    Incident(
        "20261120T100000-3f9a2c",
        Cause("zone", "example.org."),
        Severity.CRITICAL,
        "open",
        ("example.org.",),
        ("ns2",),
        opened_at=START,
        began_at=START,
        lines=(
            IncidentFinding(
                "serial-overdue", Severity.CRITICAL, "example.org.", "ns2", "192.0.2.2", "ns2 is late", START
            ),
        ),
        findings=1,
    ),
    START,
)
