"""What is wrong with the monitor itself, and what is not: as much is said of silence as of noise."""

from dataclasses import replace
from datetime import timedelta

import pytest

from checks.model import TransferResult
from monitor.config.low_caps import LowCap
from monitor.state.monitor_result import monitor_result
from monitor.state.monitor_state import MonitorState
from monitor.state.own_troubles import (
    ClockSkew,
    DiskSpace,
    OwnTrouble,
    cadence_not_kept,
    clock_jumped,
    clock_off,
    disk_low,
    note_skews,
    zones_vanished,
)
from monitor.state.sweep_status import SweepStatus, not_begun
from tests.support.observations import NOON, gather, pulled, query, zone

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
MB = 1_000_000
LARGE = 100_000 * MB
WATCHED = zone("ns1", "ns2", "ns3")


def skews(**seconds: float) -> dict[str, ClockSkew]:
    return {server: ClockSkew(value, NOON + HOUR) for server, value in seconds.items()}


CLOCKS: list[tuple[str, dict[str, ClockSkew], list[str]]] = [
    ("nobody says anything", {}, []),
    ("one server alone: it may be its clock", skews(ns1=600), []),
    ("two that do not agree", skews(ns1=600, ns2=-400), []),
    ("two that agree", skews(ns1=600, ns2=602), ["this machine's clock is 10 min behind, say ns1 and ns2 (BADTIME)"]),
    (
        "three, and one that is wrong itself", skews(ns1=-3600, ns2=-3601, ns3=900),
        ["this machine's clock is 1 h ahead, say ns1 and ns2 (BADTIME)"],
    ),
    ("what was said long ago", {name: ClockSkew(600, NOON) for name in ("ns1", "ns2")}, []),
]  # fmt: skip


@pytest.mark.parametrize(("title", "said", "texts"), CLOCKS, ids=[title for title, *_ in CLOCKS])
def test_clocks(title: str, said: dict[str, ClockSkew], texts: list[str]) -> None:
    assert [one.text for one in clock_off(said, NOON)] == texts


def test_what_servers_say_of_the_time_is_noted_until_they_accept_a_signature() -> None:
    def asked(server: str, result: TransferResult, skew: float | None = None):
        signed = replace(query(WATCHED, server, "AXFR"), key="xfr")
        return replace(pulled(signed, result), skew=skew)

    known: dict[str, ClockSkew] = {}
    badtime = [asked(name, TransferResult.BADTIME, 600) for name in ("ns1", "ns2")]
    note_skews(known, gather(WATCHED, "transfer", *badtime))
    assert [one.code for one in clock_off(known, NOON)] == ["clock-off"]
    unsigned = pulled(query(WATCHED, "ns1", "AXFR"), TransferResult.REFUSED)
    note_skews(known, gather(WATCHED, "transfer", unsigned, asked("ns2", TransferResult.TIMEOUT)))
    assert sorted(known) == ["ns1", "ns2"], "neither says anything of the time"
    note_skews(known, gather(WATCHED, "transfer", asked("ns1", TransferResult.ALLOWED)))
    assert sorted(known) == ["ns2"]


def test_a_clock_that_jumped() -> None:
    assert [clock_jumped(seconds, NOON).text for seconds in (3600.4, -90)] == [
        "this machine's clock went forward by 1 h, or the machine slept, shortly before 2026-11-20 12:00 UTC",
        "this machine's clock went back by 1 min 30 s, shortly before 2026-11-20 12:00 UTC",
    ]


DISKS: list[tuple[str, DiskSpace, bool, list[str]]] = [
    ("room enough", DiskSpace(LARGE, 200 * MB, 1000, 10 * MB), False, []),
    ("a large disk that is nearly full, and room enough", DiskSpace(LARGE, 300 * MB, None, 10 * MB), False, []),
    (
        "no room for the database once more", DiskSpace(LARGE, 900 * MB, 1000, 850 * MB), False,
        ["900 MB are free on the disk of soawatch.db, which takes 850 MB"],
    ),
    (
        "little room for a small one", DiskSpace(LARGE, 100 * MB, None, MB), False,
        ["100 MB are free on the disk of soawatch.db, which takes 1 MB"],
    ),
    ("a little more than that is no end of it", DiskSpace(LARGE, 120 * MB, None, MB), True, [
        "120 MB are free on the disk of soawatch.db, which takes 1 MB"]),
    ("a quarter more is", DiskSpace(LARGE, 140 * MB, 200, MB), True, []),
    ("a small disk with a database of its own", DiskSpace(64 * MB, 50 * MB, None, MB), False, []),
    ("the same, nearly full", DiskSpace(64 * MB, 6 * MB, None, MB), False, [
        "6 MB are free on the disk of soawatch.db, which takes 1 MB"]),
    ("no more files", DiskSpace(LARGE, 900 * MB, 7, MB), False, ["7 files more fit on the disk of soawatch.db"]),
]  # fmt: skip


@pytest.mark.parametrize(("title", "space", "known", "texts"), DISKS, ids=[title for title, *_ in DISKS])
def test_disks(title: str, space: DiskSpace, known: bool, texts: list[str]) -> None:
    assert [one.text for one in disk_low(space, "soawatch.db", known=known)] == texts


RELOADS = [
    (10, 0, ""), (10, 1, ""), (10, 5, ""), (2, 1, ""),
    (10, 6, "lets go of 6 of 10 zones: z0.example, z1.example, z2.example and 3 more"),
    (3, 3, "lets go of all 3 zones: z0.example, z1.example and z2.example"),
    (1, 1, "lets go of all 1 zone: z0.example"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "gone", "words"), RELOADS)
def test_reloads(before: int, gone: int, words: str) -> None:
    found = [one.text for one in zones_vanished([f"z{n}.example." for n in range(gone)], before, NOON)]
    assert found == ([f"the configuration that was read at 2026-11-20 12:00 UTC {words}"] if words else [])


def lagging(cadence: timedelta, interval: timedelta, *caps: str) -> SweepStatus:
    low = tuple(LowCap(name, None, 2, 3) for name in caps) if caps else None
    return replace(not_begun("reachable", cadence), begun=NOON, interval=interval, late=2, low_caps=low)


def test_a_cadence_that_is_not_kept_for_long() -> None:
    sweep = lagging(MINUTE, 3 * MINUTE)
    assert list(cadence_not_kept(sweep, NOON - 9 * MINUTE, NOON)) == []
    assert list(cadence_not_kept(lagging(HOUR, 2 * HOUR), NOON - 2 * HOUR, NOON)) == [], "that is not three sweeps"
    assert list(cadence_not_kept(not_begun("reachable", MINUTE), NOON - HOUR, NOON)) == []
    (found,) = cadence_not_kept(sweep, NOON - 10 * MINUTE, NOON)
    assert found.text == "reachable is asked every 3 min instead of every 1 min"
    assert found.subject == "reachable every 1 min"
    for caps, words in (
        (("max_qps",), "max_qps is too low"),
        (("max_qps", "max_tcp"), "max_qps and max_tcp are too low"),
    ):
        (capped,) = cadence_not_kept(lagging(MINUTE, 3 * MINUTE, *caps), NOON - HOUR, NOON)
        assert capped.text.endswith(f", for which {words}")


def test_all_of_it_are_findings_of_the_monitor() -> None:
    state = MonitorState(own_troubles=(OwnTrouble("disk-low", "little", "space"),), clock_skews=skews(ns1=600, ns2=600))
    found = monitor_result(state, NOON).findings
    assert [(one.code, one.subject) for one in found] == [("disk-low", "space"), ("clock-off", "")]
