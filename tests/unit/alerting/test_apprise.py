"""Receivers of Apprise: what is wrong in their settings, and what becomes of a message of which some URLs take none."""

import sys
from collections.abc import Mapping

import pytest

from alerting.model import Secret
from alerting.notification import DeliveryError
from alerting.notifiers.apprise import INSTALL, MAX_URLS, Notifier, _mark, _Outcome
from tests.support.notifications import NOTE

URLS = ONE, TWO, THREE = "tgram://secret-token/1", "slack://secret-token/2", "ntfy://secret-topic"
WANTED = dict(enumerate(URLS, 1))
TAKEN, STRANGE = _Outcome(1, True), _Outcome(2, known=False)
GONE, BUSY = _Outcome(2, service="Slack", code=410), _Outcome(3, service="ntfy", code=429)
ALSO = "URL 2 (Slack): error 410"
SAID = f"refused for good: {ALSO}"


def made(*urls: str) -> Notifier:
    return Notifier(urls=Secret("\n".join(urls)))


@pytest.mark.parametrize(
    ("urls", "said"),
    [
        ((ONE, "", "  # a remark", f"  {TWO}  "), []),
        (("# nothing",), ["name no URL"]),
        ((ONE, "secret-token", "tgram://a b", "tgram://\x1b[2J"), [f"URL {n} is none of Apprise" for n in (2, 3, 4)]),
        ((ONE,) * (MAX_URLS + 1), ["are more than 20"]),
    ],
)
def test_what_is_wrong_in_the_urls_is_said_without_them(urls: tuple[str, ...], said: list[str]) -> None:
    remarks = list(made(*urls).review())
    assert [remark.text for remark in remarks] == said
    assert all(remark.setting == "urls" and remark.fatal for remark in remarks)
    assert "secret" not in "".join(remark.text + remark.hint for remark in remarks)


async def test_where_apprise_is_not_installed_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    (remark,) = made(ONE).review()
    assert (remark.setting, remark.text, remark.hint) == ("type", "needs Apprise, which is not installed", INSTALL)
    with pytest.raises(DeliveryError, match="needs Apprise, which is not installed") as caught:
        await made(ONE).send(NOTE)
    assert caught.value.permanent


def test_the_order_of_the_urls_makes_no_other_destination() -> None:
    assert made(ONE, TWO).destination() == made(TWO, "", ONE).destination() != made(ONE).destination()


@pytest.mark.parametrize(
    ("outcomes", "begun", "reason", "permanent", "done"),
    [
        ({1: TAKEN, 2: GONE, 3: BUSY}, False, "URL 3 (ntfy): error 429 did not take it", False, {ONE, TWO}),
        ({1: TAKEN, 2: GONE, 3: _Outcome(3, True)}, False, SAID, True, {ONE, TWO, THREE}),
        (dict.fromkeys(WANTED, GONE), False, f"{SAID}, {ALSO}, {ALSO}", True, set()),
        (dict.fromkeys(WANTED, STRANGE), True, f"refused for good: {', '.join([str(STRANGE)] * 3)}", True, {*URLS}),
        ({1: TAKEN, 2: _Outcome(2, True)}, False, "URL 3 did not take it within 30 s, or at all", False, {ONE, TWO}),
        ({}, False, "URL 1, URL 2, URL 3 did not take it within 30 s, or at all", False, set()),
    ],
)  # fmt: skip
def test_who_is_told_again(
    outcomes: Mapping[int, _Outcome], begun: bool, reason: str, permanent: bool, done: set[str]
) -> None:
    with pytest.raises(DeliveryError) as caught:
        made(*WANTED.values())._settle(WANTED, outcomes, begun=begun)
    error = caught.value
    assert (error.reason, error.permanent, error.done) == (reason, permanent, frozenset(map(_mark, done)))
    some_are_final = any(one.final for one in outcomes.values())
    assert bool(error.refused) is (some_are_final and bool(done))


async def test_nothing_is_started_where_all_have_it() -> None:
    made(ONE)._settle({1: ONE}, {1: _Outcome(1, True)}, begun=False)
