"""Several machines behind one address, one of them stale for good: one standing finding, whoever is asked at a look.

Each day is lived look by look, one a minute.
"""

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from checks.common.lateness import identity_text
from checks.evaluation import run_check
from checks.soa_serial import SoaSerial
from checks.zone_state.identities import MAX_IDENTITIES, NAMED_LOOKS, UNNAMED_LOOKS, unsettled
from checks.zone_state.model import AddressState, IdentityState, ZoneState
from checks.zone_state.update import arrivals, moving_since, update_zone_state
from tests.support.observations import MINUTE, NOON, LookResult, checked_at, story, zone

PAIR = zone()
LATE, OVERDUE, STUCK = "serial-late ns2", "serial-overdue ns2", "serial-stuck ns2"

Turns = Callable[[int, random.Random], int]
TURNS: dict[str, Turns] = {
    "in strict alternation": lambda look, _: look % 2,
    "one of two": lambda _, rng: rng.randrange(2),
    "one of three": lambda _, rng: rng.randrange(3),
}
"""Look → the machine that answers; 0 is the stale one."""


def address_state(page: LookResult, place: int = 1) -> AddressState:
    return page.zone_state.address_states[place]


def day(turns: Turns, *, named: bool, seed: int, looks: int, repaired: int, every: int = 0) -> Iterator[LookResult]:
    """A machine of ns2 stays at 10 when 11 comes, at the look 5, until it is ``repaired``; a version ``every`` so many
    looks after that.
    """
    rng = random.Random(seed)
    known = ZoneState(PAIR.name)
    for number in range(looks):
        newest = 10 + (number >= 5) + (max(0, number - 5) // every if every else 0)
        machine = turns(number, rng)
        serial = 10 if machine == 0 and number < repaired else newest
        token = f"{serial}@m{machine}" if named else f"{serial}"
        at = NOON + number * MINUTE
        poll = checked_at(PAIR, {"ns1": newest, "ns2": token}, at)
        known = update_zone_state(known, PAIR, poll)
        yield LookResult(at, poll, known, run_check(SoaSerial(), PAIR, poll, known))


def alternating(first: str, second: str, looks: int) -> str:
    return " ".join([first, second] * (looks // 2))


NAMED = pytest.mark.parametrize("named", [True, False], ids=["NSID", "no NSID"])
EACH_TURNS = pytest.mark.parametrize("turns", TURNS.values(), ids=TURNS)


@NAMED
@EACH_TURNS
def test_a_machine_that_is_stale_for_good_stands_as_long_as_it_is(turns: Turns, named: bool) -> None:
    stands_until_repaired(turns, named=named, repaired=5 * 60)


@pytest.mark.long
@NAMED
@EACH_TURNS
def test_so_it_is_for_days(turns: Turns, named: bool) -> None:
    stands_until_repaired(turns, named=named, repaired=3 * 24 * 60)


def stands_until_repaired(turns: Turns, *, named: bool, repaired: int) -> None:
    pages = list(day(turns, named=named, seed=3, looks=repaired + 120, repaired=repaired))
    said = [page.said for page in pages]
    overdue = said.index(OVERDUE)
    assert LATE in said[:overdue]
    assert set(said[overdue:repaired]) == {OVERDUE}
    rest = said[repaired:]
    well = rest.index("")
    assert well <= (40 if named else UNNAMED_LOOKS + 10)
    assert set(rest[:well]) <= {OVERDUE}
    assert set(rest[well:]) == {""}
    (finding,) = pages[overdue + 60].result.findings
    name = "the one with NSID m0" if named else "one of them (no NSID tells which)"
    assert f"has several machines behind it, and {name} is" in finding.text
    assert address_state(pages[repaired - 1]).serial == 11, "the address stands where the others are"
    assert address_state(pages[-1]).identities == ()


def test_which_machine_serves_what_is_known_while_they_differ() -> None:
    pages = story(PAIR, {"ns1": "10 11*7", "ns2": "10@a 11@a 10@b 11@a 10@b 11@c 11@b 11@a"})
    known = [[(one.nsid, one.serial) for one in address_state(page).identities] for page in pages]
    assert known[2] == [("a", 11), ("b", 10)]
    assert known[5] == [("a", 11), ("b", 10), ("c", 11)]
    assert known[0] == known[1] == known[6] == known[7] == [], "they agree, and nobody need be remembered"


def test_it_is_open_who_answers_with_what_until_it_is_known_and_while_somebody_is_missed() -> None:
    def open_at_each(text: str) -> list[bool]:
        pages = story(PAIR, {"ns1": " ".join(["11"] * len(text.split())), "ns2": text})
        return [unsettled(address_state(page).identities) for page in pages]

    assert open_at_each("11 10 11 10 11") == [False, False, True, False, False]
    assert open_at_each("11@a 10@b 11@a 11@a 11@a 11@a 10@b") == [*[False] * 5, True, False]


def test_a_machine_that_is_stuck_beside_one_that_is_not() -> None:
    newest = [10] + [11 + number // 20 for number in range(179)]
    shown = [10, *(serial if number % 2 else 10 for number, serial in enumerate(newest[1:]))]
    pages = story(PAIR, {"ns1": " ".join(map(str, newest)), "ns2": " ".join(map(str, shown))})
    assert pages[-1].said == STUCK


def test_a_machine_that_takes_versions_late_is_late_and_not_stuck() -> None:
    newest = [10 + number // 20 for number in range(240)]
    late = [10 + max(0, number - 15) // 20 for number in range(240)]
    shown = [serial if number % 2 else late[number] for number, serial in enumerate(newest)]
    pages = story(PAIR, {"ns1": " ".join(map(str, newest)), "ns2": " ".join(map(str, shown))})
    assert {page.said for page in pages} == {"", LATE}


def test_three_machines_with_three_versions() -> None:
    pages = story(PAIR, {"ns1": "12*80", "ns2": " ".join(["12", "10", "11", "12"] * 20)})
    assert pages[-1].said == OVERDUE
    assert sorted(one.serial for one in address_state(pages[-1]).identities) == [10, 11, 12]
    pages = story(PAIR, {"ns1": "12*80", "ns2": " ".join(["12@a", "10@b", "11@c", "12@d"] * 20)})
    assert len(pages[-1].result.findings) == 1
    assert "the one with NSID" in pages[-1].result.findings[0].text


def test_a_machine_that_is_gone_is_taken_for_gone_after_so_many_answers_of_the_others() -> None:
    looks = 90
    text = f"10@a 11@a {alternating('10@b', '11@a', looks)} 11@a*{NAMED_LOOKS + 5}"
    pages = story(PAIR, {"ns1": f"10 11*{looks + NAMED_LOOKS + 6}", "ns2": text})
    left = looks + NAMED_LOOKS
    assert pages[left - 1].said == OVERDUE
    assert pages[left].said == ""
    ago = f"{NAMED_LOOKS - 1} answers of others ago, and taken for gone after {NAMED_LOOKS}"
    assert ago in pages[left - 1].result.findings[0].text
    assert "answers of others ago" not in pages[looks].result.findings[0].text


def test_when_only_the_stale_machine_is_left_the_address_serves_what_it_does() -> None:
    pages = story(PAIR, {"ns1": f"10 11*{NAMED_LOOKS + 40}", "ns2": f"10@a 11@a 10@b 11@a 10@b*{NAMED_LOOKS + 37}"})
    assert address_state(pages[60]).serial == 11
    assert pages[60].said == LATE
    assert address_state(pages[-1]).serial == 10
    assert pages[-1].said == OVERDUE
    assert address_state(pages[-1]).identities == ()
    assert pages[-1].lag(PAIR, "ns2") == pages[-1].at - NOON - MINUTE
    assert {page.said for page in pages[75:]} == {OVERDUE}


def test_a_single_machine_that_went_back_and_came_again_is_not_called_two() -> None:
    """As a restored backup does: until it is sure, nothing is said; what stood before, stands."""
    pages = story(PAIR, {"ns1": "10 11*119", "ns2": "10 11*20 10*10 11*89"})
    said = [page.said for page in pages]
    assert said[22:31] == [LATE] * 9
    unsure_at = [number for number, page in enumerate(pages) if any(one.server == "ns2" for one in page.result.unsure)]
    assert unsure_at == [21, *range(31, 31 + UNNAMED_LOOKS - 1)]
    assert set(said[31:]) == {""}
    unsure = pages[40].result.unsure[0]
    assert unsure.reason == "shows 10 and 11 in turn; further looks will tell why"


def test_names_that_change_with_each_answer_neither_grow_nor_alarm() -> None:
    healthy = " ".join(f"{10 if look < 40 else 11}@x{look}" for look in range(80))
    pages = story(PAIR, {"ns1": "10*40 11*40", "ns2": healthy})
    assert {page.said for page in pages} == {""}
    assert address_state(pages[-1]).identities == ()
    versions = [10 if look % 2 else 11 for look in range(200)]
    both = " ".join(f"{serial}@x{look}" for look, serial in enumerate(versions))
    pages = story(PAIR, {"ns1": "11*200", "ns2": both})
    assert max(len(address_state(page).identities) for page in pages) <= MAX_IDENTITIES
    assert {page.said for page in pages[80:]} == {OVERDUE}


def test_a_single_machine_with_another_name_each_time_that_went_back_is_behind_as_a_whole() -> None:
    back = " ".join(f"{11 if look < 20 else 10}@x{look}" for look in range(140))
    pages = story(PAIR, {"ns1": "11*140", "ns2": back})
    assert all(len(address_state(page).identities) <= MAX_IDENTITIES for page in pages)
    assert address_state(pages[-1]).serial == 10
    assert pages[-1].said == OVERDUE
    assert "several" not in pages[-1].result.findings[0].text


def test_after_a_restart_a_stale_machine_is_unsure_until_it_is_seen() -> None:
    pages = story(PAIR, {"ns1": "10 11*40", "ns2": f"10@a {alternating('11@a', '10@b', 40)}"})
    ns1, ns2 = pages[-1].zone_state.address_states
    forgotten = tuple(replace(one, seen=None, unseen=0, expires=None) for one in ns2.identities)
    before = replace(pages[-1].zone_state, address_states=(ns1, replace(ns2, identities=forgotten)))
    start = NOON + 41 * MINUTE
    pages = story(PAIR, {"ns1": "11*3", "ns2": "11@a 10@b 11@a"}, zone_state=before, start=start)
    assert [page.said for page in pages] == ["", LATE, LATE]
    assert pages[0].result.unsure[0].reason == "a machine behind it that served 10 has not answered again yet"


def test_what_came_to_all_machines_has_arrived() -> None:
    pages = story(PAIR, {"ns1": "10 11*7", "ns2": "10@a 11@a 10@b 11@a 10@b 11@b 11@a 11@b"})
    reached = [arrivals(was.zone_state, now.zone_state, "ns1") for was, now in itertools.pairwise(pages)]
    assert [[(one.serial, one.at) for one in found] for found in reached] == [
        [(11, NOON + MINUTE)], [], [], [], [(11, NOON + 5 * MINUTE)], [], [],
    ]  # fmt: skip
    assert moving_since(PAIR, pages[4].zone_state) == NOON + MINUTE
    assert moving_since(PAIR, pages[6].zone_state) is None


def test_the_names_that_strangers_give_are_told_as_text() -> None:
    evil = "x\x1b[31m\u202e" + "y" * 100
    known = (
        IdentityState("a", 11, NOON, seen=NOON), IdentityState(evil, 10, NOON, seen=NOON),
        IdentityState(evil, 9, NOON, seen=NOON), IdentityState(None, 9, NOON, seen=NOON),
    )  # fmt: skip
    assert identity_text(known[1], known[:2]).startswith("the one with NSID x\\x1b[31m\\u202eyyy")
    assert len(identity_text(known[1], known[:2])) < 110
    assert identity_text(known[2], known).startswith("one of them (not the only one with NSID x")
    assert identity_text(known[3], known) == "one of them (no NSID tells which)"
