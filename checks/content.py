"""The check content: servers on the same version of a zone have the same zone, to the last record."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import ClassVar

from checks.base import StandingQuestion
from checks.common.content_finding import CONTENT_DIFFERS
from checks.common.record_differences import record_difference
from checks.common.signed_rrsets import EXPIRED, moment
from checks.common.text import enumerated, format_duration, format_time, plural, server_at
from checks.common.transfer_rules import reaches, transfer_query
from checks.common.transferred_zone import TransferredZone
from checks.common.transfers import transfer_rules, whole_transfers, why_not_given
from checks.common.zone_difference import ZoneDifference, zone_difference
from checks.common.zonemd import MISMATCH, STALE, algorithms_wanted, any_verified, verified_copy, zonemd_results
from checks.model import (
    Address,
    CheckInconclusive,
    Expectation,
    Finding,
    Inconclusive,
    Observation,
    Query,
    Zone,
    ZonePoll,
    ZoneTransfer,
)
from checks.model.content import MAX_ENDED, SignatureOfRRset
from checks.model.finding_type import FindingType
from checks.zone_state.model import ZoneState

FINDINGS = (CONTENT_DIFFERS, MISMATCH, STALE, EXPIRED)

SUBJECT = ""
"""Of what is found, and of what is not sure: the zone as a whole, and not all that the address says."""

MAX_PARTS = 16
"""Parts of a zone (``ZoneContent``) of which the records are looked at, for each address that differs in more."""


@dataclass(frozen=True, slots=True)
class Content:
    """Objective: all servers of a serial group that are on one serial have the same records, to the last; these are the
    ones that the zone's ZONEMD record is for; and no RRset of the zone has only signatures that have ended.

    Steps: 1. Transfer the zone from every address, one at a time from each server, as the first rule of `transfer` has
    it by which it must give it. Records are hashed in canonical form (RFC 4034 section 6.2) and not kept; the order in
    which they come does not matter. Who gives none is left out: who may have it is the business of the check transfer.
    2. Compare those on one serial, with the primary or the signer, else with most. 3. From those that differ, and from
    who they differ from, transfer it once more, and keep the records of those parts alone (of 4096) that differ; from
    those with signatures that have ended (by the clock of this machine), of whose RRsets the signature that ends last
    is looked for; and from one of those that have the same zone with ZONEMD records, to make its digest (RFC 8976
    section 4). 4. Only what that shows is told: a serial that moved meanwhile, or records sent twice, accuse nobody. Of
    ZONEMD records one that matches is enough; those of schemes and hash algorithms that are not known here tell
    nothing, nor do two of the same. Where the primary or the signer has a zone that does not match, it alone is told
    of; and with a zone that matches all others on its serial are compared, be it the primary's or not. Whether
    signatures verify is the business of the check signatures, for some records.

    =================  =====================================================================================
    content-differs    same group and serial, other records: a transfer or an edit went wrong
    zonemd-mismatch    the records of the zone are not those that any ZONEMD record for its serial was made of
    zonemd-stale       no ZONEMD record is for the serial of the zone
    signature-expired  of some RRset, wherever in the zone, the last signature has ended
    =================  =====================================================================================
    """

    name: ClassVar[str] = "content"
    finding_types: ClassVar[tuple[FindingType, ...]] = FINDINGS
    cadence: ClassVar[timedelta] = timedelta(days=1)
    version_bound: ClassVar[bool] = False

    dnssec: bool = field(default=False)
    """Compare the records that a signer makes as well (RRSIG, NSEC, NSEC3, NSEC3PARAM, DNSKEY, CDS, CDNSKEY, ZONEMD).
    Not where servers of one group sign by themselves, as PowerDNS does that signs live: each makes its own."""

    def applies(self, zone: Zone) -> bool:
        return zone.content and sum(1 for _ in _places(zone)) > 1

    def standing_questions(self, zone: Zone) -> tuple[StandingQuestion, ...]:
        return ()

    def queries(self, zone: Zone, seen: tuple[Observation, ...]) -> Iterable[Query]:
        if not seen:
            return [replace(query, whole=True, content=()) for query in _places(zone)]
        if any(_is_second(one) for one in seen):
            return ()
        copies = _copies(zone, seen)
        again = {copy.place: copy for copy in copies if _ended(copy.seen)}
        parts: set[int] = set()
        for peers in _peers(copies):
            reference = _reference(zone, peers)
            for copy, differing in self._differing(peers, reference):
                again |= {reference.place: reference, copy.place: copy}
                parts.update(differing[:MAX_PARTS])
        keep = tuple(sorted(parts))
        digests = algorithms_wanted(zone, copies, again)
        again |= {place: copy for place, (copy, _) in digests.items()}
        return [
            replace(
                copy.seen.query, content=keep, signatures=tuple(one.key for one in _ended(copy.seen)),
                zonemd=digests[place][1] if place in digests else (),
            )
            for place, copy in again.items()
        ]  # fmt: skip

    def evaluate(
        self, zone: Zone, poll: ZonePoll, zone_state: ZoneState
    ) -> Iterator[Finding | Inconclusive | ZoneTransfer]:
        # sorting a zone for its digest takes time of its own
        yield from whole_transfers(one for one in poll.seen if not one.query.zonemd)
        copies = _copies(zone, poll.seen)
        looked = {(o.server, o.address): o for o in poll.seen if _is_second(o)}
        said: list[Finding | Inconclusive] = list(_left_out(zone, poll.seen, copies))
        compared = False
        for peers in _peers(copies):
            reference = verified_copy(zone, peers, looked) or _reference(zone, peers)
            compared |= len(peers) > 1
            if len(peers) == 1:
                said.append(_unsure(reference, f"nobody else gives serial {reference.serial}"))
            for copy, parts in self._differing(peers, reference):
                second, usual = (_second(each, peers, looked) for each in (copy, reference))
                one = self._judged(copy, reference, second, usual, parts)
                said += [one] if one is not None else []
        for copy in copies:
            one = _expired(copy, looked.get(copy.place), poll.at)
            said += [one] if one is not None else []
        said += zonemd_results(zone, copies, looked)
        compared |= any_verified(copies, looked)
        if not compared and not any(isinstance(one, Finding) for one in said):
            reasons = (f"{one.server}: {one.reason}" for one in said if isinstance(one, Inconclusive))
            raise CheckInconclusive(f"no two servers give the zone on one serial ({enumerated(reasons)})")
        yield from said

    def _differing(
        self, peers: list[TransferredZone], reference: TransferredZone
    ) -> Iterator[tuple[TransferredZone, tuple[int, ...]]]:
        usual = reference.seen.content
        for copy in peers:
            own = copy.seen.content
            if usual is not None and own is not None and (parts := own.differing(usual, dnssec=self.dnssec)):
                yield copy, parts

    def _judged(
        self, copy: TransferredZone, reference: TransferredZone, mine: Observation | None, usual: Observation | None,
        parts: tuple[int, ...],
    ) -> Finding | Inconclusive | None:  # fmt: skip
        """What the second transfers say of a difference that the first showed in these parts."""
        own, theirs = (one.content if one is not None else None for one in (mine, usual))
        if mine is None or usual is None or own is None or theirs is None:
            return _unsure(copy, "it differs, and was not given a second time to see in what")
        if {one.soa.serial for one in (mine, usual) if one.soa is not None} != {copy.serial}:
            return _unsure(copy, "it differed, and has moved since")
        difference = zone_difference(theirs.kept, own.kept, dnssec=self.dnssec)
        partly = own.overflow or theirs.overflow
        unread = len(set(parts).difference(mine.query.content or ()))
        if not difference.number and not partly:
            return _unsure(copy, f"it differs in {unread} parts more than are looked at") if unread else None
        return _finding(copy, reference, difference, partly=partly, whole=not unread)


def _places(zone: Zone) -> Iterator[Query]:
    """The transfer from every address that may give the zone: all but those that must refuse it."""
    for server, address in zone.server_addresses():
        rules = [rule for rule in transfer_rules(zone.transfers, server.name) if reaches(rule, server, address)]
        allowed = [rule for rule in rules if rule.expect is Expectation.ALLOWED]
        if allowed or not any(rule.key is None for rule in rules):
            yield transfer_query(zone, server, address, allowed[0] if allowed else None)


def _is_second(seen: Observation) -> bool:
    return bool(seen.query.content or seen.query.signatures or seen.query.zonemd)


def _second(
    copy: TransferredZone, peers: list[TransferredZone], looked: Mapping[tuple[str, Address], Observation]
) -> Observation | None:
    """The second transfer from it; where there was none, from one that had the same zone, to the last record."""
    if copy.place in looked:
        return looked[copy.place]
    alike = (peer.place for peer in peers if peer.seen.content == copy.seen.content)
    return next((looked[place] for place in alike if place in looked), None)


def _ended(seen: Observation) -> tuple[SignatureOfRRset, ...]:
    return seen.content.signatures if seen.content is not None else ()


def _expired(copy: TransferredZone, again: Observation | None, now: datetime) -> Finding | Inconclusive | None:
    """What a second transfer says of RRsets with signatures that had ended at the first."""
    first = {one.key for one in _ended(copy.seen)}
    if not first:
        return None
    if again is None or again.content is None:
        return _unsure(copy, "it has signatures that have ended, and was not given a second time to see whose")
    ends = sorted((moment(one.expiration, now), one.what) for one in _ended(again) if one.key in first)
    over = [each for each in ends if each[0] <= now]
    if not over:
        return None
    whose = enumerated((what for _, what in over), most=4)
    more = f" (there may be more: no more than {MAX_ENDED} were looked at)" if len(first) == MAX_ENDED else ""
    ago = f"{format_duration(now - over[0][0])} ago"
    ended = f"has ended, {ago}" if len(over) == 1 else f"has ended for each, of the first {ago}"
    text = (
        f"{server_at(copy.server.name, copy.address)}, in the whole zone: the last signature of {whose} {ended}{more}; "
        f"by the clock of the monitor, {format_time(now)}"
    )
    return Finding(EXPIRED.code, text, copy.server.name, copy.address, SUBJECT)


def _copies(zone: Zone, seen: tuple[Observation, ...]) -> list[TransferredZone]:
    """The zones that came whole at the first transfer."""
    first = {(o.server, o.address): o for o in seen if not _is_second(o)}
    places = ((server, address, first.get((server.name, address))) for server, address in zone.server_addresses())
    return [
        TransferredZone(s, a, o) for s, a, o in places if o is not None and o.content is not None and o.soa is not None
    ]


def _peers(copies: list[TransferredZone]) -> list[list[TransferredZone]]:
    """Those of one group on one serial."""
    found: dict[tuple[str, int | None], list[TransferredZone]] = {}
    for copy in copies:
        found.setdefault((copy.server.group, copy.serial), []).append(copy)
    return list(found.values())


def _reference(zone: Zone, peers: list[TransferredZone]) -> TransferredZone:
    """The primary, or the signer, if it is among them; otherwise one that has what most have."""
    leading = next((copy for copy in peers if zone.leads(copy.server.name)), None)
    if leading is not None:
        return leading
    most = Counter(copy.seen.content for copy in peers).most_common(1)[0][0]
    return next(copy for copy in peers if copy.seen.content == most)


def _left_out(zone: Zone, seen: tuple[Observation, ...], copies: list[TransferredZone]) -> Iterator[Inconclusive]:
    given = {copy.place for copy in copies}
    for one in seen:
        if not _is_second(one) and (one.server, one.address) not in given:
            yield Inconclusive(one.server, one.address, SUBJECT, f"gives no zone: {why_not_given(one)}")


def _unsure(copy: TransferredZone, reason: str) -> Inconclusive:
    return Inconclusive(copy.server.name, copy.address, SUBJECT, reason)


def _finding(
    copy: TransferredZone, reference: TransferredZone, difference: ZoneDifference, *, partly: bool, whole: bool
) -> Finding:
    """ "ns2 (192.0.2.2) is on serial 7 as ns1 (192.0.2.1) is, with other records: 1 record missing, 1 more: - www…"."""
    who = f"{server_at(copy.server.name, copy.address)} is on serial {copy.serial} as"
    head = f"{who} {server_at(reference.server.name, reference.address)} is, with other records"
    found = record_difference(head, reference.server.name, difference.removed, difference.added)
    if partly or found is None:
        found, text = None, f"{head}, too many to compare here"
    else:
        lines = [*(f"- {line}" for line in found.removed), *(f"+ {line}" for line in found.added)]
        found = replace(found, is_complete=whole)
        least = "" if whole else "at least "
        count = f"{least}{plural(len(difference.removed), 'record')} missing, {len(difference.added)} more"
        text = f"{head}: {count}: {'; '.join(lines)}"
    return Finding(CONTENT_DIFFERS.code, text, copy.server.name, copy.address, SUBJECT, difference=found)
