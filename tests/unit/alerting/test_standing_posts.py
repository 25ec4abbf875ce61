"""Receivers that keep a state hear what stands, on a clock, and of what is over nothing but its end."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs

from alerting.dispatcher import Dispatcher
from alerting.incident import Incident, IncidentEvent, NotifiedState
from alerting.notification import DeliveryError, Notification
from alerting.standing_posts import StandingPosts
from checks.model.finding_type import Severity
from monitor.state.ports import Commit, Store
from monitor.store.sqlite import SqliteStore
from tests.support.fakes.notifiers import QUICK, Clock, Receiver, attempts, delivering, idle, no, render, until
from tests.support.specimens import at, incident, message


class StatefulReceiver(Receiver):
    """Also takes what stands; answers each posting with the next of ``posting``."""

    keeps_state = True
    resend = timedelta(seconds=60)

    def __init__(self, *answers: Exception | None, posting: Sequence[Exception | None] = ()) -> None:
        super().__init__(*answers)
        self._posting = list(posting)
        self.posted: list[list[tuple[str, Severity]]] = []

    async def post_standing(self, notifications: Sequence[Notification], at: datetime) -> None:
        self.posted.append([(each.about.id, each.about.severity) for each in notifications])
        answer = self._posting.pop(0) if self._posting else None
        if answer is not None:
            raise answer


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(tmp_path, clock) -> AsyncIterator[Store]:
    store = await SqliteStore.open(tmp_path / "s.db", clock)
    yield store
    await store.close()


def told(id: str, *receivers: str, severity: Severity = Severity.CRITICAL) -> Incident:
    return replace(incident(id), receivers=receivers, notified=NotifiedState(at(0), severity))


def posts(dispatcher: Dispatcher, clock: Clock, *standing: Incident) -> tuple[StandingPosts, dict[str, Incident]]:
    known = {each.id: each for each in standing}
    begun = clock.time
    return (
        StandingPosts(dispatcher, lambda: known, render, clock, lambda: (clock.time - begun).total_seconds()),
        known,
    )


async def test_what_stands_is_posted_at_once_and_then_on_a_clock_to_who_has_heard_of_it(store, clock):
    am, other = StatefulReceiver(), Receiver()
    async with delivering(store, {"am": am, "other": other}, clock) as dispatcher:
        standing, known = posts(dispatcher, clock, told("i1", "am"), told("i2", "other"), told("i3", "am", "other"))
        await standing.post_due()
        await until(lambda: len(am.posted) == 1)
        clock.pass_by(59)
        await standing.post_due()
        await idle(dispatcher, store, clock)
        assert [[id for id, _ in each] for each in am.posted] == [["i1", "i3"]]
        del known["i1"]
        clock.pass_by(1)
        await standing.post_due()
        await until(lambda: len(am.posted) == 2)
        known.clear()
        clock.pass_by(60)
        await standing.post_due()
        await idle(dispatcher, store, clock)
    assert [[id for id, _ in each] for each in am.posted] == [["i1", "i3"], ["i3"]]
    assert attempts(dispatcher) == {}, "it is no news"
    assert other.asked == []


async def test_it_stands_with_the_severity_that_was_told(store, clock):
    am = StatefulReceiver()
    async with delivering(store, {"am": am}, clock) as dispatcher:
        fresh = replace(incident("i2"), receivers=("am",))
        standing, _ = posts(dispatcher, clock, told("i1", "am", severity=Severity.WARNING), fresh)
        await standing.post_due()
        await until(lambda: len(am.posted) == 1)
    assert am.posted == [[("i1", Severity.WARNING), ("i2", Severity.CRITICAL)]]


async def test_a_message_to_the_same_receiver_is_never_overtaken(store, clock):
    """It may say that something is over: what stood before must not come after it."""
    am = StatefulReceiver()
    dispatcher = Dispatcher(store, {"am": am}, render, clock)
    standing, _ = posts(dispatcher, clock, told("i1", "am"))
    await standing.post_due()
    assert not dispatcher.post("am", _nothing), "one at a time"
    await until(lambda: len(am.posted) == 1 and not dispatcher._sending)
    assert dispatcher.post("am", _nothing)
    assert not dispatcher.post("gone", _nothing)
    await dispatcher.stop()
    assert not dispatcher.post("am", _nothing), "and none when all ends"


async def _nothing() -> None:
    return None


async def test_a_posting_that_fails_is_said_once_and_what_waits_is_due_when_one_is_taken(store, clock):
    am = StatefulReceiver(no(), posting=[no(), RuntimeError("a defect"), None])
    await store.commit(Commit(messages=(message("a", "am"),)))
    seldom = replace(QUICK, min_delay=10_000, max_delay=10_000)
    async with delivering(store, {"am": am}, clock, seldom) as dispatcher:
        standing, _ = posts(dispatcher, clock, told("i1", "am"))
        with capture_logs() as logs:
            await until(lambda: am.asked == ["a"])
            await idle(dispatcher, store, clock)
            for count in (1, 2, 3):
                await until(lambda: not dispatcher._sending)
                await standing.post_due()
                await until(lambda n=count: len(am.posted) == n)
                clock.time += am.resend if count < 3 else timedelta(0)
            await until(lambda: am.got == ["a"])
    assert [each["event"] for each in logs].count("state not posted") == 0, "that it fails has been said"
    assert "state posted again" in [each["event"] for each in logs]


async def test_a_receiver_that_takes_nothing_that_stands_is_in_trouble_and_left_alone_for_as_long_as_it_says(
    store, clock
):
    am = StatefulReceiver(posting=[DeliveryError("busy", retry_after=300), no("gone for good", permanent=True), None])
    async with delivering(store, {"am": am}, clock) as dispatcher:
        standing, _ = posts(dispatcher, clock, told("i1", "am"))
        with capture_logs() as logs:
            await standing.post_due()
            await until(lambda: len(am.posted) == 1 and not dispatcher._sending)
        assert [each["error"] for each in logs if each["event"] == "state not posted"] == ["busy"]
        clock.pass_by(60)
        await standing.post_due()
        assert len(am.posted) == 1
        clock.pass_by(240)
        await until(lambda: "am" not in dispatcher._left_alone)
        await standing.post_due()
        await until(lambda: len(am.posted) == 2 and not dispatcher._sending)
        assert dispatcher.failing(clock()) == {"am": "am rejects what it is told: gone for good"}
        clock.pass_by(60)
        await standing.post_due()
        await until(lambda: len(am.posted) == 3 and not dispatcher._sending)
        assert dispatcher.failing(clock()) == {}


async def test_that_the_state_is_taken_does_not_hide_that_a_message_is_rejected(store, clock):
    am = StatefulReceiver(no("not like this", permanent=True))
    await store.commit(Commit(messages=(message("a", "am"),)))
    async with delivering(store, {"am": am}, clock) as dispatcher:
        standing, _ = posts(dispatcher, clock, told("i1", "am"))
        await until(lambda: bool(dispatcher.failing(clock())) and not dispatcher._sending)
        await standing.post_due()
        await until(lambda: len(am.posted) == 1 and not dispatcher._sending)
        assert dispatcher.failing(clock()) == {"am": "am rejects what it is told: not like this"}


async def test_what_is_sent_while_the_receiver_is_changed_says_nothing_of_the_new_one(store, clock):
    am = StatefulReceiver(posting=[no("gone for good", permanent=True)])
    dispatcher = Dispatcher(store, {"am": am}, render, clock)
    standing, _ = posts(dispatcher, clock, told("i1", "am"))
    await standing.post_due()
    dispatcher.use({"am": StatefulReceiver()})
    await until(lambda: len(am.posted) == 1 and not dispatcher._sending)
    assert dispatcher.failing(clock()) == {}


# --- of what is over, its end alone ---


async def test_programs_are_told_how_each_incident_stands_and_people_what_came_and_went_in_one(store, clock):
    am, oncall = StatefulReceiver(), Receiver()
    news = [
        message(f"{number}{name}", name, about=about, event=event)
        for name in ("am", "oncall")
        for number, (about, event) in enumerate(
            [
                ("i1", IncidentEvent.OPENED),
                ("i1", IncidentEvent.WORSENED),
                ("i1", IncidentEvent.RESOLVED),
                ("i2", IncidentEvent.OPENED),
                ("i2", IncidentEvent.RESOLVED),
                ("i3", IncidentEvent.OPENED),
                ("i3", IncidentEvent.WORSENED),
                ("i4", IncidentEvent.TEST),
            ]
        )
    ]
    await store.commit(Commit(messages=tuple(news)))
    async with delivering(store, {"am": am, "oncall": oncall}, clock) as dispatcher:
        await until(lambda: len(oncall.got) == 3 and len(am.got) == 4)
        await idle(dispatcher, store, clock)
    assert am.got == ["2am", "4am", "6am", "7am"]
    assert oncall.got == ["4oncall-2", "6oncall", "7oncall"]
    assert attempts(dispatcher)["am", "superseded"] == 4
    assert [row.pending for row in await store.receivers()] == [0, 0]


async def test_the_end_of_an_incident_is_owed_to_a_program_with_a_state_after_a_day_too(store, clock):
    am, oncall = StatefulReceiver(no(), no()), Receiver(no(), no())
    await store.commit(
        Commit(messages=tuple(message(name, name, event=IncidentEvent.RESOLVED) for name in ("am", "oncall")))
    )
    async with delivering(store, {"am": am, "oncall": oncall}, clock) as dispatcher:
        await until(lambda: len(am.asked) == len(oncall.asked) == 1)
        await idle(dispatcher, store, clock)
        clock.pass_by(25 * 3600)
        await until(lambda: len(am.asked) == len(oncall.asked) == 2)
        await idle(dispatcher, store, clock)
        clock.pass_by(3600)
        await until(lambda: am.got == ["am"])
    assert oncall.got == []
