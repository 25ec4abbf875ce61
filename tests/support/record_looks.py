"""Looks at records, one after the other: who has what on which serial, and what the check remembers in between."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from checks.base import Check
from checks.evaluation import run_check
from checks.model import CheckResult, Observation, RememberedRecords, WantedRecord, Zone, ZonePoll
from checks.records import Records, compared_records
from tests.support.observations import gather, has, query, seen
from tests.support.record_observations import NOW, known

Look = Mapping[str, str]
"""Server → a token: "10 a" is serial 10 and A records named a of www; "10 a/60" with a TTL of 60, "10 a|b" now a, now b
at one poll, "10 -" no answer for it, "-" silence. Of all other records there are none.
"""


def looked(
    where: Zone,
    looks: Iterable[Look],
    *,
    every: timedelta = timedelta(minutes=1),
    check: Check | None = None,
    start: datetime = NOW,
) -> list[CheckResult]:
    """What the check says at each look."""
    remembered: RememberedRecords | None = None
    results = []
    for number, look in enumerate(looks):
        told = replace(poll_of(where, look, start + number * every), remembered=remembered)
        result = run_check(check or Records(), where, told, known(where, dict(look), 60))
        remembered = result.remembered or remembered
        results.append(result)
    return results


def poll_of(where: Zone, look: Look, at: datetime) -> ZonePoll:
    """The poll that the check makes."""
    return gather(where, "records", *_observations(where, look), at=at)


def in_columns(gives: Mapping[str, str]) -> list[Look]:
    """The looks of a story that has for each server what it gives at each of them, with commas between."""
    columns = {name: text.split(",") for name, text in gives.items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def said(result: CheckResult) -> str:
    """Codes and servers: "content-differs ns2"; with "?" where something was unsure."""
    found = [f"{one.code} {one.server}" for one in result.findings]
    return " ".join([*found, *(("?",) if result.unsure or result.reason else ())])


def _observations(where: Zone, look: Look) -> Iterable[Observation]:
    for name, token in look.items():
        serial, _, what = token.partition(" ")
        for place in range(len(where.server(name).addresses)):  # type: ignore[union-attr]  # it is one of the zone's
            soa = query(where, name, place=place)
            yield seen(soa, serial)
            if serial == "-":
                continue
            for record in compared_records(where):
                yield from _records(where, name, record, what, place)
            yield seen(soa, serial)


def _records(where: Zone, name: str, record: WantedRecord, what: str, place: int) -> Iterable[Observation]:
    asked = query(where, name, record.type, record.name, place)
    if not (record.name.startswith("www.") and record.type == "A"):
        yield has(asked)
        return
    for one in what.split("|"):
        rdata, _, ttl = one.partition("/")
        if rdata == "-":
            yield seen(asked, "-")
        else:
            yield has(asked, *rdata.split("+"), ttl=int(ttl or 300)) if rdata != "nothing" else has(asked)
