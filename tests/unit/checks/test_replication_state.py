"""One word per address, from the story so far."""

import pytest

from checks.model import Finding, Zone
from checks.replication_state import replication_state
from checks.zone_state.model import ZoneState
from tests.support.observations import SOA, story, zone

PAIR = zone()
EQUALS = zone(primary=None)

ROWS: list[tuple[str, Zone, dict[str, str], str]] = [
    ("in sync", PAIR, {"ns1": "10", "ns2": "10"}, "in-sync"),
    ("propagating", PAIR, {"ns1": "10 11*3", "ns2": "10*4"}, "propagating"),
    ("late", PAIR, {"ns1": "10 11*15", "ns2": "10*16"}, "late"),
    ("overdue", PAIR, {"ns1": "10 11*80", "ns2": "10*81"}, "overdue"),
    ("stuck", PAIR, {"ns1": "10 11 12*65", "ns2": "10*67"}, "stuck"),
    ("ahead at a first look", PAIR, {"ns1": "10*2", "ns2": "10 12"}, "propagating"),
    ("ahead from the start, at a first look", PAIR, {"ns1": "10", "ns2": "12"}, "propagating"),
    ("ahead", PAIR, {"ns1": "10*3", "ns2": "10 12*2"}, "ahead"),
    ("unordered", PAIR, {"ns1": "1", "ns2": "2147483649"}, "unordered"),
    ("unordered without a reference", EQUALS, {"ns1": "1", "ns2": "2147483649"}, "unordered"),
    ("timeout", PAIR, {"ns1": "10*2", "ns2": "10 -"}, "silent"),
    ("unreachable", PAIR, {"ns1": "10*2", "ns2": "10 unreachable"}, "silent"),
    ("closed", PAIR, {"ns1": "10*2", "ns2": "10 refused-connection"}, "silent"),
    ("refused", PAIR, {"ns1": "10*2", "ns2": "10 REFUSED"}, "not-served"),
    ("servfail", PAIR, {"ns1": "10*2", "ns2": "10 SERVFAIL"}, "not-served"),
    ("not asked", PAIR, {"ns1": "10*2", "ns2": "10 ?"}, "unknown"),
    ("garbage", PAIR, {"ns1": "10*2", "ns2": "10 malformed"}, "unknown"),
    ("about to expire, and in sync", PAIR, {"ns1": "10", "ns2": f"10~{SOA.expire // 9}"}, "in-sync"),
    ("never looked at", PAIR, {"ns1": "10", "ns2": "."}, "unknown"),
]


@pytest.mark.parametrize(("title", "where", "does", "expected"), ROWS, ids=[title for title, *_ in ROWS])
def test_row(title: str, where: Zone, does: dict[str, str], expected: str) -> None:
    page = story(where, does)[-1]
    assert (
        replication_state(where, page.zone_state, page.zone_state.address_states[1], page.result.findings) == expected
    )


def test_without_findings_or_zone_state() -> None:
    page = story(PAIR, {"ns1": "1", "ns2": "2147483649"})[-1]
    assert replication_state(PAIR, page.zone_state, page.zone_state.address_states[1], ()) == "unordered"
    assert replication_state(PAIR, page.zone_state, None, ()) == "unknown"
    assert replication_state(PAIR, ZoneState(PAIR.name), page.zone_state.address_states[0], ()) == "unknown"
    other = Finding("serial-late", "", "ns1", PAIR.servers[0].addresses[0])
    same = story(PAIR, {"ns1": "10", "ns2": "10"})[-1]
    assert replication_state(PAIR, same.zone_state, same.zone_state.address_states[1], (other,)) == "in-sync"
