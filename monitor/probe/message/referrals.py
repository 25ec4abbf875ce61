"""The reader of referrals: what an answer says of a zone that it delegates."""

from collections.abc import Sequence
from typing import cast

import dns.message
import dns.name
import dns.rdatatype
import dns.rdtypes.ANY.NS
import dns.rdtypes.IN.A
import dns.rrset

from checks.model.referral import Referral
from monitor.probe.message import canonical
from monitor.probe.message.request import IN

MAX_NAMESERVERS, MAX_GLUE, MAX_DS = 64, 256, 64
"""Records of a delegation that are kept."""

_ADDRESSES = (dns.rdatatype.A, dns.rdatatype.AAAA)
_DENIALS = (dns.rdatatype.NSEC, dns.rdatatype.NSEC3)


def referral(message: dns.message.Message, name: dns.name.Name) -> Referral | None:
    """The delegation that leads to ``name``; None where the answer has records, or delegates nothing at or above it.

    Each record of ``message`` is an RRset of its own.
    """
    authority = [one for one in message.authority if one.rdclass == IN]
    delegations = [one for one in authority if one.rdtype == dns.rdatatype.NS and name.is_subdomain(one.name)]
    if message.answer or not delegations:
        return None
    cut = max((one.name for one in delegations), key=len)
    own = [one for one in delegations if one.name == cut]
    nameservers = tuple(sorted({_target(one) for one in own})[:MAX_NAMESERVERS])
    records = [one[0] for one in authority if one.rdtype == dns.rdatatype.DS and one.name == cut]
    ds = canonical.ordered(canonical.canonical(one) for one in records[:MAX_DS])
    denied = not ds and any(one.rdtype in _DENIALS for one in authority)
    return Referral(
        cut.canonicalize().to_text(), nameservers, min(one.ttl for one in own), _glue(message.additional, nameservers),
        ds, denied,
    )  # fmt: skip


def _target(ns: dns.rrset.RRset) -> str:
    return cast("dns.rdtypes.ANY.NS.NS", ns[0]).target.canonicalize().to_text()


def _glue(additional: Sequence[dns.rrset.RRset], nameservers: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    found = {
        (owner, cast("dns.rdtypes.IN.A.A", one[0]).address)
        for one in additional
        if one.rdclass == IN
        and one.rdtype in _ADDRESSES
        and (owner := one.name.canonicalize().to_text()) in nameservers
    }
    return tuple(sorted(found)[:MAX_GLUE])
