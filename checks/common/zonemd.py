"""Whether zones are what their ZONEMD records say (RFC 8976 section 4), by what transfers of them brought.

A first transfer shows the records. One address of all that have the same zone, to the last record, is asked for it a
second time, and its digest made. Whether the signatures of the records verify is the business of the check signatures.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from types import MappingProxyType

from checks.common.signed_rrsets import Place
from checks.common.text import enumerated
from checks.common.transferred_zone import TransferredZone
from checks.model import Finding, Inconclusive, Observation, Soa, Zone
from checks.model.content import MAX_ZONEMD, Zonemd
from checks.model.finding_type import RECORDS, FindingType, Severity

MISMATCH = FindingType(
    "zonemd-mismatch", Severity.CRITICAL, "The zone is not the one that its ZONEMD record is for", family=RECORDS
)
STALE = FindingType(
    "zonemd-stale", Severity.WARNING, "The ZONEMD record is for another serial than the zone has", family=RECORDS
)

SUBJECT = "ZONEMD"

SIMPLE = 1
"""The one scheme that there is (RFC 8976 section 5.2)."""

ALGORITHMS = MappingProxyType({1: "SHA-384", 2: "SHA-512"})
"""Hash algorithms (RFC 8976 section 5.3)."""

SHOWN = 32
"""Hexadecimal digits of a digest that are shown."""

Looked = Mapping[Place, Observation]
"""What second transfers brought."""


def algorithms_wanted(
    zone: Zone, copies: Iterable[TransferredZone], preferred: Collection[Place]
) -> dict[Place, tuple[TransferredZone, tuple[int, ...]]]:
    """Who is to be asked once more, for digests by which hash algorithms: one of those who have the same zone, one of
    ``preferred`` if it is among them.
    """
    wanted = {}
    for peers in _alike(copies):
        if algorithms := tuple(sorted({record.algorithm for record in _usable(peers[0])})):
            one = next((copy for copy in peers if copy.place in preferred), _first(zone, peers)[0])
            wanted[one.place] = one, algorithms
    return wanted


def zonemd_results(zone: Zone, copies: Iterable[TransferredZone], looked: Looked) -> Iterator[Finding | Inconclusive]:
    """What is to be said of each zone that has ZONEMD records. Where the primary, or the signer, has the zone that is
    not as it should be, that is said of it alone: others have it from there.
    """
    groups = _alike(copies)
    verified = [peers for peers in groups if _verdict(peers, looked) is None]
    for peers in groups:
        verdict = _verdict(peers, looked)
        if isinstance(verdict, str):
            yield from (Inconclusive(*copy.place, SUBJECT, verdict) for copy in peers)
        elif verdict is not None:
            told = _first(zone, peers)
            kind, words = verdict
            words += _compared(told, peers, verified)
            yield from (Finding(kind.code, f"{copy} {words}", *copy.place, SUBJECT) for copy in told)


def verified_copy(zone: Zone, peers: Iterable[TransferredZone], looked: Looked) -> TransferredZone | None:
    """One whose zone is what its ZONEMD record says: the primary or the signer, if it is among them."""
    good = [copy for alike in _alike(peers) if _verdict(alike, looked) is None for copy in alike]
    return _first(zone, good)[0] if good else None


def any_verified(copies: Iterable[TransferredZone], looked: Looked) -> bool:
    """Whether some zone is what its ZONEMD record says."""
    return any(_verdict(peers, looked) is None for peers in _alike(copies))


def _verdict(peers: list[TransferredZone], looked: Looked) -> tuple[FindingType, str] | str | None:
    """A finding's type and what it says after who it is; why nothing is known; or None: it is as it should be."""
    one = peers[0]
    usable = _usable(one)
    if not usable:
        return _why_not_usable(_records(one))
    again = next(
        (looked[copy.place] for copy in peers if copy.place in looked and looked[copy.place].query.zonemd), None
    )
    if again is None or again.content is None:
        return "it has a ZONEMD record, and was not given a second time to verify it"
    if _whole(again) != _whole(one.seen):
        return "it has a ZONEMD record, and has changed between two transfers"
    if again.content.undigested:
        return f"its ZONEMD record is not verified, {again.content.undigested}"
    current = [record for record in usable if record.serial == one.serial]
    if not current:
        return STALE, f"serves serial {one.serial}, and its ZONEMD record is for serial {usable[0].serial}"
    digests = dict(again.content.digests)
    if any(digests.get(record.algorithm) == record.digest for record in current):
        return None
    record = current[0]
    return MISMATCH, (
        f"serves serial {one.serial} with other records than its ZONEMD record is for: {ALGORITHMS[record.algorithm]} "
        f"of the zone is {_hex(digests[record.algorithm])}, in the record {_hex(record.digest)}"
    )


def _compared(
    told: list[TransferredZone], peers: list[TransferredZone], verified: Iterable[list[TransferredZone]]
) -> str:
    """Who else has the same zone, and who has one on this serial that is verified."""
    names = dict.fromkeys(copy.server.name for copy in told)
    others = dict.fromkeys(copy.server.name for copy in peers if copy.server.name not in names)
    good = dict.fromkeys(
        copy.server.name for group in verified for copy in group
        if (copy.server.group, copy.serial) == (peers[0].server.group, peers[0].serial)
    )  # fmt: skip
    same = f"; {enumerated(others)} {'has' if len(others) == 1 else 'have'} the same zone" if others else ""
    return same + (f"; that of {enumerated(good)}, on this serial, matches its own" if good else "")


def _alike(copies: Iterable[TransferredZone]) -> list[list[TransferredZone]]:
    """Those who have the same zone, to the last record, where it has ZONEMD records."""
    found: dict[tuple[str, Soa | None, tuple[bytes, ...], tuple[bytes, ...]], list[TransferredZone]] = {}
    for copy in copies:
        if _records(copy):
            found.setdefault((copy.server.group, *_whole(copy.seen)), []).append(copy)
    return list(found.values())


def _whole(seen: Observation) -> tuple[Soa | None, tuple[bytes, ...], tuple[bytes, ...]]:
    content = seen.content
    return (seen.soa, content.buckets, content.generated) if content is not None else (None, (), ())


def _first(zone: Zone, peers: list[TransferredZone]) -> list[TransferredZone]:
    """Those from whom others have it, if they are among them."""
    return [copy for copy in peers if zone.leads(copy.server.name)] or peers


def _records(copy: TransferredZone) -> tuple[Zonemd, ...]:
    return copy.seen.content.zonemd if copy.seen.content is not None else ()


def _usable(copy: TransferredZone) -> tuple[Zonemd, ...]:
    """Those of a scheme and hash algorithm that are known here, and that no other has (RFC 8976 section 4, step 4)."""
    records = _records(copy)
    count = Counter((record.scheme, record.algorithm) for record in records)
    if len(records) > MAX_ZONEMD:
        return ()
    known = (record for record in records if record.scheme == SIMPLE and record.algorithm in ALGORITHMS)
    single = (record for record in known if count[record.scheme, record.algorithm] == 1)
    return tuple(sorted(single, key=lambda record: record.algorithm))


def _why_not_usable(records: Collection[Zonemd]) -> str:
    if len(records) > MAX_ZONEMD:
        return f"its zone is not verified, it has more than {MAX_ZONEMD} ZONEMD records"
    if any(record.scheme == SIMPLE and record.algorithm in ALGORITHMS for record in records):
        return "its zone is not verified, it has several ZONEMD records of one scheme and hash algorithm"
    return "its zone is not verified, it has no ZONEMD record of a scheme and hash algorithm that are known here"


def _hex(digest: bytes) -> str:
    text = digest.hex()
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
