"""Values as the monitor would make them, with times counted in seconds from one noon."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from alerting.incident import Cause, Incident, IncidentEvent, IncidentFinding
from alerting.model import Alert, AlertKey, Phase, Reason, Transition
from alerting.notification import OutboxMessage
from checks.model import Address, Soa
from checks.model.finding_type import Severity
from checks.zone_state.model import (
    AddressState,
    Propagation,
    SerialGroup,
    StateChange,
    UnconfirmedSerial,
    Version,
    ZoneState,
)
from monitor.state.ports import Sweep

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NS1, NS2 = Address("192.0.2.1"), Address("2001:db8::2", 5353)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def zone_state(zone: str = "example.com.", serial: int = 7, seconds: float = 0.0) -> ZoneState:
    soa = Soa(serial, "ns1.example.com.", "dns.example.com.", 3600, 900, 604800, 300, 3600)
    versions = (Version(serial - 1, None, at(-60)), Version(serial, at(-1.5), at(0.000001)))
    return ZoneState(
        zone,
        serial_groups=(
            SerialGroup("", serial, soa, versions, UnconfirmedSerial(serial - 3, "ns1.fra", 1, at(3)), versions[0]),
        ),
        address_states=(
            AddressState(
                "ns1", NS1, "", serial, at(-60), "answered", at(0.25), nsid="ns1.fra", checked_at=at(seconds), rtt=0.1
            ),
            AddressState(
                "ns2", NS2, "", None, at(-60), "timeout", at(-60), at(-30), 2, expires=at(9000), estimated=True
            ),
        ),
        at=at(seconds),
    )


def run(
    serial: int | None, seconds: float, *, zone: str = "example.com.", server: str = "ns1", address=NS1
) -> StateChange:
    return StateChange(zone, server, address, serial, "answered" if serial is not None else "timeout", at(seconds))


def key(zone: str = "example.com.", code: str = "serial-late", server: str | None = "ns2") -> AlertKey:
    return AlertKey(zone, "soa-serial", code, server, NS2 if server else None)


def alert(phase: Phase = Phase.FIRING, seconds: float = 0.0, *, zone: str = "example.com.", **more) -> Alert:
    return Alert(
        key(zone, **more), phase, at(seconds), Severity.WARNING, "22 min behind", at(seconds - 120), None, "i1", at(5)
    )


def transition(seconds: float = 0.0, zone: str = "example.com.", server: str | None = "ns2") -> Transition:
    return Transition(key(zone, server=server), Phase.PENDING, Phase.FIRING, Reason.FIRED, at(seconds))


def incident(
    id: str = "i1", seconds: float = 0.0, *, zones=("example.com.",), resolved: float | None = None
) -> Incident:
    line = IncidentFinding("serial-late", Severity.WARNING, zones[0], "ns2", str(NS2), "22 min behind", at(seconds))
    opened = Incident(
        id, Cause("server", "ns2"), Severity.CRITICAL, "open", tuple(zones), ("ns2",), at(seconds), at(seconds),
        lines=(line,), findings=1,
    )  # fmt: skip
    return opened if resolved is None else replace(opened, phase="resolved", resolved_at=at(resolved))


def message(
    id: str, receiver: str = "oncall", seconds: float = 0.0, *, about: str = "i1", event=IncidentEvent.OPENED
) -> OutboxMessage:
    return OutboxMessage(id, receiver, event, incident(about, seconds), at(seconds))


def propagation(seconds: float, zone: str = "example.com.", serial: int = 7) -> Propagation:
    return Propagation(zone, "ns2", NS2, serial, 12.5, 6.25, at(seconds))


def sweep(seconds: float, check: str = "soa-serial", *, took: float = 2.0) -> Sweep:
    return Sweep(check, at(seconds), at(seconds + took), 1, 2, 2)


def steady_state(zone: str, serial: int = 7, seconds: float = 0.0) -> ZoneState:
    """One that packs."""
    moved = zone_state(zone, serial, seconds)
    serial_group, (first, second) = moved.serial_groups[0], moved.address_states
    return replace(
        moved,
        serial_groups=(replace(serial_group, versions=serial_group.versions[1:], doubt=None, regressed=None),),
        address_states=(first, replace(second, passed=0)),
    )
