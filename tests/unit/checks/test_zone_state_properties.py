"""Whatever servers do, in whatever order, with whatever losses: what must never happen to a zone state."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from checks.common.serial import behind
from checks.common.versions import MAX_VERSIONS
from checks.evaluation import run_check
from checks.model import Health, Zone
from checks.soa_serial import SoaSerial
from checks.zone_state.model import ZoneState
from checks.zone_state.update import arrivals, changes, lag, moving_since, update_zone_state
from tests.support.examples import examples
from tests.support.observations import MINUTE, NOON, checked_at, zone
from tests.support.strategies import looks, zones
from tests.support.zone_states import rebuilt


@examples(150)
@given(zones, st.lists(looks, min_size=1, max_size=12))
def test_any_history(zone: Zone, history: list[dict[str, str]]) -> None:
    zone_state = ZoneState(zone.name)
    for number, tokens in enumerate(history):
        at = NOON + number * MINUTE
        poll = checked_at(zone, tokens, at)
        before, zone_state = zone_state, update_zone_state(zone_state, zone, poll)
        for address_state in zone_state.address_states:
            late = lag(zone_state, address_state.server, address_state.address, at)
            assert late is None or late >= timedelta(0)
            assert address_state.passed <= MAX_VERSIONS
        for serial_group in zone_state.serial_groups:
            steps = [
                behind(serial_group.reference, v.serial)
                for v in serial_group.versions
                if serial_group.reference is not None
            ]
            assert None not in steps
            assert steps == sorted(steps, key=lambda n: -(n or 0))
            assert len(set(steps)) == len(steps) <= MAX_VERSIONS
            assert all(a.seen <= b.seen for a, b in zip(serial_group.versions, serial_group.versions[1:], strict=False))
            assert all(v.absent is None or v.absent <= v.seen for v in serial_group.versions)
            assert (steps[-1:] == [0]) is (serial_group.reference is not None)
        runs, came = changes(before, zone_state), arrivals(before, zone_state, zone.primary)
        assert all(arrival.seconds >= 0 and arrival.uncertainty >= 0 for arrival in came)
        assert not any(arrival.server == zone.primary for arrival in came)
        assert (zone_state == before) or runs or came or before.address_states
        assert (since := moving_since(zone, zone_state)) is None or since <= at
        result = run_check(SoaSerial(), zone, poll, zone_state)
        assert not result.reason.startswith("check failed")
        assert {finding.code for finding in result.findings} <= {found.code for found in SoaSerial.finding_types}
        assert (result.health is Health.BAD) is bool(result.findings)
        again = rebuilt(zone_state)
        assert again == zone_state
        following = checked_at(zone, tokens, at + MINUTE)
        assert update_zone_state(again, zone, following) == update_zone_state(zone_state, zone, following)


@examples(100)
@given(zones, st.lists(looks, min_size=1, max_size=6), st.integers(2, 4))
def test_the_same_again_and_again_comes_to_rest(zone: Zone, history: list[dict[str, str]], more: int) -> None:
    """After max_lag and a few looks more: doubts are over, nothing is written any more."""
    zone_state = ZoneState(zone.name)
    at = NOON
    for tokens in history:
        at += MINUTE
        zone_state = update_zone_state(zone_state, zone, checked_at(zone, tokens, at))
    is_steady = {name: token if "~" not in token else token.partition("~")[0] for name, token in history[-1].items()}
    for _ in range(20):
        at += MINUTE
        zone_state = update_zone_state(zone_state, zone, checked_at(zone, is_steady, at))
    for _ in range(more):
        at += MINUTE
        following = update_zone_state(zone_state, zone, checked_at(zone, is_steady, at))
        assert following == zone_state
        zone_state = following


healthy = st.lists(
    st.tuples(st.booleans(), st.booleans(), st.booleans(), st.booleans(), st.integers(0, 1), st.integers(0, 1)),
    min_size=1,
    max_size=40,
)


@examples(150)
@given(healthy, st.sampled_from([10, 4294967290]))
def test_lost_polls_make_no_lag_and_healthy_churn_no_finding(days: list[tuple[bool, ...]], serial: int) -> None:
    """The zone may change at every look, each secondary is at most one look behind, any poll may be lost."""
    every = zone("ns1", "ns2", "ns3")
    whole, lossy = ZoneState(every.name), ZoneState(every.name)
    before = serial
    for number, (changes_now, lost1, lost2, lost3, slow2, slow3) in enumerate(days):
        at = NOON + number * MINUTE
        before, serial = serial, (serial + 1) % 2**32 if changes_now else serial
        serves = {"ns1": serial, "ns2": before if slow2 else serial, "ns3": before if slow3 else serial}
        lost = {"ns1": lost1, "ns2": lost2, "ns3": lost3}
        poll = checked_at(every, {n: "-" if lost[n] else s for n, s in serves.items()}, at)
        whole = update_zone_state(whole, every, checked_at(every, serves, at))
        lossy = update_zone_state(lossy, every, poll)
        for name in serves:
            found = every.server(name)
            assert found is not None
            true = lag(whole, name, found.addresses[0], at)
            seen = lag(lossy, name, found.addresses[0], at)
            assert seen is None or true is None or seen <= true
        assert run_check(SoaSerial(), every, poll, lossy).findings == ()
