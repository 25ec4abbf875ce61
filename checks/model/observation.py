"""Queries, and the observations that become of them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from checks.model.address import Address
from checks.model.canary import AwaitedValue, CanaryUpdate
from checks.model.content import ZoneContent
from checks.model.ixfr import IxfrAnswer
from checks.model.outcome import Outcome, TransferResult, UpdateResult
from checks.model.referral import Referral
from checks.model.rrset import RrSet, Soa
from checks.model.signature import Signature
from checks.model.tls import Tls
from checks.model.transport import Transport


@dataclass(frozen=True, slots=True)
class Query:
    """One question to one address. ``key`` names a TSIG key of the configuration; the prober holds the secret.

    ``qtype`` "AXFR" asks for a transfer: permission is read off the first record that is not the SOA, unless ``whole``.
    ``content``: of a whole transfer digests are made, and the records of these parts kept (``ZoneContent``), and the
    ends of the ``signatures`` of these RRsets; the digests that ZONEMD records have by the hash algorithms ``zonemd``.
    ``identify`` asks for NSID (RFC 5001) and, beside a SOA, EXPIRE (RFC 7314). ``anywhere`` asks over UDP without EDNS,
    and takes an answer from whatever address it comes. ``dnssec`` asks for the RRset's signatures, too (the DO bit,
    RFC 3225): never where EDNS is left out. ``version`` asks for the version of the zone that the answer is from
    (ZONEVERSION, RFC 9660), where the server is not known to give none. Over TLS the port is that of the server's
    settings. ``source`` is the local address from which a transfer is asked for. ``update``: the TXT records of
    ``qname`` are changed (RFC 2136), signed with ``key``; ``until`` says how long the question is asked again.
    "IXFR" asks for what is new ``since`` that serial (RFC 1995), or, where it is the ``earlier`` one that is wanted,
    since the one that the address had before that; where nobody knows it, it is not asked.
    ``foreign``: the server is none of the zone's, as those of its parent are; it is asked more slowly, and counts for
    nothing but the answer, of which the delegation is read, too (``Observation.referral``).
    """

    zone: str
    server: str
    address: Address
    qname: str
    qtype: str
    transport: Transport = Transport.UDP
    key: str | None = None
    whole: bool = False
    content: tuple[int, ...] | None = None
    signatures: tuple[bytes, ...] = ()
    zonemd: tuple[int, ...] = ()
    identify: bool = False
    anywhere: bool = False
    dnssec: bool = False
    version: bool = False
    source: str | None = None
    update: CanaryUpdate | None = None
    until: AwaitedValue | None = None
    since: int | None = None
    earlier: bool = False
    foreign: bool = False


class Shape(StrEnum):
    """What the sections of an answer amount to, seen from the question."""

    RECORDS = "records"
    NODATA = "nodata"
    REFERRAL = "referral"
    UPWARD = "upward"
    CNAME = "cname"
    OTHER = "other"
    """Records were there, but for another owner, class or type."""


NO_ANSWER, MANGLED = "no answer", "an answer that cannot be used"
"""What may have come of a question with EDNS, where it was no rcode (``Observation.without_edns``)."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What became of one query. Text fields are printable ASCII, escaped, and of bounded length.

    ``at`` is when the answer came or the prober gave up; ``rtt`` is in seconds. ``transport`` is the one that
    gave the answer in the end (a truncated UDP answer is asked again over TCP). ``discarded`` counts packets
    thrown away on the way: wrong id, question or source, or garbage before a good answer. ``without_edns`` is what came
    of the question with EDNS (an rcode, or words) where only the one without it got this answer; ``source`` who
    answers in place of the one asked; ``limited``: truncated answers came lately where short ones would have done.
    ``answer`` is the RRset that was asked for, or the CNAME in its place.
    """

    query: Query
    outcome: Outcome
    at: datetime
    rtt: float | None = None
    transport: Transport | None = None
    rcode: str | None = None
    authoritative: bool = False
    shape: Shape | None = None
    soa: Soa | None = None
    answer: RrSet | None = None
    signatures: tuple[Signature, ...] = ()
    """Those of ``answer``; there may be more of them if there are MAX_SIGNATURES."""
    nsid: str | None = None
    expire: int | None = None
    ede: tuple[str, ...] = ()
    discarded: int = 0
    transfer: TransferResult | None = None
    ixfr: IxfrAnswer | None = None
    skew: float | None = None
    """Seconds the server's clock is ahead of ours, from a BADTIME error (RFC 8945 section 5.2.3)."""
    records: int = 0
    given: int = 0
    """Those of the records of a transfer that are not the zone's SOA, which whoever may ask has anyway."""
    octets: int = 0
    messages: int = 0
    took: float | None = None
    """Seconds from the question to the last message of a transfer that was read to a good end; of no other."""
    content: ZoneContent | None = None
    detail: str = ""
    evidence: str = ""
    """The first 64 octets of what could not be understood, in hex."""
    without_edns: str = ""
    source: str = ""
    limited: bool = False
    zone_version: int | None = None
    """The serial that the answer itself says it is from, where that was asked for."""
    tls: Tls | None = None
    """What TLS showed, where that is how it was asked."""
    update: UpdateResult | None = None
    """What came of an update; ``answer`` is what the records were to be."""
    referral: Referral | None = None
    """Whereto the answer refers, where somebody ``foreign`` was asked."""

    @property
    def server(self) -> str:
        return self.query.server

    @property
    def address(self) -> Address:
        return self.query.address

    @property
    def serial(self) -> int | None:
        """The serial of an authoritative, positive SOA answer; nothing else counts as serving a version."""
        if self.soa is None or not self.authoritative or self.rcode != "NOERROR":
            return None
        return self.soa.serial if self.outcome is Outcome.ANSWERED else None
