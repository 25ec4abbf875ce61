"""Records that may differ between serial groups → what is still said of them, and of all others."""

from dataclasses import replace

import pytest

from checks.evaluation import run_check
from checks.model import Health, WantedRecord, Zone
from checks.model.wanted import is_named
from checks.ns_set import NsSet
from checks.records import Records
from checks.signatures import Signatures
from checks.zone_state.model import ZoneState
from tests.support.lab.model import SHORT, Content
from tests.support.observations import codes, gather, server, zone
from tests.support.record_observations import NOW, known, read
from tests.support.signed_observations import asked, made
from tests.support.signed_zones import zone_key

WWW = WantedRecord("www.example.com.", "A")
PROVIDERS = zone(server("ns1", group="a"), server("ns2", group="b"), server("ns3", group="b"), primary=None)
APART = {"ns1": "10 a", "ns2": "900 b", "ns3": "900 b"}
OTHERS = {("record-differs", "ns2"), ("record-differs", "ns3")}
KEY, OTHER = zone_key(), zone_key()


@pytest.mark.parametrize(
    ("pattern", "record", "found"),
    [
        ("www A", "www.example.com. A", True),
        ("www *", "www.example.com. A", True),
        ("* A", "www.example.com. A", True),
        ("* *", "www.example.com. A", True),
        ("www AAAA", "www.example.com. A", False),
        ("ww A", "www.example.com. A", False),
        ("w*w A", "www.example.com. A", True),
        ("www.example.com A", "www.example.com. A", True),
        ("*.example.com A", "www.example.com. A", True),
        ("@ NS", "example.com. NS", True),
        ("example.com NS", "example.com. NS", True),
        ("@ NS", "www.example.com. NS", False),
        ("_acme-challenge* *", "_acme-challenge.example.com. TXT", True),
        ("_acme-challenge* *", "_acme-challenge.www.example.com. TXT", True),
        ("_acme-challenge *", "_acme-challenge.www.example.com. TXT", False),
        ("*.www *", "_acme-challenge.www.example.com. TXT", True),
        ("w.w A", "www.example.com. A", False),
        ("w*ww A", "www.example.com. A", True),
        ("ww*ww A", "www.example.com. A", False),
        ("*x*w A", "www.example.com. A", False),
        ("x* A", "www.example.com. A", False),
        ("*w*w*w A", "www.example.com. A", True),
        ("*w*w*w*w* A", "www.example.com. A", False),
        ("*a" * 60 + "*b A", f"{'a' * 60}.{'a' * 60}.{'a' * 60}.example.com. A", False),
    ],
)
def test_pattern(pattern: str, record: str, found: bool) -> None:
    name, type_ = record.split()
    assert is_named(WantedRecord(name, type_), "example.com.", ("@ MX", pattern)) is found


def test_patterns_at_the_root() -> None:
    assert is_named(WantedRecord(".", "NS"), ".", ("@ NS",))
    assert is_named(WantedRecord("www.", "A"), ".", ("www A",))


def told(where: Zone, gives: dict[str, str]) -> set[tuple[str, str | None]]:
    where = replace(where, records=(WWW,))
    every = [one for name, token in gives.items() for one in read(where, name, token, WWW)]
    return codes(run_check(Records(), where, gather(where, "records", *every, at=NOW), known(where, gives, 60)))


def test_what_may_differ_is_compared_within_each_group_all_the_same() -> None:
    assert told(PROVIDERS, APART) == OTHERS
    free = replace(PROVIDERS, ignored_between_groups=("www A",))
    assert told(free, APART) == set()
    assert told(free, APART | {"ns3": "900 c"}) == {("content-differs", "ns3")}
    assert told(replace(free, ignored_between_groups=("www AAAA",)), APART) == OTHERS


def test_a_group_without_a_name_is_told_as_that() -> None:
    where = replace(zone("ns1", server("ns2", group="b"), primary=None), records=(WWW,))
    gives = {"ns1": "10 a", "ns2": "900 b"}
    every = [one for name, token in gives.items() for one in read(where, name, token, WWW)]
    result = run_check(Records(), where, gather(where, "records", *every, at=NOW), known(where, gives, 60))
    assert [one.text for one in result.findings] == [
        "ns2 (192.0.2.2) has b for www.example.com. A, who is in no group has a"
    ]


def test_the_ns_set_may_differ_too() -> None:
    apex = WantedRecord("example.com.", "NS")
    gives = {"ns1": "10 ns1.example.com.", "ns2": "900 ns2.example.com.", "ns3": "900 ns2.example.com."}
    for patterns, found in (((), {("ns-set-differs", "ns2"), ("ns-set-differs", "ns3")}), (("@ NS",), set())):
        where = replace(PROVIDERS, ignored_between_groups=patterns, ignored=("*",))
        every = [one for name, token in gives.items() for one in read(where, name, token, apex)]
        result = run_check(NsSet(), where, gather(where, "ns-set", *every, at=NOW), known(where, gives, 60))
        assert codes(result) == found


def signatures(where: Zone, first: Content, second: Content) -> set[tuple[str, str | None]]:
    every = asked(where, ("ns1", first), ("ns2", second), ("ns3", second))
    result = run_check(Signatures(), where, gather(where, "signatures", *every), ZoneState(where.name))
    assert result.health is not Health.UNKNOWN
    return codes(result)


def test_keys_may_differ_as_they_will() -> None:
    both = {("provider-key-missing", one) for one in ("ns1", "ns2", "ns3")}
    assert signatures(PROVIDERS, made(KEY), made(OTHER)) == both
    free = replace(PROVIDERS, ignored_between_groups=("@ DNSKEY",))
    assert signatures(free, made(KEY), made(OTHER)) == set()


def test_and_what_is_offered_to_the_parent() -> None:
    keys = tuple(f"@ DNSKEY {key.public.to_text()}" for key in (KEY, OTHER))
    offered = tuple(f"@ CDNSKEY {key.public.to_text()}" for key in (KEY, OTHER))
    first = made(KEY, records=(*SHORT, keys[1], offered[0]))
    second = made(OTHER, records=(*SHORT, keys[0], offered[1]))
    assert signatures(PROVIDERS, first, second) == {("key-set-differs", "ns2"), ("key-set-differs", "ns3")}
    assert signatures(replace(PROVIDERS, ignored_between_groups=("* CDNSKEY",)), first, second) == set()
