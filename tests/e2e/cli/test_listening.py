"""An address that cannot be had to listen at: every command that listens names the setting and says what to do.

The kind: the system refuses the address of page and API, for whatever reason, over either family.
"""

import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.probe.cannot_listen import CannotListen
from monitor.web.listener import listening
from tests.support.require import program
from tests.support.service_config import ZONE
from tests.support.speaking import Said, run, say


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "soawatch.toml"


def listens(config: Path, where: str) -> Path:
    config.write_text(ZONE.replace('"127.0.0.1:0"', f'"{where}"\npublic = true'))
    return config


@pytest.fixture(params=["127.0.0.1", "::1"])
def taken(request: pytest.FixtureRequest) -> Iterator[tuple[str, int]]:
    host = request.param
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server:
        yield host, server.getsockname()[1]


@pytest.fixture
def apart() -> list[str]:
    """A prefix for commands: in a user and network namespace of their own, with loopback but without IPv6."""
    program("ip", package="iproute2")
    inside = [program("unshare", package="util-linux"), "--user", "--map-root-user", "--net"]
    shell = "ip link set lo up && echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6"
    if subprocess.run([*inside, "sh", "-c", shell], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody make a network namespace")
    return [*inside, "sh", "-c", f'{shell} && exec "$@"', "sh"]


def refused(said: Said) -> str:
    """The one line of why it did not start."""
    assert said.out == ""
    assert "Traceback" not in said.err
    last = json.loads(said.err.splitlines()[-1])
    assert last["event"] == "cannot start"
    return str(last["error"])


async def why(host: str, port: int) -> str:
    with pytest.raises(CannotListen) as refusal:
        await listening(host, port)
    assert not refusal.value.lasting  # a port may become free, an address come up late
    return str(refusal.value)


async def test_a_port_that_another_program_has(taken: tuple[str, int]) -> None:
    assert (await why(*taken)).endswith(
        f"{taken[1]}: address already in use by another program, perhaps another soawatch; "
        f"stop that (ss -ltunp 'sport = :{taken[1]}' names it), or choose another port"
    )


@pytest.mark.parametrize(
    ("host", "where", "every"),
    [("192.0.2.99", "192.0.2.99:9953", "0.0.0.0"), ("2001:db8::99", "[2001:db8::99]:9953", "::")],
)
async def test_an_address_that_the_machine_has_not(host: str, where: str, every: str) -> None:
    assert await why(host, 9953) == (
        f"cannot listen on {where}: this machine has no such address; "
        f"choose one that `ip address` shows, or {every} for all of them"
    )


async def test_the_service_names_its_setting_and_the_demo_its_option(config: Path, taken: tuple[str, int]) -> None:
    where = f"[{taken[0]}]:{taken[1]}" if ":" in taken[0] else f"{taken[0]}:{taken[1]}"
    words = f"cannot listen on {where}: address already in use by another program"
    if taken[0] == "::1":
        said = await run("demo", "--only", "ttl-changed", "--listen", where)
        assert said.err.startswith(f"soawatch: --listen: {words}")
        assert said.err.count("\n") == 1
    else:
        said = await run("run", "-c", listens(config, where))
        assert refused(said).startswith(f"service.listen: {words}")
    assert said.status == 1


async def test_a_privileged_port_is_a_matter_of_configuration(config: Path) -> None:
    free = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    inside = [program("unshare", package="util-linux"), "--user", "--map-root-user"]
    if subprocess.run([*inside, "true"], capture_output=True, check=False).returncode or free <= 80:
        pytest.skip("this machine lets nobody be without privileges, or has no privileged ports")
    said = await run("run", "-c", listens(config, "127.0.0.1:80"), inside=inside)
    assert said.status == 78
    assert refused(said) == (
        f"service.listen: cannot listen on 127.0.0.1:80: this user may not listen on ports below {free}; "
        "choose a higher one, with a web server in front where it must be 80"
    )


async def test_a_pair_without_ipv6(tmp_path: Path, apart: list[str]) -> None:
    pair = await run("pair", "run", "--ipv6", "-d", tmp_path / "pair", inside=apart)
    assert (pair.status, pair.err) == (1, "soawatch: this machine has no address ::1\n")


async def test_what_the_pair_writes_down_is_an_address(tmp_path: Path) -> None:
    said = await say("pair", "run", "-d", tmp_path / "pair", "--listen", "9953")
    assert said.status == 2
    assert '--listen: "9953" has no port' in said.err
    assert not (tmp_path / "pair").exists()
