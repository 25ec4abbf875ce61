"""Which AS announces the longest prefix that an address is in."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.common.prefix_table import Origins, Prefix, PrefixTable


def row(network: str, *origins: int) -> Prefix:
    net = ip_network(network)
    bits = int(net.network_address) >> (net.max_prefixlen - net.prefixlen)
    return Prefix(net.version, net.prefixlen, bits, frozenset(origins))


TABLE = PrefixTable(
    [
        row("192.0.2.0/24", 64501), row("192.0.0.0/16", 64500), row("192.0.2.128/25", 64502), row("0.0.0.0/0", 1),
        row("2001:db8::/32", 64503), row("2001:db8:1::/48", 64504), row("255.255.255.255/32", 4294967295),
    ]
)  # fmt: skip


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("192.0.2.1", {64501}), ("192.0.2.129", {64502}), ("192.0.3.1", {64500}), ("203.0.113.1", {1}),
        ("255.255.255.255", {4294967295}), ("2001:db8::1", {64503}), ("2001:db8:1::1", {64504}), ("2001:db9::1", set()),
    ],
)  # fmt: skip
def test_the_longest_prefix_counts(host: str, expected: set[int]) -> None:
    assert TABLE.origins(host) == expected
    assert not PrefixTable().origins(host)


def test_a_prefix_that_is_there_several_times_is_of_all_of_them() -> None:
    several = [row("192.0.2.0/24", 2), row("198.51.100.0/24", 9), row("192.0.2.0/24", 1), row("192.0.2.0/24", 2)]
    table = PrefixTable([*several, row("198.51.100.0/24", 9), row("203.0.113.0/24", 2, 1)])
    assert (len(table), table.origins("192.0.2.7"), table.origins("198.51.100.7")) == (3, {1, 2}, {9})
    twice = PrefixTable([row("10.0.0.0/24", 1), row("10.0.0.0/24", 2), row("10.0.1.0/24", 2), row("10.0.1.0/24", 1)])
    assert twice.origins("10.0.0.1") == twice.origins("10.0.1.1") == {1, 2}


def test_tables_are_equal_that_say_the_same() -> None:
    rows = [row("192.0.2.0/24", 1), row("2001:db8::/32", 2)]
    assert PrefixTable(rows) == PrefixTable(rows) != PrefixTable([row("192.0.2.0/24", 2), rows[1]])
    assert PrefixTable() != 1
    assert repr(PrefixTable(rows)) == "PrefixTable(2 prefixes)"


PREFIXES = st.lists(
    st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32), st.integers(1, 5)).map(
        lambda one: Prefix(4, one[1], one[0] >> (32 - one[1]), frozenset({one[2]}))
    ),
    max_size=40,
)


@given(PREFIXES, st.integers(0, 2**32 - 1), st.data())
def test_as_by_looking_through_all_of_them(rows: list[Prefix], value: int, data: st.DataObject) -> None:
    if rows and data.draw(st.booleans()):
        near = data.draw(st.sampled_from(rows))
        value = (near.bits << (32 - near.length)) | (value & ((1 << (32 - near.length)) - 1))
    fitting = [one for one in rows if value >> (32 - one.length) == one.bits]
    longest = max((one.length for one in fitting), default=0)
    expected: Origins = frozenset().union(*(one.origins for one in fitting if one.length == longest))
    assert PrefixTable(rows).origins(str(ip_address(value))) == expected
