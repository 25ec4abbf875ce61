"""What is known of a whole zone that was transferred: digests of its records, and those that were asked for."""

from dataclasses import dataclass, field

BUCKETS = 4096
"""Into so many parts the records of a zone are divided, by a hash of each."""

GENERATED_TYPES = ("RRSIG", "NSEC", "NSEC3", "NSEC3PARAM", "DNSKEY", "CDS", "CDNSKEY", "ZONEMD")
"""Types that a signer makes. They are left out where two servers sign by themselves."""


MAX_ENDED = 64
"""RRsets with signatures that have ended, of which is told in one transfer."""


@dataclass(frozen=True, slots=True)
class SignatureOfRRset:
    """Of one RRset of a transfer the signature that ends last.

    ``expiration`` is in seconds since 1970, modulo 2^32 (RFC 4034 section 3.1.5), ``what`` its owner and type, ``key``
    what names it to ``Query.signatures``.
    """

    key: bytes
    what: str
    expiration: int


MAX_ZONEMD = 16
"""ZONEMD records at the apex of a zone that are looked at."""


@dataclass(frozen=True, slots=True)
class Zonemd:
    """A ZONEMD record at the apex of its zone (RFC 8976 section 2.2); ``algorithm`` is the hash algorithm."""

    serial: int
    scheme: int
    algorithm: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class ZoneContent:
    """The records of a zone but for its SOA, ``records`` of them as they came.

    ``buckets`` and ``generated``: a digest for each of BUCKETS parts, of the records of any other type and of those of
    GENERATED_TYPES, with all others of which signatures and ZONEMD are made in another form. They can be compared with
    those that the same process made, and with no others. ``kept``: the records of the parts that were asked for, in
    canonical form (RFC 4034 section 6.2), as lines of a zone file, each once and in any order; ``overflow``: there were
    too many, and some are missing. ``signatures``: of those RRsets that were asked for, or where none was of those that
    have a signature that had ended, MAX_ENDED at most.
    ``zonemd``: the ZONEMD records at the apex, each once, in any order; one more than MAX_ZONEMD stands for all others.
    ``digests``: by the hash algorithms that were asked for the digests of the zone (RFC 8976 section 3, scheme SIMPLE);
    ``undigested`` says why there are none.
    """

    records: int
    buckets: tuple[bytes, ...]
    generated: tuple[bytes, ...]
    kept: tuple[str, ...] = ()
    overflow: bool = False
    signatures: tuple[SignatureOfRRset, ...] = field(default=(), compare=False)
    zonemd: tuple[Zonemd, ...] = field(default=(), compare=False)
    digests: tuple[tuple[int, bytes], ...] = field(default=(), compare=False)
    undigested: str = field(default="", compare=False)

    def differing(self, other: "ZoneContent", *, dnssec: bool) -> tuple[int, ...]:
        """The numbers of the parts in which the two are not the same. ``dnssec``: records of GENERATED_TYPES count."""
        return tuple(
            number
            for number in range(len(self.buckets))
            if self.buckets[number] != other.buckets[number]
            or (dnssec and self.generated[number] != other.generated[number])
        )
