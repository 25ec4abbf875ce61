"""Receivers have other names, or are gone: what they heard, and what is held back from them."""

from dataclasses import replace

from alerting.incident import Cause, Incident, Storm
from alerting.incidents import OpenIncidents
from checks.model.finding_type import Severity
from monitor.state.readdressing import readdress
from tests.support.alerts import START, minute


def incident(name: str, receivers: tuple[str, ...], held: tuple[str, ...] = ()) -> Incident:
    about = Cause("zone", name)
    return Incident(
        name, about, Severity.WARNING, "open", (), (), opened_at=START, began_at=START, receivers=receivers, held=held
    )


def test_what_is_held_back_follows_the_names() -> None:
    mail, chat, old = Storm("mail", (minute(1),), "s1"), Storm("chat", (minute(2),)), Storm("old", (minute(3),))
    before = OpenIncidents(
        {"a": incident("a", ("mail", "chat"), held=("mail",)), "b": incident("b", ("pager",))},
        past={Cause("zone", "c"): incident("c", ())},
        storms={"mail": mail, "chat": chat, "old": old},
    )
    after, commit = readdress(before, {"mail": "chat", "chat": "mail", "old": None}, {"chat": "hash"})
    assert after.incidents["a"].receivers == ("chat", "mail")
    assert after.incidents["a"].held == ("chat",)
    assert after.incidents["b"] is before.incidents["b"]
    assert after.past is before.past
    assert after.storms == {"chat": replace(mail, receiver="chat"), "mail": replace(chat, receiver="mail")}
    assert set(commit.storms) == {*after.storms.values(), Storm("old")}
    assert [each.id for each in commit.incidents] == ["a"]
    assert commit.readdressed == {"mail": "chat", "chat": "mail"}
    assert commit.destinations == {"chat": "hash"}


def test_where_all_are_gone_who_heard_of_it_they_are_owed_its_end_until_others_have_heard_of_it() -> None:
    before = OpenIncidents({"a": incident("a", ("mail", "pager")), "b": incident("b", ("pager",))})
    after, commit = readdress(before, {"pager": None}, {})
    assert {name: each.receivers for name, each in after.incidents.items()} == {"a": ("mail",), "b": ("pager",)}
    assert [each.id for each in commit.incidents] == ["a"]


def test_who_leads_to_the_same_place_as_another_is_told_as_that_one_is() -> None:
    one, other = Storm("one", (minute(1),)), Storm("other", (minute(2),))
    after, commit = readdress(OpenIncidents({}, storms={"one": one, "other": other}), {"one": "other"}, {})
    assert after.storms == {"other": other}
    assert commit.storms == (Storm("one"),)
