"""Silences and maintenance windows, as tables for people."""

from collections.abc import Iterator
from typing import Any

SILENCE_COLUMNS = ("silence", "state", "silences", "from", "until", "by", "why")

WINDOW_COLUMNS = ("window", "silences", "when", "next", "until")


def window_rows(window: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """A row for each time that it comes; one for a window that is over."""
    said = (window["name"], matched(window["matchers"]), window["when"])
    for one in window["next"]:
        yield *said, "now" if one["active"] else shown_time(one["starts_at"]), shown_time(one["ends_at"])
        said = ("", "", "")
    if not window["next"]:
        yield *said, "over", ""


def silence_row(silence: dict[str, Any]) -> tuple[str, ...]:
    """One that was made at the running service, or a window that is under way."""
    span = shown_time(silence["starts_at"]), shown_time(silence["ends_at"])
    return (
        silence["id"], silence["state"], matched(silence["matchers"]), *span, silence["created_by"], silence["comment"],
    )  # fmt: skip


def matched(matchers: dict[str, list[str]]) -> str:
    """What is silenced."""
    named = {kind: names for kind, names in matchers.items() if kind != "labels"}
    for label in matchers.get("labels", ()):
        name, _, value = label.partition("=")
        named.setdefault(f"label {name}", []).append(value)
    return ", ".join(f"{kind} {' or '.join(names)}" for kind, names in named.items() if names)


def shown_time(text: str | None) -> str:
    """A time of the API, for people; nothing stands for never."""
    return "never" if text is None else text.replace("T", " ").replace("Z", " UTC")
