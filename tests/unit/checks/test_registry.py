"""Every check is registered, specified and complete."""

import re
from collections import Counter
from datetime import timedelta
from inspect import cleandoc
from textwrap import indent

import pytest

from checks.base import Check
from checks.codes import CODES
from checks.registry import CHECKS

PIPELINE = {
    "not-checked",
    "vantage-blind",
    "store-failing",
    "receiver-failing",
    "configuration-refused",
    "database-recreated",
}
"""Codes of the monitor itself: no check says them."""


def test_all_there() -> None:
    assert list(CHECKS) == ["reachable", "soa-serial", "soa-fields", "ns-set", "records", "transfer"]
    assert {check.cadence for check in CHECKS.values()} == {
        timedelta(seconds=60), timedelta(minutes=5), timedelta(hours=1),
    }  # fmt: skip


def test_every_code_belongs_to_one_check() -> None:
    said = Counter(code for check in CHECKS.values() for code in check.codes)
    assert set(said.values()) == {1}
    assert set(CODES) - set(said) == PIPELINE
    assert set(said) <= set(CODES)


@pytest.mark.parametrize("check", CHECKS.values(), ids=str)
def test_the_docstring_is_the_specification(check: type[Check]) -> None:
    text = indent(cleandoc(check.__doc__ or ""), "    ")  # Python 3.13 takes the indentation off
    assert "Objective:" in text
    assert "Steps:" in text
    table = re.findall(r"^    ([a-z]+(?:-[a-z]+)+)  ", text, re.MULTILINE)
    assert sorted(table) == sorted(check.codes)


@pytest.mark.parametrize("check", CHECKS.values(), ids=str)
def test_settings_have_defaults(check: type[Check]) -> None:
    assert check() == check()
