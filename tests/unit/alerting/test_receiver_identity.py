"""Receivers are told apart by where they lead, not by what they are called."""

from pathlib import Path

import pytest

from alerting.model import Secret
from alerting.notifier import Notifier
from alerting.notifiers import email, webhook
from alerting.receiver_identity import destination_hashes, follow, successors


def hook(place: str, **more: object) -> Notifier:
    return webhook.Notifier(Secret(f"https://hooks.example.com/{place}"), **more)  # type: ignore[arg-type]


def mail(*to: str, host: str = "mx.example.com") -> Notifier:
    return email.Notifier(to, email.Smtp(host))


A, B = hook("T0KEN-A"), hook("T0KEN-B")
M = mail("dns@example.com", "Duty <duty@example.com>")

CHANGES = [
    ("nothing", {"a": A, "m": M}, {"a": A, "m": M}, {}),
    ("another name", {"a": A, "m": M}, {"b": A, "mail": M}, {"a": "b", "m": "mail"}),
    ("changed places", {"a": A, "b": B}, {"a": B, "b": A}, {"a": "b", "b": "a"}),
    ("the old name for somebody new", {"a": A}, {"a": B, "b": A}, {"a": "b"}),
    ("only its address", {"a": A}, {"a": B}, {}),
    ("gone", {"a": A, "b": B}, {"b": B}, {"a": None}),
    ("gone, and the same address by mail is another", {"a": A}, {"m": M}, {"a": None}),
    ("a new secret and token", {"a": A}, {"b": hook("T0KEN-A", token=Secret("x"))}, {"a": "b"}),
    (
        "another order, name and server",
        {"m": M},
        {"n": mail("Duty@example.com", "dns@example.com", host="b")},
        {"m": "n"},
    ),
    ("one less is told", {"m": M}, {"n": mail("dns@example.com")}, {"m": None}),
    ("two of them become one", {"a": A, "b": A}, {"c": A}, {"a": "c", "b": "c"}),
    ("a second one for the same", {"a": A}, {"b": A, "a": A}, {}),
]


@pytest.mark.parametrize(("said", "before", "after", "moved"), CHANGES, ids=[change[0] for change in CHANGES])
def test_who_is_who(
    said: str, before: dict[str, Notifier], after: dict[str, Notifier], moved: dict[str, str | None]
) -> None:
    assert successors(destination_hashes(before, {}), after) == moved


def test_somebody_of_whom_nothing_is_known_but_the_name() -> None:
    """As in the database of an older version."""
    assert successors({}, {"a": A}, owed=["a", "b"]) == {"b": None}


def test_what_is_kept_gives_nothing_away_and_changes_only_with_the_destination() -> None:
    receivers = {"a": A, "m": M}
    kept = destination_hashes(receivers, {})
    assert not any(part in str(kept) for part in ("T0KEN", "hooks", "example"))
    assert destination_hashes(receivers, kept) == kept
    assert destination_hashes({**receivers, "b": A}, kept)["b"] != kept["a"], "salted: nobody sees who is who"
    assert destination_hashes({"a": B}, kept)["a"] != kept["a"]


def test_each_is_told_once_and_who_is_gone_is_not() -> None:
    assert follow(("a", "b", "c", "d"), {"a": "d", "b": None}) == ("d", "c")


def test_a_ca_file_is_no_destination(tmp_path: Path) -> None:
    assert hook("x", ca_file=tmp_path).destination() == hook("x").destination()
