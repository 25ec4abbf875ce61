"""The check soa-serial: every address is on the zone's newest version, or how late it is."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar

from checks.common.response_faults import DEAD, UNUSABLE
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
from checks.zone_state.address import SERVING
from checks.zone_state.model import AddressState, SerialGroup, ZoneState


@dataclass(frozen=True, slots=True)
class SoaSerial:
    """Objective: every address serves the reference of its group, or comes to it within its budget.

    Steps: 1. Ask every secondary for the SOA over UDP (with NSID and EXPIRE); where UDP brings
    nothing that can be used, over TCP.
    2. Then the primary, last, so that no secondary looks ahead of it only because of the order of asking.
    3. The ledger takes in the round. 4. Judge each address by the ledger; what does not answer with a
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
    expiry_near: float = field(default=0.5, metadata={"bounds": {"gt": 0, "le": 1}})
    expiry_imminent: float = field(default=0.25, metadata={"bounds": {"gt": 0, "le": 1}})
    tcp_when_silent: bool = True

    name: ClassVar[str] = "soa-serial"
    codes: ClassVar[tuple[str, ...]] = (
        "serial-stuck",
        "serial-overdue",
        "serial-late",
        "serial-ahead",
        "serial-regressed",
        "serial-unordered",
        "expiry-imminent",
        "expiry-near",
    )
    cadence: ClassVar[timedelta] = timedelta(seconds=60)

    def __post_init__(self) -> None:
        if self.expiry_imminent > self.expiry_near:
            order = f"{self.expiry_imminent:g} is more than expiry_near, {self.expiry_near:g}"
            raise ValueError(f"expiry_imminent comes after expiry_near, so it must not be more: {order}")

    def applies(self, zone: Zone) -> bool:
        return any(server.addresses for server in zone.servers)

    def ask(self, zone: Zone, seen: tuple[Observation, ...]) -> Iterable[Query]:
        asked = {(o.query.server, o.query.address, o.query.transport): o for o in seen}
        for primary in (False, True):
            places = [place for place in zone.places() if (place[0].name == zone.primary) is primary]
            fresh = [p for p in places if (p[0].name, p[1], Transport.UDP) not in asked]
            if fresh:
                return [_query(zone, server, address, Transport.UDP) for server, address in fresh]
            dead = [
                (server, address)
                for server, address in places
                if asked[server.name, address, Transport.UDP].outcome in DEAD | UNUSABLE
                and (server.name, address, Transport.TCP) not in asked
            ]
            if dead and self.tcp_when_silent:
                return [_query(zone, server, address, Transport.TCP) for server, address in dead]
        return ()

    def judge(self, zone: Zone, round: ZonePoll, ledger: ZoneState) -> Iterator[Finding | Inconclusive]:
        spaces = {space.group: space for space in ledger.spaces}
        if not ledger.standings:
            raise CheckInconclusive("nothing is known of the zone yet")
        for standing in ledger.standings:
            space = spaces[standing.group]
            if standing.state != SERVING or standing.serial is None:
                yield Inconclusive(standing.server, standing.address, why=f"serves no version now: {standing.state}")
            elif space.doubt is not None and standing.serial == space.doubt.serial != space.reference:
                why = f"serves {standing.serial}, as its primary does at a first look; a second one will tell"
                yield Inconclusive(standing.server, standing.address, why=why)
            elif standing.doubt is not None:
                why = f"serves {standing.doubt.serial} at a first look; a second one will tell"
                yield Inconclusive(standing.server, standing.address, why=why)
            else:
                if standing.serial != space.reference:
                    yield from self._other(zone, round, ledger, space, standing, standing.serial)
                if standing.expires is not None and space.soa is not None:
                    yield from self._expiry(standing, standing.expires, space.soa, round)
        for space in ledger.spaces:
            if space.regressed is not None:
                yield _regressed(zone, space, ledger)

    def due(self, ledger: ZoneState) -> datetime | None:
        """When time alone will bring a finding about a ledger that packs (checks.packed); None if it never will.

        What counts down by EDNS EXPIRE is not in it: that is told anew at each look.
        """
        expire = {space.group: space.soa.expire for space in ledger.spaces if space.soa is not None}
        return min(
            (
                standing.expires - timedelta(seconds=expire[standing.group] * self.expiry_near)
                for standing in ledger.standings
                if standing.estimated and standing.expires is not None and standing.state == SERVING
            ),
            default=None,
        )

    def _other(
        self, zone: Zone, round: ZonePoll, ledger: ZoneState, space: SerialGroup, standing: AddressState, serial: int
    ) -> Iterator[Finding | Inconclusive]:
        reference = space.reference
        if reference is None:
            text = f"serves {serial}; no serial of this zone is newer than all others"
            yield _finding("serial-unordered", standing, text)
        elif behind(reference, serial) is not None:
            yield from self._late(zone, round, space, standing, reference)
        elif newer(serial, reference) and _has_primary(zone, space):
            yield _ahead(zone, ledger, space, standing)
        else:
            yield _unordered(zone, space, standing, serial, reference)

    def _late(
        self, zone: Zone, round: ZonePoll, space: SerialGroup, standing: AddressState, reference: int
    ) -> Iterator[Finding]:
        serial = standing.serial if standing.serial is not None else reference
        later = newer_than(serial, reference, space.versions)
        lag = round.at - later[0].seen
        missed = sum(version.seen > standing.since for version in later)
        still = round.at - standing.since
        text = (
            f"is {format_duration(lag)} behind: it serves {serial}, "
            f"{plural(standing.passed, 'version')} before {reference}, "
            f"since {instant(later[0].seen)}"
        )
        if space.soa is not None and missed >= self.stuck_after and min(lag, still) > _stuck(zone, space.soa, round):
            taken = f"newer versions come by and it has taken none for {format_duration(still)}"
            yield _finding("serial-stuck", standing, f"{text}; {taken}")
        elif space.soa is not None and lag > _promise(space.soa, round):
            reason = f"longer than the zone's refresh and retry allow ({format_duration(_promise(space.soa, round))})"
            yield _finding("serial-overdue", standing, f"{text}; {reason}")
        elif lag > zone.max_lag:
            allowed = (
                f"longer than max_lag ({format_duration(zone.max_lag)})" if zone.max_lag else "and no lag is allowed"
            )
            yield _finding("serial-late", standing, f"{text}; {allowed}")

    def _expiry(self, standing: AddressState, expires: datetime, soa: Soa, round: ZonePoll) -> Iterator[Finding]:
        left, expire = expires - round.at, timedelta(seconds=soa.expire)
        imminent = left <= expire * self.expiry_imminent
        if left > expire * self.expiry_near or (expire - left <= _promise(soa, round) and not imminent):
            return
        code = "expiry-imminent" if imminent else "expiry-near"
        stops = f"stops serving the zone at {format_time(expires)}, in {format_duration(left)}"
        if left <= timedelta(0):
            stops = f"should have stopped serving the zone at {format_time(expires)}"
        source = "estimated from when it was last in sync" if standing.estimated else "by its own EXPIRE count"
        text = f"has not refreshed and {stops} ({source}; the SOA's expire is {format_duration(expire)})"
        yield _finding(code, standing, text)


def _promise(soa: Soa, round: ZonePoll) -> timedelta:
    """By when a secondary must have refreshed, and we must have seen it."""
    return timedelta(seconds=soa.refresh + soa.retry) + round.cadence


def _stuck(zone: Zone, soa: Soa, round: ZonePoll) -> timedelta:
    """How long a version may stay while newer ones come by. Up to then its server may wait for the refresh: no NOTIFY
    reaches it.
    """
    return max(zone.max_lag, timedelta(seconds=soa.refresh) + round.cadence)


def _query(zone: Zone, server: Server, address: Address, transport: Transport) -> Query:
    return Query(zone.name, server.name, address, zone.name, "SOA", transport, identify=True)


def _finding(code: str, standing: AddressState, text: str) -> Finding:
    return Finding(code, f"{standing.server} ({standing.address}) {text}", standing.server, standing.address)


def _has_primary(zone: Zone, space: SerialGroup) -> bool:
    primary = zone.server(zone.primary) if zone.primary is not None else None
    return primary is not None and primary.group == space.group


def _ahead(zone: Zone, ledger: ZoneState, space: SerialGroup, standing: AddressState) -> Finding:
    """With what ends it, as far as that is known: a serial to publish only where every server would take it.

    Where the primary was never seen with that serial the two may count apart, and nothing leads from one way of
    counting to another. Where nobody else follows the primary either, nothing speaks against it.
    """
    serial, reference = standing.serial, space.reference
    text = (
        f"serves {serial}, newer than its primary's {reference}; as a secondary it takes nothing until that is passed"
    )
    if _had(space, serial):
        return _finding("serial-ahead", standing, f"{text}. Transfer the zone afresh there{_forward(ledger, space)}")
    forward = _forward(ledger, space) if _followed(zone, ledger, space, standing) else ""
    apart = "If it signs the zone, or gets it from elsewhere, its serials are its own: set another group for it and for"
    cure = f"{apart} who follows it. Otherwise transfer the zone afresh there{forward}"
    return _finding("serial-ahead", standing, f"{text}. {cure}")


def _had(space: SerialGroup, serial: int | None) -> bool:
    """Whether the primary itself was seen with that version, or with a newer one, before it went back."""
    return space.regressed is not None and serial is not None and behind(space.regressed.serial, serial) is not None


def _followed(zone: Zone, ledger: ZoneState, space: SerialGroup, standing: AddressState) -> bool:
    """Whether another secondary of the group serves what the primary serves."""
    return any(
        other.serial == space.reference and other.server not in (zone.primary, standing.server)
        for other in ledger.standings
        if other.group == space.group
    )


def _forward(ledger: ZoneState, space: SerialGroup) -> str:
    """The serials to publish instead, each of which every server takes as things stand; "" where that is not known."""
    group = [standing for standing in ledger.standings if standing.group == space.group]
    sure = space.doubt is None and all(one.state == SERVING and one.doubt is None for one in group)
    known = [serial for serial in (*(one.serial for one in group), space.reference) if serial is not None]
    step = above(known) if sure else None
    if step is None or space.reference is None:
        return ""
    back = enumerated(path(step, space.reference))
    return (
        f"; or publish a serial newer than all that are served, such as {step}. To count on from {space.reference} "
        f"after that, set the serial to {back}, each once all servers have the one before"
    )


def _unordered(zone: Zone, space: SerialGroup, standing: AddressState, serial: int, reference: int) -> Finding:
    why = "these are 2^31 apart" if unordered(serial, reference) else "the zone's serials run in a circle"
    cure = ". Transfer the zone afresh there" if _has_primary(zone, space) else ""
    text = f"serves {serial} where the reference is {reference}, and neither is newer: {why}{cure}"
    return _finding("serial-unordered", standing, text)


def _regressed(zone: Zone, space: SerialGroup, ledger: ZoneState) -> Finding:
    was = space.regressed.serial if space.regressed is not None else None
    ahead = [
        f"{s.server} ({s.address})"
        for s in ledger.standings
        if s.group == space.group
        and s.serial is not None
        and space.reference is not None
        and behind(space.reference, s.serial) is None
    ]
    text = (
        f"{zone.primary} is the primary and went back from {was} to {space.reference}; ahead of it: {enumerated(ahead)}"
    )
    return Finding("serial-regressed", text, zone.primary)
