"""Zones, observations and whole stories in few words, for tests of anything that judges them.

A token says what an address does at one look: ``10`` serves serial 10; ``10@fra`` the machine with that NSID does;
``10~3600`` with an EXPIRE of 3600; ``-`` timeout; ``unreachable``, ``refused-connection``, ``malformed`` and the
other outcomes by name; ``?`` the monitor could not ask; ``REFUSED``, ``SERVFAIL`` … an rcode; ``.`` not looked at.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from dataclasses import fields as fields_of
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import attrgetter
from typing import Any

from checks.base import Check
from checks.evaluation import run_check
from checks.model import (
    Address,
    CheckResult,
    Health,
    Observation,
    Outcome,
    Query,
    RrSet,
    Server,
    Shape,
    Soa,
    TransferResult,
    Transport,
    Zone,
    ZonePoll,
)
from checks.soa_serial import SoaSerial
from checks.zone_state.model import ZoneState
from checks.zone_state.update import lag, update_zone_state

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SOA = Soa(0, "ns1.example.com.", "hostmaster.example.com.", 3600, 600, 604800, 300, 3600)
QUICK = replace(SOA, refresh=60, retry=30)


def address(place: str | Address) -> Address:
    if isinstance(place, Address):
        return place
    host, _, port = place.partition("#")
    return Address(host, int(port or 53))


def server(name: str, *places: str | Address, group: str = "", hidden: bool = False) -> Server:
    """Without addresses it is given 192.0.2.N, by the number in its name."""
    number = "".join(letter for letter in name if letter.isdigit()) or "99"
    every = tuple(address(place) for place in places) or (Address(f"192.0.2.{number}"),)
    return Server(name, every, hidden=hidden, group=group)


def zone(*servers: str | Server, name: str = "example.com.", primary: str | None = "ns1", **fields: object) -> Zone:
    """``zone()`` is ns1, the primary, and ns2."""
    every = tuple(server(one) if isinstance(one, str) else one for one in servers or ("ns1", "ns2"))
    return Zone(name, every, primary=primary, **fields)  # type: ignore[arg-type]


def query(zone: Zone, name: str, qtype: str = "SOA", qname: str = "", place: int = 0, **fields: object) -> Query:
    found = zone.server(name)
    assert found is not None
    return Query(zone.name, name, found.addresses[place], qname or zone.name, qtype, **fields)  # type: ignore[arg-type]


def seen(asked: Query, token: str | int, at: datetime = NOON, like: Soa = SOA, **fields: object) -> Observation:
    """What came of a query, by token; a SOA is ``like`` that but for its serial."""
    return Observation(asked, at=at, **(_does(str(token), asked.transport, like) | fields))


@lru_cache(maxsize=10_000)
def _does(token: str, transport: Transport, like: Soa) -> dict[str, Any]:
    """The fields of an observation by its token: histories have the same few a hundred thousand times."""
    text, _, nsid = token.partition("@")
    text, _, expire = text.partition("~")
    if text.isdigit():
        return {
            "outcome": Outcome.ANSWERED,
            "rtt": 0.01,
            "transport": transport,
            "rcode": "NOERROR",
            "authoritative": True,
            "shape": Shape.RECORDS,
            "soa": replace(like, serial=int(text)),
            "nsid": nsid or None,
            "expire": int(expire) if expire else None,
        }
    if text.isupper():
        answered = {"outcome": Outcome.ANSWERED, "rtt": 0.01, "transport": transport}
        return answered | {"rcode": text, "shape": Shape.NODATA}
    return {"outcome": {"-": Outcome.TIMEOUT, "?": Outcome.UNASKED}.get(text) or Outcome(text)}


def has(asked: Query, *rdata: str, ttl: int = 3600, at: datetime = NOON, **fields: object) -> Observation:
    """An authoritative answer with these rdata; without any, no such record."""
    does: dict[str, Any] = {"rtt": 0.01, "transport": Transport.UDP, "rcode": "NOERROR", "authoritative": True}
    if rdata:
        does |= {"shape": Shape.RECORDS, "answer": RrSet(asked.qname, asked.qtype, ttl, tuple(sorted(rdata)))}
    else:
        does["shape"] = Shape.NODATA
    return Observation(asked, Outcome.ANSWERED, at, **(does | fields))


_lasting = attrgetter(*(one.name for one in fields_of(Observation) if one.name not in ("at", "rtt", "expire")))


def lasting(one: Observation) -> object:
    """All of it but when it was said, how soon, and what EXPIRE counts down to."""
    return _lasting(one)


def pulled(asked: Query, result: TransferResult, at: datetime = NOON, **fields: object) -> Observation:
    """How a transfer ended."""
    outcome = Outcome.TIMEOUT if result is TransferResult.TIMEOUT else Outcome.ANSWERED
    one = Observation(asked, outcome, at, 0.01, Transport.TCP, transfer=result)
    return replace(one, **fields)  # type: ignore[arg-type]


def gather(
    zone: Zone, check: str, *observations: Observation, at: datetime = NOON, cadence: timedelta = MINUTE
) -> ZonePoll:
    return ZonePoll(zone.name, check, at, cadence, observations)


@dataclass(frozen=True, slots=True)
class LookResult:
    """One look of a story: the poll, the zone state after it, and what soa-serial says."""

    at: datetime
    poll: ZonePoll
    zone_state: ZoneState
    result: CheckResult

    @property
    def codes(self) -> set[tuple[str, str | None]]:
        return {(finding.code, finding.server) for finding in self.result.findings}

    @property
    def said(self) -> str:
        """Codes and servers in few words: "serial-late ns2"; "?" when nothing could be decided."""
        if self.result.health is Health.UNKNOWN:
            return "?"
        return ", ".join(sorted(f"{code} {name}" for code, name in self.codes))

    def lag(self, zone: Zone, name: str, place: int = 0) -> timedelta | None:
        found = zone.server(name)
        assert found is not None
        return lag(self.zone_state, name, found.addresses[place], self.at)


@lru_cache(maxsize=1000)
def addresses_by_name(zone: Zone) -> Mapping[str, tuple[str, int]]:
    """How stories name addresses: "ns1", and "ns1/1" for its second one."""
    return {
        (f"{one.name}/{number}" if number else one.name): (one.name, number)
        for one in zone.servers
        for number in range(len(one.addresses))
    }


def look(zone: Zone, at: datetime, soa: Soa = SOA, cadence: timedelta = MINUTE, **tokens: str | int) -> ZonePoll:
    """A poll of soa-serial in which each address does what its token says."""
    return checked_at(zone, tokens, at, soa, cadence)


def checked_at(
    zone: Zone, tokens: Mapping[str, str | int], at: datetime, soa: Soa = SOA, cadence: timedelta = MINUTE
) -> ZonePoll:
    names = addresses_by_name(zone)
    order = sorted(tokens, key=lambda name: names[name][0] == zone.primary)
    every = (
        seen(query(zone, names[name][0], place=names[name][1], identify=True), tokens[name], at, soa)
        for name in order
        if str(tokens[name]) != "."
    )
    return gather(zone, "soa-serial", *every, at=at, cadence=cadence)


def story(
    zone: Zone,
    does: Mapping[str, str],
    *,
    soa: Soa = SOA,
    start: datetime = NOON,
    every: timedelta = MINUTE,
    zone_state: ZoneState | None = None,
    check: Check | None = None,
) -> list[LookResult]:
    """One page per look. ``does`` holds the tokens of each address; ``10*3`` is three looks at 10."""
    columns = {name: list(_tokens(text)) for name, text in does.items()}
    length = max(len(column) for column in columns.values())
    assert all(len(column) == length for column in columns.values()), {n: len(c) for n, c in columns.items()}
    known = zone_state or ZoneState(zone.name)
    pages = []
    for number in range(length):
        at = start + number * every
        poll = checked_at(zone, {name: column[number] for name, column in columns.items()}, at, soa, every)
        known = update_zone_state(known, zone, poll)
        pages.append(LookResult(at, poll, known, run_check(check or SoaSerial(), zone, poll, known)))
    return pages


def _tokens(text: str) -> Iterator[str]:
    for token in text.split():
        one, _, times = token.partition("*")
        yield from [one] * int(times or 1)


def codes(result: CheckResult) -> set[tuple[str, str | None]]:
    return {(finding.code, finding.server) for finding in result.findings}
