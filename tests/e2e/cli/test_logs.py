"""The log: one line for one thing, nothing a terminal would obey, no secrets out of a traceback."""

import json

import pytest

from checks.common.text import escape_lines, one_line
from tests.support.speaking import python

SAID = r"""
import logging, sys
import structlog
from monitor.cli.logging import set_up

set_up(sys.argv[1], "debug")
log = structlog.get_logger("here")
log.info("up\x1b[31m\nnext", text="\x9b31m\u202e\r", many=["\x1b[0m\n"], n=3)
logging.getLogger("apscheduler.executors").error("not ours to tell")
logging.getLogger("somewhere").warning("foreign %s", "\x1b]0;owned\x07\n")


def fails():
    password = "hunter2".upper().lower() * 2
    raise ValueError("worse \x1b[2J\nthan that")


try:
    fails()
except ValueError:
    log.exception("defect")
    logging.getLogger("somewhere").exception("theirs")
"""


@pytest.mark.parametrize("form", ["json", "console", "auto"])
async def test_the_log_is_printable_whatever_is_said(form: str) -> None:
    said = await python(SAID, form)
    assert said.status == 0
    assert said.out == ""
    assert said.plain
    assert "hunter2hunter2" not in said.err
    assert "not ours to tell" not in said.err
    assert said.err.count("Traceback") == 2
    assert "ValueError: worse " in said.err
    assert "than that" in said.err


async def test_json_is_one_object_a_line() -> None:
    said = await python(SAID, "json")
    first, foreign, *defects = map(json.loads, said.err.splitlines())
    assert first["event"] == r"up\x1b[31m\nnext"
    assert first["text"] == r"\x9b31m\u202e\r"
    assert first["n"] == 3
    assert first["level"] == "info"
    assert foreign["event"] == r"foreign \x1b]0;owned\x07\n"
    assert [defect["event"] for defect in defects] == ["defect", "theirs"]
    assert all(", in fails\n" in defect["exception"] for defect in defects)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, with ü and ✓", "plain, with ü and ✓"),
        ("two\nlines", r"two\nlines"),
        ("\x1b[31m\x9b\x00\x7f", r"\x1b[31m\x9b\x00\x7f"),
        ("\u202ereversed\u2028", r"\u202ereversed\u2028"),
    ],
)
def test_one_line(text: str, shown: str) -> None:
    assert one_line(text) == shown


def test_lines_stay_lines() -> None:
    assert escape_lines("a\tb\n\x1b[31mc\n") == "a       b\n\\x1b[31mc\n"
