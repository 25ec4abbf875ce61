"""What soa-serial has found UDP to bring of a zone, address by address."""

from dataclasses import replace

import pytest

from checks.model import NO_ANSWER, Observation, Transport, ZonePoll
from checks.model.finding_type import OverUdp
from checks.model.zone_table import ZoneTable
from monitor.state.columns import FULL_POLL, STEADY_UP, ZoneColumns, change_to
from monitor.state.over_udp import note_over_udp, over_udp
from tests.support.monitor_state import MINUTE, minute
from tests.support.observations import query, seen, zone

ONE = zone("ns1", "ns2")
ANSWERED, SILENT, UNKNOWN = OverUdp.ANSWERED, OverUdp.SILENT, OverUdp.UNKNOWN


def look(server: str, token: str, transport: Transport = Transport.UDP) -> Observation:
    return seen(query(ONE, server, transport=transport), token)


def brought(*every: Observation) -> tuple[OverUdp, ...]:
    columns = ZoneColumns(ZoneTable.of([ONE]))
    note_over_udp(columns, ZonePoll(ONE.name, "soa-serial", minute(3), MINUTE, every))
    assert columns.checked_at[0] > 0
    return over_udp(columns, 0)


@pytest.mark.parametrize(
    ("udp", "tcp", "found"),
    [
        ("10", "", ANSWERED), ("-", "", SILENT), ("unreachable", "", SILENT), ("refused-connection", "", SILENT),
        ("-", "-", SILENT), ("-", "refused-connection", SILENT), ("-", "10", UNKNOWN), ("-", "REFUSED", UNKNOWN),
        ("REFUSED", "", UNKNOWN), ("SERVFAIL", "", UNKNOWN), ("malformed", "-", UNKNOWN), ("mismatched", "", UNKNOWN),
    ],
)  # fmt: skip
def test_what_came_of_an_address(udp: str, tcp: str, found: OverUdp) -> None:
    over_tcp = [look("ns2", tcp, Transport.TCP)] if tcp else []
    assert brought(look("ns2", udp), *over_tcp, look("ns1", "10")) == (ANSWERED, found)


def test_a_version_to_a_question_without_edns_is_something_else() -> None:
    assert brought(replace(look("ns2", "10"), without_edns=NO_ANSWER), look("ns1", "10")) == (ANSWERED, UNKNOWN)


def test_an_address_that_was_not_asked_is_not_known() -> None:
    assert brought(look("ns1", "10")) == (ANSWERED, UNKNOWN)


def test_a_steady_zone_that_is_served_everywhere_is_answered_by_all() -> None:
    columns = ZoneColumns(ZoneTable.of([ONE]))
    assert over_udp(columns, 0) == (UNKNOWN, UNKNOWN)
    columns.mode[0] = STEADY_UP
    assert over_udp(columns, 0) == (ANSWERED, ANSWERED)


def test_it_outlives_a_reload_where_the_zone_is_served_as_it_was() -> None:
    other = zone("ns1", "ns3", name="other.example.")
    columns = ZoneColumns(ZoneTable.of([ONE, other]))
    for each, far in ((ONE, "ns2"), (other, "ns3")):
        every = (seen(query(each, far), "-"), seen(query(each, "ns1"), "10"))
        note_over_udp(columns, ZonePoll(each.name, "soa-serial", minute(3), MINUTE, every))
    moved = replace(other, servers=ONE.servers)
    after = change_to(columns, ZoneTable.of([moved, ONE])).columns
    assert over_udp(after, after.zone_table.index(ONE.name)) == (ANSWERED, SILENT)
    assert over_udp(after, after.zone_table.index(other.name)) == (UNKNOWN, UNKNOWN)


def test_there_are_more_ways_to_fail_than_numbers_for_them() -> None:
    far = [f"ns{number}" for number in range(1, 10)]
    one = zone(*far)
    columns = ZoneColumns(ZoneTable.of([one]))
    for number in range(300):
        tokens = [("-", "10")[number >> place & 1] for place in range(len(far))]
        every = tuple(seen(query(one, name), token) for name, token in zip(far, tokens, strict=True))
        note_over_udp(columns, ZonePoll(one.name, "soa-serial", minute(3), MINUTE, every))
        known = tuple(SILENT if token == "-" else ANSWERED for token in tokens)
        assert over_udp(columns, 0) == (known if number < 255 else (UNKNOWN,) * len(far))
    assert columns.mode[0] == FULL_POLL
