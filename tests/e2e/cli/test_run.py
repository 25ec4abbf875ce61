"""soawatch run as systemd and people start it: its exit status, its log, its word to systemd."""

import asyncio
import json
import signal
import socket
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.receiver import SECRET
from tests.support.resolver import resolving
from tests.support.service_config import ZONE
from tests.support.speaking import process, run, say
from tests.support.terminal import terminal

TOKEN = "a-token-that-nobody-may-read"
SECRETIVE = f"""
[keys.xfr]
algorithm = "hmac-sha256"
secret = "aHVudGVyMmh1bnRlcjI="
[receivers.hook]
type = "webhook"
url = "http://127.0.0.1:1/path-of-the-hook"
secret = "{SECRET}"
allow_private = true
"""
SECRETS = (TOKEN, "aHVudGVyMmh1bnRlcjI=", "hunter2", SECRET, SECRET.removeprefix("whsec_"), "path-of-the-hook")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "soawatch.toml"
    path.write_text(ZONE)
    return path


async def test_every_mistake_of_a_bad_configuration(config: Path) -> None:
    config.write_text(ZONE.replace('"100ms"', '"100"') + 'nonsense = 1\nprimary = "ns9"\n')
    said = await say("run", "-c", config)
    assert said.status == 78
    assert said.out == ""
    assert said.err.count(f"{config}:") == 3
    assert "probe.timeout" in said.err
    assert "nonsense" in said.err
    assert '"ns9"' in said.err
    said = await say("run", "-c", config.with_name("nothing.toml"))
    assert said.status == 78
    assert "no such file" in said.err


async def test_what_keeps_it_from_starting_is_one_line(config: Path) -> None:
    database = config.with_name("soawatch.db")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config.write_text(ZONE.replace("127.0.0.1:0", f"127.0.0.1:{taken.getsockname()[1]}"))
        said = await run("run", "-c", config)
    assert said.status == 1
    assert "cannot start" in said.err
    assert "address already in use" in said.err.lower()
    with sqlite3.connect(database) as conn:
        conn.execute("pragma application_id = 7")
    config.write_text(ZONE)
    foreign = await run("run", "-c", config)
    database.unlink()
    config.write_text(ZONE.replace("[service]", '[service]\ndatabase = "nowhere/soawatch.db"'))
    nowhere = await run("run", "-c", config)
    assert (foreign.status, nowhere.status) == (78, 78)  # no waiting mends a wrong place
    for each in (said, foreign, nowhere):
        assert each.status in (1, 78)
        assert each.out == ""
        assert "Traceback" not in each.err
        last = json.loads(each.err.splitlines()[-1])
        assert last["event"] == "cannot start"
        assert last["level"] == "critical"


async def test_the_log_is_json_on_stderr_and_holds_no_secret(config: Path) -> None:
    config.write_text(ZONE.replace("[service]", f'[service]\ntoken = "{TOKEN}"') + SECRETIVE)
    async with process("run", "-c", config, "--log-level", "debug") as service, asyncio.timeout(60):
        log = await until(service, "running")
        service.send_signal(signal.SIGHUP)
        log += await until(service, "configuration loaded")
        config.write_text(config.read_text().replace(TOKEN, f"{TOKEN}\\u001b[2J").replace('"ns1"]', '"ns9"]'))
        service.send_signal(signal.SIGHUP)
        log += await until(service, "configuration refused")
        service.terminate()
        out, rest = await service.communicate()
    assert service.returncode == 0
    assert out == b""
    log += rest.decode().splitlines()
    assert all({"event", "level", "timestamp"} <= json.loads(line).keys() for line in log)
    assert json.loads(log[-1])["event"] == "stopped"
    assert not [line for line in log for secret in SECRETS if secret in line]


async def until(service: asyncio.subprocess.Process, event: str) -> list[str]:
    lines: list[str] = []
    assert service.stderr is not None
    async for line in service.stderr:
        lines.append(line.decode())
        if json.loads(line)["event"] == event:
            return lines
    raise AssertionError(lines)


async def test_on_a_terminal_the_log_is_for_people(config: Path) -> None:
    async with terminal("run", "-c", config) as shown:
        await shown.shows("running")
        assert "\x1b[" in shown.screen
        shown.type("\x03")
        assert await shown.ended() == 0
        assert "stopped" in shown.screen
        assert "Traceback" not in shown.screen
    async with terminal("run", "-c", config, NO_COLOR="1") as shown:
        await shown.shows("running")
        assert "\x1b[" not in shown.screen


async def test_it_ends_at_once_though_it_is_still_starting(config: Path) -> None:
    """A resolver that says nothing keeps a start waiting, but not an end."""
    async with resolving({}) as resolver:
        resolver.dead = True
        config.write_text(
            f'[resolver]\naddresses = ["{resolver.address}"]\ntimeout = "60s"\n'
            + ZONE.replace('servers = ["ns1"]', "")
        )  # fmt: skip
        async with process("run", "-c", config) as service, asyncio.timeout(30):
            while not resolver.asked:
                await asyncio.sleep(0.02)
            service.send_signal(signal.SIGHUP)
            service.terminate()
            out, err = await service.communicate()
    assert service.returncode == 0
    assert b"Traceback" not in err
    assert out == b""


@asynccontextmanager
async def systemd(path: Path) -> AsyncIterator[asyncio.Queue[str]]:
    """What is said to $NOTIFY_SOCKET."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as ear:
        ear.bind(str(path))
        loop = asyncio.get_running_loop()
        loop.add_reader(ear, lambda: heard.put_nowait(ear.recv(1000).decode()))
        try:
            yield heard
        finally:
            loop.remove_reader(ear)


async def test_systemd_is_told(config: Path) -> None:
    where = config.with_name("notify")
    env = {"NOTIFY_SOCKET": str(where), "WATCHDOG_USEC": "200000"}
    async with systemd(where) as heard, process("run", "-c", config, env=env) as service, asyncio.timeout(60):
        assert await heard.get() == "READY=1"
        assert await heard.get() == "WATCHDOG=1"
        assert await heard.get() == "WATCHDOG=1"
        service.terminate()
        while (word := await heard.get()) == "WATCHDOG=1":
            pass
        assert word == "STOPPING=1"
        await service.communicate()
    assert service.returncode == 0


async def test_nobody_listens_where_systemd_was_said_to_be(config: Path) -> None:
    async with process("run", "-c", config, env={"NOTIFY_SOCKET": str(config.with_name("gone"))}) as service:
        await until(service, "systemd does not listen")
        service.terminate()
        await service.communicate()
    assert service.returncode == 0


BACKGROUND = ("bash", "-c", "trap '' INT QUIT HUP; exec \"$@\"", "bash")
"""As a script starts what it puts into the background, under nohup: all three are ignored, and that is inherited."""


async def test_what_a_script_started_in_the_background_ends_at_sigterm(config: Path, tmp_path: Path) -> None:
    """The kind is a start with signals ignored; each command that lasts ends at SIGTERM, in order where it has one."""
    looking = ("check", "example.com", "--server", "ns1=127.0.0.1:1", "--moment", "60")
    lasting: list[tuple[tuple[object, ...], str, str, int]] = [
        (("run", "-c", config), "stderr", '"running"', 0),
        (("pair", "run", "-d", tmp_path / "pair"), "stdout", "soawatch run -c", 0),
        (looking, "stderr", "looking again", -signal.SIGTERM),
    ]
    for arguments, stream, words, status in lasting:
        async with process(*arguments, inside=BACKGROUND) as started, asyncio.timeout(60):
            while words not in (line := (await getattr(started, stream).readline()).decode()):
                assert line, f"{words} was not said"
            started.send_signal(signal.SIGTERM)
            _, err = await started.communicate()
        assert started.returncode == status, (arguments, err)
        assert b"Traceback" not in err
