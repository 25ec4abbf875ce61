"""Zones that are looked at in bulk: which wait for the first of their kind, and which are polled in full."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

import pytest

from checks.base import Check
from checks.model import Observation, Query, WantedRecord, Zone
from checks.model.zone_table import ZoneTable
from checks.ns_set import NsSet
from checks.records import Records
from checks.soa_fields import SoaFields
from monitor.polling import alike_polls
from monitor.polling.alike_polls import AlikePolls
from monitor.polling.rrset_prober import RrsetProber
from monitor.polling.serial_sweep import SweepContext
from monitor.state.alike import questions_of
from monitor.state.columns import ZoneColumns
from monitor.state.standing import rrset_questions
from tests.support.monitor_state import Clock
from tests.support.observations import has, seen, zone

CHECKS: dict[str, Check] = {check.name: check for check in (SoaFields(), NsSet(), Records())}
NAMES = [f"z{number}.example." for number in range(4)]


def watched(name: str) -> Zone:
    return zone(name=name, records=(WantedRecord(f"www.{name}", "A", expect=("192.0.2.80",)),))


class Scene:
    """Zones of which each address has www as it is expected to be, but ``odd`` ones; ``silent`` ones say nothing."""

    def __init__(self) -> None:
        self.odd: set[str] = set()
        self.silent: set[str] = set()
        self.meanwhile: Callable[[], None] = lambda: None
        self.now = Clock()
        self.use(*map(watched, NAMES))

    def use(self, *zones: Zone) -> None:
        zone_table = ZoneTable.of(zones)
        self.columns = ZoneColumns(zone_table, rrset_questions(zone_table, CHECKS))

    @property
    def context(self) -> SweepContext:
        nothing = cast("Any", None)
        return SweepContext(self.columns, nothing, nothing, nothing, self.columns.zone_table.get, self.now)

    def polls(self, check: str = "records") -> AlikePolls:
        return AlikePolls(CHECKS[check], lambda: cast("RrsetProber", self), lambda: self.context)

    async def look(
        self, columns: ZoneColumns, check: str, zones: Iterable[Zone]
    ) -> Mapping[str, Sequence[Observation]]:
        found = {
            one.name: [
                self.answer(Query(one.name, server, address, name, qtype, dnssec=dnssec))
                for server, address, name, qtype, dnssec in questions_of(columns, check, one)
            ]
            for one in zones
        }
        self.meanwhile()
        return found

    def answer(self, query: Query) -> Observation:
        if query.zone in self.silent:
            return seen(query, "-")
        return has(query, "192.0.2.66" if query.zone in self.odd else "192.0.2.80", nsid="machine")


async def test_the_first_of_a_kind_is_polled_in_full_and_the_others_wait_for_it() -> None:
    on = Scene()
    polls = on.polls()
    looked = await polls.look(on.columns, range(4))
    assert (looked.in_full, looked.alike) == ([NAMES[0]], {})
    assert polls
    assert not polls.take().alike
    on.columns.alike.note_good("records", (0, (True,)))
    freed = polls.take()
    assert (list(freed.alike), freed.in_full) == (NAMES[1:], [])
    assert freed.alike[NAMES[2]].words == (f"www.{NAMES[2]} A", "", "192.0.2.80")
    assert freed.alike[NAMES[2]].nsids == ("machine", "machine")
    assert not polls


async def test_those_of_a_kind_that_is_good_do_not_wait() -> None:
    on = Scene()
    on.columns.alike.note_good("records", (0, (True,)))
    on.odd, on.silent = {NAMES[1]}, {NAMES[2]}
    looked = await on.polls().look(on.columns, range(4))
    assert (looked.in_full, list(looked.alike)) == ([NAMES[1], NAMES[2]], [NAMES[0], NAMES[3]])


async def test_where_the_first_is_not_good_in_time_each_is_polled_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alike_polls, "MAX_WAIT", -1.0)
    on = Scene()
    polls = on.polls()
    await polls.look(on.columns, [0, 1])
    assert polls.take().in_full == [NAMES[1]]
    assert (await polls.look(on.columns, [2, 3])).in_full == NAMES[2:]


async def test_under_another_table_all_that_waited_are_polled_in_full() -> None:
    on = Scene()
    polls = on.polls()
    await polls.look(on.columns, [0, 1])
    on.use(*map(watched, NAMES[1:]))
    assert polls
    assert polls.take().in_full == [NAMES[1]]
    assert not polls


async def test_another_table_while_zones_are_looked_at_has_them_polled_in_full() -> None:
    on = Scene()
    polls, before = on.polls(), on.columns
    on.meanwhile = lambda: on.use(*map(watched, NAMES[1:]))
    looked = await polls.look(before, [0, 1])
    assert (looked.in_full, looked.alike) == (NAMES[:2], {})


async def test_a_check_that_compares_no_zones_asks_nothing_here() -> None:
    on = Scene()
    on.meanwhile = lambda: pytest.fail("it was asked")
    assert (await on.polls("soa-fields").look(on.columns, [0])).in_full == [NAMES[0]]
    assert not (await on.polls().look(on.columns, [])).in_full
