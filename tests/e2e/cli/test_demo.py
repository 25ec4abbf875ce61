"""soawatch demo as somebody runs it who has just cloned the repository."""

import asyncio
import re
import signal
import tempfile
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from monitor.cli.demo import ProgressPrinter
from monitor.cli.demo_runner import FaultResult
from monitor.pair.faults import FAULTS
from tests.support.plain_http import plain_http
from tests.support.speaking import process, run, say
from tests.support.terminal import terminal

READY = "zones are good."


@pytest.fixture
def scratch() -> Iterator[Path]:
    """Where the demo's own directory goes, so that a test sees whether it is left behind. Its name is short, for
    there will be a socket in it (sun_path has 108 octets), and pytest's own may be long.
    """
    with tempfile.TemporaryDirectory(prefix="s-", dir="/tmp") as name:
        yield Path(name)
        assert list(Path(name).iterdir()) == []


async def test_it_notices_what_it_is_shown_and_leaves_nothing_behind(scratch: Path, tmp_path: Path) -> None:
    said = await run(
        "demo", "--only", "record-changed", "--only", "ttl-changed", env={"TMPDIR": str(scratch)}, cwd=tmp_path
    )
    assert said.status == 0, said
    assert said.err == ""
    lines = said.out.splitlines()
    assert lines[-1] == "demo: 2 of 2 faults noticed"
    assert re.search(r"^ +\d+\.\d s  record-differs: |^ +\d+\.\d s  content-differs: ", said.out, re.MULTILINE)
    assert re.search(r"^ +\d+\.\d s  alert delivered$", said.out, re.MULTILINE)
    assert " s later the end of the incident was delivered" in said.out
    assert "of severity info, so it was shown and raised no alert" in said.out
    assert said.plain
    assert list(scratch.iterdir()) == []
    assert list(tmp_path.iterdir()) == []


async def test_of_faults_that_are_played_at_once_each_is_told_whole_and_in_order(scratch: Path) -> None:
    """Each has a primary and a secondary of its own: none hides, explains or takes the blame for another."""
    played = {
        "serial-ahead": "serial-ahead",
        "lossy": "",
        "lame": "zone-not-served",
        "record-changed": "content-differs",
        "last-server": "zone-not-served",
    }
    said = await run("demo", *(word for name in played for word in ("--only", name)), env={"TMPDIR": str(scratch)})
    assert said.status == 0, said
    parts = re.split(r"^ \d\. ", said.out, flags=re.MULTILINE)[1:]
    assert [re.search(r"\((\S+)\)$", part, re.MULTILINE)[1] for part in parts] == list(played)
    for part, code in zip(parts, played.values(), strict=True):
        assert set(re.findall(r"^ +\d+\.\d s  (\S+): ", part, re.MULTILINE)) == ({code} if code else set()), part
        assert ("no alert in 5 s, as it should be" in part) == (not code)
    assert said.out.splitlines()[-2:] == [
        "1 of 1 harmless faults raised no alert.",
        "demo: 4 of 4 faults noticed",
    ]
    assert "the same fault at ns9, the last server that is left" in parts[-1]  # of the fifth pair


def test_what_is_said_of_a_later_fault_waits_for_its_turn() -> None:
    faults = [FAULTS[name] for name in ("lame", "dead", "lossy")]
    over = [FaultResult(fault, {}, frozenset(fault.codes), 1.0 if fault.codes else None, 2.0) for fault in faults]
    console = Console(file=StringIO(), width=80)
    with console.status("") as status:
        printer = ProgressPrinter(console, status, faults)
        for index, said in ((2, over[2]), (1, "b"), (0, "a"), (1, "c"), (0, over[0]), (1, "d"), (1, over[1])):
            printer.report(index, said)
    lines = [line.strip() for line in console.file.getvalue().splitlines() if line.strip()]
    assert [line[:2] if line[0].isdigit() else line[:8] for line in lines] == [
        "1.", "a", "fault re", "2.", "b", "c", "d", "fault re", "3.", "no alert",
    ]  # fmt: skip


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_it_ends_at_once_when_told_to(scratch: Path, number: signal.Signals, status: int) -> None:
    async with process("demo", env={"TMPDIR": str(scratch)}) as playing, asyncio.timeout(60):
        assert playing.stdout is not None
        async for line in playing.stdout:
            if READY in line.decode():
                break
        assert list(scratch.iterdir()) != []
        playing.send_signal(number)
        async with asyncio.timeout(15):
            _, err = await playing.communicate()
    assert playing.returncode == status
    assert "Traceback" not in err.decode()
    assert list(scratch.iterdir()) == []


async def test_it_stays_and_can_be_broken_further(scratch: Path) -> None:
    async with (
        process("demo", "--keep", "--only", "ttl-changed", env={"TMPDIR": str(scratch)}) as kept,
        asyncio.timeout(90),
    ):
        assert kept.stdout is not None
        said = ""
        while "soawatch pair mend -d" not in said:
            line = await kept.stdout.readline()
            assert line, said + (await kept.communicate())[1].decode()
            said += line.decode()
        assert "demo: 1 of 1 faults noticed" in said
        page = re.search(r"^Everything stays until Ctrl-C\. The page: (\S+)$", said, re.MULTILINE)
        directory = re.search(r"^  soawatch pair mend -d (\S+)$", said, re.MULTILINE)
        assert page
        assert directory
        broken = await say("pair", "break", "lame", "-d", directory[1])
        assert broken.status == 0, broken.err
        async with plain_http(page[1]) as client:
            while not any("zone-not-served" in zone["findings"] for zone in (await client.get("api/v1/zones")).json()):
                await asyncio.sleep(0.1)
        kept.send_signal(signal.SIGTERM)
        await kept.communicate()
        assert kept.returncode == 0
    assert list(scratch.iterdir()) == []


async def test_on_a_terminal_it_shows_what_it_is_at(scratch: Path) -> None:
    async with terminal("demo", "--only", "lame", columns=50, TMPDIR=str(scratch)) as shown:
        await shown.shows("1 of 1: watching")
        await shown.shows("zone-not-served")
        shown.type("\x03")
        assert await shown.ended() == 130
        assert "Traceback" not in shown.screen
        text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.screen)
        told = [line for line in re.split(r"[\r\n]+", text) if line.startswith("      ")]
        assert told
        assert all(len(line) <= 50 for line in told)
    assert list(scratch.iterdir()) == []


async def test_what_it_cannot_play() -> None:
    said = await say("demo", "--only", "earthquake")
    assert said.status == 2
    assert "no fault is called 'earthquake'" in said.err
    said = await run("demo", "--listen", "0.0.0.0:0")
    assert said.status == 2
    assert "--listen" in said.err
    assert "Traceback" not in said.err
