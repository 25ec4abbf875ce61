"""What is written to a terminal or a log moves no cursor, ends no line, and turns no letters round."""

import pytest

from checks.common.text import escape_lines, one_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ns1 serves 10", "ns1 serves 10"),
        ("", ""),
        ("bücher.example.", "bücher.example."),
        ("a\nb\r\x1b[2Jc", r"a\nb\r\x1b[2Jc"),
        ("a\u202eb", r"a\u202eb"),
        ("a\ud800b", r"a\ud800b"),
    ],
)
def test_a_line_stays_a_line(text: str, shown: str) -> None:
    assert one_line(text) == shown


def test_lines_stay_lines_and_tabs_become_spaces() -> None:
    assert escape_lines("a\tb\nc\x07") == "a       b\nc\\x07"
