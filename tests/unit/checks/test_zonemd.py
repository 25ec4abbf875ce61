"""Who gave which zone with which ZONEMD records, and what digest it has → what is said."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest

from checks.content import Content
from checks.evaluation import run_check
from checks.model import CheckResult, Health, Observation, Query, TransferResult, Zone
from checks.model.content import MAX_ZONEMD, Zonemd
from checks.zone_state.model import ZoneState
from tests.support.observations import SOA, gather, pulled, server, zone
from tests.unit.checks.test_content import content, found

THREE = zone("ns1", "ns2", "ns3", content=True)
TRIO = replace(THREE, primary=None)


def digest(letters: str, algorithm: int = 1) -> bytes:
    """What stands for the digest of these records."""
    return bytes([algorithm, *letters.encode()]) * 16


def record(letters: str = "abc", serial: int = 5, scheme: int = 1, algorithm: int = 1) -> Zonemd:
    """As it is made of these records for this serial."""
    return Zonemd(serial, scheme, algorithm, digest(letters, algorithm))


@dataclass(frozen=True, slots=True)
class Given:
    """The zone as a server gives it; upper-case letters are records of DNSSEC, and the ZONEMD records are some."""

    letters: str = "abc"
    zonemd: tuple[Zonemd, ...] = (record(),)
    serial: int = 5
    undigested: str = ""


Served = Mapping[str, Given]
GOOD = Given()
TAMPERED = Given("abd")
MIXED = Given("abd", (record("abx"),))
"""Other records than ns1's, and others than its own record is for."""
STALE = Given(zonemd=(record(serial=4),))
NONE = Given(zonemd=())


def give(query: Query, served: Served) -> Observation:
    if query.server not in served:
        return pulled(query, TransferResult.REFUSED, rcode="REFUSED")
    one = served[query.server]
    made = content(
        one.letters + "Z" * (sum(each.serial + sum(each.digest[:4]) for each in one.zonemd) % 251), query.content or ()
    )
    digests = () if one.undigested else tuple((each, digest(one.letters, each)) for each in query.zonemd)
    undigested = one.undigested if query.zonemd else ""
    made = replace(made, zonemd=one.zonemd, digests=digests, undigested=undigested)
    return pulled(query, TransferResult.ALLOWED, soa=replace(SOA, serial=one.serial), content=made)


def second(where: Zone, served: Served) -> tuple[tuple[Observation, ...], tuple[Query, ...]]:
    first = tuple(give(query, served) for query in Content().queries(where, ()))
    return first, tuple(Content().queries(where, first))


def look(where: Zone, served: Served, then: Served | None = None) -> CheckResult:
    """``then``: what is served at the second transfer, if that is something else."""
    first, again = second(where, served)
    seen = (*first, *(give(query, served if then is None else then) for query in again))
    assert not again or not tuple(Content().queries(where, seen))
    return run_check(Content(), where, gather(where, "content", *seen), ZoneState(where.name))


ALL = {"ns1": GOOD, "ns2": GOOD, "ns3": GOOD}
BAD = {"ns1": TAMPERED, "ns2": TAMPERED, "ns3": TAMPERED}
CASES: list[tuple[str, Zone, Served, set[str]]] = [
    ("as it should be", THREE, ALL, set()),
    ("no such record", THREE, {"ns1": NONE, "ns2": NONE, "ns3": NONE}, set()),
    ("one server's records were changed", THREE, ALL | {"ns2": TAMPERED},
     {"content-differs ns2", "zonemd-mismatch ns2"}),
    ("the primary's were", THREE, ALL | {"ns1": TAMPERED}, {"content-differs ns1", "zonemd-mismatch ns1"}),
    ("the primary's were, and one has them", THREE, ALL | {"ns1": TAMPERED, "ns3": TAMPERED},
     {"content-differs ns1", "content-differs ns3", "zonemd-mismatch ns1"}),
    ("the primary's were, and one has others", THREE, ALL | {"ns1": TAMPERED, "ns3": MIXED},
     {"content-differs ns1", "content-differs ns3", "zonemd-mismatch ns1", "zonemd-mismatch ns3"}),
    ("the primary's were, and nobody has a record", THREE,
     {"ns1": replace(TAMPERED, zonemd=()), "ns2": NONE, "ns3": NONE}, {"content-differs ns2", "content-differs ns3"}),
    ("the primary's were, and all have them", THREE, BAD, {"zonemd-mismatch ns1"}),
    ("all have them, and there is no primary", TRIO, BAD,
     {"zonemd-mismatch ns1", "zonemd-mismatch ns2", "zonemd-mismatch ns3"}),
    ("two have different ones", THREE, ALL | {"ns2": TAMPERED, "ns3": MIXED},
     {"content-differs ns2", "content-differs ns3", "zonemd-mismatch ns2", "zonemd-mismatch ns3"}),
    ("one serves an older version", THREE, ALL | {"ns3": Given("ab", (record("ab", 4),), 4)}, {"? ns3"}),
    ("one serves an older version that was changed", THREE, ALL | {"ns3": Given("ax", (record("ab", 4),), 4)},
     {"? ns3", "zonemd-mismatch ns3"}),
    ("nobody can be compared", THREE, {"ns1": TAMPERED}, {"? ns2", "? ns3", "? ns1", "zonemd-mismatch ns1"}),
    ("nobody can be compared, and one is as it should be", THREE, {"ns1": GOOD}, {"? ns1", "? ns2", "? ns3"}),
    ("nobody can be compared, and nothing be verified", THREE, {"ns1": Given(zonemd=(record(scheme=2),))}, {"?"}),
    ("the record is for another serial", THREE, dict.fromkeys(ALL, STALE), {"zonemd-stale ns1"}),
    ("the record is for another serial at one", THREE, ALL | {"ns2": STALE}, {"zonemd-stale ns2"}),
    ("one of two records matches", THREE, dict.fromkeys(ALL, Given(zonemd=(record("x"), record(algorithm=2)))), set()),
    ("neither matches", THREE, dict.fromkeys(ALL, Given(zonemd=(record("x"), record("y", algorithm=2)))),
     {"zonemd-mismatch ns1"}),
    ("one matches, beside one for another serial", THREE,
     dict.fromkeys(ALL, Given(zonemd=(record(serial=4), record(algorithm=2)))), set()),
    ("a scheme that nobody knows", THREE, dict.fromkeys(ALL, Given(zonemd=(record("x", scheme=241),))),
     {"? ns1", "? ns2", "? ns3"}),
    ("a hash algorithm that nobody knows", THREE, dict.fromkeys(ALL, Given(zonemd=(record("x", algorithm=240),))),
     {"? ns1", "? ns2", "? ns3"}),
    ("beside one that matches", THREE, dict.fromkeys(ALL, Given(zonemd=(record(), record("x", algorithm=240)))), set()),
    ("two of the same, of which one would match", THREE, dict.fromkeys(ALL, Given(zonemd=(record(), record("x")))),
     {"? ns1", "? ns2", "? ns3"}),
    ("two of the same, beside one that matches", THREE,
     dict.fromkeys(ALL, Given(zonemd=(record("y"), record("x"), record(algorithm=2)))), set()),
    ("more than are looked at", THREE,
     dict.fromkeys(ALL, Given(zonemd=(record(), *(record(algorithm=9 + more) for more in range(MAX_ZONEMD))))),
     {"? ns1", "? ns2", "? ns3"}),
    ("too large", THREE, dict.fromkeys(ALL, Given("abd", undigested="too large: it is so")),
     {"? ns1", "? ns2", "? ns3"}),
]  # fmt: skip


@pytest.mark.parametrize(("where", "served", "said"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_whose_zone_does_not_match(where: Zone, served: Served, said: set[str]) -> None:
    assert found(look(where, served)) == said


def test_one_of_those_who_have_the_same_zone_is_asked_once_more() -> None:
    def asked(served: Served, where: Zone = THREE) -> list[tuple[str, tuple[int, ...]]]:
        return [(query.server, query.zonemd) for query in second(where, served)[1]]

    assert asked(ALL) == [("ns1", (1,))]
    assert asked(ALL, replace(THREE, primary="ns2")) == [("ns2", (1,))]
    assert asked(ALL | {"ns3": TAMPERED}) == [("ns1", (1,)), ("ns3", (1,))]
    assert asked(dict.fromkeys(ALL, Given(zonemd=(record(algorithm=2), record())))) == [("ns1", (1, 2))]
    assert asked({"ns1": NONE, "ns2": NONE, "ns3": NONE}) == []
    assert asked(dict.fromkeys(ALL, Given(zonemd=(record(algorithm=240),)))) == []
    many = replace(THREE, primary="ns3")
    differing = {"ns1": GOOD, "ns2": GOOD, "ns3": replace(NONE, letters="abd")}
    assert asked(differing, many) == [("ns3", ()), ("ns1", (1,)), ("ns2", ())], "it is asked in any case"


def test_what_is_told() -> None:
    told = {one.code: one.text for one in look(THREE, ALL | {"ns2": TAMPERED}).findings}
    assert told["zonemd-mismatch"] == (
        "ns2 (192.0.2.2) serves serial 5 with other records than its ZONEMD record is for: SHA-384 of the zone is "
        "01616264016162640161626401616264..., in the record 01616263016162630161626301616263...; that of ns1 and ns3, "
        "on this serial, matches its own"
    )
    (one,) = look(THREE, BAD).findings
    assert one.text.endswith("in the record 01616263016162630161626301616263...; ns2 and ns3 have the same zone")
    (one,) = look(THREE, dict.fromkeys(ALL, STALE)).findings
    assert one.text == (
        "ns1 (192.0.2.1) serves serial 5, and its ZONEMD record is for serial 4; ns2 and ns3 have the same zone"
    )
    (one,) = look(zone("ns1", "ns2", content=True), {"ns1": STALE, "ns2": STALE}).findings
    assert one.text.endswith("; ns2 has the same zone")
    short = Given(zonemd=(Zonemd(5, 1, 1, b"\xab\xcd"),))
    (one,) = look(THREE, dict.fromkeys(ALL, short)).findings
    assert "in the record abcd; ns2" in one.text


def test_a_zone_that_matches_in_another_group_is_not_called_as_witness() -> None:
    where = zone(
        server("ns1", "192.0.2.1", group="a"), server("ns2", "192.0.2.2", group="b"),
        server("ns3", "192.0.2.3", group="b"), content=True,
    )  # fmt: skip
    bad = [one for one in look(where, ALL | {"ns1": TAMPERED}).findings if one.code == "zonemd-mismatch"]
    assert [(one.server, "matches" in one.text) for one in bad] == [("ns1", False)]


REASONS: list[tuple[Served, Served | None, str]] = [
    (BAD, {}, "it has a ZONEMD record, and was not given a second time to verify it"),
    (BAD, dict.fromkeys(ALL, Given("abe")), "it has a ZONEMD record, and has changed between two transfers"),
    (BAD, dict.fromkeys(ALL, replace(TAMPERED, serial=6)),
     "it has a ZONEMD record, and has changed between two transfers"),
    (dict.fromkeys(ALL, Given(undigested="too large: so")), None, "its ZONEMD record is not verified, too large: so"),
    (dict.fromkeys(ALL, Given(zonemd=(record(scheme=2),))), None,
     "its zone is not verified, it has no ZONEMD record of a scheme and hash algorithm that are known here"),
    (dict.fromkeys(ALL, Given(zonemd=(record(), record("x")))), None,
     "its zone is not verified, it has several ZONEMD records of one scheme and hash algorithm"),
    (dict.fromkeys(ALL, Given(zonemd=tuple(record(algorithm=9 + more) for more in range(MAX_ZONEMD + 1)))), None,
     "its zone is not verified, it has more than 16 ZONEMD records"),
]  # fmt: skip


@pytest.mark.parametrize(("served", "then", "reason"), REASONS)
def test_what_cannot_be_told_accuses_nobody(served: Served, then: Served | None, reason: str) -> None:
    result = look(THREE, served, then)
    assert (result.health, result.findings) == (Health.GOOD, ())
    assert {(one.server, one.subject, one.reason) for one in result.unsure} == {
        (name, "ZONEMD", reason) for name in ALL
    }
