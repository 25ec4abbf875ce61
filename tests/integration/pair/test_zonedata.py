"""Versions of a zone: read, edited, told apart, ordered."""

import dns.name
import pytest
from dns.rdatatype import RdataType
from hypothesis import given
from hypothesis import strategies as st

from monitor.pair import zonedata
from monitor.pair.behaviour import Behaviour, altered, serve
from monitor.pair.zonedata import JOURNAL, BadZone, Condition, ZoneCopy
from tests.integration.pair.responses import ORIGIN, data

SOA = "@ SOA ns h 1 2 3 4 5\n"

BAD = [
    ("no SOA", "@ NS ns1"),
    ("no NS", SOA),
    ("not a type", SOA + "@ NS ns1\nwww BOGUS x"),
    ("not an address", SOA + "@ NS ns1\nwww A 1.2.3"),
    ("an include", SOA + "@ NS ns1\n$INCLUDE /etc/passwd"),
    ("a CNAME beside others", SOA + "@ NS ns1\nx A 192.0.2.1\nx CNAME ns1"),
    ("nothing", ""),
]


@pytest.mark.parametrize(("what", "text"), BAD)
def test_what_is_no_zone(what: str, text: str) -> None:
    with pytest.raises(BadZone):
        zonedata.parse(ORIGIN, text)


def rdata(version: zonedata.ZoneData, owner: str, rdtype: RdataType) -> list[str]:
    name = dns.name.from_text(owner, ORIGIN)
    return [each.to_text() for rrset in version.find(name, rdtype) for each in rrset]


def test_an_edit_replaces_whole_rrsets_and_leaves_the_rest() -> None:
    before = data()
    after = zonedata.edit(before, ["www 60 A 192.0.2.7", "www 60 A 192.0.2.8", "new TXT x"], drop=["mail A"])
    assert rdata(after, "www", RdataType.A) == ["192.0.2.7", "192.0.2.8"]
    assert rdata(after, "www", RdataType.AAAA) == ["2001:db8::80"]
    assert rdata(after, "new", RdataType.TXT) == ['"x"']
    assert rdata(after, "mail", RdataType.A) == []
    assert after.closest_encloser(dns.name.from_text("mail", ORIGIN)) == ORIGIN
    assert after.serial == before.serial
    assert rdata(before, "www", RdataType.A) == ["192.0.2.80"]


@pytest.mark.parametrize("drop", ["nothere A", "www", "www A extra", "www BOGUS", "@ NS", "@ SOA"])
def test_edits_that_cannot_be(drop: str) -> None:
    with pytest.raises(BadZone):
        zonedata.edit(data(), [], drop=[drop])


def test_the_difference_is_what_turns_one_version_into_the_other() -> None:
    old = data()
    new = zonedata.edit(old, ["www 60 A 192.0.2.80", "new A 192.0.2.9"], drop=["mail A"])
    removed, added = zonedata.difference(old, new)
    assert {(str(name), ttl, each.to_text()) for name, ttl, each in removed} == {
        ("www.pair.example.", 300, "192.0.2.80"),
        ("mail.pair.example.", 300, "192.0.2.25"),
    }
    assert {(str(name), ttl, each.to_text()) for name, ttl, each in added} == {
        ("www.pair.example.", 60, "192.0.2.80"),
        ("new.pair.example.", 300, "192.0.2.9"),
    }
    assert zonedata.difference(new, new) == ([], [])


def test_records_of_another_zone_are_no_edit() -> None:
    with pytest.raises(BadZone, match="none of these records"):
        zonedata.edit(data(), ["www.elsewhere.example. A 192.0.2.1"])


@pytest.mark.parametrize(
    ("serial", "by", "next_"),
    [(1000, 1, 1001), (4294967295, 1, 1), (4294967290, 10, 4), (5, -10, 4294967291), (1, -1, 1), (7, 2**31, 7 + 2**31)],
)
def test_serials_go_poll_and_step_over_zero(serial: int, by: int, next_: int) -> None:
    assert zonedata.stepped(serial, by) == next_


@given(st.integers(0, 2**32 - 1), st.integers(1, 2**31 - 1))
def test_of_two_serials_one_is_newer_unless_they_are_half_the_circle_apart(serial: int, by: int) -> None:
    later = (serial + by) % 2**32
    assert zonedata.newer(later, serial)
    assert not zonedata.newer(serial, later)
    half = (serial + 2**31) % 2**32
    assert not zonedata.newer(serial, half)
    assert not zonedata.newer(half, serial)


def test_a_zone_survives_the_way_to_dnspython_and_back() -> None:
    before = data(7, "x 300 CAA 0 issue ca.example", "deep.er.tree 300 TXT y")
    after = zonedata.ZoneData(before.copy())
    assert list(after.records()) == list(before.records())
    assert after.serial == 7
    for owner in ("er.tree", "nope.tree", "x.child", "child", "nope"):
        name = dns.name.from_text(owner, ORIGIN)
        assert (after.closest_encloser(name), after.cut(name)) == (before.closest_encloser(name), before.cut(name))


@pytest.mark.parametrize(
    ("owner", "encloser", "cut"),
    [("er.tree", "er.tree", None), ("x.er.tree", "er.tree", None), ("nope", "@", None), ("www", "www", None),
     ("child", "child", "child"), ("ns.child", "ns.child", "child"), ("a.b.child", "child", "child")],
)  # fmt: skip
def test_what_exists_above_a_name_and_where_the_zone_is_cut(owner: str, encloser: str, cut: str | None) -> None:
    version = data(7, "deep.er.tree 300 TXT y", "deeper.child 300 NS ns.child")
    name, found = dns.name.from_text(owner, ORIGIN), dns.name.from_text(encloser, ORIGIN)
    assert version.closest_encloser(name) == found
    assert version.cut(name) == (None if cut is None else dns.name.from_text(cut, ORIGIN))


def test_the_journal_forgets_the_oldest() -> None:
    held = ZoneCopy(ORIGIN)
    for serial in range(1, JOURNAL + 4):
        held = held.changed(data(serial))
    assert [version.serial for version in held.journal] == list(range(3, JOURNAL + 3))
    assert held.changed(data(JOURNAL + 3, "x A 192.0.2.1")).journal == held.journal


@pytest.mark.parametrize(
    ("expires", "behaviour", "now", "condition", "expire"),
    [
        (None, Behaviour(), 1e9, Condition.SERVED, 600),
        (100.0, Behaviour(), 40.5, Condition.SERVED, 59),
        (100.0, Behaviour(), 100.0, Condition.EXPIRED, None),
        (100.0, Behaviour(expire_share=0.1), 0.0, Condition.SERVED, 10),
        (100.0, Behaviour(condition=Condition.NOT_LOADED), 0.0, Condition.NOT_LOADED, None),
    ],
)
def test_until_when_a_copy_is_good(
    expires: float | None, behaviour: Behaviour, now: float, condition: Condition, expire: int | None
) -> None:
    served = serve(ZoneCopy(ORIGIN, data(), expires=expires), behaviour, now)
    assert served is not None
    assert (served.condition, served.expire) == (condition, expire)


def test_a_disguise_shows_other_things_and_forgets_the_journal() -> None:
    held = ZoneCopy(ORIGIN, data(1)).changed(data(2))
    assert altered(held, Behaviour()) is held
    shown = altered(held, Behaviour(serial_offset=10, edits=("www A 192.0.2.66",), soa_edit=True))
    assert shown.data is not None
    assert (shown.data.serial, shown.data.soa.refresh, shown.journal) == (12, 3, ())
    assert rdata(shown.data, "www", RdataType.A) == ["192.0.2.66"]
