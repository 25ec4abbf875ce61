"""Silences and maintenance windows, as tables for people."""

from collections.abc import Iterator
from typing import Any

WINDOW_COLUMNS = ("window", "silences", "when", "next", "until")


def window_rows(window: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """A row for each time that it comes; one for a window that is over."""
    said = (window["name"], matched(window["matchers"]), window["when"])
    for one in window["next"]:
        yield *said, "now" if one["active"] else shown_time(one["starts_at"]), shown_time(one["ends_at"])
        said = ("", "", "")
    if not window["next"]:
        yield *said, "over", ""


def matched(matchers: dict[str, list[str]]) -> str:
    """What is silenced."""
    return ", ".join(f"{kind} {' or '.join(names)}" for kind, names in matchers.items() if names)


def shown_time(text: str | None) -> str:
    """A time of the API, for people; nothing stands for never."""
    return "never" if text is None else text.replace("T", " ").replace("Z", " UTC")
