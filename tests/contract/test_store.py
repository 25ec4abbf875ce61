"""What every store keeps to, in memory or in a file."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import cast

import pytest

from alerting.incident import IncidentChange, IncidentEvent, Storm
from alerting.model import Alert, Flaps, Phase
from alerting.outbox import Delivery, DeliveryResult, DeliveryState
from alerting.silences import Matchers, Silence
from alerting.timeline import TimelineEvent, entry, told_among_many
from checks.model import (
    Address,
    IxfrAnswer,
    IxfrResponse,
    RememberedRecords,
    TransferFigures,
    Transport,
    ZoneTransfer,
)
from checks.model.finding_type import Severity
from checks.model.ixfr import DifferenceSize
from checks.model.remembered import LastLook, Varying
from checks.zone_state.codec import ZoneStateCodec
from checks.zone_state.first_row import NewZones
from checks.zone_state.model import StateChange
from monitor.state.label_search import SoughtLabel
from monitor.state.ports import AddressHistoryRow, Commit, KeptTransfers, RecordMemory, Store, StoreError, ZoneSource
from monitor.state.zone_states import ZoneStates
from monitor.store.durable import DurableStore
from monitor.store.sqlite import SqliteStore
from tests.support.fakes.store import MemoryStore
from tests.support.first_looks import first_look
from tests.support.specimens import (
    NOON,
    NS1,
    NS2,
    alert,
    at,
    incident,
    key,
    message,
    propagation,
    run,
    sweep,
    transition,
    zone_state,
)  # fmt: skip


@pytest.fixture(params=["memory", "sqlite", "durable"])
async def store(request: pytest.FixtureRequest, tmp_path) -> AsyncIterator[Store]:
    match request.param:
        case "memory":
            store: Store = MemoryStore(lambda: NOON)
        case "sqlite":
            store = cast("Store", await SqliteStore.open(tmp_path / "s.db", lambda: NOON))
        case _:
            store = await DurableStore.open(tmp_path / "s.db", lambda: NOON)
    yield store
    await store.close()


async def claimed(store: Store, seconds: float, **more) -> list[str]:
    return [row.message.id for row in await store.lease(at(seconds), duration=60, limit=more.pop("limit", 9), **more)]


async def test_a_new_store_remembers_nothing(store):
    remembered = await store.restore()
    assert (remembered.zone_states, remembered.alerts, remembered.incidents) == ({}, {}, {})
    assert await store.next_due() is None
    assert list(await store.receivers()) == []
    assert list(await store.lease(NOON, duration=60, limit=9)) == []
    assert list(await store.incidents()) == []
    assert await store.prune(at(1e6)) == 0


async def test_what_waits_follows_receivers_that_changed_their_names_all_at_once(store):
    """Two that changed places, one that has a new name; what is settled or said later stays where it is."""
    await store.commit(Commit(messages=(message("done", "a"), message("a", "a", about="i2"), message("b", "b"))))
    await store.commit(Commit(messages=(message("c", "c"),)))
    await store.lease(at(1), duration=60, limit=1)
    await store.settle(DeliveryResult("done", at(2)))
    await store.commit(
        Commit(
            readdressed={"a": "b", "b": "a", "c": "d"},
            destinations={"a": "1", "b": "2"},
            messages=(message("new", "a", about="i3"),),
        )
    )
    waiting = {
        row.message.id: row.message.receiver for _ in range(2) for row in await store.lease(at(3), duration=0, limit=9)
    }
    assert waiting == {"a": "b", "b": "a", "c": "d"}
    counts = {row.name: (row.pending, row.delivered) for row in await store.receivers()}
    assert counts == {"a": (2, 0), "b": (1, 1), "d": (1, 0)}, "what was counted goes along"
    for name in waiting:
        await store.settle(DeliveryResult(name, at(4)))
    assert [row.message.receiver for row in await store.lease(at(5), duration=0, limit=9)] == ["a"]
    assert (await store.restore()).destinations == {"a": "1", "b": "2"}
    await store.commit(Commit(destinations={}))
    assert (await store.restore()).destinations == {}


async def test_what_is_done_in_part_is_done_and_counted_with_its_reason(store):
    await store.commit(Commit(messages=(message("a"),)))
    assert await claimed(store, 1) == ["a"]
    await store.settle(DeliveryResult("a", at(2), "b is refused", in_part=True))
    (row,) = await store.receivers()
    assert (row.pending, row.delivered, row.given_up, row.permanent) == (0, 1, 0, False)
    assert (row.last_delivered, row.last_error, row.last_error_at) == (at(2), "b is refused", at(2))


async def test_what_waits_for_some_receivers_can_be_made_due(store):
    await store.commit(Commit(messages=(message("a", "hook"), message("b", "post"), message("c", "post", about="i2"))))
    await store.lease(at(1), duration=60, limit=9)
    await store.settle(DeliveryResult("a", at(2), "no", again=at(900)))
    await store.settle(DeliveryResult("b", at(2), "no", again=at(900)))
    await store.expedite([], at(3))
    await store.expedite(["post", "nobody"], at(3))
    assert sorted(await claimed(store, 3)) == ["b"]
    assert await claimed(store, 4) == []
    assert "a" in await claimed(store, 900)


async def test_a_lease_is_kept_under_the_new_name(store):
    await store.commit(Commit(messages=(message("a", "old"), message("b", "old", about="i2"))))
    assert await claimed(store, 1) == ["a"]
    await store.commit(Commit(readdressed={"old": "new"}))
    assert await claimed(store, 2) == []
    await store.settle(DeliveryResult("a", at(3)))
    assert await claimed(store, 4) == ["b"]


async def test_what_was_committed_is_remembered_to_the_microsecond(store):
    await store.commit(Commit(zone_states=(zone_state(),), alerts=(alert(),), incidents=(incident(),)))
    remembered = await store.restore()
    assert repr(remembered.zone_states) == repr({"example.com.": zone_state()})  # repr: also what == does not look at
    assert repr(remembered.alerts) == repr({key(): alert()})
    assert remembered.incidents == {"i1": incident()}


@pytest.mark.parametrize("same_codec", [True, False])
async def test_new_zones_are_kept_as_their_zone_states_are(store, same_codec):
    """Packed by the codec of what was restored, or by another; what is said of them later in the commit counts."""
    await store.commit(Commit(zone_states=(first_look("x.example."),)))
    restored = (await store.restore()).zone_states
    codec = restored.codec if same_codec and isinstance(restored, ZoneStates) else ZoneStateCodec()
    states = [first_look(zone, serial) for zone, serial in (("a.example.", 7), ("b.example.", 8), ("c.example.", 9))]
    new_zones = NewZones(codec, {each.zone: codec.pack(each) for each in states})
    later = zone_state("c.example.")
    await store.commit(Commit(zone_states=(later,), state_changes=(run(3, 9, zone="c.example."),), new_zones=new_zones))
    kept = (await store.restore()).zone_states
    assert {zone: kept[zone] for zone in ("a.example.", "b.example.")} == {each.zone: each for each in states[:2]}
    assert kept["c.example."] == later
    rows = await store.address_history("a.example.", at(-1e9))
    assert sorted((row.server, row.serial, row.until) for row in rows) == [
        ("in", 8, None),
        ("ns1", 7, None),
        ("ns2", 7, None),
    ]
    assert (3, "ns1") in {(row.serial, row.server) for row in await store.address_history("c.example.", at(-1e9))}


async def test_a_zone_that_came_back_begins_anew_and_what_it_served_before_has_ended(store):
    codec, old, new = ZoneStateCodec(), first_look("a.example."), first_look("a.example.", 9)
    away = StateChange("a.example.", "gone", NS1, 5, "answered", at(-5))
    await store.commit(Commit(state_changes=(away,)))
    await store.commit(Commit(new_zones=NewZones(codec, {"a.example.": codec.pack(old)})))
    await store.commit(
        Commit(dropped_zones=("a.example.",), new_zones=NewZones(codec, {"a.example.": codec.pack(new)}))
    )
    assert (await store.restore()).zone_states["a.example."] == new
    rows = await store.address_history("a.example.", at(-1e9))
    assert sorted((row.server, row.serial, row.until is None) for row in rows) == [
        ("gone", 5, False), ("in", 8, False), ("in", 10, True), ("ns1", 7, False), ("ns1", 9, True),
        ("ns2", 7, False), ("ns2", 9, True),
    ]  # fmt: skip


async def test_the_newest_word_on_a_zone_state_an_alert_an_incident_counts(store):
    await store.commit(Commit(zone_states=(zone_state(),), alerts=(alert(Phase.PENDING),), incidents=(incident(),)))
    newer = replace(incident(), zones=("b.example.", "c.example."), findings=2)
    await store.commit(Commit(zone_states=(zone_state(serial=8),), alerts=(alert(Phase.FIRING),), incidents=(newer,)))
    remembered = await store.restore()
    assert remembered.zone_states["example.com."].serial_groups[0].reference == 8
    assert remembered.alerts[key()].phase is Phase.FIRING
    assert remembered.incidents == {"i1": newer}
    assert [each.id for each in await store.incidents(zone="example.com.")] == []
    assert [each.id for each in await store.incidents(zone="c.example.")] == ["i1"]


async def test_incidents_are_found_by_the_labels_of_their_zones_all_of_them(store):
    web, gold, null = ("team", "web"), ("tier", "gold"), ("team", "null")
    kept = {"i1": (web,), "i2": (web, gold), "i3": (gold, ("web", "team")), "i4": (), "i5": (null, web)}
    await store.commit(Commit(incidents=tuple(replace(incident(name), labels=own) for name, own in kept.items())))
    for sought, found in (
        (["team=web"], ["i5", "i2", "i1"]),
        (["team"], ["i5", "i2", "i1"]),
        (["tier", "team=web"], ["i2"]),
        (["team=null"], ["i5"]),
        (["team="], []),
        (["TEAM=web"], []),
        (["team='web' or 1=1 --"], []),
    ):
        labels = [SoughtLabel.of(text) for text in sought]
        assert [each.id for each in await store.incidents(labels=labels)] == found, sought
        assert [each.id for each in await store.incidents(labels=labels, limit=1)] == found[:1]


async def test_an_alert_that_is_over_is_forgotten_and_so_is_an_incident_when_restarting(store):
    await store.commit(Commit(alerts=(alert(), alert(zone="other.example.")), incidents=(incident(), incident("i2"))))
    await store.commit(Commit(alerts=(alert(Phase.OK),), incidents=(incident(resolved=9.0),)))
    remembered = await store.restore()
    assert list(remembered.alerts) == [key("other.example.")]
    assert list(remembered.incidents) == ["i2"]
    assert {each.id: each.phase for each in await store.incidents()} == {"i1": "resolved", "i2": "open"}


async def test_that_an_alert_came_and_went_is_kept_for_an_hour(store):
    def over(zone: str, seconds: float) -> Alert:
        flaps = Flaps(at(0), 2, 60.5, at(seconds))
        return replace(alert(Phase.OK, zone=zone), since=at(seconds), flaps=flaps)

    first, second, third = over("a.example.", 20), over("b.example.", 10), over("c.example.", 3615)
    await store.commit(Commit(alerts=(first, second)))
    restored = await store.restore()
    assert (restored.alerts, list(restored.past_alerts)) == ({}, [second, first])
    await store.commit(Commit(alerts=(third, alert(Phase.OK, zone="d.example."))))
    assert list((await store.restore()).past_alerts) == [first, third]


async def test_what_is_held_back_from_a_receiver_is_kept_until_nothing_is(store):
    first, second = Storm("mail", (at(1),), "s1", at(1), 2, ("i1",), Severity.CRITICAL, at(2)), Storm("chat", (at(1),))
    await store.commit(Commit(storms=(first, second)))
    await store.commit(Commit(storms=(Storm("chat"),)))
    assert list((await store.restore()).storms) == [first]


async def test_incidents_that_are_over_are_restored_in_the_order_in_which_they_ended(store):
    await store.commit(Commit(incidents=(incident("i1", resolved=9.0), incident("i2", resolved=8.0), incident("i3"))))
    restored = await store.restore()
    assert [each.id for each in restored.past_incidents] == ["i2", "i1"]
    assert list(restored.incidents) == ["i3"]


async def test_alerts_that_differ_in_one_part_of_their_key_are_kept_apart(store):
    several = (
        alert(), alert(zone="other.example."), alert(code="serial-stuck"), alert(server=None),
        replace(alert(), key=replace(key(), subject="www A")), replace(alert(), key=replace(key(), address=NS1)),
    )  # fmt: skip
    await store.commit(Commit(alerts=several))
    assert set((await store.restore()).alerts) == {each.key for each in several}


@pytest.mark.parametrize(
    ("swept", "checked_at"),
    [
        pytest.param([], 0.0, id="no sweep: as written"),
        pytest.param([sweep(60.0)], 60.0, id="a quiet sweep looked at it since"),
        pytest.param(
            [sweep(60.0), sweep(120.0), sweep(300.0, "transfer")], 120.0, id="only SOA sweeps look at serials"
        ),
        pytest.param([sweep(-60.0)], 0.0, id="a sweep from before it was written"),
    ],
)
async def test_a_restart_knows_when_a_zone_state_was_last_looked_at(store, swept, checked_at):
    await store.commit(Commit(zone_states=(zone_state(),)))
    for row in swept:
        await store.sweep(row)
    restored = (await store.restore()).zone_states["example.com."]
    assert restored.at == at(checked_at)
    assert restored == zone_state()


async def test_a_run_ends_when_the_next_begins(store):
    await store.commit(Commit(state_changes=(run(7, 0.0), run(7, 5.0, server="ns2", address=NS2))))
    await store.commit(Commit(state_changes=(run(None, 60.5), run(8, 90.0))))
    ns1 = [row for row in await store.address_history("example.com.", at(-9)) if row.server == "ns1"]
    assert ns1 == [
        AddressHistoryRow("example.com.", "ns1", "192.0.2.1", 7, "answered", at(0), at(60.5)),
        AddressHistoryRow("example.com.", "ns1", "192.0.2.1", None, "timeout", at(60.5), at(90)),
        AddressHistoryRow("example.com.", "ns1", "192.0.2.1", 8, "answered", at(90), None),
    ]


async def test_runs_are_those_that_lasted_into_the_time_asked_for(store):
    await store.commit(
        Commit(state_changes=(run(1, 0.0), run(2, 10.0), run(3, 20.0), run(4, 5.0, zone="other.example.")))
    )
    assert [row.serial for row in await store.address_history("example.com.", at(15))] == [2, 3]
    assert [row.serial for row in await store.address_history("example.com.", at(99))] == [3]
    assert [row.serial for row in await store.address_history("example.com.", at(0), limit=2)] == [2, 3]


async def test_a_run_never_ends_before_it_began_though_the_clock_was_put_back(store):
    await store.commit(Commit(state_changes=(run(1, 100.0),)))
    await store.commit(Commit(state_changes=(run(2, 40.0),)))
    ended = [row for row in await store.address_history("example.com.", at(0)) if row.until is not None]
    assert [(row.since, row.until) for row in ended] == [(at(100), at(100))]


async def test_the_run_of_an_address_that_left_the_zone_ends(store):
    await store.commit(
        Commit(zone_states=(zone_state(),), state_changes=(run(7, 0.0), run(7, 0.0, server="ns2", address=NS2)))
    )
    left = replace(zone_state(seconds=50.0), address_states=zone_state().address_states[:1])
    await store.commit(Commit(zone_states=(left,)))
    assert {row.server: row.until for row in await store.address_history("example.com.", at(0))} == {
        "ns1": None,
        "ns2": at(50),
    }


async def test_of_two_words_on_a_zone_in_one_commit_the_last_counts(store):
    await store.commit(Commit(state_changes=(run(7, 0.0), run(7, 0.0, server="ns2", address=NS2))))
    left = replace(zone_state(), address_states=zone_state().address_states[:1])
    await store.commit(Commit(zone_states=(left, zone_state(serial=8))))
    assert (await store.restore()).zone_states["example.com."].serial_groups[0].reference == 8
    assert [row.until for row in await store.address_history("example.com.", at(0))] == [None, None]


async def test_a_dropped_zone_loses_its_zone_state_and_keeps_its_history(store):
    await store.commit(Commit(zone_states=(zone_state(), zone_state("other.example.")), state_changes=(run(7, -10.0),)))
    await store.commit(Commit(dropped_zones=("example.com.",)))
    assert list((await store.restore()).zone_states) == ["other.example."]
    assert [row.until for row in await store.address_history("example.com.", at(-99))] == [NOON]


async def test_a_zone_that_was_dropped_and_came_back_while_the_disk_was_full_begins_anew(store):
    await store.commit(Commit(zone_states=(zone_state(),), state_changes=(run(7, -10.0),)))
    await store.commit(
        Commit(zone_states=(zone_state(serial=9),), state_changes=(run(9, 20.0),), dropped_zones=("example.com.",))
    )
    assert (await store.restore()).zone_states == {"example.com.": zone_state(serial=9)}
    assert [(row.serial, row.until) for row in await store.address_history("example.com.", at(-99))] == [
        (7, NOON),
        (9, None),
    ]


async def test_what_checks_are_to_be_told_of_records_comes_back_whole(store):
    look = LastLook("ns1", "192.0.2.1", "www.example.com. A", 10, 2**63 - 1, None, NOON, equal=2)
    whole = RememberedRecords(7, (look,), (Varying("example.com. A", at(60)),))
    first = RecordMemory("records", "a.example.", RememberedRecords(2**63 - 1))
    others = (RecordMemory("records", "b.example.", whole), RecordMemory("ns-set", "a.example.", RememberedRecords(5)))
    await store.commit(Commit(record_memories=(first, *others)))
    assert sorted((await store.restore()).record_memories) == sorted((first, *others))
    later = RecordMemory("records", "b.example.", RememberedRecords(8))
    await store.commit(Commit(record_memories=(later,), zone_states=(zone_state("a.example."),)))
    assert later in (await store.restore()).record_memories
    await store.commit(Commit(dropped_zones=("a.example.",)))
    assert list((await store.restore()).record_memories) == [later]


async def test_figures_of_transfers_come_back_until_they_are_taken_back_or_the_zone_goes(store):
    one = ZoneTransfer("ns1", Address("2001:db8::1", 5353), NOON, 1.25, 2**40, 40, 31_000, 7, "xfr", Transport.TLS)
    size = DifferenceSize(0.25, 2**33, 1, 7)
    asked = IxfrResponse("ns1", one.address, NOON, IxfrAnswer.INCREMENTAL, 2**32 - 1, 1, size, "xfr", Transport.TLS)
    figures = TransferFigures((one, replace(one, key=None, source="::1")), (asked, replace(asked, key="b", size=None)))
    kept = KeptTransfers("transfer", "a.example.", figures)
    await store.commit(Commit(transfers=(kept, kept._replace(check="content"), kept._replace(zone="b.example."))))
    assert kept in (await store.restore()).transfers
    later = kept._replace(figures=TransferFigures((replace(one, at=at(60)),)))
    await store.commit(Commit(transfers=(later, kept._replace(check="content", figures=TransferFigures()))))
    assert sorted((await store.restore()).transfers) == [later, kept._replace(zone="b.example.")]
    await store.commit(Commit(zone_states=(zone_state("a.example."),)))
    await store.commit(Commit(dropped_zones=("a.example.",)))
    assert list((await store.restore()).transfers) == [kept._replace(zone="b.example.")]


async def test_what_sources_of_zones_said_comes_back_and_a_source_that_is_none_any_more_is_forgotten(store):
    names = "".join(f"z{number:05}.example. é\n" for number in range(20_000))
    sources = (ZoneSource("catalog a.example", names), ZoneSource("list /srv/b", "one"))
    await store.commit(Commit(zone_sources=sources))
    assert sorted((await store.restore()).zone_sources) == sorted(sources)
    await store.commit(Commit(zone_sources=(ZoneSource("catalog a.example", ""), ZoneSource("list /srv/b", "two"))))
    assert list((await store.restore()).zone_sources) == [ZoneSource("list /srv/b", "two")]


async def test_silences_come_back_as_they_are_by_now_and_go_when_they_have_been_over_for_long(store):
    labels = (("team", ("web", "m*")), ("tier", ("gold",)))
    what = Matchers(("a.example",), ("ns*",), ("serial-late",), (Severity.WARNING, Severity.CRITICAL), labels)
    endless = Silence("b", what, at(0), None, "anna", "new disk ü", at(0))
    short = Silence("a", Matchers(servers=("ns2",)), at(0), at(60), "bob", "short", at(0))
    await store.commit(Commit(silences=(endless, short)))
    assert list((await store.restore()).silences) == [short, endless]
    ended = replace(endless, ends_at=at(30), ended_by="bob")
    await store.commit(Commit(silences=(ended,)))
    assert list((await store.restore()).silences) == [short, ended]
    assert await store.prune(at(45)) == 1
    assert list((await store.restore()).silences) == [short]


async def test_incidents_are_told_newest_first(store):
    await store.commit(
        Commit(incidents=(incident("a", 0), incident("c", 20), incident("b", 10, zones=("b.example.",))))
    )
    assert [each.id for each in await store.incidents()] == ["c", "b", "a"]
    assert [each.id for each in await store.incidents(limit=1)] == ["c"]
    assert [each.id for each in await store.incidents(before=at(20))] == ["b", "a"]
    assert [each.id for each in await store.incidents(before=at(20), zone="example.com.")] == ["a"]


async def test_propagations_come_back_in_order(store):
    await store.commit(Commit(propagations=(propagation(20), propagation(10), propagation(30, "other.example."))))
    assert list(await store.propagations(at(0), zone="example.com.")) == [propagation(10), propagation(20)]
    assert list(await store.propagations(at(20), zone="example.com.")) == [propagation(20)]
    assert list(await store.propagations(at(0), server="ns2", limit=2)) == [
        propagation(20), propagation(30, "other.example."),
    ]  # fmt: skip
    assert list(await store.propagations(at(0), server="ns1")) == []
    assert list(await store.propagations(at(0), zone="example.com.", server="ns2", limit=1)) == [propagation(20)]


# --- the outbox ---


async def test_a_message_is_claimed_once_exactly_as_it_was_put_in(store):
    await store.commit(Commit(messages=(message("t1"),)))
    (row,) = await store.lease(at(0), duration=60, limit=9)
    assert (row.message, row.attempt, row.until) == (message("t1"), 1, at(60))
    assert await claimed(store, 59) == []
    assert await store.next_due() == at(60)


async def test_a_lease_that_ran_out_gives_it_to_the_next(store):
    await store.commit(Commit(messages=(message("t1"),)))
    await store.lease(at(0), duration=60, limit=9)
    (row,) = await store.lease(at(60), duration=60, limit=9)
    assert (row.message.id, row.attempt, row.until) == ("t1", 2, at(120))


async def test_what_nobody_has_said_the_end_of_is_handed_over_as_it_was_whatever_has_come_since(store):
    await store.commit(Commit(messages=(message("opened"), message("other", about="i2"))))
    await store.lease(at(0), duration=60, limit=9)
    await store.commit(Commit(messages=(message("over", event=IncidentEvent.RESOLVED),)))
    (row,) = await store.lease(at(60), duration=60, limit=9)
    assert (row.message.id, row.attempt, row.resumed) == ("opened", 2, True)
    assert (await store.backlog(row.message)).ids == ("opened",)
    await store.settle(DeliveryResult("opened", at(61), "451 come back", again=at(61)))
    (row,) = await store.lease(at(61), duration=60, limit=9)
    assert (row.message.id, row.attempt, row.resumed) == ("opened", 3, False)
    await store.commit(Commit(messages=(message("again"),)))
    (row,) = await store.lease(at(121), duration=60, limit=9)
    assert (row.message.id, row.attempt, row.resumed) == ("opened", 4, True)
    assert (await store.backlog(row.message)).ids == ("opened", "over")
    await store.settle(DeliveryResult("over", at(123), superseded=("opened",)))
    (row,) = await store.lease(at(124), duration=60, limit=9)
    assert (row.message.id, row.resumed) == ("other", False)
    await store.settle(DeliveryResult("other", at(124)))
    (row,) = await store.lease(at(124), duration=60, limit=9)
    assert (row.message.id, row.attempt, row.resumed) == ("again", 1, False)


async def test_a_digest_that_nobody_has_said_the_end_of_is_handed_over_as_it_was(store):
    def came_and_went(about: str) -> Commit:
        over = message(f"{about}-over", about=about, event=IncidentEvent.RESOLVED)
        return Commit(messages=(message(about, about=about), over))

    for about in ("i1", "i2"):
        await store.commit(came_and_went(about))
    await store.lease(at(0), duration=60, limit=9)
    assert [each.ids[0] for each in await store.unheard("oncall", 9)] == ["i1", "i2"]
    await store.commit(came_and_went("i3"))
    (row,) = await store.lease(at(60), duration=60, limit=9)
    assert (row.message.id, row.resumed) == ("i1", True)
    assert [each.ids[0] for each in await store.unheard("oncall", 9, resumed=True)] == ["i1", "i2"]
    await store.settle(DeliveryResult("i1-over", at(61), "503", again=at(62)))
    assert [each.ids[0] for each in await store.unheard("oncall", 9)] == ["i1", "i2", "i3"]


async def test_nothing_is_claimed_before_it_is_due(store):
    await store.commit(Commit(messages=(message("t1", seconds=10.0),)))
    assert await store.next_due() == at(10)
    assert await claimed(store, 9.999999) == []
    assert await claimed(store, 10) == ["t1"]


async def test_the_same_message_is_not_put_in_twice(store):
    await store.commit(Commit(messages=(message("t1"), message("t1"))))
    await store.lease(at(0), duration=60, limit=9)
    await store.settle(DeliveryResult("t1", at(1)))
    await store.commit(Commit(messages=(message("t1"),)))
    assert await claimed(store, 99) == []


async def test_resolved_never_overtakes_opened(store):
    await store.commit(Commit(messages=(message("opened"), message("resolved", event=IncidentEvent.RESOLVED))))
    assert await claimed(store, 0) == ["opened"]
    await store.settle(DeliveryResult("opened", at(1), "451 come back", again=at(100)))
    assert await claimed(store, 50) == []
    assert await store.next_due() == at(100)
    assert await claimed(store, 100) == ["opened"]
    await store.settle(DeliveryResult("opened", at(101)))
    assert await store.next_due() == at(0)
    assert await claimed(store, 101) == ["resolved"]


async def test_what_was_given_up_stands_in_nobodys_way(store):
    await store.commit(Commit(messages=(message("opened"), message("resolved", event=IncidentEvent.RESOLVED))))
    await store.lease(at(0), duration=60, limit=9)
    await store.settle(DeliveryResult("opened", at(1), "404", permanent=True))
    assert await claimed(store, 1) == ["resolved"]


async def test_one_at_a_time_per_receiver_other_incidents_wait_their_turn(store):
    await store.commit(Commit(messages=(message("a1"), message("a2", about="i2"), message("b1", "hook"))))
    assert await claimed(store, 0) == ["a1", "b1"]
    assert await claimed(store, 1) == []
    await store.settle(DeliveryResult("a1", at(2), "refused", again=at(100)))
    assert await claimed(store, 2) == ["a2"]


async def test_busy_receivers_are_passed_over_and_no_more_are_taken_than_asked_for(store):
    await store.commit(Commit(messages=tuple(message(name, name) for name in ("a", "b", "c"))))
    assert await claimed(store, 0, busy=["a"], limit=1) == ["b"]
    assert await claimed(store, 0, busy=["a", "c"]) == []
    assert await claimed(store, 0) == ["a", "c"]


async def test_how_it_stands_with_each_receiver(store):
    await store.commit(Commit(messages=(message("a1", "a", 5), message("a2", "a", 9), message("b1", "b"))))
    assert [(row.name, row.pending, row.oldest) for row in await store.receivers()] == [
        ("a", 2, at(5)),
        ("b", 1, at(0)),
    ]
    await store.lease(at(9), duration=60, limit=9)
    await store.settle(DeliveryResult("a1", at(10)))
    await store.settle(DeliveryResult("b1", at(11), "401 who are you", permanent=True, again=at(1800)))
    a, b = await store.receivers()
    assert (a.pending, a.delivered, a.last_delivered, a.last_error, a.oldest) == (1, 1, at(10), "", at(9))
    assert (b.pending, b.last_error, b.last_error_at, b.permanent) == (1, "401 who are you", at(11), True)
    await store.settle(DeliveryResult("b1", at(12)))
    b = (await store.receivers())[1]
    assert (b.pending, b.delivered, b.given_up, b.permanent, b.oldest) == (0, 1, 0, False, None)


async def test_an_incident_with_what_became_of_it_and_who_was_told(store):
    """As they were written, and nothing of another; what receivers hear is there while it waits, and afterwards."""
    assert await store.incident_record("i1") is None
    ours, other = replace(incident(), id="i1"), replace(incident(), id="i2")
    change = IncidentChange(severity=Severity.WARNING, zones=1, more_zones=2, named_zones=("b.example.",))
    opened = entry(ours, TimelineEvent.OPENED, at(0))
    grew = entry(ours, TimelineEvent.GREW, at(60), change=change)
    acknowledged = entry(ours, TimelineEvent.ACKNOWLEDGED, at(60), who="anna", note="“I look at it”")
    told = [
        replace(message(name), id=name, receiver=name, incident=ours, at=at(number))
        for number, name in enumerate(("mail", "hook", "pager"))
    ]
    strange = replace(told[0], id="other", incident=other)
    many = replace(told[0], id="many", incident=replace(other, id="many"), at=at(3))
    among = told_among_many("i1", "many", Severity.WARNING, at(61))
    await store.commit(Commit(incidents=(ours, other), timeline=(opened,), messages=(*told, strange, many)))
    await store.commit(Commit(timeline=(grew, acknowledged, among, entry(other, TimelineEvent.OPENED, at(0)))))
    await store.lease(at(5), duration=60, limit=9)
    await store.settle(DeliveryResult("hook", at(6)))
    await store.settle(DeliveryResult("pager", at(7), "410 Gone", permanent=True))
    found = await store.incident_record("i1")
    assert found.incident == ours
    assert list(found.timeline) == [opened, grew, acknowledged, among]
    waiting, delivered, _, given_up = DeliveryState
    assert list(found.deliveries) == [
        Delivery("mail", IncidentEvent.OPENED, at(0), waiting, 1),
        Delivery("hook", IncidentEvent.OPENED, at(1), delivered, 1, "", at(6)),
        Delivery("pager", IncidentEvent.OPENED, at(2), given_up, 1, "410 Gone", at(7)),
        Delivery("mail", IncidentEvent.OPENED, at(3), waiting, 0, among_many=True),
    ]


async def test_the_timeline_of_what_is_open_outlives_retention(store):
    ours, over = replace(incident(), id="i1"), replace(incident(), id="i2", phase="resolved", resolved_at=at(5))
    both = tuple(entry(each, TimelineEvent.OPENED, at(0)) for each in (ours, over))
    await store.commit(Commit(incidents=(ours, over), timeline=both))
    assert await store.prune(at(1)) == 1
    assert len((await store.incident_record("i1")).timeline) == 1
    assert (await store.incident_record("i2")).timeline == []


async def test_settling_twice_counts_once(store):
    await store.commit(Commit(messages=(message("t1"),)))
    await store.lease(at(0), duration=60, limit=9)
    for settled in (
        DeliveryResult("t1", at(1)),
        DeliveryResult("t1", at(2)),
        DeliveryResult("t1", at(3), "late", again=at(4)),
        DeliveryResult("?", at(5)),
    ):
        await store.settle(settled)
    (row,) = await store.receivers()
    assert (row.delivered, row.pending, row.last_delivered, row.last_error) == (1, 0, at(1), "")


# --- retention ---


async def test_retention_takes_closed_history_in_small_steps_and_nothing_that_is_open(store):
    await store.commit(
        Commit(
            zone_states=(zone_state(),),
            state_changes=(run(1, -900), run(2, -800), run(3, -700)),
            propagations=(propagation(-900),),
            alerts=(alert(seconds=-900),),
            transitions=(transition(-900),),
            incidents=(incident("old", -900, resolved=-800), incident("open", -900)),
            messages=(message("done", seconds=-900), message("waits", "hook", -900)),
        )
    )
    await store.sweep(sweep(-900))
    await store.sweep(sweep(-800))
    await store.lease(at(-900), duration=1, limit=9, busy=["hook"])
    await store.settle(DeliveryResult("done", at(-890)))
    gone = []
    while not gone or gone[-1]:
        gone.append(await store.prune(at(0), limit=2))
    assert max(gone) == 2
    assert sum(gone) == 7  # two runs, a propagation, a transition, a sweep, an incident, a delivered message
    assert [row.serial for row in await store.address_history("example.com.", at(-9999))] == [3]
    assert [each.id for each in await store.incidents(zone="example.com.")] == ["open"]
    remembered = await store.restore()
    assert (len(remembered.zone_states), len(remembered.alerts), list(remembered.incidents)) == (1, 1, ["open"])
    assert remembered.zone_states["example.com."].at == at(0)
    assert await claimed(store, 0) == ["waits"]
    assert {row.name: row.delivered for row in await store.receivers()} == {"hook": 0, "oncall": 1}


async def test_retention_leaves_what_is_younger(store):
    await store.commit(
        Commit(state_changes=(run(1, 0), run(2, 10)), propagations=(propagation(10),), transitions=(transition(10),))
    )
    assert await store.prune(at(10)) == 0
    assert await store.prune(at(10.000001)) == 3


async def test_a_closed_store_says_so(store):
    await store.close()
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await store.commit(Commit(zone_states=(zone_state(),)))
    with pytest.raises(StoreError, match="closed"):
        await store.restore()
