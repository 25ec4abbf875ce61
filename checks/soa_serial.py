"""The check soa-serial: every address is on the zone's newest version, or how late it is."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar

from checks.base import StandingQuestion
from checks.common.serial import above, behind, newer, path, unordered
from checks.common.text import enumerated, format_duration, format_time, instant, plural
from checks.common.versions import newer_than
from checks.model import (
    Address,
    CheckInconclusive,
    Finding,
    Inconclusive,
    Observation,
    Query,
    Server,
    Soa,
    Transport,
    Zone,
    ZonePoll,
)
from checks.model.finding_type import NUMBERING, FindingType, Severity
from checks.zone_state.address import ANSWERED
from checks.zone_state.model import SERIAL_CHECK, AddressState, SerialGroup, ZoneState

LATE = FindingType(
    "serial-late", Severity.WARNING, "A server is behind for longer than max_lag", state="late", inherits=True
)
OVERDUE = FindingType(
    "serial-overdue", Severity.CRITICAL, "A server is behind for longer than the zone's own refresh and retry",
    state="overdue", inherits=True,
)  # fmt: skip
STUCK = FindingType(
    "serial-stuck", Severity.CRITICAL, "A server stays on one version while newer ones come by",
    state="stuck", inherits=True,
)  # fmt: skip
AHEAD = FindingType(
    "serial-ahead", Severity.CRITICAL, "A server serves a newer version than its primary",
    state="ahead", family=NUMBERING,
)  # fmt: skip
REGRESSED = FindingType("serial-regressed", Severity.WARNING, "A primary's serial went back", family=NUMBERING)
UNORDERED = FindingType(
    "serial-unordered", Severity.CRITICAL, "Two serials are exactly 2^31 apart: neither is newer",
    state="unordered", family=NUMBERING,
)  # fmt: skip
EXPIRY_NEAR = FindingType("expiry-near", Severity.WARNING, "A server will stop serving the zone soon", inherits=True)
EXPIRY_IMMINENT = FindingType(
    "expiry-imminent", Severity.CRITICAL, "A server is about to stop serving the zone", inherits=True
)
FINDINGS = (LATE, OVERDUE, STUCK, AHEAD, REGRESSED, UNORDERED, EXPIRY_NEAR, EXPIRY_IMMINENT)


@dataclass(frozen=True, slots=True)
class SoaSerial:
    """Objective: every address serves the reference of its group, or comes to it within its budget.

    Steps: 1. Ask every secondary for the SOA over UDP (with NSID and EXPIRE); where UDP brings
    nothing that can be used, over TCP.
    2. Then the primary, last, so that no secondary looks ahead of it only because of the order of asking.
    3. The zone state takes in the poll. 4. Evaluate each address by it; what does not answer with a
    version now is unsure. A difference within the budgets is propagation and no finding.

    One finding of lateness per address, the first that holds:

    =================  ===================================================================================
    serial-stuck       ``stuck_after`` or more newer versions came by while its own has not moved, and that for longer
                       than max_lag and than refresh + cadence: it must have asked, NOTIFY or not. Who takes versions
                       late, every one or some, is late and never stuck
    serial-overdue     late by more than refresh + retry + cadence: the zone's own promise. Where that is
                       shorter than max_lag it holds all the same; where it is longer, serial-late comes first
    serial-late        late by more than max_lag
    =================  ===================================================================================

    And besides:

    =================  ===================================================================================
    serial-ahead       newer than the primary's, at two looks in a row on the same address and NSID
    serial-regressed   the primary's serial went back (believed likewise), while any address is still ahead of it
    serial-unordered   2^31 away from the reference, or no reference because of that (RFC 1982 section 3.2)
    expiry-imminent    no more than a quarter of the SOA's expire is left before the address stops serving
    expiry-near        no more than half is left, and refresh + retry + cadence have passed since it was full: it has
                       not refreshed, even if its serial is right
    =================  ===================================================================================
    """

    stuck_after: int = field(default=2, metadata={"bounds": {"ge": 1}})
    """Newer versions that come by before a server is stuck; its own has not moved for longer than `max_lag` and the
    SOA's refresh meanwhile. At least 1."""
    expiry_near: float = field(default=0.5, metadata={"bounds": {"gt": 0, "le": 1}})
    """Of the SOA's expire left: `expiry-near`. More than 0, at most 1."""
    expiry_imminent: float = field(default=0.25, metadata={"bounds": {"gt": 0, "le": 1}})
    """Of the SOA's expire left: `expiry-imminent`. More than 0, at most `expiry_near`."""
    tcp_when_silent: bool = True
    """Where UDP is dead the serial is asked over TCP."""

    name: ClassVar[str] = SERIAL_CHECK
    finding_types: ClassVar[tuple[FindingType, ...]] = FINDINGS
    cadence: ClassVar[timedelta] = timedelta(seconds=60)
    version_bound: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.expiry_imminent > self.expiry_near:
            order = f"{self.expiry_imminent:g} is more than expiry_near, {self.expiry_near:g}"
            raise ValueError(f"expiry_imminent comes after expiry_near, so it must not be more: {order}")

    def applies(self, zone: Zone) -> bool:
        return any(server.addresses for server in zone.servers)

    def standing_questions(self, zone: Zone) -> tuple[StandingQuestion, ...]:
        return (StandingQuestion(zone.name, "SOA"),)

    def queries(self, zone: Zone, seen: tuple[Observation, ...]) -> Iterable[Query]:
        asked = {(o.query.server, o.query.address, o.query.transport): o for o in seen}
        for primary in (False, True):
            places = [place for place in zone.server_addresses() if (place[0].name == zone.primary) is primary]
            fresh = [p for p in places if (p[0].name, p[1], Transport.UDP) not in asked]
            if fresh:
                return [_query(zone, server, address, Transport.UDP) for server, address in fresh]
            dead = [
                (server, address)
                for server, address in places
                if ((udp := asked[server.name, address, Transport.UDP].outcome).transport_failed or udp.unusable)
                and (server.name, address, Transport.TCP) not in asked
            ]
            if dead and self.tcp_when_silent:
                return [_query(zone, server, address, Transport.TCP) for server, address in dead]
        return ()

    def evaluate(self, zone: Zone, poll: ZonePoll, zone_state: ZoneState) -> Iterator[Finding | Inconclusive]:
        serial_groups = {serial_group.group: serial_group for serial_group in zone_state.serial_groups}
        if not zone_state.address_states:
            raise CheckInconclusive("nothing is known of the zone yet")
        for address_state in zone_state.address_states:
            serial_group = serial_groups[address_state.group]
            if address_state.outcome != ANSWERED or address_state.serial is None:
                yield Inconclusive(
                    address_state.server,
                    address_state.address,
                    reason=f"serves no version now: {address_state.outcome}",
                )
            elif (
                serial_group.doubt is not None
                and address_state.serial == serial_group.doubt.serial != serial_group.reference
            ):
                why = f"serves {address_state.serial}, as its primary does at a first look; a second one will tell"
                yield Inconclusive(address_state.server, address_state.address, reason=why)
            elif address_state.doubt is not None:
                why = f"serves {address_state.doubt.serial} at a first look; a second one will tell"
                yield Inconclusive(address_state.server, address_state.address, reason=why)
            else:
                if address_state.serial != serial_group.reference:
                    yield from self._other(zone, poll, zone_state, serial_group, address_state, address_state.serial)
                if address_state.expires is not None and serial_group.soa is not None:
                    yield from self._expiry(address_state, address_state.expires, serial_group.soa, poll)
        for serial_group in zone_state.serial_groups:
            if serial_group.regressed is not None:
                yield _regressed(zone, serial_group, zone_state)

    def due(self, zone_state: ZoneState) -> datetime | None:
        """When time alone will bring a finding about a zone state that packs (its codec); None if it never will.

        What counts down by EDNS EXPIRE is not in it: that is told anew at each look.
        """
        expire = {
            serial_group.group: serial_group.soa.expire
            for serial_group in zone_state.serial_groups
            if serial_group.soa is not None
        }
        return min(
            (
                address_state.expires - timedelta(seconds=expire[address_state.group] * self.expiry_near)
                for address_state in zone_state.address_states
                if address_state.estimated and address_state.expires is not None and address_state.outcome == ANSWERED
            ),
            default=None,
        )

    def _other(
        self,
        zone: Zone,
        poll: ZonePoll,
        zone_state: ZoneState,
        serial_group: SerialGroup,
        address_state: AddressState,
        serial: int,
    ) -> Iterator[Finding | Inconclusive]:
        reference = serial_group.reference
        if reference is None:
            text = f"serves {serial}; no serial of this zone is newer than all others"
            yield _finding(UNORDERED.code, address_state, text)
        elif behind(reference, serial) is not None:
            yield from self._late(zone, poll, serial_group, address_state, reference)
        elif newer(serial, reference) and _has_primary(zone, serial_group):
            yield _ahead(zone, zone_state, serial_group, address_state)
        else:
            yield _unordered(zone, serial_group, address_state, serial, reference)

    def _late(
        self, zone: Zone, poll: ZonePoll, serial_group: SerialGroup, address_state: AddressState, reference: int
    ) -> Iterator[Finding]:
        serial = address_state.serial if address_state.serial is not None else reference
        later = newer_than(serial, reference, serial_group.versions)
        lag = poll.at - later[0].seen
        missed = sum(version.seen > address_state.since for version in later)
        is_steady = poll.at - address_state.since
        text = (
            f"is {format_duration(lag)} behind: it serves {serial}, "
            f"{plural(address_state.passed, 'version')} before {reference}, "
            f"since {instant(later[0].seen)}"
        )
        if (
            serial_group.soa is not None
            and missed >= self.stuck_after
            and min(lag, is_steady) > _stuck(zone, serial_group.soa, poll)
        ):
            taken = f"newer versions come by and it has taken none for {format_duration(is_steady)}"
            yield _finding(STUCK.code, address_state, f"{text}; {taken}")
        elif serial_group.soa is not None and lag > _promise(serial_group.soa, poll):
            reason = (
                f"longer than the zone's refresh and retry allow ({format_duration(_promise(serial_group.soa, poll))})"
            )
            yield _finding(OVERDUE.code, address_state, f"{text}; {reason}")
        elif lag > zone.max_lag:
            allowed = (
                f"longer than max_lag ({format_duration(zone.max_lag)})" if zone.max_lag else "and no lag is allowed"
            )
            yield _finding(LATE.code, address_state, f"{text}; {allowed}")

    def _expiry(self, address_state: AddressState, expires: datetime, soa: Soa, poll: ZonePoll) -> Iterator[Finding]:
        left, expire = expires - poll.at, timedelta(seconds=soa.expire)
        imminent = left <= expire * self.expiry_imminent
        if left > expire * self.expiry_near or (expire - left <= _promise(soa, poll) and not imminent):
            return
        code = EXPIRY_IMMINENT.code if imminent else EXPIRY_NEAR.code
        stops = f"stops serving the zone at {format_time(expires)}, in {format_duration(left)}"
        if left <= timedelta(0):
            stops = f"should have stopped serving the zone at {format_time(expires)}"
        source = "estimated from when it was last in sync" if address_state.estimated else "by its own EXPIRE count"
        text = f"has not refreshed and {stops} ({source}; the SOA's expire is {format_duration(expire)})"
        yield _finding(code, address_state, text)


def _promise(soa: Soa, poll: ZonePoll) -> timedelta:
    """By when a secondary must have refreshed, and we must have seen it."""
    return timedelta(seconds=soa.refresh + soa.retry) + poll.cadence


def _stuck(zone: Zone, soa: Soa, poll: ZonePoll) -> timedelta:
    """How long a version may stay while newer ones come by. Up to then its server may wait for the refresh: no NOTIFY
    reaches it.
    """
    return max(zone.max_lag, timedelta(seconds=soa.refresh) + poll.cadence)


def _query(zone: Zone, server: Server, address: Address, transport: Transport) -> Query:
    return Query(zone.name, server.name, address, zone.name, "SOA", transport, identify=True)


def _finding(code: str, address_state: AddressState, text: str) -> Finding:
    return Finding(
        code, f"{address_state.server} ({address_state.address}) {text}", address_state.server, address_state.address
    )


def _has_primary(zone: Zone, serial_group: SerialGroup) -> bool:
    primary = zone.server(zone.primary) if zone.primary is not None else None
    return primary is not None and primary.group == serial_group.group


def _ahead(zone: Zone, zone_state: ZoneState, serial_group: SerialGroup, address_state: AddressState) -> Finding:
    """With what ends it, as far as that is known: a serial to publish only where every server would take it.

    Where the primary was never seen with that serial the two may count apart, and nothing leads from one way of
    counting to another. Where nobody else follows the primary either, nothing speaks against it.
    """
    serial, reference = address_state.serial, serial_group.reference
    text = (
        f"serves {serial}, newer than its primary's {reference}; as a secondary it takes nothing until that is passed"
    )
    if _had(serial_group, serial):
        return _finding(
            AHEAD.code, address_state, f"{text}. Transfer the zone afresh there{_forward(zone_state, serial_group)}"
        )
    forward = _forward(zone_state, serial_group) if _followed(zone, zone_state, serial_group, address_state) else ""
    apart = "If it signs the zone, or gets it from elsewhere, its serials are its own: set another group for it and for"
    cure = f"{apart} who follows it. Otherwise transfer the zone afresh there{forward}"
    return _finding(AHEAD.code, address_state, f"{text}. {cure}")


def _had(serial_group: SerialGroup, serial: int | None) -> bool:
    """Whether the primary itself was seen with that version, or with a newer one, before it went back."""
    return (
        serial_group.regressed is not None
        and serial is not None
        and behind(serial_group.regressed.serial, serial) is not None
    )


def _followed(zone: Zone, zone_state: ZoneState, serial_group: SerialGroup, address_state: AddressState) -> bool:
    """Whether another secondary of the group serves what the primary serves."""
    return any(
        other.serial == serial_group.reference and other.server not in (zone.primary, address_state.server)
        for other in zone_state.address_states
        if other.group == serial_group.group
    )


def _forward(zone_state: ZoneState, serial_group: SerialGroup) -> str:
    """The serials to publish instead, each of which every server takes as things stand; "" where that is not known."""
    group = [address_state for address_state in zone_state.address_states if address_state.group == serial_group.group]
    sure = serial_group.doubt is None and all(one.outcome == ANSWERED and one.doubt is None for one in group)
    known = [serial for serial in (*(one.serial for one in group), serial_group.reference) if serial is not None]
    step = above(known) if sure else None
    if step is None or serial_group.reference is None:
        return ""
    back = enumerated(path(step, serial_group.reference))
    return (
        f"; or publish a serial newer than all that are served, such as {step}. To count on from "
        f"{serial_group.reference} after that, set the serial to {back}, each once all servers have the one before"
    )


def _unordered(
    zone: Zone, serial_group: SerialGroup, address_state: AddressState, serial: int, reference: int
) -> Finding:
    why = "these are 2^31 apart" if unordered(serial, reference) else "the zone's serials run in a circle"
    cure = ". Transfer the zone afresh there" if _has_primary(zone, serial_group) else ""
    text = f"serves {serial} where the reference is {reference}, and neither is newer: {why}{cure}"
    return _finding(UNORDERED.code, address_state, text)


def _regressed(zone: Zone, serial_group: SerialGroup, zone_state: ZoneState) -> Finding:
    was = serial_group.regressed.serial if serial_group.regressed is not None else None
    ahead = [
        f"{s.server} ({s.address})"
        for s in zone_state.address_states
        if s.group == serial_group.group
        and s.serial is not None
        and serial_group.reference is not None
        and behind(serial_group.reference, s.serial) is None
    ]
    now = serial_group.reference
    text = f"{zone.primary} is the primary and went back from {was} to {now}; ahead of it: {enumerated(ahead)}"
    return Finding(REGRESSED.code, text, zone.primary)
