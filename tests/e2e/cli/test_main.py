"""The command line as a whole: quick, complete, and never a traceback."""

import asyncio
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.cli.main import COMMANDS
from tests.support.speaking import SPOKEN, process, python, run, say

HEAVY = {
    "dns",
    "rich",
    "structlog",
    "pydantic",
    "httpx",
    "asyncio",
    "uvicorn",
    "sqlite3",
    "jinja2",
    "importlib.metadata",
}
"""Modules that cost more than the help itself."""


async def test_help_names_every_command_and_cuts_nothing_off() -> None:
    said = await run("--help")
    assert said.status == 0
    assert said.err == ""
    assert "..." not in said.out.replace("[ARGS]...", "")
    for command, what in COMMANDS.items():
        assert re.search(rf"^  {command} +{re.escape(what)}$", said.out, re.MULTILINE), command


async def test_help_loads_nothing_that_is_slow_to_load() -> None:
    said = await python(
        "import sys\nfrom monitor.cli.main import main\n"
        "try:\n    main(['--help'])\nfinally:\n    print(*sys.modules, file=sys.stderr)"
    )
    loaded = set(said.err.split())
    assert "monitor.cli.main" in loaded
    assert not HEAVY & loaded


@pytest.mark.parametrize("command", COMMANDS)
async def test_every_command_explains_itself(command: str) -> None:
    said = await say(command, "--help")
    assert said.status == 0
    assert said.out.startswith(f"Usage: soawatch {command} [OPTIONS]")
    assert said.err == ""


async def test_the_version() -> None:
    said = await say("--version")
    assert re.fullmatch(r"soawatch \d+\.\d+\.\d+\S*\n", said.out)
    assert said.status == 0


async def test_a_slip_is_met_with_a_hint() -> None:
    said = await say("chekc", "example.com")
    assert said.status == 2
    assert "Did you mean check?" in said.err
    said = await say("zzzzz")
    assert said.status == 2
    assert "There is no command 'zzzzz'." in said.err
    assert "mean" not in said.err
    said = await say("check", "example.com", "--sever", "ns1=192.0.2.1")
    assert said.status == 2
    assert "--server" in said.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "--nagios"),
        ("check", "--nagios", "a..b"),
        ("check", "--nagios", "192.0.2.1"),
        ("check", "--nagios", "example.com", "--nonsense"),
        ("check", "--nagios", "example.com", "--moment", "soon"),
        ("check", "--nagios", "example.com", "--server", "ns1=nowhere"),
        ("check", "--nagios", "example.com", "-c", "no-such-file.toml"),
        ("check", "--nagios", "example.com", "-c", "/"),
        ("check", "--nagios", "x|y\n"),
        ("chekc", "--nagios", "example.com"),
    ],
)
async def test_no_mistake_of_ours_is_a_warning_to_nagios(arguments: tuple[str, ...]) -> None:
    said = await say(*arguments)
    assert said.status == 3
    assert re.fullmatch(r"SOAWATCH UNKNOWN - [^|\n]+\n", said.out)
    assert said.err == ""


async def test_a_defect_is_unknown_to_nagios_and_a_traceback_to_people() -> None:
    absent = "import sys\nsys.modules['monitor.cli.zone_check.check_zone'] = None\n"
    broken = f"{absent}from monitor.cli.main import main\nmain(sys.argv[1:])"
    said = await python(broken, "check", "example.com", "--nagios")
    assert said.status == 3
    assert said.out.startswith("SOAWATCH UNKNOWN - a defect of soawatch: ModuleNotFoundError")
    assert said.out.count("\n") == 1
    assert said.err == ""
    said = await python(broken, "check", "example.com")
    assert said.status == 1
    assert "Traceback" in said.err


@pytest.mark.parametrize(
    "arguments", [("explain", "serial-stuck"), ("pair", "faults"), ("--help",), ("check-config", "--schema")]
)
async def test_a_reader_that_has_read_enough_is_no_error(arguments: tuple[str, ...]) -> None:
    shell = 'set -o pipefail; "$@" | head -1 >/dev/null; exit ${PIPESTATUS[0]}'
    piped = await asyncio.create_subprocess_exec(
        "bash", "-c", shell, "bash", sys.executable, "-m", "monitor", *arguments, stderr=asyncio.subprocess.PIPE
    )
    _, err = await piped.communicate()
    assert err == b""
    assert piped.returncode in (0, 1)


@pytest.mark.parametrize("unbuffered", ["", "1"])
async def test_a_full_disk_is_a_sentence_and_to_nagios_unknown(unbuffered: str) -> None:
    """The kind is a result that cannot be written: the status says so, whether or not Python holds it back first
    (PYTHONUNBUFFERED), and never is 120, which is Python's own.
    """
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    for more, status in ((), 1), (("--nagios",), 3):
        written, err = await into("/dev/full", "check", "a.example", "--server", "x=127.0.0.1:1", "--moment", "0.1",
                                  *more, env={"PYTHONUNBUFFERED": unbuffered})  # fmt: skip
        assert written == status
        assert b"Traceback" not in err
        assert b"ignored" not in err
        assert (b"soawatch: [Errno 28]" in err) is not bool(more)


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", [("--help",), ("--version",), ("explain", "serial-late"), ("completion", "bash")])
async def test_whatever_cannot_be_written_is_told_by_the_status(command: tuple[str, ...], unbuffered: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    status, err = await into("/dev/full", *command, env={"PYTHONUNBUFFERED": unbuffered})
    assert (status, err) == (1, b"soawatch: [Errno 28] No space left on device\n")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(("command", "status"), [
    (("explain", "serial-late"), 0),
    (("check", "a.example", "--server", "x=127.0.0.1:1", "--moment", "0.1"), 1),
    (("check", "a.example", "--server", "x=127.0.0.1:1", "--moment", "0.1", "--nagios"), 2),
    (("wait", "a.example", "--server", "x=127.0.0.1:1", "--serial", "1", "--timeout", "0.5"), 1),
    (("no-such-command",), 2),
])  # fmt: skip
async def test_streams_that_are_closed_change_no_status(command: tuple[str, ...], status: int, closed: str) -> None:
    """As cron jobs and daemons start programs. What is printed goes nowhere, and into no socket."""
    closing = await asyncio.create_subprocess_exec(
        "bash", "-c", f'"$@" {closed}', "bash", sys.executable, "-m", "monitor", *command,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=SPOKEN,
    )  # fmt: skip
    _, err = await closing.communicate()
    assert closing.returncode == status
    assert b"Traceback" not in err


async def into(place: str, *arguments: str, env: dict[str, str]) -> tuple[int | None, bytes]:
    """``soawatch arguments`` with its result going to this place: the status, and what it said on stderr."""
    with Path(place).open("w") as out:
        writing = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "monitor", *arguments, stdout=out, stderr=asyncio.subprocess.PIPE,
            env={**SPOKEN, **env},
        )  # fmt: skip
        _, err = await writing.communicate()
    return writing.returncode, err


async def test_a_terminal_without_our_letters_gets_escapes() -> None:
    said = await run("check", "bücher.example", "--server", "ns1=127.0.0.1:1", "--moment", "0.1",
                     env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})  # fmt: skip
    assert said.status == 1
    assert r"xn--bcher-kva.example. (b\xfccher.example.)" in said.out
    assert "Traceback" not in said.err


async def test_ctrl_c_ends_a_command_with_a_word() -> None:
    async with process("check", "example.com", "--server", "ns1=127.0.0.1:1", "--moment", "60") as looking:
        assert looking.stderr is not None
        async with asyncio.timeout(60):
            assert "looking again" in (await looking.stderr.readline()).decode()
            looking.send_signal(signal.SIGINT)
            out, err = await looking.communicate()
    assert looking.returncode == 130
    assert out == b""
    assert err.decode().strip() == "interrupted"


def test_ctrl_c_while_a_command_loads_ends_it_without_a_traceback() -> None:
    """Typed just when a library is looked for."""
    code = """if True:
        import os, signal, sys
        from importlib.abc import MetaPathFinder

        class Typist(MetaPathFinder):
            def find_spec(self, name, path, target=None):
                if name == "click":
                    os.kill(os.getpid(), signal.SIGINT)

        sys.meta_path.insert(0, Typist())
        from monitor.__main__ import main
        main()
    """
    ended = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, b"", b"")


async def test_what_the_system_refuses_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = await say("deploy-files", tmp_path / "file" / "sub")
    assert said.status == 1
    assert re.fullmatch(r"soawatch: \S+: Not a directory\n", said.err)
    assert said.out == ""
