"""The check soa-serial: every address is on the zone's newest version, or how late it is."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar

from checks.base import StandingQuestion
from checks.common.expiries import EXPIRY_IMMINENT, EXPIRY_NEAR, judged_expiries
from checks.common.lateness import (
    LATE,
    OVERDUE,
    STUCK,
    Lateness,
    gravest_lateness,
    judged_by_budgets,
    judged_machines,
    lateness_of,
)
from checks.common.serial import behind, newer
from checks.common.serial_cures import cure_for_ahead, had, regressed
from checks.common.serial_styles import DATE_FUTURE, JUMPED, style_findings
from checks.common.serial_texts import address_finding, unordered_text
from checks.common.text import instant, plural
from checks.common.unnamed_signer import key_queries, signed_places, unnamed_signer
from checks.model import (
    Address,
    CheckInconclusive,
    Finding,
    Inconclusive,
    Observation,
    Query,
    Server,
    Transport,
    Zone,
    ZonePoll,
)
from checks.model.finding_type import NUMBERING, FindingType, Severity
from checks.zone_state.address import ANSWERED
from checks.zone_state.model import SERIAL_CHECK, AddressState, SerialGroup, ZoneState
from checks.zone_state.update import unsigned

AHEAD = FindingType(
    "serial-ahead", Severity.CRITICAL, "A server serves a newer version than its primary",
    state="ahead", family=NUMBERING,
)  # fmt: skip
REGRESSED = FindingType("serial-regressed", Severity.WARNING, "A primary's serial went back", family=NUMBERING)
UNORDERED = FindingType(
    "serial-unordered", Severity.CRITICAL, "Two serials are exactly 2^31 apart: neither is newer",
    state="unordered", family=NUMBERING,
)  # fmt: skip
SIGNER_UNSET = FindingType(
    "signer-unset", Severity.WARNING, "A zone is signed on its way from the primary, and by whom is not configured",
    state="unordered", family=NUMBERING,
)  # fmt: skip
FINDINGS = (
    LATE, OVERDUE, STUCK, AHEAD, REGRESSED, UNORDERED, SIGNER_UNSET, JUMPED, DATE_FUTURE, EXPIRY_NEAR, EXPIRY_IMMINENT
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SoaSerial:
    """Objective: every address serves the reference of its group, or comes to it within its budget.

    Steps: 1. Ask every secondary for the SOA over UDP (with NSID and EXPIRE); where UDP brings
    nothing that can be used, over TCP.
    2. Then the signer, if there is one, and the primary, last, so that nobody looks ahead of whom he has the zone from
    only because of the order of asking. 3. Where a serial is odd beside the primary's, ask both for DNSKEY over TCP.
    4. The zone state takes in the poll. 5. Evaluate each address by it; what does not answer with a
    version now is unsure. A difference within the budgets is propagation and no finding. The signer of a zone counts by
    itself: it is late by the versions of the primary that came when it had published its newest one already.

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
    signer-unset       in place of any of these: it serves DNSKEY records and the primary none, so serials are two kinds
    serial-jumped      the reference was a date, and the next is none and beyond those of today; till the one after
    serial-date-future  the reference is a date later than tomorrow, and was not counted up to there; at first
                       sight a year ahead
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
        asked = {(o.query.server, o.query.address, o.query.transport): o for o in seen if o.query.qtype == "SOA"}
        for rank in range(3):
            places = [place for place in zone.server_addresses() if _rank(zone, place[0]) == rank]
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
        return key_queries(zone, seen)

    def evaluate(self, zone: Zone, poll: ZonePoll, zone_state: ZoneState) -> Iterator[Finding | Inconclusive]:
        serial_groups = {serial_group.group: serial_group for serial_group in zone_state.serial_groups}
        if not zone_state.address_states:
            raise CheckInconclusive("nothing is known of the zone yet")
        signed = signed_places(zone, poll)
        for address_state in zone_state.address_states:
            serial_group = serial_groups[address_state.group]
            found = list(self._own(zone, poll, zone_state, serial_group, address_state, signed))
            if address_state.identities and address_state.outcome == ANSWERED:
                found += judged_machines(zone, poll, serial_group, address_state, self.stuck_after)
                found = gravest_lateness(found)
            yield from found
        for serial_group in zone_state.serial_groups:
            yield from style_findings(zone, serial_group, zone_state, poll.at)
            if serial_group.regressed is not None:
                yield Finding(REGRESSED.code, regressed(zone, serial_group, zone_state), zone.primary)

    def _own(
        self,
        zone: Zone,
        poll: ZonePoll,
        zone_state: ZoneState,
        serial_group: SerialGroup,
        address_state: AddressState,
        signed: frozenset[tuple[str, Address]],
    ) -> Iterator[Finding | Inconclusive]:
        """What the version says that the address is believed to serve."""
        place, serial = (address_state.server, address_state.address), address_state.serial
        if address_state.outcome != ANSWERED or serial is None:
            yield Inconclusive(*place, reason=f"serves no version now: {address_state.outcome}")
        elif serial_group.doubt is not None and serial == serial_group.doubt.serial != serial_group.reference:
            why = f"serves {serial}, as its primary does at a first look; a second one will tell"
            yield Inconclusive(*place, reason=why)
        elif address_state.doubt is not None:
            why = f"serves {address_state.doubt.serial} at a first look; a second one will tell"
            yield Inconclusive(*place, reason=why)
        else:
            if serial == serial_group.reference:
                yield from self._unsigned(zone, poll, zone_state, address_state)
            elif place in signed and not had(serial_group, serial):
                text = unnamed_signer(zone, signed, serial, serial_group.reference)
                yield address_finding(SIGNER_UNSET.code, address_state, text)
            else:
                yield from self._other(zone, poll, zone_state, serial_group, address_state, serial)
            if serial_group.soa is not None:
                shares = (self.expiry_near, self.expiry_imminent)
                yield from judged_expiries(address_state, serial_group.soa, poll, *shares)

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
            yield address_finding(UNORDERED.code, address_state, text)
        elif behind(reference, serial) is not None:
            yield from self._late(zone, poll, serial_group, address_state, reference)
        elif newer(serial, reference) and zone.leader(serial_group.group) is not None:
            yield _ahead(zone, zone_state, serial_group, address_state)
        else:
            yield _unordered(zone, serial_group, address_state, serial, reference)

    def _late(
        self, zone: Zone, poll: ZonePoll, serial_group: SerialGroup, address_state: AddressState, reference: int
    ) -> Iterator[Finding]:
        serial = address_state.serial if address_state.serial is not None else reference
        lateness = lateness_of(serial_group, reference, serial, address_state.since, poll.at)
        yield from judged_by_budgets(zone, poll, serial_group.soa, address_state, lateness, self.stuck_after)

    def _unsigned(
        self, zone: Zone, poll: ZonePoll, zone_state: ZoneState, address_state: AddressState
    ) -> Iterator[Finding]:
        """What the zone's signer cannot have signed yet of its primary's: its own serial has not moved since."""
        waiting = unsigned(zone, zone_state) if address_state.server == zone.signer else None
        if waiting is None:
            return
        first, many = waiting.versions[0], plural(len(waiting.versions), "version")
        text = (
            f"signs the zone and has published nothing since {zone.primary} came to {first.serial} "
            f"({instant(first.seen)}): it serves {address_state.serial} by its own count, and {many} up to "
            f"{waiting.source.reference} cannot be in that"
        )
        lateness = Lateness(poll.at - first.seen, len(waiting.versions), poll.at - waiting.signed.seen, text)
        yield from judged_by_budgets(zone, poll, waiting.source.soa, address_state, lateness, self.stuck_after)


def _rank(zone: Zone, server: Server) -> int:
    """When it is asked: who is followed, after those who follow."""
    return (zone.signer, zone.primary).index(server.name) + 1 if zone.leads(server.name) else 0


def _query(zone: Zone, server: Server, address: Address, transport: Transport) -> Query:
    return Query(zone.name, server.name, address, zone.name, "SOA", transport, identify=True)


def _ahead(zone: Zone, zone_state: ZoneState, serial_group: SerialGroup, address_state: AddressState) -> Finding:
    text = (
        f"serves {address_state.serial}, newer than its primary's {serial_group.reference}; as a secondary it takes "
        f"nothing until that is passed. {cure_for_ahead(zone, zone_state, serial_group, address_state)}"
    )
    return address_finding(AHEAD.code, address_state, text)


def _unordered(
    zone: Zone, serial_group: SerialGroup, address_state: AddressState, serial: int, reference: int
) -> Finding:
    return address_finding(UNORDERED.code, address_state, unordered_text(zone, serial_group, serial, reference))
