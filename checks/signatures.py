"""The check signatures: those of the zone's records are valid, will be for long enough, and are everywhere the same."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import ClassVar

from checks.base import StandingQuestion
from checks.common.agreement import Likeness, is_plain
from checks.common.multi_signer import KEY_MISSING, PARENT_KEY_MISSING, others_keys, parents_keys
from checks.common.rrset_compare import AddressCopy, Difference, copies, differences, record_queries
from checks.common.signed_rrsets import APEX_TYPES, EXPIRED, Place, SignedRRset, Span, is_signed, older, signed_rrsets
from checks.common.text import enumerated, format_duration, format_time, server_at
from checks.model import Finding, Inconclusive, Observation, Query, SignatureEnd, WantedRecord, Zone, ZonePoll
from checks.model.finding_type import SIGNATURES, FindingType, Severity
from checks.zone_state.model import ZoneState

INVALID = FindingType(
    "signature-invalid", Severity.CRITICAL, "A signature does not verify, or has not begun", family=SIGNATURES,
    of_content=True, transient=True,
)  # fmt: skip
MISSING = FindingType(
    "signature-missing", Severity.CRITICAL, "A server gives no signatures, and others do", family=SIGNATURES,
    of_content=True, transient=True,
)  # fmt: skip
EXPIRING = FindingType(
    "signature-expiring", Severity.WARNING, "A signature ends soon", family=SIGNATURES, of_content=True
)
DIFFER = FindingType(
    "signatures-differ", Severity.WARNING, "Equal serials, but older signatures", family=SIGNATURES, of_content=True,
    transient=True,
)  # fmt: skip
KEYS_DIFFER = FindingType(
    "key-set-differs", Severity.WARNING, "The servers disagree about DNSKEY, CDS, CDNSKEY or CSYNC records",
    family=SIGNATURES, of_content=True, transient=True,
)  # fmt: skip
BEFORE_EXPIRE = FindingType(
    "signature-before-expire", Severity.INFO, "A signature ends before a server without its primary falls silent",
    of_content=True,
)  # fmt: skip
FINDINGS = (
    EXPIRED, INVALID, MISSING, KEY_MISSING, EXPIRING, DIFFER, KEYS_DIFFER, PARENT_KEY_MISSING, BEFORE_EXPIRE,
)  # fmt: skip

RENEWING = timedelta(hours=3)
"""Who renews signatures at the very limit that is told may take as long: by default OpenDNSSEC looks every two hours
for those that end within three days.
"""

VERIFICATION = "verification"
"""The subject of what is said of whether signatures verify."""


@dataclass(frozen=True, slots=True)
class Signatures:
    """Objective: what a validating resolver gets of a signed zone is valid (RFC 4035 section 5.3), at every address.

    Steps: 1. Ask every address for the SOA with signatures (DO). If nobody gives one, the zone is not signed, and that
    is all. 2. Ask those that serve a version for NS, DNSKEY, CDS, CDNSKEY and CSYNC at the apex, for ZONEMD, too, where
    the zone is compared whole (RFC 8976 section 4), and for the chosen records, with signatures; then for the SOA
    again, as the check *records* does. 3. Judge each RRset, or the CNAME in its place, by those of its signatures that
    verify against the DNSKEY records that the same address gives, in time by the clock of this machine (RFC 4034
    section 3.1.5); of these, by the one that ends last. Where nothing can be verified (an algorithm that is not known
    here, more keys or signatures than are tried, different machines) their times count all the same. 4. Compare
    addresses within a group, and CDS, CDNSKEY and CSYNC between groups, too (RFC 9975): what is off its group's
    reference within max_lag is propagating, and unsure. Who signs nothing is not compared. 5. Where several groups
    sign, verify what each signs with the DNSKEY records of each other (RFC 8901 section 3), and, with those that CDS or
    CDNSKEY records are for, the DNSKEY records of each. Not of hidden servers.

    =======================  ==================================================================================
    signature-expired        none is left: the last has ended
    signature-invalid        none verifies, or those that do have not begun
    signature-missing        none, on a serial on which others give them; or none of some of SOA, NS, DNSKEY and ZONEMD.
                             Not at hidden servers and the primary: another may sign what it has from them
    provider-key-missing     what another group signs cannot be verified with the DNSKEY records here
    signature-expiring       the last ends within ``expiring``, or within ``expiring_share`` of its life if that is
                             less; less a tenth of that, three hours at most: some renew at just such a limit. Where all
                             are dated as Knot DNS does, not before Knot is late by its defaults: ``expiring_knot``
    signatures-differ        on one serial of one group signatures by the same key that end earlier than another's
    key-set-differs          other DNSKEY, CDS, CDNSKEY or CSYNC records than peers
    parent-key-missing       the CDS, or the CDNSKEY records, the same everywhere, are for none of the keys that the
                             DNSKEY records of a group are signed with (RFC 7344 section 4.1)
    signature-before-expire  the last ends sooner than the SOA's expire from now: a secondary that is cut off would be
                             bogus before it stops serving the zone (RFC 6781 section 4.4.2.1). Not at the primary
                             and the signer
    =======================  ==================================================================================
    """

    expiring: timedelta = timedelta(days=3)
    """Left of a signature: `signature-expiring`."""
    expiring_share: float = field(default=0.25, metadata={"bounds": {"gt": 0, "le": 1}})
    """Left of a signature's life from inception to expiration: `signature-expiring`, where that is less than
    `expiring`. More than 0, at most 1. Of either a tenth, at most 3 h, is left to who renews at just that moment."""
    expiring_knot: timedelta = timedelta(hours=1)
    """Left beside the greatest TTL seen, and less `max_lag`, where all signatures are dated as Knot DNS dates them, 90
    minutes back: `signature-expiring`, where that is less than the two before. Knot DNS 3.2 renews them so late by
    default. Where its `rrsig-refresh` is longer, or for what others date so, say `"3d"`."""

    name: ClassVar[str] = "signatures"
    finding_types: ClassVar[tuple[FindingType, ...]] = FINDINGS
    cadence: ClassVar[timedelta] = timedelta(hours=1)
    version_bound: ClassVar[bool] = True

    def applies(self, zone: Zone) -> bool:
        return any(server.addresses for server in zone.servers)

    def standing_questions(self, zone: Zone) -> tuple[StandingQuestion, ...]:
        return (StandingQuestion(zone.name, "SOA", dnssec=True),)

    def likeness(self, zone: Zone, answers: Sequence[Observation]) -> Likeness | None:
        """None but where each address serves the zone without a signature: then it is not signed, and that is all."""
        unsigned = all(is_plain(one) and one.serial is not None and not one.signatures for one in answers)
        return Likeness("unsigned") if unsigned else None

    def queries(self, zone: Zone, seen: tuple[Observation, ...]) -> Iterable[Query]:
        if seen and not any(is_signed(one, zone) for one in seen):
            return ()
        return record_queries(zone, _wanted(zone), seen, dnssec=True)

    def evaluate(
        self, zone: Zone, poll: ZonePoll, zone_state: ZoneState
    ) -> Iterator[Finding | Inconclusive | SignatureEnd]:
        if not any(is_signed(seen, zone) for seen in poll.seen):
            silent = (seen for seen in poll.seen if seen.serial is None)
            yield from (Inconclusive(seen.server, seen.address, reason="serves no version now") for seen in silent)
            return
        every = copies(zone, _wanted(zone), poll)
        held = signed_rrsets(zone, poll, every)
        for copy in every:
            mine = held.get((copy.server.name, copy.address), ())
            if copy.serial is None:
                yield Inconclusive(copy.server.name, copy.address, reason=copy.reason)
            yield from self._times(zone, poll, copy, mine)
            yield from _verified(poll, copy, mine)
            yield from _missing(zone, every, held, copy, mine)
        signing = [copy for copy in every if any(one.signatures for one in _of(held, copy))]
        yield from _older(signing, held, poll)
        yield from _keys(zone, zone_state, signing, poll)
        yield from others_keys(zone, zone_state, every, held, poll.at)
        yield from parents_keys(zone, zone_state, signing, held)

    def _times(
        self, zone: Zone, poll: ZonePoll, copy: AddressCopy, mine: tuple[SignedRRset, ...]
    ) -> Iterator[Finding | SignatureEnd]:
        """The first of each that ends is told; with the others that have the same."""
        where = server_at(copy.server.name, copy.address)
        spans = sorted(
            ((one.what, span) for one in mine if (span := one.last(poll.at)) is not None),
            key=lambda each: each[1].expiration,
        )
        if spans:
            yield SignatureEnd(copy.server.name, copy.address, spans[0][1].expiration, spans[0][0])
        over = [each for each in spans if each[1].expiration <= poll.at]
        left = [each for each in spans if each[1].expiration > poll.at]
        if over:
            ago = f"{format_duration(poll.at - over[0][1].expiration)} ago"
            ended = f"{_ends(over, 'ended', 'have ended', ago)}; by the clock of the monitor, {format_time(poll.at)}"
            yield _finding(EXPIRED, copy, f"{where}: {ended}")
        knot = self._knot(zone, mine, [span for _, span in spans])
        soon = [each for each in left if each[1].expiration - poll.at <= min(self._margin(each[1]), knot)]
        if soon:
            span = soon[0][1]
            ends = _ends(soon, "ends", "end soon", f"in {format_duration(span.expiration - poll.at)}")
            life = format_duration(span.expiration - span.inception)
            yield _finding(EXPIRING, copy, f"{where}: {ends}, of a life of {life}")
        expire = _expire(copy, poll) if left and not zone.leads(copy.server.name) else None
        if expire is not None and left[0][1].expiration < poll.at + expire:
            serves = f"{where} would serve the zone for {format_duration(expire)} without its primary (SOA expire), but"
            ends = _ends(left[:1], "ends", "", f"in {format_duration(left[0][1].expiration - poll.at)}")
            yield _finding(BEFORE_EXPIRE, copy, f"{serves} {ends}")

    def _margin(self, span: Span) -> timedelta:
        margin = min(self.expiring, (span.expiration - span.inception) * self.expiring_share)
        return margin - min(RENEWING, margin / 10)

    def _knot(self, zone: Zone, mine: tuple[SignedRRset, ...], spans: list[Span]) -> timedelta:
        """What is left of signatures when Knot DNS has not renewed them by its defaults, and secondaries would have
        what it renewed; no limit where any was dated by somebody else.
        """
        if not all(span.is_dated_by_knot for span in spans):
            return timedelta.max
        return self.expiring_knot + timedelta(seconds=max((one.ttl for one in mine), default=0)) - zone.max_lag


def _wanted(zone: Zone) -> tuple[WantedRecord, ...]:
    """Beside the SOA; the apex first."""
    types = ("NS", "DNSKEY", "CDS", "CDNSKEY", "CSYNC", *(("ZONEMD",) if zone.content else ()))
    apex = (WantedRecord(zone.name, one, ttl=False) for one in types)
    chosen = (WantedRecord(one.name, one.type, ttl=False) for one in zone.records if one.type != "SOA")
    return tuple(dict.fromkeys((*apex, *chosen)))


def _verified(poll: ZonePoll, copy: AddressCopy, mine: tuple[SignedRRset, ...]) -> Iterator[Finding | Inconclusive]:
    """Whether signatures were made by the keys that the same address gives, and have begun."""
    where = server_at(copy.server.name, copy.address)
    early = [one for one in mine if one.early(poll.at) is not None]
    bad = [one for one in mine if one.failure]
    if bad:
        whose = enumerated((one.what for one in bad), most=4)
        text = f"{where}: no signature of {whose} verifies with the DNSKEY records it gives: {bad[0].failure}"
        yield _finding(INVALID, copy, text, VERIFICATION)
    elif early:
        span = early[0].early(poll.at)
        assert span is not None  # noqa: S101  # it was chosen for that
        begins = f"in {format_duration(span.inception - poll.at)}, {format_time(span.inception)}, key {span.key_tag}"
        clock = f"by the clock of the monitor, {format_time(poll.at)}"
        whose = enumerated((one.what for one in early), most=4)
        yield _finding(
            INVALID,
            copy,
            f"{where}: no signature of {whose} has begun; the first begins {begins}; {clock}",
            VERIFICATION,
        )
    elif doubts := [one.doubt for one in mine if one.doubt]:
        yield Inconclusive(copy.server.name, copy.address, VERIFICATION, doubts[0])


def _missing(
    zone: Zone,
    every: list[AddressCopy],
    held: Mapping[Place, tuple[SignedRRset, ...]],
    copy: AddressCopy,
    mine: tuple[SignedRRset, ...],
) -> Iterator[Finding | Inconclusive]:
    without = [one.what for one in mine if one.what in APEX_TYPES and not one.signatures]
    if not without or copy.serial is None:
        return
    where, own = server_at(copy.server.name, copy.address), any(one.signatures for one in mine)
    if copy.server.name == zone.primary or copy.server.hidden:
        return
    if any(one.without_edns for one in mine):
        why = "it answers only without EDNS, and signatures cannot be asked for without"
        yield Inconclusive(copy.server.name, copy.address, "", why)
        return
    others = [
        one.server.name
        for one in every
        if one.server.group == copy.server.group
        and one.serial == copy.serial
        and any(o.signatures for o in _of(held, one))
    ]
    if own:
        yield _finding(MISSING, copy, f"{where} gives no signatures of {enumerated(without)}, but of other records")
    elif others:
        text = f"{where} gives no signatures of {enumerated(without)}, others on serial {copy.serial} do"
        yield _finding(MISSING, copy, f"{text}: {enumerated(dict.fromkeys(others))}")
    else:
        yield Inconclusive(
            copy.server.name, copy.address, "", f"gives no signatures, and nobody else is on {copy.serial}"
        )


def _older(
    signing: list[AddressCopy], held: Mapping[Place, tuple[SignedRRset, ...]], poll: ZonePoll
) -> Iterator[Finding]:
    """Where a re-signed zone kept its serial, secondaries keep the signatures they have until those end."""
    alike: dict[tuple[str, int], list[AddressCopy]] = {}
    for copy in signing:
        if copy.serial is not None:
            alike.setdefault((copy.server.group, copy.serial), []).append(copy)
    for (_, serial), peers in alike.items():
        for copy in peers:
            found = older(_of(held, copy), [_of(held, peer) for peer in peers if peer is not copy], poll.at)
            if found:
                what, (mine, theirs) = next(iter(found.items()))
                text = (
                    f"{server_at(copy.server.name, copy.address)} has serial {serial} like others, but older "
                    f"signatures of {enumerated(found, most=4)}: that of {what} by key {mine.key_tag} ends "
                    f"{format_time(mine.expiration)}, another's {format_time(theirs.expiration)}"
                )
                yield _finding(DIFFER, copy, text)


def _keys(
    zone: Zone, zone_state: ZoneState, signing: list[AddressCopy], poll: ZonePoll
) -> Iterator[Finding | Inconclusive]:
    """DNSKEY within groups, since each provider has keys of its own (RFC 8901); what is for the parent everywhere."""
    groups = dict.fromkeys(copy.server.group for copy in signing)
    for type_ in ("DNSKEY", "CDS", "CDNSKEY", "CSYNC"):
        wanted = WantedRecord(zone.name, type_, ttl=False)
        within = [[c for c in signing if c.server.group == one] for one in groups] if type_ == "DNSKEY" else [signing]
        for peers in within:
            for one in differences(zone, zone_state, [c for c in peers if c.serial is not None], wanted, poll.at):
                if isinstance(one, Difference):
                    found = _finding(KEYS_DIFFER, one.copy, one.text, str(wanted))
                    yield replace(found, difference=one.records)
                else:
                    yield one


def _of(held: Mapping[Place, tuple[SignedRRset, ...]], copy: AddressCopy) -> tuple[SignedRRset, ...]:
    return held.get((copy.server.name, copy.address), ())


def _expire(copy: AddressCopy, poll: ZonePoll) -> timedelta | None:
    """Of the SOA that the address gives."""
    place = (copy.server.name, copy.address)
    mine = (seen.soa for seen in poll.seen if (seen.server, seen.address) == place and seen.serial is not None)
    return next((timedelta(seconds=soa.expire) for soa in mine if soa is not None), None)


def _ends(spans: list[tuple[str, Span]], one: str, several: str, away: str) -> str:
    """Of what the signatures end, and when the first of them does."""
    what, span = spans[0]
    when = f"{format_time(span.expiration)}, key {span.key_tag}"
    if len(spans) == 1:
        return f"the signature of {what} {one} {away} ({when})"
    all_ = enumerated((each for each, _ in spans), most=4)
    return f"the signatures of {all_} {several}, the first {away} ({what}, {when})"


def _finding(found: FindingType, copy: AddressCopy, text: str, subject: str = "") -> Finding:
    return Finding(found.code, text, copy.server.name, copy.address, subject)
