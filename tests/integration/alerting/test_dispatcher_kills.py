"""Every receiver is notified at least once, and hardly ever twice, though the service is killed."""

import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from alerting.incident import IncidentEvent

SEED = 20260301
RECEIVERS = ("oncall", "hook")
OPENED, RESOLVED = IncidentEvent.OPENED.value, IncidentEvent.RESOLVED.value


def postman(directory: Path, number: int, receivers: str = ",".join(RECEIVERS), fatal: str = "") -> subprocess.Popen:
    command = [
        sys.executable,
        "-m",
        "tests.integration.alerting.sending_process",
        str(directory / "s.db"),
        str(directory / "sink"),
    ]
    return subprocess.Popen([*command, str(number), receivers, fatal], stdout=subprocess.PIPE, text=True)


def taken(directory: Path) -> list[str]:
    return (directory / "sink").read_text().split()


def last_states(number: int, receivers: tuple[str, ...]) -> set[str]:
    """What each receiver is told of each incident in any case."""
    return {f"{name}/{each}/{RESOLVED if each % 2 else OPENED}" for name in receivers for each in range(number)}


def check_the_order(lines: list[str]) -> None:
    """No receiver hears that an incident has opened after it has heard that it is over."""
    first = {line: place for place, line in reversed(list(enumerate(lines)))}
    for line, place in first.items():
        if line.endswith(RESOLVED):
            assert first.get(line.removesuffix(RESOLVED) + OPENED, -1) < place, line


@pytest.mark.parametrize("fatal", [f"oncall/0/{OPENED}", f"oncall/1/{RESOLVED}"])
def test_killed_after_the_receiver_said_yes_it_is_told_exactly_once_more_with_the_same_id(tmp_path, fatal):
    with postman(tmp_path, 3, "oncall", fatal) as killed:
        killed.wait(20)
    assert killed.returncode == -9
    with postman(tmp_path, 3, "oncall") as again:
        again.wait(20)
    assert again.returncode == 0
    counts = Counter(taken(tmp_path))
    assert counts.pop(fatal) == 2
    assert set(counts.values()) == {1}
    assert {fatal, *counts} >= last_states(3, ("oncall",))
    check_the_order(taken(tmp_path))


def kill_often(directory: Path, times: int, number: int) -> None:
    """Kills at random, each time a little further on; then lets it end, and counts."""
    dice = random.Random(SEED)
    killed = 0
    for _ in range(times):
        with postman(directory, number) as service:
            if (directory / "sink").exists():
                before = len(taken(directory))
                end = time.monotonic() + 20
                while service.poll() is None and len(taken(directory)) <= before and time.monotonic() < end:
                    time.sleep(0.002)
            else:
                service.stdout.readline()
            time.sleep(dice.uniform(0, 0.03))
            service.kill()
        killed += service.returncode == -9
        if service.returncode == 0:
            break  # all is told before the last kill
    with postman(directory, number) as last:
        last.wait(300)
    assert last.returncode == 0
    lines = taken(directory)
    counts = Counter(lines)
    assert counts.keys() >= last_states(number, RECEIVERS), "somebody has not been told"
    again = sum(counts.values()) - len(counts)
    assert again <= killed * len(RECEIVERS), f"{again} told again after {killed} kills, seed {SEED}"
    assert killed >= min(times, 3), f"only {killed} kills hit it, seed {SEED}"
    check_the_order(lines)


def test_a_few_kills_lose_nothing_and_repeat_at_most_what_was_being_sent(tmp_path):
    kill_often(tmp_path, 4, 60)


@pytest.mark.long
def test_three_hundred_kills_lose_nothing_and_repeat_at_most_what_was_being_sent(tmp_path):
    kill_often(tmp_path, 300, 1000)
