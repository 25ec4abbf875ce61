"""Reads what is to be waited for, as people write it."""

import re
from collections.abc import Iterable

from checks.common.serial import MODULUS
from checks.model.awaited import Awaited, AwaitedRecord, Presence
from monitor.config import records
from monitor.config.errors import InvalidValue, quoted
from monitor.probe.message import canonical

MAX_RECORDS = 100
"""Values and RRsets of one wait."""
MAX_RECORD_TEXT = 20_000
"""Characters of one of them; a DNSKEY has some hundred."""

_FORM = 'write for example "www A 192.0.2.1" or "_acme-challenge TXT token"'


def serial_number(value: object) -> int:
    """A serial: a whole number of 32 bits. Raises InvalidValue."""
    text = str(value)
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,10}", text, re.ASCII) or int(text) >= MODULUS:
        raise InvalidValue(f"{quoted(text)} is not a serial", f"a whole number from 0 to {MODULUS - 1}")
    return int(text)


def awaited(
    zone: str,
    serial: int | None,
    present: Iterable[str],
    absent: Iterable[str],
    *,
    exact: bool = False,
    origin: str | None = None,
) -> Awaited:
    """What is meant by these texts, "NAME TYPE" or "NAME TYPE VALUE" each. Raises InvalidValue.

    Values of one name and type belong together. Names without final dot are relative to ``origin``, by default the
    zone.
    """
    wanted = Presence.EXACT if exact else Presence.CONTAINS
    texts = [*((text, wanted) for text in present), *((text, Presence.ABSENT) for text in absent)]
    if len(texts) > MAX_RECORDS:
        raise InvalidValue(f"{len(texts)} records are too many: at most {MAX_RECORDS}")
    if exact and not any(presence is wanted for _, presence in texts):
        raise InvalidValue("there is no record that could be exact")
    found: dict[tuple[str, str, Presence], AwaitedRecord] = {}
    for text, presence in texts:
        one = _record(text, zone, origin or zone, presence)
        key = (one.name, one.type, presence)
        before = found.get(key)
        if before is not None and not (before.rdata and one.rdata):
            raise InvalidValue(f"{one} is there twice, with a value and without")
        rdata = canonical.ordered((*(before.rdata if before is not None else ()), *one.rdata))
        found[key] = AwaitedRecord(one.name, one.type, rdata, presence)
    _refuse_contradictions(found.values(), wanted)
    return Awaited(serial, tuple(found.values()))


def _record(text: str, zone: str, origin: str, presence: Presence) -> AwaitedRecord:
    if len(text) > MAX_RECORD_TEXT:
        raise InvalidValue(f"{quoted(text)} is longer than {MAX_RECORD_TEXT} characters")
    name, rdtype, value = (*text.split(maxsplit=2), "", "", "")[:3]
    if not rdtype:
        raise InvalidValue(f"{quoted(text)} is not a name, a type and a value", _FORM)
    if rdtype.isdigit() or rdtype.upper() in ("IN", "CH", "HS"):
        what = "a TTL" if rdtype.isdigit() else "a class"
        raise InvalidValue(f"{quoted(text)}: {rdtype} is {what}, and a type is wanted", f"leave it out: {_FORM}")
    if rdtype.upper() == "SOA":
        raise InvalidValue(
            f"{quoted(text)}: for the SOA its serial is waited for", "with the number alone, as a serial"
        )
    owner, rdtype = _owner(name, zone, origin), records.rdata_type(rdtype)
    if rdtype == "DS" and owner == zone:
        raise InvalidValue(
            f"{quoted(text)}: the DS records of {zone} are in its parent zone", "wait for them at the servers of that"
        )
    if presence is Presence.EXACT and not value:
        raise InvalidValue(f"{quoted(text)} has no value that could be exact", _FORM)
    return AwaitedRecord(owner, rdtype, (records.rdata(rdtype, value, origin),) if value else (), presence)


def _owner(name: str, zone: str, origin: str) -> str:
    """A name with final dot is whole; any other is relative to the origin, unless it ends in its name."""
    return records.owner(name, zone if re.search(r"(?<!\\)\.$", name) else origin)


def _refuse_contradictions(found: Iterable[AwaitedRecord], wanted: Presence) -> None:
    every = tuple(found)
    present = {(one.name, one.type): one for one in every if one.presence is wanted}
    for gone in (one for one in every if one.presence is Presence.ABSENT):
        one = present.get((gone.name, gone.type))
        if one is not None and (not gone.rdata or set(gone.rdata) & set(one.rdata)):
            raise InvalidValue(f"{gone} cannot be there and be absent")
