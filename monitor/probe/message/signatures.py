"""The reader of signatures: RRSIG records beside the RRset that they were made for, with what is to be verified."""

import struct
from collections.abc import Sequence
from typing import cast

import dns.name
import dns.rdatatype
import dns.rdtypes.ANY.RRSIG
import dns.rrset

from checks.model import MAX_SIGNATURES, Signature
from monitor.probe.message.request import IN

RRSIG = int(dns.rdatatype.RRSIG)


def signatures(
    answers: Sequence[dns.rrset.RRset], rrset: Sequence[dns.rrset.RRset], name: dns.name.Name
) -> tuple[Signature, ...]:
    """Those of the RRset of this ``name``, of which each record is an RRset of its own; MAX_SIGNATURES at most."""
    rtype = rrset[0].rdtype
    found = [
        cast("dns.rdtypes.ANY.RRSIG.RRSIG", one[0])
        for one in answers
        if one.rdtype == RRSIG and one.rdclass == IN and one.covers == rtype and one.name == name
    ]
    if not found:
        return ()
    records = sorted({one[0].to_digestable(dns.name.root) for one in rrset})
    return tuple(_signature(one, name, records) for one in found[:MAX_SIGNATURES])


def _signature(rrsig: dns.rdtypes.ANY.RRSIG.RRSIG, name: dns.name.Name, records: Sequence[bytes]) -> Signature:
    return Signature(
        int(rrsig.algorithm),
        rrsig.key_tag,
        rrsig.signer.canonicalize().to_text(),
        rrsig.inception,
        rrsig.expiration,
        _signed(rrsig, name, records),
        rrsig.signature,
    )


def _signed(rrsig: dns.rdtypes.ANY.RRSIG.RRSIG, name: dns.name.Name, records: Sequence[bytes]) -> bytes:
    """What was signed (RFC 4034 section 3.1.8.1), of a wildcard under its own name (RFC 4035 section 5.3.2); nothing
    where the signature counts more labels than the name has.
    """
    labels = len(name) - 1 - name.is_wild()
    if rrsig.labels > labels:
        return b""
    owner = name if rrsig.labels == labels else dns.name.Name((b"*", *name.labels[-rrsig.labels - 1 :]))
    head = struct.pack(
        "!HBBIIIH", rrsig.type_covered, rrsig.algorithm, rrsig.labels, rrsig.original_ttl, rrsig.expiration,
        rrsig.inception, rrsig.key_tag,
    )  # fmt: skip
    each = owner.to_digestable() + struct.pack("!HHI", rrsig.type_covered, IN, rrsig.original_ttl)
    body = (each + struct.pack("!H", len(rdata)) + rdata for rdata in records)
    return b"".join((head, rrsig.signer.to_digestable(), *body))
