"""Zone states after a first look at which all was well."""

from dataclasses import replace
from datetime import datetime, timedelta

from checks.model import Address
from checks.zone_state.model import AddressState, SerialGroup, Version, ZoneState
from tests.support.observations import NOON, SOA

NS1, NS2, INSIDE = (Address(f"192.0.2.{number}") for number in (1, 2, 3))


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def group(name: str, serial: int, seen: float, zone: str) -> SerialGroup:
    soa = replace(SOA, serial=serial, mname=f"ns1.{zone}", rname="dns.example.org.")
    return SerialGroup(name, serial, soa, (Version(serial, None, after(seen)),))


def state(server: str, at: Address, serial: int, seen: float, **fields: object) -> AddressState:
    fields = {"group": "", "checked_at": after(seen), **fields}
    return AddressState(server, at, serial=serial, since=after(seen), outcome="answered", changed=after(seen), **fields)  # type: ignore[arg-type]


def first_look(zone: str, serial: int = 7, *, nsid: str | None = "fra", left: float | None = 500.0) -> ZoneState:
    """ns1 and, a second later, ns2, which has an EXPIRE; inside is of another group."""
    expires = None if left is None else after(1 + left)
    return ZoneState(
        zone,
        (group("", serial, 0, zone), group("in", serial + 1, 2, zone)),
        (
            state("ns1", NS1, serial, 0, nsid=nsid),
            state("ns2", NS2, serial, 1, expires=expires),
            state("in", INSIDE, serial + 1, 2, group="in"),
        ),
        after(3),
    )
