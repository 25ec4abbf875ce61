"""How often a check asks a zone."""

from datetime import timedelta

import pytest

from checks.base import cadence_of
from checks.model import Cadences
from checks.records import Records

HOUR, DAY, OFF = timedelta(hours=1), timedelta(days=1), timedelta(0)


@pytest.mark.parametrize(
    ("own", "usual", "every"),
    [
        ((), {}, Records.cadence),
        ((), {"records": HOUR}, HOUR),
        ((), {"records": OFF}, OFF),
        ((("records", DAY),), {"records": HOUR}, DAY),
        ((("reachable", OFF), ("records", DAY)), {"records": OFF}, DAY),
        ((("records", OFF),), {"records": HOUR}, OFF),
        ((("reachable", OFF),), {"records": HOUR, "reachable": DAY}, HOUR),
    ],
)
def test_a_zone_has_the_first_word_then_the_file_then_the_check(
    own: Cadences, usual: dict[str, timedelta], every: timedelta
) -> None:
    assert cadence_of(Records(), own, usual) == every
