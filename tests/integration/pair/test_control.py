"""A running pair obeys its owner, over a socket that nobody else can open."""

import asyncio
import json
import signal
import socket
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from monitor.cli.pair import command
from monitor.clock import now
from monitor.pair.control import SOCKET, ControlError, control, controlled, execute
from monitor.pair.faults import FAULTS
from monitor.pair.pair import Pair

ZONE = "pair.example."


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    async with Pair([ZONE], now=now) as pair, controlled(pair, tmp_path):
        yield pair
    assert not (tmp_path / SOCKET).exists()


async def tell(directory: Path, **command: object) -> dict[str, object]:
    return await asyncio.to_thread(control, directory, command)


async def test_only_the_owner_may_speak(pair: Pair, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / SOCKET).stat().st_mode) == 0o600


async def test_breaking_mending_changing(pair: Pair, tmp_path: Path) -> None:
    await pair.in_sync()
    assert await tell(tmp_path, do="break", fault="frozen") == {"server": "ns2"}
    assert await tell(tmp_path, do="break", fault="slow", server="ns1") == {"server": "ns1"}
    assert await tell(tmp_path, do="break", fault="slow", server="ns1") == {"server": "ns1"}
    assert await tell(tmp_path, do="change") == {"serial": 1001}
    assert await tell(tmp_path, do="change", zone=ZONE, records=["www A 192.0.2.7"]) == {"serial": 1002}
    assert pair.active == {"ns1": ("slow",), "ns2": ("frozen",)}
    status = (await tell(tmp_path, do="status"))["servers"]
    assert isinstance(status, dict)
    assert status["ns1"]["serials"] == {ZONE: 1002}
    assert status["ns2"]["serials"] == {ZONE: 1000}
    assert status["ns2"]["faults"] == ["frozen"]
    assert status["ns2"]["addresses"] == [str(pair.secondary.address)]
    assert await tell(tmp_path, do="mend", fault="slow") == {"servers": ["ns1"]}
    assert await tell(tmp_path, do="mend", fault="slow") == {"servers": []}
    assert await tell(tmp_path, do="mend") == {"servers": ["ns2"]}
    await pair.in_sync()
    assert set((await tell(tmp_path, do="faults"))["faults"]) == set(FAULTS)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("order", "says"),
    [
        ({"do": "dance"}, "one of status"),
        ({}, "one of status"),
        ({"do": ["break"]}, "one of status"),
        ({"do": "break"}, '"fault" must be given'),
        ({"do": "break", "fault": "nonsense"}, "no fault is called 'nonsense'"),
        ({"do": "break", "fault": "frozen", "server": "ns9"}, "no server is called 'ns9'"),
        ({"do": "mend", "fault": 7}, '"fault" must be given, as text'),
        ({"do": "mend", "fault": "nonsense"}, "no fault is called"),
        ({"do": "change", "zone": "elsewhere.example."}, "has no zone"),
        ({"do": "change", "zone": "a..b"}, "not a name of a zone"),
        ({"do": "change", "records": "www A 192.0.2.7"}, "must be a list of lines"),
        ({"do": "change", "records": ["www A x"]}, "not zone text"),
        ({"do": "change", "records": ["www A 192.0.2.7\nx A 192.0.2.8"]}, "must be a list of lines"),
        ({"do": "change", "records": ["$INCLUDE /etc/passwd"]}, "not zone text"),
    ],
)
async def test_what_it_will_not_do(pair: Pair, order: dict[str, object], says: str) -> None:
    with pytest.raises(ControlError, match=says):
        execute(pair, order)
    assert pair.serial(ZONE) == 1000


async def test_nonsense_on_the_socket_is_answered_or_ends(pair: Pair, tmp_path: Path) -> None:
    for line in (b"hello\n", b"[1]\n", b"\xff\xfe\n", b"[" * 30_000 + b"\n", b"\n"):
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / SOCKET))
        writer.write(line)
        assert json.loads(await reader.readline())["ok"] is False
        writer.close()
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / SOCKET))
    writer.write(b"x" * 200_000)
    assert await reader.read() == b""
    writer.close()
    assert "servers" in await tell(tmp_path, do="status")


async def test_one_pair_in_a_directory(pair: Pair, tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="already"):
        async with controlled(pair, tmp_path):
            pass
    assert "servers" in await tell(tmp_path, do="status")


async def test_a_socket_left_from_a_crash_is_taken_over(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(str(tmp_path / SOCKET))
    async with Pair([ZONE], now=now) as pair, controlled(pair, tmp_path):
        assert "servers" in await tell(tmp_path, do="status")


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="no pair answers"):
        control(tmp_path, {"do": "status"})


async def test_a_path_too_long_for_a_socket_is_told(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    with pytest.raises(ControlError, match="too long"):
        async with controlled(Pair([ZONE], now=now), deep):
            pass


# --- the command ---


async def soawatch(*words: str, at: Path | None = None) -> tuple[int, str]:
    """``soawatch pair …``: its status and what it prints."""
    arguments = words if at is None else (*words, "-d", str(at))
    done = await asyncio.to_thread(CliRunner().invoke, command, arguments)
    text = done.output if done.exception is None or isinstance(done.exception, SystemExit) else str(done.exception)
    return done.exit_code, text


async def test_the_commands(pair: Pair, tmp_path: Path) -> None:
    await pair.in_sync()
    assert (await soawatch("break", "frozen", at=tmp_path))[1].startswith("ns2: frozen. Neither refreshes")
    assert await soawatch("change", at=tmp_path) == (0, "serial 1001\n")
    assert await soawatch("change", ZONE, "www 60 A 192.0.2.9", at=tmp_path) == (0, "serial 1002\n")
    assert await soawatch("change", "www 60 A 192.0.2.10", "x TXT y", at=tmp_path) == (0, "serial 1003\n")
    status, out = await soawatch("status", at=tmp_path)
    assert status == 0
    assert "broken: frozen" in out
    assert f"{ZONE}  serial 1003" in out
    assert await soawatch("mend", "frozen", at=tmp_path) == (0, "mended: ns2\n")
    assert await soawatch("mend", "all", at=tmp_path) == (0, "nothing was broken there\n")
    status, out = await soawatch("break", "lame", at=tmp_path)
    assert status == 0
    assert f"{ZONE}  not served" in (await soawatch("status", at=tmp_path))[1]


async def test_commands_that_cannot_be(tmp_path: Path) -> None:
    assert (await soawatch("break", "nonsense", at=tmp_path))[0] == 2
    assert (await soawatch("break", "frozen", "ns3", at=tmp_path))[0] == 2
    assert "start one with" in (await soawatch("status", at=tmp_path))[1]


async def test_the_list_of_faults_says_what_each_does() -> None:
    status, out = await soawatch("faults")
    assert status == 0
    for fault in FAULTS.values():
        assert fault.name in out
        assert fault.does in out


async def test_it_runs_in_the_foreground_until_it_is_told_to_end(tmp_path: Path) -> None:
    directory = tmp_path / "p"
    code = "from monitor.cli.pair import command; command()"
    process = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-W",
            "error",
            "-c",
            code,
            "run",
            "-d",
            str(directory),
            "--zone",
            "a.example",
            "--break",
            "lossy",
        ),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            lines = []
            while not lines or "Ctrl-C" not in lines[-1]:
                lines.append((await process.stdout.readline()).decode())
                assert lines[-1], (await process.communicate())[1].decode()
        servers = (await tell(directory, do="status"))["servers"]
        assert isinstance(servers, dict)
        assert servers["ns2"]["faults"] == ["lossy"]
        assert lines[0] == f"ns1 (primary) listens on {servers['ns1']['addresses'][0]}\n"
        assert stat.S_IMODE((directory / "xfr.key").stat().st_mode) == 0o600
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    finally:
        process.send_signal(signal.SIGTERM)
        _, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert sorted(path.name for path in directory.iterdir()) == ["soawatch.toml", "xfr.key"]


async def test_it_says_how_it_is_called_from_a_terminal_that_does_not_have_it_on_its_path(tmp_path: Path) -> None:
    soawatch = str(Path(sys.executable).parent / "soawatch")
    process = await asyncio.create_subprocess_exec(
        soawatch, "pair", "run", "-d", str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            out = (await process.stdout.readuntil(b"Ctrl-C")).decode()
    finally:
        process.send_signal(signal.SIGTERM)
        await process.communicate()
    assert f"  {soawatch} run -c {tmp_path / 'soawatch.toml'}\n" in out
    assert f"  {soawatch} pair mend -d {tmp_path}\n" in out


async def test_an_unknown_fault_at_the_start_leaves_nothing(tmp_path: Path) -> None:
    status, out = await soawatch("run", "--break", "nonsense", at=tmp_path / "p")
    assert status == 2
    assert "no fault is called 'nonsense'" in out
    assert not (tmp_path / "p").exists()
