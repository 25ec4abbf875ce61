"""Machines behind one address that count down to different ends: who will stop serving the zone is found, and stays."""

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from checks.zone_state.identities import UNNAMED_LOOKS
from tests.support.observations import MINUTE, NOON, SOA, LookResult, story, zone

PAIR = zone()
SHORT = replace(SOA, refresh=600, retry=60, expire=7200)
NEAR, IMMINENT = "expiry-near ns2", "expiry-imminent ns2"
TURNS = {"in strict alternation": lambda look, _: look % 2, "by chance": lambda _, rng: rng.randrange(2)}


def full(look: int) -> int:
    """Of one that refreshes every ten minutes, as the SOA says."""
    return 7200 - 60 * (look % 10)


def tokens(way: str, *, named: bool, looks: int, repaired: int = 10**6, serials: tuple[int, int] = (10, 10)) -> str:
    """Of an address at which machine 1 is cut off from its primary until it is repaired."""
    rng = random.Random(4)

    def each() -> Iterator[str]:
        for look in range(looks):
            machine = TURNS[way](look, rng)
            left = 7200 - 60 * look if machine and look < repaired else full(look + 3 * machine)
            yield f"{serials[machine]}~{left}{f'@m{machine}' if named else ''}"

    return " ".join(each())


def lived(text: str, primary: str = "10") -> list[LookResult]:
    return story(PAIR, {"ns1": " ".join([primary] * len(text.split())), "ns2": text}, soa=SHORT)


@pytest.mark.parametrize("named", [True, False], ids=["NSID", "no NSID"])
@pytest.mark.parametrize("way", TURNS)
def test_who_is_cut_off_stands_until_it_refreshes(way: str, named: bool) -> None:
    pages = lived(tokens(way, named=named, looks=190, repaired=105))
    said = [page.said for page in pages]
    near, imminent = said.index(NEAR), said.index(IMMINENT)
    assert 60 <= near < imminent <= 97
    sure = next(number for number in range(near, imminent) if said[number : number + 4] == [NEAR] * 4)
    assert set(said[sure:imminent]) == {NEAR}
    assert set(said[imminent:105]) == {IMMINENT}
    well = said.index("", imminent)
    assert well - 105 <= (8 if named else UNNAMED_LOOKS + 6)
    assert set(said[well:]) == {""}
    doubtful = [page for page in pages[near:sure] if page.said != NEAR]
    assert all(one.result.unsure for one in doubtful)
    name = "the one with NSID m1" if named else "one of them (no NSID tells which)"
    (finding,) = pages[imminent].result.findings
    assert f"has several machines behind it, and {name} has not refreshed and stops serving" in finding.text
    ns2 = pages[imminent].zone_state.address_states[1]
    assert ns2.expires == NOON + 120 * MINUTE
    assert pages[-1].zone_state.address_states[1].identities == ()


@pytest.mark.parametrize("named", [True, False], ids=["NSID", "no NSID"])
def test_machines_that_refresh_at_different_times_are_as_one(named: bool) -> None:
    name = "@m{0}" if named else ""
    text = " ".join(f"10~{full(look + 4 * (look % 2))}{name.format(look % 2)}" for look in range(120))
    pages = lived(text)
    assert {page.said for page in pages} == {""}
    assert all(page.zone_state.address_states[1].identities == () for page in pages)
    assert not any(page.result.unsure for page in pages)


def test_a_single_machine_whose_count_went_back_at_a_restart_is_not_called_two() -> None:
    pages = story(PAIR, {"ns1": "10*81", "ns2": "10~7200*20 10~1200 10~7200*60"}, soa=SHORT)
    said = [page.said for page in pages]
    assert {number for number, one in enumerate(said) if one} == {20}
    assert said[20] == IMMINENT
    assert "several" not in pages[20].result.findings[0].text
    unsure = pages[21].result.unsure
    assert [one.reason for one in unsure] == ["counts down to one end and another in turn; further looks will tell why"]
    assert pages[-1].result.unsure == ()


def test_who_is_stale_and_cut_off_is_late_and_will_stop() -> None:
    text = tokens("in strict alternation", named=True, looks=110, serials=(11, 10))
    pages = lived(f"10~7200@m0 {text}", primary="11")
    assert pages[-1].said == f"{IMMINENT}, serial-overdue ns2"
    assert all("the one with NSID m1" in one.text for one in pages[-1].result.findings)
    assert {page.said for page in pages[98:]} == {pages[-1].said}


def test_after_a_restart_it_is_unsure_until_it_is_seen() -> None:
    pages = lived(tokens("in strict alternation", named=True, looks=81))
    ns1, ns2 = pages[-1].zone_state.address_states
    assert pages[-1].said == NEAR
    forgotten = tuple(replace(one, seen=None, unseen=0, expires=None) for one in ns2.identities)
    before = replace(pages[-1].zone_state, address_states=(ns1, replace(ns2, identities=forgotten)))
    start = NOON + 81 * MINUTE
    after = {"ns1": "10*3", "ns2": "10~7200@m0 10~2200@m1 10~7200@m0"}
    pages = story(PAIR, after, soa=SHORT, zone_state=before, start=start)
    assert [page.said for page in pages] == ["", NEAR, NEAR]
    (unsure,) = pages[0].result.unsure
    assert unsure.reason == "a machine behind it that had another end has not answered again yet"


def test_a_primary_does_not_expire() -> None:
    text = " ".join(["10~7200@a 10~900@b"] * 20)
    pages = story(PAIR, {"ns1": text, "ns2": "10*40"}, soa=SHORT)
    assert {page.said for page in pages} == {""}
