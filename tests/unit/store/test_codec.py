"""What is read back is exactly what was written, in all its parts."""

import dataclasses
import json
import types
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerting.incident import Incident
from alerting.model import Alert, AlertKey
from alerting.silences import Silence
from checks.model import Address
from checks.model.finding_type import Severity
from checks.zone_state.model import IdentityState, ZoneState
from monitor.store.codec import decode, encode, moment, stamp
from tests.support.examples import examples
from tests.support.specimens import NOON, alert, at, incident, key, zone_state

TIMES = st.datetimes(datetime(1970, 1, 1), datetime(9000, 1, 1)).map(lambda when: when.replace(tzinfo=UTC, fold=0))
PLAIN = {
    datetime: TIMES,
    str: st.text(max_size=6),
    int: st.integers(-(2**63), 2**63),
    float: st.floats(allow_nan=False),
    bool: st.booleans(),
}


def anything(kind: Any) -> st.SearchStrategy:
    """Any value of a type of the model, every field of it that is stored, whatever its default."""
    if kind in PLAIN:
        return PLAIN[kind]
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        stored = [each for each in dataclasses.fields(kind) if each.metadata.get("stored", True)]
        return st.builds(kind, **{each.name: anything(hints[each.name]) for each in stored})
    if get_origin(kind) is types.UnionType:
        return st.one_of(*[st.none() if each is type(None) else anything(each) for each in get_args(kind)])
    if get_origin(kind) is tuple:
        first, *more = get_args(kind)
        if more == [...]:
            return st.lists(anything(first), max_size=2).map(tuple)
        return st.tuples(*map(anything, get_args(kind)))
    assert issubclass(kind, Enum), f"the codec knows nothing of {kind}"
    return st.sampled_from(list(kind))


@pytest.mark.parametrize("kind", [ZoneState, Alert, Incident, AlertKey, Address, Silence])
def test_every_value_comes_back_as_it_was(kind):
    @settings(examples(200), suppress_health_check=[HealthCheck.too_slow])
    @given(anything(kind))
    def comes_back(value):
        again = decode(kind, encode(value))
        assert again == value
        assert repr(again) == repr(value)  # also the fields that == does not look at
        assert encode(value).isascii()

    comes_back()


def test_what_is_worth_nothing_after_a_restart_is_not_stored():
    identity = IdentityState("fra", 10, NOON, 2, seen=NOON, unseen=3, expires=NOON)
    again = decode(IdentityState, encode(identity))
    assert again == identity
    assert (again.seen, again.unseen, again.expires) == (None, 0, None)


@pytest.mark.parametrize(
    "value", [zone_state(), alert(), incident(resolved=9.5), key()], ids=lambda value: type(value).__name__
)
def test_specimens_come_back_as_they_were(value):
    assert repr(decode(type(value), encode(value))) == repr(value)


@given(anything(AlertKey), anything(AlertKey))
def test_two_keys_are_one_text_only_if_they_are_one_key(one, other):
    assert (encode(one) == encode(other)) == (one == other)


def test_what_an_older_version_wrote_gets_the_defaults_of_today():
    body = json.loads(encode(incident()))
    for late in ("findings", "lines", "worst"):
        del body[late]
    assert decode(Incident, json.dumps(body)) == dataclasses.replace(incident(), findings=0, lines=())


def test_what_a_newer_version_wrote_beside_it_is_passed_over():
    assert decode(Address, '{"host":"192.0.2.1","port":53,"zone_id":"eth0"}') == Address("192.0.2.1")


def test_the_text_is_one_line_of_ascii_without_what_is_none():
    said = dataclasses.replace(alert(), text="zu spät\n")
    assert encode(said) == (
        '{"key":{"zone":"example.com.","check":"soa-serial","code":"serial-late","server":"ns2",'
        '"address":{"host":"2001:db8::2","port":5353},"subject":""},"phase":"firing",'
        '"since":"2026-03-01T12:00:00.000000Z","severity":"warning","text":"zu sp\\u00e4t\\n",'
        '"bad_since":"2026-03-01T11:58:00.000000Z","incident":"i1","seen":"2026-03-01T12:00:05.000000Z",'
        '"inherited":false,"flapping":false}'
    )


def test_a_severity_is_kept_by_its_word():
    assert json.loads(encode(incident()))["severity"] == "critical"
    assert decode(Incident, encode(incident())).severity is Severity.CRITICAL


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "7", '{"host":', '{"port":53}', "null", '{"host":7,"port":53}', '{"host":"192.0.2.1","port":"53"}'],
)
def test_text_that_is_none_of_ours_is_an_error_and_never_half_a_value(text):
    with pytest.raises((ValueError, TypeError, KeyError, AttributeError)):
        decode(Address, text)


def test_times_are_utc_to_the_microsecond_and_sort_as_text():
    assert stamp(at(0.000001)) == "2026-03-01T12:00:00.000001Z"
    assert stamp(NOON.astimezone(timezone(timedelta(hours=-7)))) == stamp(NOON) == "2026-03-01T12:00:00.000000Z"
    assert moment(stamp(NOON)) == NOON
    assert moment(stamp(NOON)).utcoffset() == timedelta(0)


@given(TIMES, TIMES)
def test_text_order_is_time_order(one, other):
    assert (stamp(one) < stamp(other)) == (one < other)


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="without a zone"):
        stamp(NOON.replace(tzinfo=None))
