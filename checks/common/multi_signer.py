"""Several providers that sign one zone, each with keys of its own (RFC 8901): who lacks the others' keys.

A resolver keeps the DNSKEY records that it has from one provider and verifies with them what it has from another (RFC
8901 section 3). So each provider's DNSKEY records must have the keys that the others sign the zone's data with, and
need not have those that sign DNSKEY records alone: for these the parent has DS records. What the parent makes those of,
CDS and CDNSKEY, is the union of all, the same everywhere (RFC 8901 section 8, RFC 9975).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from checks.common.dnssec import Key, Tries, Verdict, Verifier, algorithm_name, are_cut, zone_keys
from checks.common.ds import DIGESTS, is_for
from checks.common.rrset_compare import (
    MACHINES,
    PROPAGATING,
    AddressCopy,
    majority,
    named_group,
    reference_copies,
)
from checks.common.serial import newer
from checks.common.signed_rrsets import Place, SignedRRset
from checks.common.text import enumerated, server_at
from checks.model import Finding, Inconclusive, Signature, WantedRecord, Zone
from checks.model.finding_type import SIGNATURES, FindingType, Severity
from checks.model.wanted import is_named
from checks.zone_state.model import ZoneState
from checks.zone_state.update import serial_group_of

KEY_MISSING = FindingType(
    "provider-key-missing", Severity.CRITICAL, "A provider's DNSKEY records lack a key that another one signs with",
    family=SIGNATURES, of_content=True, transient=True,
)  # fmt: skip
PARENT_KEY_MISSING = FindingType(
    "parent-key-missing", Severity.WARNING, "What is offered to the parent leaves out keys that are needed",
    family=SIGNATURES, of_content=True, transient=True,
)  # fmt: skip

OTHERS_KEYS = "keys of other groups"
"""The subject of what is said of whether an address has them."""

OF_THE_PARENT = ("CDS", "CDNSKEY")
_BY_OTHER_KEYS = ("DNSKEY", *OF_THE_PARENT)
"""What is signed with the keys that the parent knows (RFC 7344 section 4.1), and so is not for everybody's."""

Held = Mapping[Place, tuple[SignedRRset, ...]]


def others_keys(
    zone: Zone, zone_state: ZoneState, every: Iterable[AddressCopy], held: Held, now: datetime
) -> Iterator[Finding | Inconclusive]:
    """Whether what each group signs verifies with the DNSKEY records of each other. Hidden servers are asked by no
    resolver, and so need not fit; nor do DNSKEY records that may differ between groups as they will.

    What is signed in a version that was seen to come within max_lag may be signed with a key that is still on its way
    to the others. How old the first version is that was seen of a group is not known: it accuses.
    """
    wanted = WantedRecord(zone.name, "DNSKEY", ttl=False)
    if is_named(wanted, zone.name, zone.ignored_between_groups):
        return
    shown = [copy for copy in every if not copy.server.hidden]
    signing = [copy for copy in shown if any(one.signatures for one in held.get(_place(copy), ()))]
    groups = {group: peers for group, peers in reference_copies(zone, zone_state, signing, wanted).items() if peers}
    silent: dict[str, list[AddressCopy]] = {copy.server.group: [] for copy in shown if copy.serial is None}
    fresh = {group for group, peers in groups.items() if peers and _is_fresh(zone, zone_state, peers[0], now)}
    tries = Tries()
    for group, peers in groups.items():
        others = {other: signs for other, signs in (silent | groups).items() if other != group}
        for copy in peers if others else ():
            yield from _lacking(copy, wanted, others, held, tries, fresh)


def _is_fresh(zone: Zone, zone_state: ZoneState, copy: AddressCopy, now: datetime) -> bool:
    """Whether the version that a group's reference is on was seen to come within max_lag, or soa-serial has yet to
    see it.
    """
    serial_group = serial_group_of(zone_state, copy.server.group)
    if serial_group is None or not serial_group.versions or copy.serial is None:
        return False
    version = serial_group.versions[-1]
    if newer(copy.serial, version.serial):
        return True
    return version.absent is not None and now - version.seen <= zone.max_lag


def _place(copy: AddressCopy) -> Place:
    return (copy.server.name, copy.address)


def _lacking(
    copy: AddressCopy,
    wanted: WantedRecord,
    others: Mapping[str, Sequence[AddressCopy]],
    held: Held,
    tries: Tries,
    fresh: Collection[str],
) -> Iterator[Finding | Inconclusive]:
    own = copy.contents[wanted]
    if not own.tied:
        yield Inconclusive(copy.server.name, copy.address, OTHERS_KEYS, MACHINES)
        return
    verifier = Verifier(tuple(zone_keys(own.rdata)), tries, are_cut(own.rdata))
    missing: list[str] = []
    unknown: list[str] = []
    for group, peers in others.items():
        signed = [one for peer in peers for one in held.get(_place(peer), ()) if _is_sound(one)]
        verdicts = [(one, _best(verifier, one.signatures)) for one in signed]
        bad = [one for one, verdict in verdicts if verdict is Verdict.INVALID]
        if bad and group in fresh:
            unknown.append(PROPAGATING)
        elif bad:
            missing.append(f"{named_group(group)} signs {_whats(bad)} with {_keys(bad)}")
        elif not any(verdict is Verdict.VALID for _, verdict in verdicts):
            unknown.append(f"nothing that {named_group(group)} signs can be verified")
    if missing:
        text = (
            f"{server_at(copy.server.name, copy.address)} lacks DNSKEY records: {enumerated(missing, most=4)}. "
            "Who has the keys from here cannot validate that"
        )
        yield Finding(KEY_MISSING.code, text, copy.server.name, copy.address, OTHERS_KEYS)
    elif unknown:
        yield Inconclusive(copy.server.name, copy.address, OTHERS_KEYS, unknown[0])


def _is_sound(one: SignedRRset) -> bool:
    """Whether it verifies at home; and is not signed for the parent, or by it."""
    plain = not one.failure and not one.doubt and bool(one.signatures)
    return plain and one.what not in _BY_OTHER_KEYS


def _best(verifier: Verifier, signatures: Iterable[Signature]) -> Verdict:
    """One that verifies is enough; what is not known accuses nobody."""
    said = {verifier.verdict(one) for one in signatures}
    return next(one for one in (Verdict.VALID, Verdict.UNKNOWN, Verdict.INVALID) if one in said)


def _whats(bad: Iterable[SignedRRset]) -> str:
    return enumerated(dict.fromkeys(one.what for one in bad), most=4)


def _keys(bad: Iterable[SignedRRset]) -> str:
    pairs = sorted({(sig.key_tag, sig.algorithm) for one in bad for sig in one.signatures})
    return enumerated((f"key {tag}, algorithm {algorithm_name(algorithm)}" for tag, algorithm in pairs), most=4)


def parents_keys(zone: Zone, zone_state: ZoneState, signing: Iterable[AddressCopy], held: Held) -> Iterator[Finding]:
    """Whether a parent that takes the CDS or CDNSKEY records would keep a key for every group (RFC 7344 section 4.1):
    one that its DNSKEY records are signed with. Records that are not the same everywhere are told of elsewhere.
    """
    shown = [copy for copy in signing if not copy.server.hidden and copy.serial is not None]
    keys = WantedRecord(zone.name, "DNSKEY", ttl=False)
    groups = {group: peers for group, peers in reference_copies(zone, zone_state, shown, keys).items() if peers}
    tries = Tries()
    for type_ in OF_THE_PARENT:
        wanted = WantedRecord(zone.name, type_, ttl=False)
        offered = [peer for peers in reference_copies(zone, zone_state, shown, wanted).values() for peer in peers]
        if len({copy.contents[wanted].same for copy in offered}) != 1 or not offered[0].contents[wanted].rdata:
            continue
        records = offered[0].contents[wanted].rdata
        left_out = [
            named_group(group)
            for group, peers in groups.items()
            if _breaks(zone, type_, records, majority(zone, peers, keys).rdata, _of_keys(peers, held), tries)
        ]
        for copy in offered if left_out else ():
            whose = f" of {enumerated(left_out)}" if len(groups) > 1 else ""
            text = (
                f"{server_at(copy.server.name, copy.address)} offers {type_} records to the parent of which none is "
                f"for a key that the DNSKEY records{whose} are signed with: whoever takes them breaks the chain"
            )
            yield Finding(PARENT_KEY_MISSING.code, text, copy.server.name, copy.address, f"{zone.name} {type_}")


def _of_keys(peers: Iterable[AddressCopy], held: Held) -> list[Signature]:
    """The signatures of DNSKEY records, where these verify at home."""
    every = (one for peer in peers for one in held.get(_place(peer), ()))
    sound = (one for one in every if one.what == "DNSKEY" and not one.failure and not one.doubt)
    return [signature for one in sound for signature in one.signatures]


def _breaks(
    zone: Zone, type_: str, offered: tuple[str, ...], rdata: tuple[str, ...], signatures: list[Signature], tries: Tries
) -> bool:
    """Whether no key that is offered made any of the signatures; False where that is not known."""
    if not signatures or are_cut(rdata) or are_cut(offered) or "\\" in zone.name:
        return False
    if any(not _is_known(type_, text) for text in offered):
        return False
    kept = [key for text in rdata for key in zone_keys((text,)) if _is_offered(zone, type_, offered, text, key)]
    return _best(Verifier(tuple(kept), tries), signatures) is Verdict.INVALID


def _is_known(type_: str, text: str) -> bool:
    """Whether it is for a key, by a digest that can be made here. RFC 8078 section 4 has records for no key."""
    words = text.split(" ", 3)
    if type_ == "CDNSKEY":
        return words[2:3] != ["0"]
    return len(words) == 4 and words[2].isdigit() and int(words[2]) in DIGESTS


def _is_offered(zone: Zone, type_: str, offered: Iterable[str], text: str, key: Key) -> bool:
    if type_ == "CDNSKEY":
        return text in offered
    return is_for(zone.name, offered, text, key)
