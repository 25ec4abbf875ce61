"""The check canary: a change that is made by UPDATE arrives everywhere in time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar

from checks.base import StandingQuestion, Statement
from checks.common.canary_values import arrived, values_of
from checks.common.rrset_content import ALIAS, DELEGATION, content_of
from checks.common.text import format_duration, server_at
from checks.common.update_texts import why_not_done
from checks.model import (
    Address,
    AwaitedValue,
    CanaryArrival,
    CanaryRecord,
    CanaryUpdate,
    CheckInconclusive,
    Finding,
    Inconclusive,
    Observation,
    Outcome,
    Query,
    Server,
    Transport,
    UpdateResult,
    Zone,
    ZonePoll,
)
from checks.model.canary import CanaryValue, canary_value
from checks.model.finding_type import UPDATES, FindingType, Severity
from checks.model.relative_names import absolute
from checks.zone_state.model import ZoneState

UPDATE_FAILED = FindingType(
    "canary-update-failed", Severity.WARNING, "The canary of a zone cannot be changed", family=UPDATES
)
LATE = FindingType("canary-late", Severity.WARNING, "A change of the canary is not answered in time", inherits=True)
FINDINGS = (UPDATE_FAILED, LATE)


@dataclass(frozen=True, slots=True)
class Canary:
    """Objective: an edit is taken by the server that takes updates, and answered at every address within ``max_lag``.

    Steps: 1. Ask each address for the TXT records of the canary over UDP. Where nobody answers, or records are there
    that no canary has written, or the server that takes the update has a delegation above, nothing is changed.
    2. Replace them by one record with a new value: UPDATE (RFC 2136) over TCP, signed (RFC 8945), at the first address
    of the server that takes it, where that does not answer at the next; its answer counts if it is signed, too. 3. Ask
    each address that answered before, at a pace of its own, until it has the value, or one that was written since, or
    ``max_lag`` is over. Servers that count serials of their own and do not have them from a signer are left out.

    ====================  ===================================================================================
    canary-update-failed  the update was not taken, is not to be made, or is of no avail, and why
    canary-late           an address answers without the new value when ``max_lag`` is over
    ====================  ===================================================================================
    """

    name: ClassVar[str] = "canary"
    finding_types: ClassVar[tuple[FindingType, ...]] = FINDINGS
    cadence: ClassVar[timedelta] = timedelta(minutes=15)
    version_bound: ClassVar[bool] = False

    def applies(self, zone: Zone) -> bool:
        return zone.canary is not None

    def standing_questions(self, zone: Zone) -> tuple[StandingQuestion, ...]:
        return ()

    def queries(self, zone: Zone, seen: tuple[Observation, ...]) -> Iterable[Query]:
        canary = zone.canary
        if canary is None:
            return ()
        if not seen:
            return [_question(zone, canary, server, address) for server, address in _followed(zone, canary)]
        updates = [one for one in seen if one.query.update is not None]
        if not updates:
            before = _before(seen)
            may = any(one.outcome is Outcome.ANSWERED for one in before) and not _in_the_way(zone, canary, before)
            return _update(zone, canary, 0, None) if may else ()
        last = updates[-1]
        if last.update is UpdateResult.DONE:
            return () if any(one.query.until is not None for one in seen) else _follow(zone, canary, seen, last)
        return _update(zone, canary, len(updates), values_of(last)) if last.outcome.transport_failed else ()

    def evaluate(self, zone: Zone, poll: ZonePoll, zone_state: ZoneState) -> Iterator[Statement]:
        canary = zone.canary
        updates = [one for one in poll.seen if one.query.update is not None]
        if canary is None or not poll.seen:
            raise CheckInconclusive("there is nobody to ask")
        if not updates:
            yield _not_changed(zone, canary, poll.seen)
            return
        update = updates[-1]
        if update.outcome is Outcome.UNASKED:
            raise CheckInconclusive(update.detail or "the monitor could not send the update")
        if update.update is not UpdateResult.DONE:
            text = f"{server_at(update.server, update.address)} does not take the update of {_owner(zone, canary)}"
            why = f"{why_not_done(update)}{_beside_alias(update, poll.seen)}"
            yield Finding(UPDATE_FAILED.code, f"{text}: {why}", update.server, update.address)
            return
        yield from _addresses(zone, canary, poll, update)


def _owner(zone: Zone, canary: CanaryRecord) -> str:
    return absolute(canary.name, zone.name)


def _followed(zone: Zone, canary: CanaryRecord) -> Iterator[tuple[Server, Address]]:
    """The addresses that have the zone from the server that takes the update."""
    takes = _server(zone, canary)
    if takes is None:
        return
    groups = {takes.group}
    if (signing := zone.signing()) is not None and takes.group in {one.group for one in signing}:
        groups |= {one.group for one in signing}
    yield from ((server, address) for server, address in zone.server_addresses() if server.group in groups)


def _server(zone: Zone, canary: CanaryRecord) -> Server | None:
    """The one that takes the update."""
    name = canary.server or zone.primary
    return None if name is None else zone.server(name)


def _question(zone: Zone, canary: CanaryRecord, server: Server, address: Address) -> Query:
    return Query(zone.name, server.name, address, _owner(zone, canary), "TXT")


def _before(seen: Iterable[Observation]) -> list[Observation]:
    return [one for one in seen if one.query.update is None and one.query.until is None]


def _foreign(seen: Observation) -> bool:
    """Whether records are there that no canary has written."""
    content = content_of(seen)
    return content is not None and not content.instead and any(canary_value(text) is None for text in content.rdata)


def _in_the_way(zone: Zone, canary: CanaryRecord, seen: Iterable[Observation]) -> list[Observation]:
    """Answers by which nothing is to be changed: there are records of others, or, where the update would go, the name
    is in another zone. An alias is not in the way: it may be a wildcard's, and gives way to a record of that name.
    """
    takes = _server(zone, canary)
    name = takes.name if takes is not None else None
    found = [one for one in seen if _foreign(one) or (one.server == name and _instead(one) == DELEGATION)]
    return sorted(found, key=lambda one: one.server != name)


def _instead(seen: Observation) -> str:
    content = content_of(seen)
    return content.instead if content is not None else ""


def _update(zone: Zone, canary: CanaryRecord, tried: int, values: tuple[CanaryValue, ...] | None) -> list[Query]:
    """The update to the next address of the server, with the value of the one before, which may have been taken."""
    server = _server(zone, canary)
    if server is None or tried >= len(server.addresses):
        return []
    update = CanaryUpdate(canary.ttl, values[0] if values else None)
    address = server.addresses[tried]
    owner = _owner(zone, canary)
    return [Query(zone.name, server.name, address, owner, "TXT", Transport.TCP, canary.key, update=update)]


def _follow(zone: Zone, canary: CanaryRecord, seen: tuple[Observation, ...], update: Observation) -> list[Query]:
    """The questions for the new value, where anything came back before."""
    value = values_of(update)[0]
    until = AwaitedValue(value, (canary.max_lag or zone.max_lag).total_seconds())
    return [replace(one.query, until=until) for one in _before(seen) if not one.outcome.transport_failed]


def _not_changed(zone: Zone, canary: CanaryRecord, seen: Iterable[Observation]) -> Finding:
    """Why no update was sent. Raises CheckInconclusive where that is nobody's fault."""
    found = _in_the_way(zone, canary, seen)
    if not found:
        raise CheckInconclusive("no address answers")
    there, owner = found[0], _owner(zone, canary)
    who = server_at(there.server, there.address)
    has = f"{owner} has TXT records at {who} that no canary has written"
    text = has if _foreign(there) else f"{owner} is not in {zone.name} at {who}, but below a delegation"
    return Finding(UPDATE_FAILED.code, f"{text}: nothing was changed", there.server, there.address)


def _beside_alias(update: Observation, seen: Iterable[Observation]) -> str:
    """What else a refusal may be for, where there is an alias."""
    aliases = (one for one in _before(seen) if one.server == update.server and _instead(one) == ALIAS)
    if update.update is not UpdateResult.REFUSED or next(aliases, None) is None:
        return ""
    return f"; or it has {ALIAS} there, for which PowerDNS refuses a TXT record, too"


def _is_of_no_avail(zone: Zone, update: Observation, after: Iterable[Observation]) -> bool:
    """Whether the primary that took the update has an alias in place of the record, as who follows it will have.

    Beside an alias the record is passed over, and the update is done all the same (RFC 2136 section 3.4.2.2).
    """
    if zone.primary not in (None, update.server):
        return False
    return {_instead(one) for one in after if one.server == update.server} == {ALIAS}


def _addresses(zone: Zone, canary: CanaryRecord, poll: ZonePoll, update: Observation) -> Iterator[Statement]:
    """What each address has of the new value."""
    value, owner = values_of(update)[0], _owner(zone, canary)
    after = {(one.server, one.address): one for one in poll.seen if one.query.until is not None}
    in_vain = _is_of_no_avail(zone, update, after.values())
    if in_vain:
        text = (
            f"{server_at(update.server, update.address)} says that {owner} is updated, and has {ALIAS} there as before"
        )
        why = "beside one, or below a DNAME, there is no TXT record"
        yield Finding(UPDATE_FAILED.code, f"{text}: {why}", update.server, update.address)
    for before in _before(poll.seen):
        seen = after.get((before.server, before.address), before)
        if in_vain and _instead(seen) == ALIAS:
            yield Inconclusive(seen.server, seen.address, reason=f"has {ALIAS}, as {update.server} has")
            continue
        if arrived(seen, value):
            seconds = max(0.0, (seen.at - value.at).total_seconds())
            yield CanaryArrival(seen.server, seen.address, seen.at, seconds)
            continue
        content = content_of(seen)
        if content is None:
            what = seen.rcode if seen.outcome is Outcome.ANSWERED and seen.rcode else seen.outcome.value
            yield Inconclusive(seen.server, seen.address, reason=f"no answer that says which value it has: {what}")
            continue
        there = values_of(seen)
        if any(one.run != value.run and one.at > value.at for one in there):
            why = f"another soawatch writes {owner} as well: each needs a name of its own"
            yield Inconclusive(seen.server, seen.address, reason=why)
            continue
        has = content.instead or ("no such record" if not there else _older(there[0], seen.at))
        text = (
            f"{server_at(seen.server, seen.address)} does not answer with what was written {_ago(value, seen.at)} ago"
        )
        yield Finding(LATE.code, f"{text} to {owner}: it has {has}", seen.server, seen.address)


def _older(value: CanaryValue, at: datetime) -> str:
    return f"what was written {_ago(value, at)} ago"


def _ago(value: CanaryValue, at: datetime) -> str:
    return format_duration(max(0.0, (at - value.at).total_seconds()))
