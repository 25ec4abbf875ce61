"""Observations of records, and zone states to compare them by."""

from datetime import timedelta

from checks.model import (
    Observation,
    WantedRecord,
    Zone,
)
from checks.zone_state.model import ZoneState
from tests.support.observations import MINUTE, NOON, has, query, seen, story

NOW = NOON + 60 * MINUTE


def read(where: Zone, name: str, token: str, wanted: WantedRecord) -> list[Observation]:
    """SOA, record, SOA as one address gives them. "10>11 a": the zone moved; "10 -": no answer to the record."""
    serials, _, what = token.partition(" ")
    first, _, last = serials.partition(">")
    soa = query(where, name)
    asked = query(where, name, wanted.type, wanted.name)
    if what == "-" or what.isupper():
        record = seen(asked, what)
    elif what == "nothing":
        record = has(asked)
    elif what == "nxdomain":
        record = has(asked, rcode="NXDOMAIN")
    else:
        rdata, _, ttl = what.partition("/")
        record = has(asked, *rdata.split("+"), ttl=int(ttl or 300))
    return [seen(soa, first), record, seen(soa, last or first)]


def known(where: Zone, gives: dict[str, str], late: float) -> ZoneState:
    """A zone state in which all stood on the lowest serial, and what is newer came ``late`` minutes ago."""
    serials = {name: token.partition(" ")[0].partition(">")[0].partition("@")[0] for name, token in gives.items()}
    versions = {n: s if s.isdigit() else "10" for n, s in serials.items()}
    low = {
        name: min(int(versions[other.name]) for other in where.servers if other.group == one.group)
        for name in versions
        if (one := where.server(name)) is not None
    }
    start = NOW - timedelta(minutes=late) - MINUTE
    return story(where, {name: f"{low[name]} {versions[name]}*2" for name in versions}, start=start)[-1].zone_state
