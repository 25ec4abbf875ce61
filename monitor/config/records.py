"""Reads the records that are to be compared, and what they should say."""

import re

import dns.exception
import dns.rdatatype

from monitor.config.domain_names import domain_name
from monitor.config.errors import InvalidValue, near, quoted
from monitor.probe.message import canonical, names

_META = frozenset({"ANY", "AXFR", "IXFR", "OPT", "TSIG", "TKEY", "MAILA", "MAILB", "NONE", "TYPE0"})
_COMMON = (
    *("A", "AAAA", "CAA", "CNAME", "DNSKEY", "DS", "HTTPS", "MX"),
    *("NAPTR", "NS", "PTR", "SOA", "SRV", "SVCB", "TLSA", "TXT"),
)


ANY = "*"
"""Any name, or any type."""


def spelled(value: object) -> object:
    """The short form "www A" as the table it stands for; anything else as it is. Raises InvalidValue."""
    if not isinstance(value, str):
        return value
    words = value.split()
    if len(words) != 2:
        raise InvalidValue(f"{quoted(value)} is not a name and a type", 'write for example "www A" or "@ MX"')
    return {"name": words[0], "type": words[1]}


def rdata_type(text: str) -> str:
    """The RR type in capitals: one that can be asked for and compared. Raises InvalidValue."""
    word = text.upper()
    try:
        found = dns.rdatatype.to_text(dns.rdatatype.from_text(word))
    except (dns.exception.DNSException, ValueError):
        raise InvalidValue(f"{quoted(text)} is not a record type", near(word, _COMMON)) from None
    if found in _META:
        raise InvalidValue(f"{found} is not a type of records that are compared")
    if found == "SOA":
        raise InvalidValue("the SOA is compared without being named here, by the checks soa-serial and soa-fields")
    return found


def owner(text: str, zone: str) -> str:
    """The absolute name of ``text`` in ``zone``: "@", a relative name, or one that ends in the zone's."""
    if text == "@":
        return zone
    name = domain_name(text)
    if zone == "." or name == zone or name.endswith("." + zone):
        return name
    if re.search(r"(?<!\\)\.$", text):
        raise InvalidValue(f"{quoted(text)} is not in the zone {zone}")
    try:
        return names.parse_name(name + zone)
    except names.BadName as error:
        raise InvalidValue(f"{quoted(text)}: {error.reason}", error.hint) from None


def pattern(text: str) -> str:
    """Records of a zone, as ``checks.model.wanted.is_named`` has them. Raises InvalidValue."""
    words = text.split()
    if len(words) not in (1, 2):
        hint = 'write for example "_acme-challenge*" or "@ NS"'
        raise InvalidValue(f"{quoted(text)} is neither a name nor a name and a type", hint)
    name, type_ = words[0], words[1] if len(words) == 2 else ANY
    if len(words) == 1 and name in _COMMON:
        raise InvalidValue(f"{quoted(text)} is a type", f'write "* {name}" for that type at any name, or "{name} *"')
    if type_.upper() == "SOA":
        raise InvalidValue("the SOA is never compared between groups")
    plain = name if name in ("@", ANY) else domain_name(name).removesuffix(".")
    return f"{plain} {type_ if type_ == ANY else rdata_type(type_)}"


def rdata(rdtype: str, text: str, zone: str) -> str:
    """The canonical form of an expected value. Raises InvalidValue."""
    try:
        value = canonical.parse_rdata(rdtype, text, zone)
    except ValueError as error:
        reason = str(error).rstrip(".")
        raise InvalidValue(
            f"{quoted(text)} is not a value of {rdtype} records: {reason[:1].lower()}{reason[1:]}"
        ) from None
    if zone != "." and f".{zone}{zone}" in f" {value}".replace(" ", "."):
        raise InvalidValue(
            f"{quoted(text)} means {quoted(value)}", "a name without final dot is relative to the zone: add the dot"
        )
    return value
