"""Whether a source of zones that names fewer than before is believed, and zones added to a table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.model.zone_table import ZoneTable
from monitor.config.model import ZoneEntry
from monitor.config.zone_sources import too_many_gone, with_zones


@pytest.mark.parametrize(
    ("named", "gone", "max_shrink", "why"),
    [
        (0, 0, 0.2, ""),
        (10, 0, 0, ""),
        (10, 2, 0.2, ""),
        (10, 3, 0.2, "3 of the 10 zones that it named are gone, and at most 2 may be at once (max_shrink = 0.2)"),
        (10, 1, 0, "1 of the 10 zones that it named is gone, and at most 0 may be at once (max_shrink = 0)"),
        (3, 1, 0.2, ""),
        (3, 2, 0.2, "2 of the 3 zones that it named are gone, and at most 1 may be at once (max_shrink = 0.2)"),
        (3, 3, 0.2, "all 3 zones that it named are gone, and at most 1 may be at once (max_shrink = 0.2)"),
        (1, 1, 0.2, "the only zone that it named is gone, and never all may be at once (max_shrink = 0.2)"),
        (3, 3, 1, ""),
        (1, 1, 1, ""),
    ],
)
def test_how_many_may_be_gone_at_once(named: int, gone: int, max_shrink: float, why: str) -> None:
    assert too_many_gone(named, gone, max_shrink) == (f"{why}; they are watched as before" if why else "")


@given(st.integers(0, 1000), st.integers(0, 1000), st.floats(0, 0.999))
def test_what_is_believed_never_lets_go_of_more_than_the_share_or_of_all(
    named: int, gone: int, max_shrink: float
) -> None:
    gone = min(named, gone)
    believed = too_many_gone(named, gone, max_shrink) == ""
    assert believed or gone
    if believed and gone:
        assert gone < named
        assert gone <= max(1, max_shrink * named)
        assert max_shrink


def test_zones_are_added_to_a_table_under_their_own_names() -> None:
    plain, other = ZoneEntry("", ("ns1",)), ZoneEntry("", ("ns2",))
    before = ZoneTable.of(entry.with_name(name) for name, entry in (("b.", plain), ("d.", other)))
    after = with_zones(before, [("c.", other), ("a.", ZoneEntry("", ("ns3",)))])
    assert {name: entry.servers for name, entry in after.items()} == {
        "a.": ("ns3",), "b.": ("ns1",), "c.": ("ns2",), "d.": ("ns2",),
    }  # fmt: skip
    assert after.names == ["a.", "b.", "c.", "d."]
    assert len(after.templates) == 3
    assert with_zones(before, []) is before
