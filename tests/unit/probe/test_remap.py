"""Columns after a reload hold for each place what was at its place before, however the places were shuffled."""

from array import array

from hypothesis import given
from hypothesis import strategies as st

from monitor.probe.bulk.remap import BLOCK, remap

MANY = 2 * BLOCK + 17


@given(st.lists(st.integers(-1, 40), max_size=60))
def test_each_place_has_what_was_at_its_old_one(old_index: list[int]) -> None:
    old, new = array("q", range(100, 141)), array("q", [7]) * len(old_index)
    remap([(old, new)], array("q", old_index))
    assert list(new) == [7 if past < 0 else 100 + past for past in old_index]


@given(st.integers(0, 5), st.integers(0, MANY - 1), st.integers(0, 3))
def test_long_runs_are_moved_whole_with_holes_and_without(shift: int, hole: int, gone: int) -> None:
    octets, numbers = bytearray(range(256)) * (MANY // 256 + 1), array("I", range(MANY + 256))
    old_index = array("q", range(shift, shift + MANY))
    for place in range(hole, min(MANY, hole + gone)):
        old_index[place] = -1
    new_octets, new_numbers = bytearray(MANY), array("I", bytes(4 * MANY))
    remap([(octets, new_octets)], old_index)
    remap([(numbers, new_numbers)], old_index)
    assert list(new_numbers) == [max(past, 0) for past in old_index]
    assert new_octets == bytes(octets[past] if past >= 0 else 0 for past in old_index)
