"""RFC 1982, with its own examples and those that bite."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.common.serial import HALF, MODULUS, above, behind, newer, newest, path, unordered


def distance(a: int, b: int) -> int | None:
    """Said another way than the product says it: steps forward from ``a`` to ``b``, None at 2^31 (RFC 1982)."""
    ahead = (b - a) % MODULUS
    return None if ahead == HALF else ahead if ahead < HALF else ahead - MODULUS


serial = st.integers(0, MODULUS - 1)


@pytest.mark.parametrize(
    ("a", "b", "is_newer", "steps"),
    [
        (2, 1, True, 1),
        (1, 2, False, -1),
        (7, 7, False, 0),
        (5, 4294967290, True, 11),
        (4294967290, 5, False, -11),
        (0, 4294967295, True, 1),
        (2147483647, 0, True, 2147483647),
        (2147483648, 0, False, None),
        (0, 2147483648, False, None),
        (2147483649, 0, False, -2147483647),
        (2026112001, 1700000000, True, 326112001),
    ],
)
def test_order(a: int, b: int, is_newer: bool, steps: int | None) -> None:
    assert newer(a, b) is is_newer
    assert distance(b, a) == steps
    assert unordered(a, b) is (steps is None)


@pytest.mark.parametrize(
    ("serials", "expected"),
    [
        ([], None),
        ([7], 7),
        ([7, 7], 7),
        ([1, 3, 2], 3),
        ([4294967290, 5], 5),
        ([0, HALF], None),
        ([0, HALF, 1], None),
        ([0, HALF - 1, HALF + 5], None),
        ([1, HALF, HALF + 2], None),
    ],
)
def test_newest(serials: list[int], expected: int | None) -> None:
    assert newest(serials) == expected


@pytest.mark.parametrize(
    ("served", "expected"),
    [
        ([10], 11),
        ([MODULUS - 1], 0),
        ([10, 12, 10], 13),
        ([MODULUS - 1, 3], 4),
        ([10, 10 + HALF - 2], 10 + HALF - 1),
        ([10, 10 + HALF - 1], None),
        ([10, 10 + HALF], None),
        ([0, 1500000000, 3000000000], None),
        ([], None),
    ],
)
def test_the_least_serial_that_all_take(served: list[int], expected: int | None) -> None:
    assert above(served) == expected


@pytest.mark.parametrize(
    ("current", "wanted", "expected"),
    [
        (10, 10, ()),
        (10, 20, (20,)),
        (4294967290, 5, (5,)),
        (2026112099, 2026112001, (4173595746, 2026112001)),
        (20, 10, (20 + HALF - 1, 10)),
        (10, 9, (10 + HALF - 1, 8, 9)),
        (0, HALF, (HALF - 1, HALF)),
    ],
)
def test_path(current: int, wanted: int, expected: tuple[int, ...]) -> None:
    assert path(current, wanted) == expected


@given(serial, serial)
def test_never_newer_both_ways(a: int, b: int) -> None:
    assert not (newer(a, b) and newer(b, a))
    assert (newer(a, b) or newer(b, a) or a == b) is not unordered(a, b)


@given(serial, serial)
def test_distance_leads_there(a: int, b: int) -> None:
    steps = distance(a, b)
    if steps is None:
        assert unordered(a, b)
    else:
        assert (a + steps) % MODULUS == b
        assert distance(b, a) == -steps
        assert (steps > 0) is newer(b, a)


@given(serial, serial)
def test_behind_agrees_with_newer(reference: int, other: int) -> None:
    steps = behind(reference, other)
    assert (steps is not None) is (other == reference or newer(reference, other))


@given(serial, serial)
def test_every_step_of_a_path_is_taken_by_a_secondary(current: int, wanted: int) -> None:
    steps = path(current, wanted)
    assert len(steps) <= 3
    for step in steps:
        assert newer(step, current)
        current = step
    assert current == wanted


@given(st.lists(serial, max_size=6))
def test_newest_is_newer_than_all_the_others(serials: list[int]) -> None:
    top = newest(serials)
    beats_all = {s for s in serials if all(s == other or newer(s, other) for other in serials)}
    assert {top} - {None} == beats_all
