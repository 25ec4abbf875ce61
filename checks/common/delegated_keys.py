"""The keys of a zone as its parent has them: DS records against DNSKEY records."""

from collections.abc import Iterator

from checks.common.dnssec import Tries, Verdict, Verifier, are_cut, zone_keys
from checks.common.ds import DIGESTS, digest_type, is_for
from checks.common.parent_side import ParentAnswer
from checks.common.rrset_content import records_of
from checks.common.text import enumerated
from checks.model import Finding, Inconclusive, Observation, Signature, Zone
from checks.model.finding_type import DELEGATION, FindingType, Severity

DS_MISMATCH = FindingType(
    "ds-mismatch", Severity.CRITICAL, "No DS record of the parent zone is for a key that signs the zone's keys",
    family=DELEGATION,
)  # fmt: skip
DS_MISSING = FindingType(
    "ds-missing", Severity.INFO, "The zone is signed, and the parent zone has no DS records for it", family=DELEGATION
)
KEY_FINDINGS = (DS_MISMATCH, DS_MISSING)

KEYS = "DS"
"""The subject of what is said of the keys."""


def keys_of_parent(
    zone: Zone, above: ParentAnswer | None, keys: Observation | None
) -> Iterator[Finding | Inconclusive]:
    """Whether a validating resolver that has the parent's DS records believes the zone's DNSKEY records (RFC 4035
    section 5.2): one of these must be for a key, and that key must have signed them.
    """
    ds = above.ds if above is not None else None
    if ds is None or above is None:
        yield _unsure("which DS records the parent zone has is not known")
        return
    held = records_of(keys) if keys is not None and keys.rcode == "NOERROR" else None
    if held is None or keys is None:
        yield _unsure("which DNSKEY records the zone has is not known")
        return
    own = tuple(one for one in keys.signatures if one.signer == zone.name)
    if ds:
        yield from _believed(zone, ds, held, own)
    elif above.denied and held and own:
        text = "the zone is signed, and the parent zone proves that it has no DS records: nobody can validate it"
        yield Finding(DS_MISSING.code, text, subject=KEYS)


def _believed(
    zone: Zone, ds: tuple[str, ...], held: tuple[str, ...], own: tuple[Signature, ...]
) -> Iterator[Finding | Inconclusive]:
    told = f"the parent has DS records for {_tags(ds)}"
    if not held:
        text = f"{told}, and the zone has no DNSKEY records: no validating resolver believes anything of it"
        yield Finding(DS_MISMATCH.code, text, subject=KEYS)
        return
    if "\\" in zone.name or are_cut(held):
        yield _unsure("the DNSKEY records are more than can be looked at")
        return
    known = [one for one in ds if digest_type(one) in DIGESTS]
    matched = [key for text in held for key in zone_keys((text,)) if is_for(zone.name, known, text, key)]
    verdict = _verdict(Verifier(tuple(matched), Tries()), own)
    if verdict is Verdict.VALID:
        return
    if len(known) < len(ds) or (matched and verdict is Verdict.UNKNOWN):
        yield _unsure(f"{told}, of which not all can be verified here")
    elif not matched:
        text = f"{told}, and the zone has {_tags_of_keys(held)}: no validating resolver believes anything of it"
        yield Finding(DS_MISMATCH.code, text, subject=KEYS)
    else:
        tags = enumerated(sorted({f"key {key.tag}" for key in matched}))
        text = f"{told}; {tags} is in the zone, and has not signed its DNSKEY records: no resolver can validate them"
        yield Finding(DS_MISMATCH.code, text, subject=KEYS)


def _verdict(verifier: Verifier, own: tuple[Signature, ...]) -> Verdict:
    said = [verifier.verdict(one) for one in own]
    return next((one for one in (Verdict.VALID, Verdict.UNKNOWN) if one in said), Verdict.INVALID)


def _tags(ds: tuple[str, ...]) -> str:
    return enumerated([f"key {tag}" for tag in dict.fromkeys(one.split(" ", 1)[0] for one in ds)], most=4)


def _tags_of_keys(held: tuple[str, ...]) -> str:
    tags = dict.fromkeys(key.tag for key in zone_keys(held))
    return enumerated([f"key {tag}" for tag in tags], most=4) or "no key that can be used"


def _unsure(why: str) -> Inconclusive:
    return Inconclusive(None, subject=KEYS, reason=why)
