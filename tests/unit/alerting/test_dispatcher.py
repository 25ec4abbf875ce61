"""The dispatcher tells every receiver, in order, whatever the others do."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from alerting.dispatcher import Dispatcher
from alerting.incident import IncidentEvent
from alerting.notification import DeliveryError, OutboxMessage
from alerting.outbox import ReceiverStatus
from alerting.retry_policy import RetryPolicy
from monitor.state.ports import Commit, Store
from monitor.store.sqlite import SqliteStore
from tests.support.fakes.notifiers import (
    QUICK,
    Clock,
    Failing,
    NeverAnswering,
    Receiver,
    attempts,
    delivering,
    idle,
    no,
    render,
    until,
)
from tests.support.specimens import at, message

SECRET = "https://hooks.example.com/T0KEN"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(tmp_path, clock) -> AsyncIterator[Store]:
    store = await SqliteStore.open(tmp_path / "s.db", clock)
    yield store
    await store.close()


async def put(store: Store, *messages) -> None:
    await store.commit(Commit(messages=messages))


async def test_everyone_is_told_once(store, clock):
    oncall, hook = Receiver(), Receiver()
    await put(store, message("a"), message("b", "hook"), message("c", about="i2"))
    async with delivering(store, {"oncall": oncall, "hook": hook}, clock) as dispatcher:
        await until(lambda: len(oncall.got) == 2 and len(hook.got) == 1)
        await idle(dispatcher, store, clock)
    assert (oncall.got, hook.got) == (["a", "c"], ["b"])
    assert attempts(dispatcher) == {("oncall", "delivered"): 2, ("hook", "delivered"): 1}


async def test_what_is_put_in_while_it_runs_is_taken_up_when_poked(store, clock):
    oncall = Receiver()
    watched = Failing(store)
    async with delivering(watched, {"oncall": oncall}, clock, RetryPolicy(poll_interval=60.0)) as dispatcher:
        await until(lambda: "next_due" in watched.calls)
        await put(store, message("a"))
        dispatcher.wake()
        await until(lambda: oncall.got == ["a"])
        await put(store, *(message(name, about=name) for name in "bcd"))
        dispatcher.wake()
        await until(lambda: oncall.got == ["a", "b", "c", "d"])


async def test_it_wakes_by_itself_when_something_becomes_due(store, clock):
    oncall = Receiver()
    await put(store, message("a", seconds=0.05))
    watched = Failing(store)
    async with delivering(watched, {"oncall": oncall}, clock, RetryPolicy(poll_interval=60.0)):
        await until(lambda: "next_due" in watched.calls)
        clock.pass_by(0.05)  # it waits 50 ms, by the clock it saw before
        await until(lambda: oncall.got == ["a"])


async def test_a_receiver_that_never_answers_delays_nobody_else(store, clock):
    deaf, oncall = NeverAnswering(), Receiver()
    await put(store, *[message(f"d{n}", "deaf", about=f"i{n}") for n in range(5)])
    await put(store, *[message(f"o{n}", about=f"i{n}") for n in range(20)])
    async with delivering(store, {"deaf": deaf, "oncall": oncall}, clock, replace(QUICK, drain_timeout=0.05)):
        await until(lambda: len(oncall.got) == 20)
        assert deaf.asked == ["d0"]


async def test_a_receiver_that_never_answers_is_left_and_asked_again(store, clock):
    deaf = NeverAnswering()
    await put(store, message("a", "deaf"))
    async with delivering(store, {"deaf": deaf}, clock, replace(QUICK, deadline=0.05)) as dispatcher:
        await until(lambda: attempts(dispatcher) == {("deaf", "retried"): 1})
        await idle(dispatcher, store, clock)
        assert (await dispatcher.status())["deaf"].last_error == "no answer within 0.05 s"
        deaf.released.set()
        clock.pass_by(7.5)
        await until(lambda: deaf.got == ["a"])
    assert deaf.asked == ["a", "a"]


async def test_a_notifier_that_gives_up_waiting_by_itself_is_a_passing_failure(store, clock):
    oncall = Receiver(TimeoutError())
    await put(store, message("a"))
    async with delivering(store, {"oncall": oncall}, clock) as dispatcher:
        await until(lambda: attempts(dispatcher) == {("oncall", "retried"): 1})
        await idle(dispatcher, store, clock)
        assert (await dispatcher.status())["oncall"].last_error == "timed out"


async def test_a_passing_failure_is_tried_again_with_the_same_id_until_it_is_taken(store, clock):
    oncall = Receiver(no(), no(), ConnectionRefusedError(), None)
    await put(store, message("a"))
    async with delivering(store, {"oncall": oncall}, clock) as dispatcher:
        for attempt, wait in enumerate((7.5, 12.5, 22.5), 1):
            await until(lambda n=attempt: len(oncall.asked) == n)
            await idle(dispatcher, store, clock)
            clock.pass_by(wait - 0.001)
            assert len(oncall.asked) == attempt
            clock.pass_by(0.001)
        await until(lambda: oncall.got == ["a"])
    assert oncall.asked == ["a"] * 4
    assert attempts(dispatcher) == {("oncall", "retried"): 3, ("oncall", "delivered"): 1}


async def test_once_it_takes_anything_all_is_due_and_of_what_came_and_went_the_end_is_told(store, clock):
    oncall = Receiver(no(), no())
    await put(store, message("opened"), message("resolved", event=IncidentEvent.RESOLVED))
    async with delivering(store, {"oncall": oncall}, clock) as dispatcher:
        await until(lambda: len(oncall.asked) == 1)
        await idle(dispatcher, store, clock)
        clock.pass_by(7.5)
        await until(lambda: len(oncall.asked) == 2)
        await put(store, message("other", about="i2"))
        await until(lambda: oncall.got == ["other"])
        await until(lambda: len(oncall.got) == 2)
    assert oncall.got == ["other", "resolved"]


async def test_who_takes_nothing_at_all_is_told_the_eldest_first_when_it_is_back(store, clock):
    """What comes in meanwhile is due at once, and would be the first to be tried, as often as there is something."""
    oncall = Receiver(no("refused", away=True), no("refused", away=True))
    await put(store, message("a"))
    async with delivering(store, {"oncall": oncall}, clock) as dispatcher:
        for attempt, wait in ((1, 7.5), (2, 12.5)):
            await until(lambda n=attempt: attempts(dispatcher) == {("oncall", "retried"): n})
            await put(store, message(f"b{attempt}", about=f"of b{attempt}"))
            turns = dispatcher.turns
            dispatcher.wake()
            await until(lambda n=turns: dispatcher.turns > n + 1)
            assert oncall.asked == ["a"] * attempt
            clock.pass_by(wait)
        await until(lambda: len(oncall.got) == 3)
    assert oncall.got == ["a", "b1", "b2"]


async def test_one_message_that_is_not_taken_holds_up_no_other(store, clock):
    oncall = Receiver(no("500"))
    await put(store, message("bad"), message("a", about="i2"))
    async with delivering(store, {"oncall": oncall}, clock) as dispatcher:
        await until(lambda: oncall.got == ["a", "bad"])
        await idle(dispatcher, store, clock)
    assert oncall.asked == ["bad", "a", "bad"]


async def test_a_clock_that_is_set_back_makes_nobody_wait(store, clock):
    oncall = Receiver(no("refused", away=True))
    await put(store, message("a"))
    async with delivering(store, {"oncall": oncall}, clock) as dispatcher:
        await until(lambda: attempts(dispatcher) == {("oncall", "retried"): 1})
        await put(store, message("b", about="i2"))
        clock.pass_by(-3600)
        await until(lambda: oncall.got == ["a", "b"])


async def test_what_was_being_sent_when_the_process_ended_is_sent_again_before_what_has_come_since(store, clock):
    await put(store, message("o1"), message("o2", about="i2"), message("r2", about="i2", event=IncidentEvent.RESOLVED))
    await store.lease(clock(), duration=60, limit=1)
    await put(store, message("r1", event=IncidentEvent.RESOLVED), message("o3", about="i3"))
    await put(store, message("r3", about="i3", event=IncidentEvent.RESOLVED))
    clock.pass_by(60)
    oncall = Receiver()
    async with delivering(store, {"oncall": oncall}, clock):
        await until(lambda: len(oncall.got) == 3)
    assert oncall.got == ["o1", "r3-2", "r1"]  # between them a digest of i2 and i3


async def test_a_digest_that_was_being_sent_when_the_process_ended_is_sent_again_as_it_was(store, clock):
    for about in ("i1", "i2"):
        await put(store, message(f"o{about}", about=about))
        await put(store, message(f"r{about}", about=about, event=IncidentEvent.RESOLVED))
    deaf, oncall = NeverAnswering(), Receiver()
    async with delivering(store, {"oncall": deaf}, clock, replace(QUICK, drain_timeout=0)):
        await until(lambda: deaf.asked == ["ri2-2"])
    await put(store, message("oi3", about="i3"), message("ri3", about="i3", event=IncidentEvent.RESOLVED))
    clock.pass_by(60)
    async with delivering(store, {"oncall": oncall}, clock):
        await until(lambda: len(oncall.got) == 2)
    assert oncall.got == ["ri2-2", "ri3"]


async def test_a_receiver_that_rejects_us_is_marked_tried_slowly_and_given_up_after_a_day(store, clock):
    hook = Receiver(*[no("401 who are you", permanent=True)] * 99)
    await put(store, message("a", "hook"))
    with capture_logs() as logs:
        async with delivering(store, {"hook": hook}, clock, kinds={"hook": "webhook"}) as dispatcher:
            for attempt in range(1, 49):
                await until(lambda n=attempt: len(hook.asked) == n)
                await idle(dispatcher, store, clock)
                clock.pass_by(1800)
            await until(lambda: attempts(dispatcher).get(("hook", "given-up")) == 1)
            await idle(dispatcher, store, clock)
            status = (await dispatcher.status())["hook"]
    assert attempts(dispatcher) == {("hook", "rejected"): 48, ("hook", "given-up"): 1}
    last = "given up: 401 who are you"
    assert status == ReceiverStatus("hook", "webhook", 0, 0, None, last, at(86400), permanent=True, given_up=1)
    (said,) = [each for each in logs if each["log_level"] == "error"]
    assert (said["event"], said["receiver"], said["error"]) == ("given up", "hook", last)


# --- who is in trouble, and who has it in part ---


def part(*done: str, refused: str = "", **more) -> DeliveryError:
    return DeliveryError("mx put off 1 of the receivers (451)", done=done, refused=refused, **more)


REFUSED = "mx refuses for good: b (550)"


async def test_what_some_addresses_refuse_is_delivered_in_part_and_not_sent_again(store, clock):
    post = Receiver(DeliveryError(REFUSED, permanent=True, done=["a", "b"], refused=REFUSED))
    await put(store, message("1", "post"))
    async with delivering(store, {"post": post}, clock) as dispatcher:
        await until(lambda: attempts(dispatcher) == {("post", "in-part"): 1})
        await idle(dispatcher, store, clock)
        clock.pass_by(3600)
        assert dispatcher.failing(clock()) == {"post": f"not all addresses of post are told: {REFUSED}"}
        status = (await dispatcher.status())["post"]
        assert (status.delivered, status.pending, status.last_error, status.permanent) == (1, 0, REFUSED, False)
        assert status.in_part
        await put(store, message("2", "post", about="i2"))
        await until(lambda: post.got == ["2"])
        await idle(dispatcher, store, clock)
        assert dispatcher.failing(clock()) == {}
        assert not (await dispatcher.status())["post"].in_part
    assert post.asked == ["1", "2"]


async def test_who_has_it_is_left_out_of_the_next_attempt_also_after_a_reload(store, clock):
    """And who was refused for good in the first is not forgotten when the last one is taken."""
    post = Receiver(part("a", "b", refused=REFUSED), part("c"), None)
    await put(store, message("1", "post"))
    async with delivering(store, {"post": post}, clock) as dispatcher:
        for attempt, wait in ((1, 7.5), (2, 12.5)):
            await until(lambda n=attempt: len(post.asked) == n)
            await idle(dispatcher, store, clock)
            dispatcher.use({"post": post})
            clock.pass_by(wait)
        await until(lambda: ("post", "in-part") in attempts(dispatcher))
    assert post.done == [frozenset(), {"a", "b"}, {"a", "b", "c"}]
    assert attempts(dispatcher) == {("post", "retried"): 2, ("post", "in-part"): 1}


async def test_past_the_outbox_it_is_the_same(store, clock):
    post = Receiver(part("a"), DeliveryError(REFUSED, permanent=True, done=["a", "b"], refused=REFUSED))
    dispatcher = Dispatcher(store, {"post": post}, render, clock)
    assert not await dispatcher.send_directly(message("1", "post"))
    assert await dispatcher.send_directly(message("1", "post"))
    assert post.done == [frozenset(), {"a"}]
    assert list(dispatcher.failing(clock())) == ["post"]


async def test_a_receiver_is_in_trouble_at_once_when_it_rejects_and_after_a_while_when_it_is_away(store, clock):
    hook, away = Receiver(*[no("410 gone", permanent=True)] * 2), Receiver(*[no("503 away")] * 99)
    await put(store, message("a", "hook"), message("b", "away"))
    async with delivering(store, {"hook": hook, "away": away}, clock) as dispatcher:
        await until(lambda: hook.asked == ["a"] and away.asked == ["b"])
        await idle(dispatcher, store, clock)
        assert dispatcher.failing(clock()) == {"hook": "hook rejects what it is told: 410 gone"}
        clock.pass_by(599)
        assert list(dispatcher.failing(clock())) == ["hook"]
        clock.pass_by(1)
        assert dispatcher.failing(clock())["away"] == "away has taken nothing for 10 min: 503 away"
        clock.pass_by(1200)
        await until(lambda: len(hook.asked) == 2)
        await idle(dispatcher, store, clock)
        dispatcher.use({"hook": hook, "away": away})
        assert set(dispatcher.failing(clock())) == {"hook", "away"}, "a reload that changes nothing mends nothing"
        clock.pass_by(1800)
        await until(lambda: hook.got == ["a"])
        await idle(dispatcher, store, clock)
        assert set(dispatcher.failing(clock())) == {"away"}


async def test_a_receiver_that_was_mended_by_a_reload_is_tried_at_once_and_no_longer_in_trouble(store, clock):
    hook = Receiver()
    await put(store, message("a", "hook"))
    async with delivering(store, {"hook": Receiver(no("401", permanent=True))}, clock) as dispatcher:
        await until(lambda: bool(dispatcher.failing(clock())))
        await idle(dispatcher, store, clock)
        dispatcher.use({"duty": hook}, moved={"hook": "duty"})
        assert dispatcher.failing(clock()) == {}
        await store.commit(Commit(readdressed={"hook": "duty"}))
        dispatcher.use({"duty": Receiver(no("401", permanent=True))})
        await until(lambda: bool(dispatcher.failing(clock())))
        await idle(dispatcher, store, clock)
        dispatcher.use({"duty": hook})
        await until(lambda: hook.got == ["a"])


async def test_what_the_old_one_says_after_a_reload_is_no_word_about_the_new_one(store, clock):
    class Slow(NeverAnswering):
        async def send(self, notification):
            await super().send(notification)
            raise no("401", permanent=True)

    old, new = Slow(), Receiver()
    await put(store, message("a", "hook"))
    async with delivering(store, {"hook": old}, clock) as dispatcher:
        await until(lambda: old.asked == ["a"])
        dispatcher.use({"hook": new})
        old.released.set()
        await until(lambda: attempts(dispatcher) == {("hook", "rejected"): 1})
        await idle(dispatcher, store, clock)
        assert dispatcher.failing(clock()) == {}
        clock.pass_by(5)
        await until(lambda: new.got == ["a"])


async def test_after_a_restart_under_another_name_trouble_is_known_and_tried_at_once(store, clock):
    await put(store, message("a", "hook"))
    async with delivering(store, {"hook": Receiver(no("401", permanent=True))}, clock) as dispatcher:
        await until(lambda: attempts(dispatcher) == {("hook", "rejected"): 1})
        await idle(dispatcher, store, clock)
    await store.commit(Commit(readdressed={"hook": "duty"}))
    duty = NeverAnswering()
    async with delivering(store, {"duty": duty}, clock) as dispatcher:
        await until(lambda: duty.asked == ["a"])
        assert dispatcher.failing(clock()) == {"duty": "duty rejects what it is told: 401"}
        duty.released.set()


async def test_trouble_follows_a_receiver_to_its_new_name_and_ends_with_it(store, clock):
    hook = Receiver(*[no("401", permanent=True)] * 9)
    await put(store, message("a", "hook"))
    async with delivering(store, {"hook": hook}, clock) as dispatcher:
        await until(lambda: bool(dispatcher.failing(clock())))
        await idle(dispatcher, store, clock)
        dispatcher.use({"duty": hook}, moved={"hook": "duty"})
        assert list(dispatcher.failing(clock())) == ["duty"]
        dispatcher.use({})
        assert dispatcher.failing(clock()) == {}


async def test_after_a_restart_who_was_in_trouble_still_is_until_it_is_tried_which_is_at_once(store, clock):
    await put(store, message("a", "hook"), message("b", "away"), message("c", "well"))
    down = {"hook": Receiver(no("401", permanent=True)), "away": Receiver(no("503")), "well": Receiver()}
    async with delivering(store, down, clock) as dispatcher:
        await until(lambda: len(attempts(dispatcher)) == 3)
        await idle(dispatcher, store, clock)
    clock.pass_by(1)
    hook, away = NeverAnswering(), Receiver()
    clock.pass_by(601)
    async with delivering(store, {"hook": hook, "away": away, "well": Receiver()}, clock) as dispatcher:
        await until(lambda: hook.asked == ["a"] and away.got == ["b"])
        assert dispatcher.failing(clock()) == {"hook": "hook rejects what it is told: 401"}
        hook.released.set()
        await until(lambda: dispatcher.failing(clock()) == {})


async def test_a_receiver_that_asks_for_time_gets_it_for_all_it_is_owed_and_nobody_else_does(store, clock):
    hook, oncall = Receiver(no("429 slow down", retry_after=120.0)), Receiver()
    await put(store, message("a", "hook"), message("b", "hook", about="i2"), message("c"))
    async with delivering(store, {"hook": hook, "oncall": oncall}, clock) as dispatcher:
        await until(lambda: oncall.got == ["c"] and attempts(dispatcher).get(("hook", "retried")) == 1)
        clock.pass_by(119)
        await put(store, message("d"))
        await until(lambda: oncall.got == ["c", "d"])
        assert hook.asked == ["a"]
        clock.pass_by(1)
        await until(lambda: hook.got == ["a", "b"])


async def test_what_is_owed_to_a_receiver_that_left_the_configuration_is_given_up(store, clock):
    oncall = Receiver()
    await put(store, message("a", "gone"), message("b"))
    async with delivering(store, {"oncall": oncall}, clock) as dispatcher:
        await until(lambda: attempts(dispatcher).get(("gone", "given-up")) == 1 and oncall.got == ["b"])
        await idle(dispatcher, store, clock)
        assert list(await dispatcher.status()) == ["oncall"]
    (row,) = [each for each in await store.receivers() if each.name == "gone"]
    assert (row.given_up, row.pending, row.last_error) == (1, 0, "gone is no longer a receiver")


async def test_the_end_that_is_owed_to_one_who_left_is_told_to_others_and_all_the_rest_is_not(store, clock):
    oncall = Receiver()

    def instead(owed: OutboxMessage) -> list[OutboxMessage]:
        return (
            [replace(owed, id=f"{owed.id}-oncall", receiver="oncall")] if owed.event is IncidentEvent.RESOLVED else []
        )

    await put(store, message("a", "gone"), message("b", "gone", event=IncidentEvent.RESOLVED))
    broken = Failing(store, commit=1)
    async with delivering(broken, {}, clock) as dispatcher:
        dispatcher.replacements = instead
        dispatcher.use({"oncall": oncall})
        await until(lambda: oncall.got == ["b-oncall"])
        await idle(dispatcher, store, clock)
    (row,) = [each for each in await store.receivers() if each.name == "gone"]
    assert (row.given_up, row.last_error) == (2, "gone is no longer a receiver, so it goes to oncall")


async def test_what_is_owed_under_the_old_name_goes_to_the_one_who_bears_the_new_one(store, clock):
    """What could not be readdressed, because the disk was full: on its way, in the outbox or from memory."""
    hook = Receiver()
    await put(store, message("a", "first"))
    dispatcher = Dispatcher(store, {}, render, clock)
    dispatcher.use({"second": Receiver()}, moved={"first": "second"})
    dispatcher.use({"third": hook}, moved={"second": "third", "other": None})
    assert await dispatcher.send_directly(message("b", "first"))
    assert await dispatcher.send_directly(message("c", "second"))
    assert not await dispatcher.send_directly(message("d", "other"))
    running = asyncio.create_task(dispatcher.run())
    await until(lambda: hook.got == ["b", "c", "a"])
    await dispatcher.stop()
    await running


async def test_nothing_is_taken_up_while_it_is_readdressed(store, clock):
    hook = Receiver()
    watched = Failing(store)
    async with delivering(watched, {}, clock) as dispatcher:
        await until(lambda: "next_due" in watched.calls)
        async with dispatcher.paused():
            await put(store, message("a", "hook"))
            dispatcher.wake()
            leases = watched.calls.count("lease")
            await put(store, message("b", "hook", about="i2"))
            assert watched.calls.count("lease") == leases
            dispatcher.use({"hook": hook})
        await until(lambda: hook.got == ["a", "b"])


async def test_a_new_configuration_counts_from_the_next_sending(store, clock):
    old, new = Receiver(no("429", retry_after=9999.0)), Receiver()
    await put(store, message("a"), message("b", about="i2"))
    async with delivering(store, {"oncall": old}, clock) as dispatcher:
        await until(lambda: attempts(dispatcher) == {("oncall", "retried"): 1})
        dispatcher.use({"oncall": new}, {"oncall": "email"})
        await until(lambda: new.got == ["a", "b"])
        assert (await dispatcher.status())["oncall"].kind == "email"


async def test_a_fault_in_a_notifier_is_a_passing_failure_and_tells_no_secret(store, clock):
    oncall, hook = Receiver(ValueError(f"bad answer from {SECRET}")), Receiver()
    await put(store, message("a"), message("b", "hook"))
    with capture_logs() as logs:
        async with delivering(store, {"oncall": oncall, "hook": hook}, clock) as dispatcher:
            await until(lambda: attempts(dispatcher).get(("oncall", "retried")) == 1 and hook.got == ["b"])
            await idle(dispatcher, store, clock)
            clock.pass_by(7.5)
            await until(lambda: oncall.got == ["a"])
            status = await dispatcher.status()
    assert status["oncall"].last_error.startswith("ValueError in notifiers.py:")
    assert SECRET not in f"{logs} {status}"
    assert "notifier failed" in {each["event"] for each in logs}


async def test_a_reason_from_the_network_is_made_printable_and_short(store, clock):
    oncall = Receiver(no("550 \x1b[2Jno\r\nBcc: all@example.com" + "x" * 9999))
    await put(store, message("a"))
    async with delivering(store, {"oncall": oncall}, clock) as dispatcher:
        await until(lambda: attempts(dispatcher) == {("oncall", "retried"): 1})
        await idle(dispatcher, store, clock)
        said = (await dispatcher.status())["oncall"].last_error
    assert said.startswith(r"550 \x1b[2Jno\r\nBcc: all@example.com")
    assert len(said) == 500


async def test_no_more_receivers_are_sent_to_at_the_same_time_than_allowed(store, clock):
    everyone = {f"r{n}": NeverAnswering() for n in range(5)}
    await put(store, *[message(name, name) for name in everyone])
    async with delivering(store, everyone, clock, replace(QUICK, concurrency=2)):
        for size in (2, 4, 5):
            await until(lambda n=size: sum(len(each.asked) for each in everyone.values()) == n)
            for each in everyone.values():
                if each.asked:
                    each.released.set()
        await until(lambda: all(each.got for each in everyone.values()))


# --- when the disk fails ---


async def test_it_goes_on_when_the_store_works_again(store, clock):
    oncall = Receiver()
    await put(store, message("a"))
    with capture_logs() as logs:
        async with delivering(Failing(store, lease=1), {"oncall": oncall}, clock) as dispatcher:
            await until(lambda: oncall.got == ["a"])
            await idle(dispatcher, store, clock)
    assert logs[0]["event"] == "outbox cannot be read"
    assert {each["event"] for each in logs[1:]} == {"delivered", "outbox works again"}


async def test_while_it_lives_nobody_is_told_twice_though_it_cannot_be_written_down(store, clock):
    oncall = Receiver()
    await put(store, message("a"), message("b", about="i2"))
    async with delivering(Failing(store, settle=2), {"oncall": oncall}, clock) as dispatcher:
        await until(lambda: oncall.got == ["a"])
        clock.pass_by(120)  # the lease is long over
        await until(lambda: oncall.got == ["a", "b"])
        await idle(dispatcher, store, clock)
    assert oncall.asked == ["a", "b"]


async def test_a_bug_in_the_store_ends_one_delivery_and_not_all(store, clock):
    oncall, hook = Receiver(), Receiver()
    broken = Failing(store, settle=1)
    broken.error = RuntimeError(f"cannot write {SECRET}")
    await put(store, message("a"), message("b", "hook"))
    with capture_logs() as logs:
        async with delivering(broken, {"oncall": oncall, "hook": hook}, clock) as dispatcher:
            await until(lambda: oncall.got == ["a"] and hook.got == ["b"])
            await idle(dispatcher, store, clock)
            clock.pass_by(60)  # the lease of the one that was not written down is over
            await until(lambda: len(oncall.got) + len(hook.got) == 3)
            await idle(dispatcher, store, clock)
    assert [each["error"] for each in logs if each["event"] == "delivery broke off"] == ["RuntimeError"]
    assert SECRET not in str(logs)
    assert sum(row.delivered for row in await store.receivers()) == 2


# --- stopping ---


async def test_stopping_lets_what_is_being_sent_end(store, clock):
    deaf = NeverAnswering()
    await put(store, message("a", "deaf"), message("b", "deaf", about="i2"))
    async with delivering(store, {"deaf": deaf}, clock):
        await until(lambda: deaf.asked == ["a"])
        asyncio.get_running_loop().call_later(0.05, deaf.released.set)
    assert deaf.got == ["a"]
    assert [row.pending for row in await store.receivers()] == [1]


async def test_stopping_does_not_wait_for_ever_and_what_was_not_sent_is_kept(store, clock, tmp_path):
    deaf = NeverAnswering()
    await put(store, message("a", "deaf"))
    async with delivering(store, {"deaf": deaf}, clock, replace(QUICK, drain_timeout=0.05)):
        await until(lambda: deaf.asked == ["a"])
    await store.close()
    again, store = Receiver(), await SqliteStore.open(tmp_path / "s.db", clock)
    async with delivering(store, {"deaf": again}, clock) as dispatcher:
        await until(lambda: again.got == ["a"])
        await idle(dispatcher, store, clock)
    await store.close()


async def test_cancelling_breaks_off_what_is_being_sent(store, clock):
    deaf = NeverAnswering()
    await put(store, message("a", "deaf"))
    dispatcher = Dispatcher(store, {"deaf": deaf}, render, clock)
    running = asyncio.create_task(dispatcher.run())
    await until(lambda: deaf.asked == ["a"])
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(running, 5)
    deaf.released.set()
    await asyncio.sleep(0)
    assert (deaf.got, attempts(dispatcher)) == ([], {})
    assert [row.pending for row in await store.receivers()] == [1]


async def test_a_restart_with_a_full_outbox_tells_the_rest_in_order_and_nothing_twice(store, clock, tmp_path):
    names = ("a", "b", "c")
    first = {name: Receiver() for name in names}
    for number in range(60):
        await put(store, *[message(f"{name}{number:02}", name, about=f"i{number}") for name in names])
    async with delivering(store, first, clock):
        await until(lambda: sum(len(each.got) for each in first.values()) > 40)
    await store.close()
    second, store = {name: Receiver() for name in names}, await SqliteStore.open(tmp_path / "s.db", clock)
    async with delivering(store, second, clock) as dispatcher:
        await until(lambda: all(len(first[name].got) + len(second[name].got) == 60 for name in names))
        await idle(dispatcher, store, clock)
        await asyncio.sleep(0)
    await store.close()
    for name in names:
        assert first[name].got + second[name].got == [f"{name}{number:02}" for number in range(60)]


async def test_while_there_is_no_outbox_it_is_told_past_it(store, clock):
    oncall = Receiver(no(), None, RuntimeError("a defect"))
    dispatcher = Dispatcher(store, {"oncall": oncall}, render, clock)
    told = [
        await dispatcher.send_directly(message(id, receiver))
        for id, receiver in (("a", "oncall"),) * 3 + (("b", "gone"),)
    ]
    assert told == [False, True, False, False]
    assert oncall.got == ["a"]
    assert attempts(dispatcher) == {("oncall", "delivered"): 1, ("oncall", "retried"): 2, ("gone", "retried"): 1}
    assert not await store.receivers()
