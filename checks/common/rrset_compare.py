"""Compares an RRset over all addresses, as far as their versions of the zone can be compared.

An answer is tied to a version by asking the SOA before it and after it; where an answer in between says itself which
version it is from (ZONEVERSION, RFC 9660), that is as good as the SOA after it. If the serial moved in between it is
tied to nothing and left out. If it came from a machine behind that address (NSID) of which no SOA was seen, it may show
that all is well, but accuses nobody.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from checks.common.record_differences import rrset_difference
from checks.common.rrset_content import RRsetContent, content_of
from checks.common.serial import behind, newest
from checks.common.text import holders, server_at
from checks.model import (
    Address,
    Inconclusive,
    Observation,
    Query,
    RecordDifference,
    Server,
    WantedRecord,
    Zone,
    ZonePoll,
)
from checks.model.wanted import is_named
from checks.zone_state.model import SerialGroup, ZoneState
from checks.zone_state.update import address_state_of, lag, serial_group_of

PROPAGATING = "a change is propagating"

MACHINES = "different machines answer at this address, and which version this one has is not known"


@dataclass(frozen=True, slots=True)
class AddressCopy:
    """What one address has, tied to the version it served meanwhile; ``reason``: why there is no such version."""

    server: Server
    address: Address
    serial: int | None
    contents: Mapping[WantedRecord, RRsetContent]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """One address has something else than its peers. ``same_serial``: although it is on the same version; ``late``: it
    is on another of its group's; ``records``: which these are.
    """

    copy: AddressCopy
    same_serial: bool
    text: str
    late: bool = False
    records: RecordDifference | None = None


MOVED = "the zone moved while it was read"
SEVERAL = "several machines behind the address answered, on different versions"

TIMES = 3
"""How often what is not the same everywhere is asked for at one poll."""


def record_queries(
    zone: Zone,
    wanted: Iterable[WantedRecord],
    seen: tuple[Observation, ...],
    *,
    dnssec: bool = False,
    repeat: bool = False,
) -> list[Query]:
    """SOA of every address; then the records of those that serve a version; then their SOA again. ``dnssec``: each
    with its signatures. ``repeat``: records that are not the same everywhere are asked for TIMES times, and who says of
    these answers which version they are from (RFC 9660) is not asked for its SOA again.
    """
    places = list(zone.server_addresses())
    if not seen:
        return [_query(zone, server, address, zone.name, "SOA", dnssec) for server, address in places]
    serving = {(o.server, o.address) for o in seen if o.query.qtype == "SOA" and o.serial is not None}
    places = [(server, address) for server, address in places if (server.name, address) in serving]
    if not any(o.query.qtype != "SOA" for o in seen):
        return [
            _query(zone, server, address, record.name, record.type, dnssec)
            for server, address in places
            for record in wanted
        ]
    times = Counter((o.server, o.address) for o in seen if o.query.qtype == "SOA")
    if repeat and max(times.values()) == 1 and (again := _disputed(seen)):
        return again
    told = {(o.server, o.address) for o in seen if o.zone_version is not None}
    return [
        _query(zone, server, address, zone.name, "SOA", dnssec)
        for server, address in places
        if times[server.name, address] == 1 and (server.name, address) not in told
    ]


def _disputed(seen: tuple[Observation, ...]) -> list[Query]:
    """What is to be asked for once more, because it is not the same everywhere."""
    contents: dict[tuple[str, str], set[object]] = {}
    asked: Counter[Query] = Counter()
    for one in seen:
        if one.query.qtype == "SOA":
            continue
        asked[replace(one.query, version=True)] += 1
        if (content := content_of(one)) is not None:
            contents.setdefault((one.query.qname, one.query.qtype), set()).add(content.same)
    differing = {record for record, found in contents.items() if len(found) > 1}
    return [query for query, times in asked.items() if (query.qname, query.qtype) in differing and times < TIMES]


def _query(zone: Zone, server: Server, address: Address, name: str, type_: str, dnssec: bool) -> Query:
    return Query(zone.name, server.name, address, name, type_, identify=True, dnssec=dnssec)


def copies(zone: Zone, wanted: Iterable[WantedRecord], poll: ZonePoll) -> list[AddressCopy]:
    every = tuple(wanted)
    table: dict[tuple[str, Address], list[Observation]] = {}
    for seen in poll.seen:
        table.setdefault((seen.server, seen.address), []).append(seen)
    return [
        _copy(server, address, every, table.get((server.name, address), ()))
        for server, address in zone.server_addresses()
    ]


def _copy(
    server: Server, address: Address, wanted: tuple[WantedRecord, ...], seen: Iterable[Observation]
) -> AddressCopy:
    every = tuple(seen)
    soas = [o for o in every if o.query.qtype == "SOA"]
    told = {o.zone_version for o in every if o.zone_version is not None}
    serials = {o.serial for o in soas} | told
    if len(soas) + len(told) < 2 or None in serials:
        return AddressCopy(server, address, None, {}, "serves no version now")
    if len(serials) > 1:
        return AddressCopy(server, address, None, {}, SEVERAL if len({o.nsid for o in soas} - {None}) > 1 else MOVED)
    machines = {o.nsid for o in soas}
    contents: dict[WantedRecord, RRsetContent] = {}
    for record in wanted:
        given = [o for o in every if (o.query.qname, o.query.qtype) == (record.name, record.type)]
        usable = [(o, content) for o in given if (content := content_of(o)) is not None]
        if usable:
            content = usable[0][1]
            tied = all(o.zone_version is not None or _is_met(o.nsid, machines) for o, _ in usable)
            steady = all((other.same, other.ttl) == (content.same, content.ttl) for _, other in usable)
            contents[record] = content if tied and steady else replace(content, tied=tied, steady=steady)
    return AddressCopy(server, address, soas[0].serial, contents)


def _is_met(nsid: str | None, machines: set[str | None]) -> bool:
    """Whether that machine gave its SOA, or that cannot be told."""
    return nsid is None or None in machines or nsid in machines


def reference_copies(
    zone: Zone, zone_state: ZoneState, every: Iterable[AddressCopy], wanted: WantedRecord
) -> dict[str, list[AddressCopy]]:
    """Per group the copies on its reference that have something for the record: the only ones to be believed.

    The reference is the zone state's if anybody was on it while reading, otherwise the newest that was read.
    The group of the primary comes first.
    """
    groups: dict[str, list[AddressCopy]] = {}
    for copy in sorted(every, key=lambda copy: copy.server.name != zone.primary):
        if copy.serial is not None and wanted in copy.contents:
            groups.setdefault(copy.server.group, []).append(copy)
    return {group: _on_reference(serial_group_of(zone_state, group), members) for group, members in groups.items()}


def _on_reference(serial_group: SerialGroup | None, members: list[AddressCopy]) -> list[AddressCopy]:
    serials = [copy.serial for copy in members if copy.serial is not None]
    reference = (
        serial_group.reference if serial_group is not None and serial_group.reference in serials else newest(serials)
    )
    return [copy for copy in members if copy.serial == reference]


def majority(zone: Zone, peers: list[AddressCopy], wanted: WantedRecord) -> RRsetContent:
    """What the primary has, or the signer, if it is among the peers; otherwise what most have."""
    for copy in peers:
        if zone.leads(copy.server.name):
            return copy.contents[wanted]
    most = Counter(copy.contents[wanted].same for copy in peers).most_common(1)[0][0]
    return next(copy.contents[wanted] for copy in peers if copy.contents[wanted].same == most)


def late(zone: Zone, zone_state: ZoneState, copy: AddressCopy, now: datetime) -> bool:
    """Whether a copy off the reference can no longer be excused by propagation: behind beyond max_lag, or ahead."""
    address_state = address_state_of(zone_state, copy.server.name, copy.address)
    serial_group = serial_group_of(zone_state, copy.server.group)
    if (
        address_state is None
        or serial_group is None
        or address_state.serial != copy.serial
        or address_state.doubt is not None
    ):
        return False
    if (
        serial_group.reference is not None
        and address_state.serial is not None
        and behind(serial_group.reference, address_state.serial) is None
    ):
        return True
    since = lag(zone_state, copy.server.name, copy.address, now)
    return since is not None and since > zone.max_lag


def differences(
    zone: Zone, zone_state: ZoneState, every: list[AddressCopy], wanted: WantedRecord, now: datetime
) -> Iterator[Difference | Inconclusive]:
    """Addresses that have another content than their group's usual one, and groups that differ from the first and must
    not.
    """
    subject = str(wanted)
    lead = reference_copies(zone, zone_state, every, wanted)
    first: RRsetContent | None = None
    leading: list[AddressCopy] = []
    for copy in every:
        if copy.serial is None:
            yield Inconclusive(copy.server.name, copy.address, reason=copy.reason)
        elif wanted not in copy.contents:
            yield Inconclusive(copy.server.name, copy.address, subject, "no usable answer for the record")
    for group, peers in lead.items():
        if not peers:
            members = (copy for copy in every if copy.server.group == group and wanted in copy.contents)
            yield from (Inconclusive(c.server.name, c.address, subject, "serials cannot be ordered") for c in members)
            continue
        mine = majority(zone, peers, wanted)
        for copy in every:
            if copy.server.group == group and wanted in copy.contents:
                yield from _against(zone, zone_state, copy, peers, mine, wanted, now)
        if first is None:
            first, leading = mine, peers
        elif mine.same != first.same and not is_named(wanted, zone.name, zone.ignored_between_groups):
            yield from _across(zone, zone_state, leading, first, peers, wanted, now)


def _against(
    zone: Zone,
    zone_state: ZoneState,
    copy: AddressCopy,
    peers: list[AddressCopy],
    mine: RRsetContent,
    wanted: WantedRecord,
    now: datetime,
) -> Iterator[Difference | Inconclusive]:
    own = copy.contents[wanted]
    if own.same == mine.same:
        return
    if not (own.tied and mine.tied):
        yield Inconclusive(copy.server.name, copy.address, str(wanted), MACHINES)
        return
    reference, who = peers[0].serial, server_at(copy.server.name, copy.address)
    usual = [(one.server.name, one.address) for one in peers if one.contents[wanted].same == mine.same]
    theirs = f"{holders(usual, copy.server.name)} {mine}"
    same_serial = copy.serial == reference
    if same_serial or late(zone, zone_state, copy, now):
        on = f", all on serial {copy.serial}" if same_serial else f" on {reference}"
        text = f"{who} has {own} for {wanted}{'' if same_serial else f' on serial {copy.serial}'}, {theirs}{on}"
        name, at = usual[0]
        other = server_at(name, at) if name == copy.server.name else name
        than = f"than {other}{on}" if same_serial else f"on serial {copy.serial} than {other}{on}"
        records = _records(copy, other, than, wanted, mine)
        yield Difference(copy, same_serial=same_serial, text=text, late=not same_serial, records=records)
    else:
        yield Inconclusive(copy.server.name, copy.address, str(wanted), PROPAGATING)


def _across(
    zone: Zone,
    zone_state: ZoneState,
    leading: list[AddressCopy],
    first: RRsetContent,
    peers: list[AddressCopy],
    wanted: WantedRecord,
    now: datetime,
) -> Iterator[Difference | Inconclusive]:
    """Serials of two groups cannot be compared; a difference counts once neither has changed for max_lag.

    The signer of the first one moves by itself, too: of these two the first alone counts. Those who follow the signer
    are as good as it is, so that what it has not signed is told of it, where it answers.
    """
    signing, of = zone.signing(), leading[0].server.group
    signs = signing is not None and (of, peers[0].server.group) == (signing[0].group, signing[1].group)
    fresh = _fresh(zone, zone_state, leading[0], now) or (not signs and _fresh(zone, zone_state, peers[0], now))
    led = [copy for copy in peers if copy.server.name == zone.signer] if signs else []
    said = f"{zone.primary}, whose zone it signs, has" if led else f"{named_group(of)} has"
    for copy in led or peers:
        own = copy.contents[wanted]
        if own.same == first.same:
            continue
        if fresh or not (own.tied and first.tied):
            why = PROPAGATING if fresh else MACHINES
            yield Inconclusive(copy.server.name, copy.address, str(wanted), why)
        else:
            text = f"{server_at(copy.server.name, copy.address)} has {own} for {wanted}, {said} {first}"
            other = next(one.server.name for one in leading if one.contents[wanted].same == first.same)
            than = f"than {other}, {'whose zone it signs' if led else 'which is in another group'}"
            records = _records(copy, other, than, wanted, first)
            yield Difference(copy, same_serial=False, text=text, records=records)


def _records(
    copy: AddressCopy, reference: str, than: str, wanted: WantedRecord, theirs: RRsetContent
) -> RecordDifference | None:
    summary = f"{server_at(copy.server.name, copy.address)} has other records for {wanted} {than}"
    return rrset_difference(summary, reference, [(wanted, theirs, copy.contents[wanted])])


def named_group(group: str) -> str:
    """The serial group, as the subject of a sentence."""
    return f"group {group!r}" if group else "who is in no group"


def _fresh(zone: Zone, zone_state: ZoneState, copy: AddressCopy, now: datetime) -> bool:
    """Whether a group's reference may be no older than max_lag: it was first seen no longer ago, be it only at a start,
    or has not been seen by soa-serial yet.
    """
    serial_group = serial_group_of(zone_state, copy.server.group)
    if serial_group is None or not serial_group.versions:
        return False
    return copy.serial != serial_group.reference or now - serial_group.versions[-1].seen <= zone.max_lag
