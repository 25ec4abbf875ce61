"""A packed zone state comes back as it was, and one that packs is steady whatever time it is."""

import threading
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from checks.common.epoch import micros
from checks.evaluation import run_check
from checks.model import Address, Outcome, Soa, Zone
from checks.soa_serial import SoaSerial
from checks.zone_state.codec import ZoneStateCodec, reachable_addresses
from checks.zone_state.intern_table import InternedValue, InternTable
from checks.zone_state.model import AddressState, SerialGroup, UnconfirmedSerial, Version, ZoneState
from checks.zone_state.update import update_zone_state
from monitor.store.intern_table import parse_value, text
from tests.support.examples import examples
from tests.support.observations import MINUTE, NOON, SOA, checked_at, codes, server, story, zone
from tests.support.strategies import looks, zones

MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)).map(
    lambda naive: naive.replace(tzinfo=NOON.tzinfo, fold=0)
)
SERIALS = st.integers(0, 2**32 - 1)
SPANS = st.one_of(st.just(timedelta(0)), st.timedeltas(timedelta(0), timedelta(hours=2)))
NAMES = st.sampled_from(["a.example.", "ns1.a.example.", "ns1.b.net.", "xa.example.", "A.example.", "."])
TEXTS = st.none() | st.text(max_size=8)


@st.composite
def address_states(draw: st.DrawFn, serial_group: SerialGroup, place: tuple[str, Address]) -> AddressState:
    since = serial_group.versions[0].seen + draw(SPANS) if serial_group.versions else draw(MOMENTS)
    serving = bool(serial_group.versions) and draw(st.integers(0, 3)) > 0
    return AddressState(
        *place,
        serial_group.group,
        serial_group.reference if serving else draw(st.none() | SERIALS),
        since,
        "answered" if serving else draw(st.sampled_from(["timeout", "unasked", "refused", "malformed"])),
        draw(st.just(since) | MOMENTS),
        draw(st.none() | MOMENTS) if not serving or draw(st.integers(0, 3)) == 0 else None,
        nsid=draw(TEXTS),
        checked_at=draw(MOMENTS),
        expires=draw(st.none() | MOMENTS),
        estimated=(not serving or draw(st.integers(0, 3)) == 0) and draw(st.booleans()),
        rtt=draw(st.none() | st.just(0.1)),
    )


@st.composite
def zone_states(draw: st.DrawFn) -> ZoneState:
    serial_groups = []
    for group in draw(st.sampled_from([("",), ("a", "b"), ()])):
        if draw(st.integers(0, 3)) == 0:
            serial_groups.append(SerialGroup(group, None, None))
            continue
        serial, first = draw(SERIALS), draw(MOMENTS.filter(lambda at: at.year > 1970 and at.year < 2199))
        timers = draw(st.tuples(*[st.integers(0, 2**31 - 1)] * 5))
        absent = draw(st.none() | SPANS.map(lambda span, first=first: first - span) | MOMENTS)
        version = Version(serial, absent, first)
        serial_groups.append(SerialGroup(group, serial, Soa(serial, draw(NAMES), draw(NAMES), *timers), (version,)))
    at = [("ns1", Address("192.0.2.1")), ("ns2", Address("2001:db8::2", 5353)), ("ns2", Address("192.0.2.2"))]
    stood = [draw(address_states(draw(st.sampled_from(serial_groups)), place)) for place in at] if serial_groups else []
    return ZoneState(draw(st.sampled_from(["a.example.", "."])), tuple(serial_groups), tuple(stood), draw(MOMENTS))


def kept(zone_state: ZoneState) -> ZoneState:
    """As it is documented to come back: what ticks at every look is the last look's."""
    return replace(
        zone_state,
        address_states=tuple(replace(s, checked_at=zone_state.at, rtt=None) for s in zone_state.address_states),
    )


def whole(zone_state: ZoneState | None) -> str:
    """All fields, also those that do not take part in ==."""
    return repr(zone_state)


def copied(words: InternTable) -> InternTable:
    """As they come back from the disk."""
    return InternTable([parse_value(text(value)) for value in words.values])


@examples(150)
@given(st.lists(zone_states(), min_size=1, max_size=4))
def test_whatever_is_steady_comes_back_also_by_words_that_were_saved(several: list[ZoneState]) -> None:
    codec = ZoneStateCodec()
    rows = [codec.pack(zone_state) for zone_state in several]
    again = ZoneStateCodec(copied(codec.table))
    for zone_state, row in zip(several, rows, strict=True):
        assert row is not None
        assert (
            whole(codec.unpack(zone_state.zone, row))
            == whole(again.unpack(zone_state.zone, row))
            == whole(kept(zone_state))
        )
        assert again.pack(zone_state) == row
        assert codec.is_valid(row)
        assert not codec.is_valid(row[:-1])
        assert codec.answering(row) is (
            all(s.outcome == "answered" and s.synced is None and not s.estimated for s in zone_state.address_states)
            and all(serial_group.versions for serial_group in zone_state.serial_groups)
        )
        heard = tuple(s.outcome not in ("timeout", "unreachable", "unasked") for s in zone_state.address_states)
        assert reachable_addresses(codec.unpack("", row)) == heard
        assert len(codec.min_expires(row, 0.5)) == len(zone_state.address_states)
        assert list(codec.versions(row)) == [
            (one.group, one.reference, micros(one.versions[0].seen)) for one in zone_state.serial_groups if one.versions
        ]


@examples(150)
@given(zones, st.lists(looks, min_size=1, max_size=8), st.timedeltas(timedelta(0), timedelta(days=400)))
def test_of_any_history_what_packs_comes_back_and_is_steady(
    zone: Zone, history: list[dict[str, str]], later: timedelta
) -> None:
    codec, zone_state = ZoneStateCodec(), ZoneState(zone.name)
    for number, tokens in enumerate(history):
        at = NOON + number * MINUTE
        zone_state = update_zone_state(zone_state, zone, checked_at(zone, tokens, at))
        row = codec.pack(zone_state)
        if row is None:
            continue
        assert whole(codec.unpack(zone.name, row)) == whole(kept(zone_state))
        check = SoaSerial()
        result = run_check(check, zone, checked_at(zone, tokens, at), zone_state)
        again = checked_at(zone, tokens, at + MINUTE + later)
        after = update_zone_state(codec.unpack(zone.name, row), zone, again)
        gave = {(seen.query.server, seen.query.address) for seen in again.seen if seen.expire is not None}
        counted = {
            (s.server, s.address)
            for s in zone_state.address_states
            if s.expires is not None and s.outcome == "answered" and not s.estimated
        }
        due = check.due(zone_state)
        if counted <= gave and (due is None or again.at < due):
            assert after == zone_state
            said = run_check(check, zone, again, after)
            assert (said.health, codes(said)) == (result.health, codes(result))


@examples(60)
@given(st.integers(61, 10_000_000), st.integers(0, 59), st.floats(0.01, 0.99))
def test_nothing_is_found_of_an_address_whose_count_is_not_below_its_floor(expire: int, took: int, near: float) -> None:
    nearby, codec, check = zone(), ZoneStateCodec(), SoaSerial(expiry_near=near, expiry_imminent=near / 2)
    soa = replace(SOA, expire=expire)
    first = story(nearby, {"ns1": "10", "ns2": f"10~{expire}"}, soa=soa)[0].zone_state
    row = codec.pack(first)
    assert row is not None
    floor = codec.min_expires(row, near)[1]
    assume(floor <= expire)
    at = NOON + MINUTE
    seen = checked_at(nearby, {"ns1": "10", "ns2": f"10~{floor}"}, at, soa)
    ended = replace(seen, at=at + timedelta(seconds=took))
    assert not run_check(check, nearby, ended, update_zone_state(first, nearby, ended)).findings


STEADY = story(zone(), {"ns1": "10", "ns2": "10"})[0].zone_state
GROUP, (FIRST, SECOND) = STEADY.serial_groups[0], STEADY.address_states
OLDER = Version(9, None, NOON - MINUTE)


@pytest.mark.parametrize(
    "zone_state",
    [
        ZoneState("example.com."),
        replace(STEADY, at=None),
        replace(STEADY, serial_groups=(replace(GROUP, reference=None),)),
        replace(STEADY, serial_groups=(SerialGroup("", None, None),)),
        replace(
            STEADY,
            serial_groups=(SerialGroup("", None, None, doubt=UnconfirmedSerial(9, None, 1, NOON)),),
            address_states=(),
        ),
        replace(STEADY, serial_groups=(replace(GROUP, soa=None),)),
        replace(STEADY, serial_groups=(replace(GROUP, soa=replace(SOA, serial=9)),)),
        replace(STEADY, serial_groups=(replace(GROUP, versions=(OLDER, *GROUP.versions)),)),
        replace(STEADY, serial_groups=(replace(GROUP, versions=(OLDER,)),)),
        replace(STEADY, serial_groups=(replace(GROUP, doubt=UnconfirmedSerial(9, None, 1, NOON)),)),
        replace(STEADY, serial_groups=(replace(GROUP, regressed=OLDER),)),
        replace(STEADY, serial_groups=(replace(GROUP, jumped=OLDER),)),
        replace(STEADY, serial_groups=()),
        replace(STEADY, address_states=(FIRST, replace(SECOND, doubt=UnconfirmedSerial(9, None, 1, NOON)))),
        replace(STEADY, address_states=(FIRST, replace(SECOND, serial=9))),
        replace(STEADY, address_states=(FIRST, replace(SECOND, passed=1))),
    ],
)
def test_what_is_in_motion_does_not_pack(zone_state: ZoneState) -> None:
    assert ZoneStateCodec().pack(STEADY) is not None
    assert ZoneStateCodec().pack(zone_state) is None


def test_zones_that_are_alike_share_their_words_though_their_soa_has_their_name() -> None:
    codec = ZoneStateCodec()
    rows = []
    for name in ("a.example.", "b.example."):
        soa = replace(SOA, rname=f"hostmaster.{name}")
        page = story(zone(server("ns1"), server("ns2"), name=name), {"ns1": "10", "ns2": "10"}, soa=soa)[0]
        rows.append(codec.pack(page.zone_state))
    assert rows[0] == rows[1]
    assert len(rows[0] or b"") < 60


def test_words_that_are_full_take_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("checks.zone_state.intern_table.MAX_VALUES", 1)
    assert ZoneStateCodec().pack(STEADY) is None


def test_a_word_keeps_its_number() -> None:
    words = InternTable()
    several: list[InternedValue] = [SOA, "answered", ((), ()), "x"]
    numbers = [words.number(word) for word in several]
    assert [words.number(word) for word in reversed(several)] == numbers[::-1]
    assert [copied(words).values[number] for number in numbers] == [replace(SOA, serial=0), "answered", ((), ()), "x"]


def test_of_an_address_that_is_silent_in_any_way_nothing_was_heard() -> None:
    for outcome in Outcome:
        stood = replace(SECOND, outcome=outcome.value, serial=10)
        row = ZoneStateCodec().pack(replace(STEADY, address_states=(FIRST, stood)))
        assert row is not None
        codec = ZoneStateCodec()
        codec.pack(replace(STEADY, address_states=(FIRST, stood)))
        assert reachable_addresses(codec.unpack("", row)) == (True, not outcome.no_response)


def test_a_row_by_another_intern_table_is_not_valid() -> None:
    codec = ZoneStateCodec()
    row = codec.pack(STEADY)
    silent = codec.pack(replace(STEADY, address_states=(FIRST, replace(SECOND, outcome="timeout"))))
    assert row is not None
    assert silent is not None
    for words in ([], ["answered", "x"], ["answered", "x", ((), ())], [*codec.table.values[:2], "x"]):
        other = ZoneStateCodec(InternTable(words))
        assert not other.is_valid(row)
        assert not other.is_valid(silent)
    assert not codec.is_valid(b"")


def test_threads_agree_on_the_numbers() -> None:
    words, start = InternTable(), threading.Barrier(4)
    found: list[list[int]] = []

    def add() -> None:
        start.wait(10)
        found.append([words.number(str(value)) for value in range(500)])

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(words.values) == 500
    assert found == [found[0]] * 4
    assert [words.values[number] for number in found[0]] == [str(value) for value in range(500)]
    assert words._add("7", "7") == found[0][7]  # as one who looked before another had added it


def test_identities_come_back() -> None:
    codec = ZoneStateCodec()
    named = replace(STEADY, address_states=(replace(FIRST, nsid="ns1.fra"), SECOND))
    row = codec.pack(named)
    assert row is not None
    assert whole(codec.unpack(STEADY.zone, row)) == whole(kept(named))
    assert [each.nsid for each in codec.unpack(STEADY.zone, row).address_states] == ["ns1.fra", None]
