"""The benchmark runs to its end and measures all that it says it does. What it measures is not asserted."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.peers import asked_by
from bench.servers import Pair
from bench.table import LIMIT, PEER, Asked, compared
from tests.support.require import program

ROWS = (
    "soawatch: engine alone", "soawatch: dnspython prober alone", "soawatch: first sweep, all new",
    "soawatch: nothing new", "soawatch: 1 % is behind", "process started to first verdict",
    "one quiet sweep, asked to committed", "event loop late, p99, first sweep", "`/metrics` during sweeps, median",
)  # fmt: skip


MEASURED_ONCE = pytest.mark.xdist_group("bench")
"""For those who read what one run of the benchmark has printed: else each worker has a run of its own."""


@pytest.fixture(scope="module")
def printed() -> str:
    program("nsd", package="nsd")
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "--addresses", "100"],
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@MEASURED_ONCE
def test_it_has_a_row_for_each_part_of_soawatch(printed: str) -> None:
    for row in ROWS:
        assert f"| {row} |" in printed


def test_what_notify_costs_and_brings_is_measured() -> None:
    program("nsd", package="nsd")
    done = subprocess.run(
        [sys.executable, "-m", "bench.notify", "--zones", "50", "--seconds", "1", "--changes", "2"],
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("| a server's, ") == 3
    assert "| NOTIFY to verdict, 2 changes |" in done.stdout


def test_what_a_whole_zone_costs_is_measured() -> None:
    program("nsd", package="nsd")
    program("knotd", package="knot")
    done = subprocess.run(
        [sys.executable, "-m", "bench.content", "--records", "2000"],
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| soawatch, digest, ")]
    assert [row.rstrip(" |").rpartition(" ")[2] for row in rows] == ["2,000", "2,000"]


@MEASURED_ONCE
def test_it_finds_the_drift_and_invents_none(printed: str) -> None:
    cells = next(line for line in printed.splitlines() if line.startswith("| soawatch: 1 % is behind |")).split("|")
    assert cells[8].strip() == "2 of 2, 0 false"


@pytest.mark.parametrize("peer", [LIMIT, PEER])
def test_a_peer_that_is_not_there_has_a_row_that_says_so(
    peer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    absent = asked_by(peer, Pair((), frozenset()), tmp_path / "peer")
    assert absent.absent.startswith("not installed (Debian package: ")
    assert f"| {peer} | {absent.absent} |" in compared([[absent]])


def test_ratios_are_taken_inside_a_poll_and_then_the_median() -> None:
    polls = [[Asked(LIMIT, limit), Asked("us", us)] for limit, us in ((2.0, 4.0), (4.0, 4.0), (1.0, 30.0))]
    assert "| us | 4.0 µs (4.0 to 30.0) | 2.00x |" in compared(polls)
