"""The check records: records are the same on all servers, and chosen ones what they are expected to be."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar

from checks.base import StandingQuestion, Statement
from checks.common.agreement import Likeness, agreed
from checks.common.content_finding import CONTENT_DIFFERS
from checks.common.rrset_compare import (
    MACHINES,
    PROPAGATING,
    AddressCopy,
    copies,
    differences,
    late,
    majority,
    record_queries,
    reference_copies,
)
from checks.common.rrset_content import RRsetContent
from checks.common.text import enumerated, holders, server_at, truncate
from checks.common.unbumped import UNBUMPED, find_edit, remember, words_of
from checks.model import (
    CheckInconclusive,
    Finding,
    Inconclusive,
    Observation,
    Query,
    RememberedRecords,
    WantedRecord,
    Zone,
    ZonePoll,
)
from checks.model.finding_type import RECORDS, FindingType, Severity
from checks.model.wanted import DEFAULT_RECORDS, absolutise_records
from checks.zone_state.model import ZoneState

RECORDS_DIFFER = FindingType(
    "record-differs", Severity.WARNING, "A compared record is not the same on all servers",
    family=RECORDS, transient=True,
)  # fmt: skip
UNEXPECTED = FindingType(
    "record-unexpected", Severity.CRITICAL, "A chosen record is not what it is expected to be", family=RECORDS
)
TTL_DIFFERS = FindingType(
    "ttl-differs", Severity.INFO, "A compared record has other TTLs on some servers", of_content=True, transient=True
)
FINDINGS = (UNBUMPED, RECORDS_DIFFER, UNEXPECTED, CONTENT_DIFFERS, TTL_DIFFERS)


NEW = "a difference that is new: another look is to show that it stays"

STABLE = timedelta(hours=1)
"""A difference between groups that nobody has asked to be told of has stood for so long."""


@dataclass(frozen=True, slots=True)
class Records:
    """Objective: every chosen RRset is the same at every address, in canonical form (RFC 4034 section 6). Where nobody
    has chosen, that is the default list: A, AAAA, MX, TXT and CAA of the zone itself, A and AAAA of ``www``. What is
    nowhere is the same everywhere.

    Steps: 1. Ask every address for the SOA. 2. Ask those that serve a version for the records; three times for what
    is not the same everywhere. 3. Ask them for the SOA again; if the serial or the machine (NSID) changed meanwhile the
    address is unsure. 4. Compare addresses with the primary, or with most, within each group; then groups with each
    other, by content alone. What is off its group's reference and within max_lag is propagating, and unsure. 5. Who
    still has what all had when they last agreed, on the serial that they had it on, has not changed: it is the others
    who were edited, if these are the primary, or the signer, or one server where neither is named. 6. Compare with
    what is expected.

    Of the default list a difference is told if it is there at two looks in a row, on the same serials; between groups
    if it has stayed for an hour; not if an address answers now this, now that, or with TTLs that run down, on one
    serial, nor for a week after; and not of an address that is late. A TXT record is the text that its strings make.

    =================  =====================================================================================
    serial-unbumped    the records of one server have changed, and its serial has not
    content-differs    same group and serial, another content: a transfer or an edit went wrong
    record-differs     another content on another version, beyond max_lag; or in another group
    record-unexpected  not the values the configuration expects
    ttl-differs        same serial and values, another TTL
    =================  =====================================================================================
    """

    name: ClassVar[str] = "records"
    finding_types: ClassVar[tuple[FindingType, ...]] = FINDINGS
    cadence: ClassVar[timedelta] = timedelta(minutes=5)
    version_bound: ClassVar[bool] = True

    def applies(self, zone: Zone) -> bool:
        places = sum(len(server.addresses) for server in zone.servers)
        wanted = compared_records(zone)
        return bool(wanted) and (places > 1 or (places == 1 and any(record.expect is not None for record in wanted)))

    def standing_questions(self, zone: Zone) -> tuple[StandingQuestion, ...]:
        wanted = (StandingQuestion(record.name, record.type) for record in compared_records(zone))
        return (StandingQuestion(zone.name, "SOA"), *wanted)

    def likeness(self, zone: Zone, answers: Sequence[Observation]) -> Likeness | None:
        """Of each record whether it is what is expected: where all have the same it is not compared with anything
        else.
        """
        contents, wanted = agreed(answers), compared_records(zone)
        if contents is None or any((record.name, record.type) not in contents for record in wanted):
            return None
        found = [(record, contents[record.name, record.type]) for record in wanted]
        if zone.default_records:
            found = [(record, _as_one_text(record, own)) for record, own in found]
        kind = tuple(
            record.expect is None or (not own.instead and sorted(own.rdata) == sorted(record.expect))
            for record, own in found
        )
        return Likeness(kind, tuple(word for record, own in found for word in words_of(record, own)))

    def queries(self, zone: Zone, seen: tuple[Observation, ...]) -> Iterable[Query]:
        return record_queries(zone, compared_records(zone), seen, repeat=True)

    def evaluate(self, zone: Zone, poll: ZonePoll, zone_state: ZoneState) -> Iterator[Statement]:
        wanted = compared_records(zone)
        every, before = copies(zone, wanted, poll), poll.remembered or RememberedRecords()
        if zone.default_records:
            every = [_with_one_text(copy) for copy in every]
        now = remember(zone, every, wanted, before, poll.at)
        yield now
        edit = find_edit(zone, every, wanted, before, now)
        if edit is not None and zone.default_records:
            edit = edit.of(tuple(one for one in edit.records if _stays(now, one, poll.at, timedelta(0))))
        said: list[Finding | Inconclusive] = list(edit.findings()) if edit is not None else []
        for record in wanted:
            if zone.default_records and now.varies(str(record)):
                continue
            compared = _compared(zone, zone_state, every, record, poll, now)
            said.extend(one for one in compared if edit is None or not edit.explains(one, record))
            said.extend(_expected(zone, zone_state, every, record, poll))
            if record.ttl:
                said.extend(_ttls(zone, zone_state, every, record))
        if not any(isinstance(one, Finding) for one in said) and not _decided(every, wanted, said):
            raise CheckInconclusive(
                next((one.reason for one in said if isinstance(one, Inconclusive)), "nothing was asked")
            )
        yield from said


def compared_records(zone: Zone) -> tuple[WantedRecord, ...]:
    """Those that are chosen, or the default list. The SOA itself is the business of soa-serial and soa-fields."""
    if zone.default_records:
        return absolutise_records(DEFAULT_RECORDS, zone.name)
    return tuple(record for record in zone.records if record.type != "SOA")


_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')


def _with_one_text(copy: AddressCopy) -> AddressCopy:
    """The same with the strings of each TXT record put together, as who reads them does (RFC 7208 section 3.3, RFC 6376
    section 3.6.2.2): providers cut a long text in different places.
    """
    contents = {record: _as_one_text(record, content) for record, content in copy.contents.items()}
    return replace(copy, contents=contents)


def _as_one_text(record: WantedRecord, content: RRsetContent) -> RRsetContent:
    if record.type != "TXT" or content.instead:
        return content
    return replace(content, rdata=tuple(sorted(map(_one_text, content.rdata))))


def _one_text(rdata: str) -> str:
    strings = _STRING.findall(rdata)
    return f'"{"".join(strings)}"' if strings else rdata


def _decided(every: list[AddressCopy], wanted: tuple[WantedRecord, ...], said: list[Finding | Inconclusive]) -> bool:
    unsure = [one for one in said if isinstance(one, Inconclusive)]
    return any(
        not any(one.covers(copy.server.name, copy.address, str(record)) for one in unsure)
        for copy in every
        for record in wanted
    )


def _stays(now: RememberedRecords, record: WantedRecord, at: datetime, long: timedelta) -> bool:
    """Whether every address that was asked has the same for it as at the look before, and for so ``long``."""
    looks = [one for one in now.looks if one.record == str(record)]
    return all(one.equal > 1 and at - one.since >= long for one in looks)


def _compared(
    zone: Zone,
    zone_state: ZoneState,
    every: list[AddressCopy],
    record: WantedRecord,
    poll: ZonePoll,
    now: RememberedRecords,
) -> Iterator[Finding | Inconclusive]:
    for one in differences(zone, zone_state, every, record, poll.at):
        if isinstance(one, Inconclusive):
            yield one
        elif zone.default_records and one.late:
            yield Inconclusive(one.copy.server.name, one.copy.address, str(record), "it is late with the zone")
        elif zone.default_records and not _stays(now, record, poll.at, timedelta(0) if one.same_serial else STABLE):
            yield Inconclusive(one.copy.server.name, one.copy.address, str(record), NEW)
        else:
            code = CONTENT_DIFFERS.code if one.same_serial else RECORDS_DIFFER.code
            where = one.copy.server.name, one.copy.address
            yield Finding(code, one.text, *where, str(record), difference=one.records)
    having = [copy for copy in every if record in copy.contents]
    if len(having) == 1 and record.expect is None:
        copy = having[0]
        yield Inconclusive(copy.server.name, copy.address, str(record), "nobody else answers to compare with")


def _expected(
    zone: Zone, zone_state: ZoneState, every: list[AddressCopy], record: WantedRecord, poll: ZonePoll
) -> Iterator[Finding | Inconclusive]:
    """An address on the way to a newer version is given the time to get there first."""
    if record.expect is None:
        return
    expect = tuple(sorted(record.expect))
    settled = {
        (c.server.name, c.address)
        for peers in reference_copies(zone, zone_state, every, record).values()
        for c in peers
    }
    for copy in every:
        content = copy.contents.get(record)
        if content is None or (not content.instead and tuple(sorted(content.rdata)) == expect):
            continue
        if not content.tied:
            yield Inconclusive(copy.server.name, copy.address, str(record), MACHINES)
        elif (copy.server.name, copy.address) in settled or late(zone, zone_state, copy, poll.at):
            expected = enumerated(map(truncate, expect), most=4) if expect else "nothing"
            text = f"{server_at(copy.server.name, copy.address)} has {content} for {record}, expected is {expected}"
            yield Finding(UNEXPECTED.code, text, copy.server.name, copy.address, str(record))
        else:
            yield Inconclusive(copy.server.name, copy.address, str(record), PROPAGATING)


def _ttls(zone: Zone, zone_state: ZoneState, every: list[AddressCopy], record: WantedRecord) -> Iterator[Finding]:
    for peers in reference_copies(zone, zone_state, every, record).values():
        if not peers:
            continue
        mine = majority(zone, peers, record)
        for copy in peers:
            own = copy.contents[record]
            if own.same == mine.same and own.ttl != mine.ttl and own.tied and mine.tied:
                usual = [(c.server.name, c.address) for c in peers if c.contents[record].ttl == mine.ttl]
                theirs = f"{holders(usual, copy.server.name)} one of {mine.ttl}"
                text = f"{server_at(copy.server.name, copy.address)} has a TTL of {own.ttl} for {record}, {theirs}"
                yield Finding(TTL_DIFFERS.code, text, copy.server.name, copy.address, str(record))
