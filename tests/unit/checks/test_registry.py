"""Every check is registered, specified and complete."""

import ast
import re
from collections import Counter
from datetime import timedelta
from inspect import cleandoc
from pathlib import Path
from textwrap import indent

import pytest

from alerting import finding_types
from alerting.finding_types import FINDING_TYPES
from checks.base import Check
from checks.registry import CHECKS


def test_all_there() -> None:
    assert CHECKS.keys() >= {"reachable", "soa-serial", "soa-fields", "ns-set", "records", "signatures", "transfer"}
    assert all(timedelta(seconds=60) <= check.cadence <= timedelta(days=1) for check in CHECKS.values())


def test_every_code_belongs_to_one_check() -> None:
    """But for open transfers, which are found with a rule and, less often, without one, for edits without a new serial,
    of the records of two checks, and for content and signatures that have ended, of single records and of whole zones.
    """
    said = Counter(found.code for check in CHECKS.values() for found in check.finding_types)
    said.update(found.code for found in finding_types.FINDINGS)
    assert {code: times for code, times in said.items() if times != 1} == {
        "transfer-open": 2,
        "serial-unbumped": 2,
        "content-differs": 2,
        "signature-expired": 2,
    }
    assert list(FINDING_TYPES) == list(said)


@pytest.mark.parametrize("check", CHECKS.values(), ids=str)
def test_the_docstring_is_the_specification(check: type[Check]) -> None:
    text = indent(cleandoc(check.__doc__ or ""), "    ")  # Python 3.13 takes the indentation off
    assert "Objective:" in text
    assert "Steps:" in text
    table = re.findall(r"^    ([a-z]+(?:-[a-z0-9]+)+)  ", text, re.MULTILINE)
    assert sorted(table) == sorted(found.code for found in check.finding_types)


@pytest.mark.parametrize("check", CHECKS.values(), ids=str)
def test_settings_have_defaults(check: type[Check]) -> None:
    assert check() == check()


def test_a_code_is_written_once() -> None:
    """Where its type is declared. The bundled pair and its demo name faults, some like what is found of them."""
    root = Path(__file__).parents[3]
    files = (path for room in ("checks", "alerting", "monitor") for path in (root / room).rglob("*.py"))
    sources = (
        path.read_text(encoding="utf-8") for path in files if "pair" not in path.parts and path.name != "demo_runner.py"
    )
    quoted = re.compile("|".join(f"[\"']{re.escape(code)}[\"']" for code in FINDING_TYPES))
    written = Counter(
        node.value
        for source in sources
        if quoted.search(source)  # to parse the others as well would take a second
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and node.value in FINDING_TYPES
    )
    assert written == Counter(FINDING_TYPES.keys())
