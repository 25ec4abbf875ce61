"""Tells an edit without a new serial, and answers that are made up as they are asked for, from other differences.

What is remembered (``checks.model.remembered``) is what all addresses of the largest group had for all records when
they last agreed, as one number with their serial. Where they differ later, on that same serial, those who still have it
have not changed, so the others have. A record *varies* where an address gives different values, or TTLs that run down,
on one serial: at one poll (it is asked three times for what is not the same everywhere), or from look to look at two
addresses, or at one again and again; or where servers answer by who asks, one thing over IPv4 and another over IPv6.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import blake2b

from checks.common.record_differences import rrset_difference
from checks.common.rrset_compare import AddressCopy
from checks.common.rrset_content import RRsetContent
from checks.common.text import enumerated, server_at
from checks.model import Family, Finding, Inconclusive, WantedRecord, Zone
from checks.model.finding_type import RECORDS, FindingType, Severity
from checks.model.remembered import MANY, LastLook, RememberedRecords, Varying

UNBUMPED = FindingType(
    "serial-unbumped", Severity.CRITICAL, "The content was changed, and the serial was not", family=RECORDS
)

FORGOTTEN_AFTER = timedelta(days=7)
"""A record that has not been seen to vary for so long does not vary any more."""
_NOTED_AGAIN_AFTER = timedelta(days=1)

_Place = tuple[str, str, str]
"""Server, address, record."""


def _number(*words: str) -> int:
    """Stands for the words, after a restart, too: positive, below 2**63."""
    whole = "\0".join(words).encode()
    return int.from_bytes(blake2b(whole, digest_size=8).digest(), "big") >> 1 or 1


def remember(
    zone: Zone, every: Sequence[AddressCopy], wanted: Iterable[WantedRecord], before: RememberedRecords, at: datetime
) -> RememberedRecords:
    """What is to be remembered after this look."""
    records = tuple(wanted)
    names = {str(record) for record in records}
    varying = {v.record: v.at for v in before.varying if v.record in names and at - v.at < FORGOTTEN_AFTER}
    known = {(one.server, one.address, one.record): one for one in before.looks}
    looks: list[LastLook] = []
    for record in records:
        mine = [c for c in every if c.serial is not None and record in c.contents and c.contents[record].tied]
        alike = len({copy.contents[record].same for copy in mine}) < 2
        watched = str(record) in varying or any(one.record == str(record) for one in before.looks)
        if alike and not watched and all(copy.contents[record].steady for copy in mine):
            continue
        now = [_look(copy, record, known.get(_place(copy, record)), at) for copy in mine]
        name = str(record)
        if _vary(mine, record, now, known) and (name not in varying or at - varying[name] > _NOTED_AGAIN_AFTER):
            varying[name] = at
        if not alike:
            looks += now
        elif name in varying:  # what is equal again and again leaves it as it is
            looks += [replace(one, equal=1, unequal=0, looks=1) for one in now]
    noted = tuple(Varying(record, when) for record, when in varying.items())
    after = RememberedRecords(before.agreed, tuple(looks), noted)
    return replace(after, agreed=_agreed(zone, every, records, after) or before.agreed)


def _place(copy: AddressCopy, record: WantedRecord) -> _Place:
    return (copy.server.name, str(copy.address), str(record))


def _look(copy: AddressCopy, record: WantedRecord, last: LastLook | None, at: datetime) -> LastLook:
    own, serial = copy.contents[record], copy.serial or 0
    content = _number(own.instead, *own.rdata)
    fresh = LastLook(*_place(copy, record), serial, content, own.ttl, at)
    if last is None or last.serial != serial:
        return fresh
    looks = min(last.looks + 1, MANY)
    if last.content == content:
        return replace(last, ttl=own.ttl, equal=min(last.equal + 1, MANY), unequal=0, looks=looks)
    return replace(fresh, unequal=min(last.unequal + 1, MANY), looks=looks)


def _vary(
    mine: Iterable[AddressCopy], record: WantedRecord, now: Iterable[LastLook], known: dict[_Place, LastLook]
) -> bool:
    unequal = [one.unequal for one in now]
    return (
        any(not copy.contents[record].steady for copy in mine)
        or _by_asker(mine, record)
        or any(_runs_down(known.get((one.server, one.address, one.record)), one) for one in now)
        or sum(times >= 2 for times in unequal) >= 2
        or any(times >= 3 for times in unequal)
    )


def _by_asker(mine: Iterable[AddressCopy], record: WantedRecord) -> bool:
    """Whether all give one content over IPv4 and another over IPv6, and several of them answer over both: over each we
    are somebody else to them. Not where a group is on several serials, of which that may come.
    """
    copies = list(mine)
    v4, v6 = ([copy for copy in copies if copy.address.family is family] for family in Family)
    contents = [{copy.contents[record].same for copy in some} for some in (v4, v6)]
    if [len(found) for found in contents] != [1, 1] or contents[0] == contents[1]:
        return False
    both = {copy.server.name for copy in v4} & {copy.server.name for copy in v6}
    serials = Counter(group for group, _ in {(copy.server.group, copy.serial) for copy in copies})
    return len(both) > 1 and max(serials.values()) == 1


def _runs_down(last: LastLook | None, one: LastLook) -> bool:
    """The same values on the same serial, with another TTL: no server of a zone file does that."""
    return last is not None and (last.serial, last.content) == (one.serial, one.content) and last.ttl != one.ttl


def words_of(record: WantedRecord, content: RRsetContent) -> tuple[str, ...]:
    """What an address has for a record, as a part of what stands for all of them."""
    return (str(record), content.instead, *content.rdata)


def agreed_number(serial: int, words: Iterable[str]) -> int:
    """Stands for the words of all records that do not vary, and for the serial they are had on."""
    return _number(str(serial), *words)


def _digest(copy: AddressCopy, records: Iterable[WantedRecord], remembered: RememberedRecords) -> int:
    """What an address has for the records that do not vary, as a number; 0 where that is not known of all."""
    words: list[str] = []
    for record in records:
        if remembered.varies(str(record)):
            continue
        own = copy.contents.get(record)
        if own is None or not own.tied or not own.steady:
            return 0
        words += words_of(record, own)
    return _number(str(copy.serial), *words)


def largest_group(zone: Zone) -> str:
    """The group that has the most servers, the primary's before others."""
    primary = zone.server(zone.primary) if zone.primary is not None else None
    sizes = Counter(server.group for server in zone.servers)
    return max(sizes, key=lambda one: (sizes[one], primary is not None and one == primary.group))


def _largest_group(zone: Zone, every: Iterable[AddressCopy]) -> list[AddressCopy]:
    """What is served of it."""
    group = largest_group(zone)
    return [copy for copy in every if copy.server.group == group and copy.serial is not None]


def _agreed(
    zone: Zone, every: Iterable[AddressCopy], records: Sequence[WantedRecord], remembered: RememberedRecords
) -> int:
    """What several servers have, and nobody has anything else; else 0."""
    copies = _largest_group(zone, every)
    found = {_digest(copy, records, remembered) for copy in copies}
    return found.pop() if len(found) == 1 and len({copy.server.name for copy in copies}) > 1 else 0


@dataclass(frozen=True, slots=True)
class Edit:
    """One server has changed these records, and not its serial; ``others`` serve what all had."""

    edited: tuple[AddressCopy, ...]
    others: tuple[AddressCopy, ...]
    records: tuple[WantedRecord, ...]

    def explains(self, one: Finding | Inconclusive, record: WantedRecord) -> bool:
        """Whether it tells of an address that differs because it has not got the edit, or has."""
        if not isinstance(one, Finding) or record not in self.records:
            return False
        return any((c.server.name, c.address) == (one.server, one.address) for c in (*self.others, *self.edited))

    def of(self, records: tuple[WantedRecord, ...]) -> "Edit | None":
        """As far as these are concerned."""
        return replace(self, records=records) if records else None

    def findings(self) -> Iterable[Finding]:
        for copy in self.edited:
            was = self.others[0].contents
            changed = (f"{one} is {copy.contents[one]} (was {was[one]})" for one in self.records)
            rest = enumerated(dict.fromkeys(other.server.name for other in self.others))
            text = (
                f"{server_at(copy.server.name, copy.address)} has other records than before on the same serial "
                f"{copy.serial}: {enumerated(changed, most=4)}; no transfer brings that to {rest}"
            )
            summary = (
                f"{server_at(copy.server.name, copy.address)} has other records than before on the same serial "
                f"{copy.serial}, and no transfer brings them to {rest}"
            )
            contents = [(one, was[one], copy.contents[one]) for one in self.records]
            records = rrset_difference(summary, self.others[0].server.name, contents)
            yield Finding(UNBUMPED.code, text, copy.server.name, copy.address, difference=records)


def find_edit(
    zone: Zone, every: Iterable[AddressCopy], wanted: Iterable[WantedRecord], before: RememberedRecords,
    now: RememberedRecords,
) -> Edit | None:  # fmt: skip
    """The primary's edit, or the signer's; without either, that of the one server that has changed."""
    records, copies = tuple(wanted), _largest_group(zone, every)
    digests = {(copy.server.name, copy.address): _digest(copy, records, now) for copy in copies}
    others = [copy for copy in copies if before.agreed and digests[copy.server.name, copy.address] == before.agreed]
    if not others:
        return None
    leader = zone.leader(others[0].server.group)
    serial, same = others[0].serial, {copy.server.name for copy in others}
    edited = [
        copy
        for copy in copies
        if copy.serial == serial and digests[copy.server.name, copy.address] not in (0, before.agreed)
    ]
    names = {copy.server.name for copy in edited}
    if leader is not None:
        edited, names = [copy for copy in edited if copy.server.name == leader.name], names & {leader.name}
    if len(names) != 1 or names & same:
        return None
    changed = tuple(
        record
        for record in records
        if not now.varies(str(record))
        and all(copy.contents[record].same != others[0].contents[record].same for copy in edited)
    )
    return Edit(tuple(edited), tuple(others), changed) if changed else None
