"""Catalog zones as nobody should write them: refused whole, with the reason, or read as RFC 9432 says."""

import tracemalloc
from collections.abc import Sequence
from typing import NamedTuple

import dns.flags
import dns.message
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.probe.client.catalog_reader import BrokenCatalog, CatalogContent, CatalogReader
from monitor.probe.client.checkzone import Refusal
from monitor.probe.message import wire as wire_format
from monitor.probe.message.wire import Malformed

CATALOG = dns.name.from_text("catalog.test.")
LONG = ".".join(["x" * 60] * 3 + ["y" * 60])
"""A name of 245 octets."""


class Written(NamedTuple):
    """A record of a catalog; names without a final dot are below it."""

    owner: str
    type: str
    rdata: str


def message(records: Sequence[Written]) -> bytes:
    built = dns.message.Message(4711)
    built.flags |= dns.flags.QR | dns.flags.AA
    built.question = [dns.rrset.RRset(CATALOG, dns.rdataclass.IN, dns.rdatatype.AXFR)]
    for owner, rtype, text in records:
        rdata = dns.rdata.from_text("IN", rtype, text, origin=CATALOG, relativize=False)
        built.answer.append(dns.rrset.from_rdata(dns.name.from_text(owner, CATALOG), 0, rdata))
    return built.to_wire(max_size=65535)


def read(messages: Sequence[bytes], max_members: int = 1_000_000) -> CatalogContent | Refusal:
    """As a transfer hands them over. Raises BrokenCatalog, and Malformed for what is no message."""
    reader = CatalogReader(CATALOG.to_wire(), max_members)
    for wire in messages:
        head = wire_format.outline(wire).header
        if (refusal := reader.message(wire, head, head.answers)) is not None:
            assert str(refusal).isprintable()
            return refusal
    return reader.content()


def outcome(messages: Sequence[bytes]) -> CatalogContent | str:
    """The catalog, or why there is none."""
    try:
        found = read(messages)
    except (BrokenCatalog, Malformed) as error:
        return f"broken: {error}"
    return str(found) if isinstance(found, Refusal) else found


def taken(*records: Written) -> dict[str, tuple[str, ...]]:
    content = read([message((VERSION, *records))])
    assert isinstance(content, CatalogContent)
    return dict(content.members)


VERSION = Written("version", "TXT", '"2"')
NODES, PROPERTIES = ("m0", "M1", "m2", r"a\.b", "coo"), ("coo", "group", "foo")
TARGETS = ("a.test.", "B.test.", "c.test.", "catalog.test.", ".", LONG + ".", r"\000\255\"\..test.")
STRINGS = ('"2"', '"1"', '"3"', '""', '"gold"', '"gold" "fast"', r'"a b\000\255"', f'"{"x" * 255}"')

names = st.sampled_from([
    *(f"{node}.zones" for node in NODES),
    *(f"{which}.{node}.zones" for node in NODES for which in PROPERTIES),
    "@", "version", "VERSION", "x.version", "zones", "m0", "a.coo.m0.zones", "group.m0.zones.x",
    "version.other.", "m0.zones.other.", r"m0.zones\007catalog.test.", r"version\007catalog.test.",
])  # fmt: skip
records = st.one_of(
    st.builds(Written, names, st.just("PTR"), st.sampled_from(TARGETS)),
    st.builds(Written, names, st.just("TXT"), st.sampled_from(STRINGS)),
    st.sampled_from([
        Written("m0.zones", "CNAME", "m1.zones"), Written("m2.zones", "A", "192.0.2.1"), Written("x", "DNAME", "y"),
        Written("@", "NS", "invalid."), Written("zones", "NS", "ns1"), Written("m0.zones", "TYPE65280", r"\# 2 abcd"),
    ]),
)  # fmt: skip


def expected(written: Sequence[Written]) -> dict[bytes, set[bytes]] | None:
    """What RFC 9432 says of the records, by plain means: the members with their groups, None where it is broken."""
    rrsets: dict[tuple[dns.name.Name, str], set[bytes]] = {}
    for owner, rtype, text in written:
        rdata = dns.rdata.from_text("IN", rtype, text, origin=CATALOG, relativize=False)
        name = dns.name.from_text(owner, CATALOG).canonicalize()
        rrsets.setdefault((name, rtype), set()).add(rdata.to_digestable())
    versions = rrsets.get((dns.name.from_text("version", CATALOG), "TXT"), set())
    if versions not in ({b"\x012"}, {b"\x011"}):
        return None
    members: dict[bytes, set[bytes]] = {}
    nodes = sorted({dns.name.from_text(f"{node}.zones", CATALOG).canonicalize() for node in NODES}, key=lambda n: n[0])
    for node in nodes:
        targets = rrsets.get((node, "PTR"), set())
        owners = rrsets.get((dns.name.Name((b"coo", *node.labels)), "PTR"), set())
        if len(targets) > 1 or len(owners) > 1:
            return None
        for target in targets - {CATALOG.to_wire(), *members}:
            groups = rrsets.get((dns.name.Name((b"group", *node.labels)), "TXT"), set()) if b"\x012" in versions else ()
            members[target] = {one for rdata in groups for one in strings(rdata)}
    return members


def strings(rdata: bytes) -> list[bytes]:
    found = []
    while rdata:
        found.append(rdata[1 : 1 + rdata[0]])
        rdata = rdata[1 + rdata[0] :]
    return found


@given(st.lists(records, max_size=14), st.sampled_from([(VERSION,), (VERSION, VERSION), ()]), st.integers(1, 5))
def test_any_records_are_read_as_the_rfc_says_or_refused_with_a_reason(
    some: list[Written], version: tuple[Written, ...], size: int
) -> None:
    written = [*some, *version]
    members = expected(written)
    found = outcome([message(written[first : first + size]) for first in range(0, len(written), size)] or [message(())])
    if isinstance(found, str):
        assert found.isprintable()
        assert members is None or "would refuse the zone" in found  # what secondaries of the kinds we know refuse
        return
    assert members is not None
    there = {
        dns.name.from_text(name).to_wire(): {dns.rdata.from_text("IN", "TXT", f'"{one}"').to_wire() for one in groups}
        for name, groups in found.members.items()
    }
    assert there == {name: {bytes([len(one)]) + one for one in groups} for name, groups in members.items()}


@given(st.lists(records, min_size=1, max_size=10), st.data())
def test_any_octets_are_read_or_refused(some: list[Written], data: st.DataObject) -> None:
    wire = bytearray(message([VERSION, *some]))
    for _ in range(data.draw(st.integers(1, 6))):
        wire[data.draw(st.integers(0, len(wire) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(wire[: data.draw(st.integers(12, len(wire)))])
    found = outcome([cut])
    said = [found] if isinstance(found, str) else [*found.members, *(g for gs in found.members.values() for g in gs)]
    assert all(map(str.isprintable, said))


@pytest.mark.parametrize(
    ("records", "why"),
    [
        ((), 'there is no TXT record version.catalog.test.'),
        ((Written("version", "TXT", '"3"'),), 'version.catalog.test. is "3"; known are "1" and "2"'),
        ((Written("version", "TXT", '"2" ""'),), 'version.catalog.test. is "2" ""; known are'),
        ((VERSION, Written("version", "TXT", '"1"')), "version.catalog.test. has more than one TXT record"),
        ((VERSION, Written("m.zones", "PTR", "a."), Written("m.zones", "PTR", "b.")), "m.zones.catalog.test. has more"),
        ((VERSION, Written("coo.m.zones", "PTR", "a."), Written("coo.m.zones", "PTR", "b.")), "coo.m.zones.catalog."),
    ],
)  # fmt: skip
def test_what_must_not_be_processed(records: tuple[Written, ...], why: str) -> None:
    with pytest.raises(BrokenCatalog) as error:
        read([message(records)])
    assert why in str(error.value)


def test_the_same_record_twice_is_one_and_the_letters_of_names_do_not_count() -> None:
    one = Written("m.zones", "PTR", "a.test.")
    assert taken(one, one, Written("M.ZONES", "PTR", "A.test."), VERSION) == {"a.test.": ()}


def test_groups_come_in_one_order_however_they_are_sent_and_sixteen_at_most() -> None:
    member, groups = Written("m.zones", "PTR", "a."), [Written("group.m.zones", "TXT", f"g{n:02}") for n in range(16)]
    assert taken(member, *groups) == taken(member, *reversed(groups)) == {"a.": tuple(f"g{n:02}" for n in range(16))}
    assert len(taken(member, *groups, Written("group.m.zones", "TXT", "more"))["a."]) == 16


def test_what_is_beside_the_catalog_is_no_part_of_it_though_its_labels_hold_the_same_octets() -> None:
    foreign = Written(r"m0.zones\007catalog.test.", "PTR", "evil.test.")
    assert taken(foreign, Written("m0.zones.catalog.test.example.", "PTR", "evil.test.")) == {}


def test_more_members_than_may_be_end_the_transfer() -> None:
    members = [Written(f"m{number}.zones", "PTR", f"z{number}.test.") for number in range(11)]
    found = read([message([VERSION, *members[:10]])], 10)
    assert isinstance(found, CatalogContent)
    assert len(found.members) == 10
    refused = read([message([VERSION, *members])], 10)
    assert str(refused) == "a catalog of more than 10 zones; soawatch would refuse the zone"


def test_what_is_refused_takes_no_memory_however_long_it_goes_on() -> None:
    """A node with no end of PTR records, a member with no end of groups, a version with no end of TXT records."""
    endless = [Written("m.zones", "PTR", f"{number}.{LONG[:180]}.") for number in range(40)]
    endless += [Written("coo.m.zones", "PTR", f"{number}.{LONG[:180]}.") for number in range(40)]
    endless += [Written("group.m.zones", "TXT", f'"{number}{"x" * 200}"') for number in range(40)]
    endless += [Written("version", "TXT", f'"{number}{"x" * 200}"') for number in range(40)]
    wire = message([VERSION, *endless])
    head, reader = wire_format.header(wire), CatalogReader(CATALOG.to_wire())
    reader.message(wire, head, head.answers)
    tracemalloc.start()
    try:
        for _ in range(50):
            assert reader.message(wire, head, head.answers) is None
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 50_000
    with pytest.raises(BrokenCatalog):
        reader.content()
