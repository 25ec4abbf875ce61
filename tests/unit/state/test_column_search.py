"""What is searched for in a column is found as a walk over it would find it."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.state.column_search import (
    EXCLUDED,
    apply_mask,
    find_nth,
    find_value,
    first_of,
    rank_column,
    select,
    select_values,
)

columns = st.one_of(
    st.lists(st.sampled_from([0, 1, 2, EXCLUDED]), max_size=400).map(bytes),
    st.tuples(st.integers(0, 300), st.integers(0, 300)).map(lambda sizes: bytes(sizes[0]) + b"\x01" * sizes[1]),
)


def walked(column: bytes, value: int) -> list[int]:
    return [place for place, there in enumerate(column) if there == value]


@given(columns, st.sampled_from([0, 1, 2]), st.integers(0, 400), st.integers(0, 400))
def test_places(column: bytes, value: int, first: int, most: int) -> None:
    everywhere = walked(column, value)
    assert find_nth(column, value, first) == (everywhere[first] if first < len(everywhere) else len(column))
    assert find_value(bytearray(column), value, first, most) == everywhere[first : first + most]


@given(columns, st.permutations([0, 1, 2]), st.integers(0, 400), st.integers(0, 400))
def test_select(column: bytes, values: list[int], first: int, most: int) -> None:
    ordered = [place for value in values for place in walked(column, value)]
    assert select(column, values, first, most) == (ordered[first : first + most], len(ordered))


@given(columns, st.data())
def test_masks(column: bytes, data: st.DataObject) -> None:
    mask = bytes(data.draw(st.lists(st.sampled_from([0, EXCLUDED]), min_size=len(column), max_size=len(column))))
    assert apply_mask(column, mask) == bytes(
        EXCLUDED if hide else there for there, hide in zip(column, mask, strict=True)
    )
    assert select_values(column, [0, 2]) == bytes(0 if there in (0, 2) else EXCLUDED for there in column)


@given(st.lists(st.sampled_from([0, 1, 255, 256, 257, 65536, 16777216]), max_size=50), st.sampled_from([0, 1, 256]))
def test_indices(indices: list[int], sought: int) -> None:
    column = array("I", indices)
    if sought in indices:
        assert first_of(column, sought) == indices.index(sought)
    else:
        with pytest.raises(ValueError, match=str(sought)):
            first_of(column, sought)


def test_ranks_are_found_in_slices_of_a_long_column() -> None:
    column = array("I", [number % 3 for number in range(50_001)])
    assert rank_column(column, [7, 8, 9]) == bytes(7 + number % 3 for number in range(50_001))
