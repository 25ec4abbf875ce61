"""soawatch check-config: what is understood is printed for people and programs; mistakes go to stderr, all of them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from monitor.cli.check_config import MAX_ZONES_SHOWN, SHOWN, command
from tests.support.configuration import off
from tests.support.resolver import resolving

GOOD = """
[keys.xfr]
algorithm = "hmac-sha512"
secret = "aHVudGVyMmh1bnRlcjI="
[servers.ns1]
addresses = ["192.0.2.1", "[2001:db8::1]:5353"]
hidden = true
[servers.ns2]
host = "ns2.example.net"
[[zones]]
name = "bücher.example"
servers = ["ns1", "ns2"]
primary = "ns1"
records = ["www A", { name = "@", type = "MX", expect = ["10 mail"] }]
transfer = [{ server = "ns1", key = "xfr", expect = "allowed", whole = true }, { expect = "refused" }]
[[zones]]
name = "example.com"
[receivers.hook]
type = "webhook"
url = "https://hooks.example.com/hunter2"
[[routes]]
receivers = "hook"
severity = "critical"
[severity]
transfer-open = "info"
"""


def run(tmp_path: Path, text: str, *options: str) -> Result:
    file = tmp_path / "config.toml"
    file.write_text(text, encoding="utf-8")
    return CliRunner().invoke(command, [*options, str(file)])


def test_what_was_understood_is_printed_for_people(tmp_path: Path) -> None:
    result = run(tmp_path, GOOD)
    assert result.exit_code == 0
    words = " ".join(result.stdout.split())
    for said in (
        "xn--bcher-kva.example. (bücher.example.) ns1, ns2 ns1 10m",
        "www.xn--bcher-kva.example. A, xn--bcher-kva.example. MX =",
        "example.com. to be found from the NS set",
        "ns1 (hidden) 192.0.2.1, [2001:db8::1]:5353",
        "ns2 to be resolved from ns2.example.net.",
        "at most 200 queries/s go to one server",
        "transfer 1h 0.003",
        "xn--bcher-kva.example. ns1 xfr allowed, to its end",
        "xn--bcher-kva.example. ns2 no key refused",
        "xfr xfr. hmac-sha512",
        "hook webhook",
        "hook critical any any any",
        "transfer-open info",
        "config.toml: no mistakes, 1 warning",
    ):
        assert said in words
    assert "warning: " in result.stderr
    assert "keys.xfr.secret: a secret stands in the file" in result.stderr


def test_no_secret_is_printed(tmp_path: Path) -> None:
    for option in ([], ["--json"]):
        result = run(tmp_path, GOOD, *option)
        assert "aHVudGVy" not in result.output
        assert "hunter2" not in result.output


def test_what_was_understood_is_printed_for_programs(tmp_path: Path) -> None:
    result = run(tmp_path, GOOD, "--json")
    said: dict[str, Any] = json.loads(result.stdout)
    assert said["listen"] == "127.0.0.1:9953"
    assert [(zone["name"], zone["unicode"]) for zone in said["zones"]] == [
        ("example.com.", "example.com."),
        ("xn--bcher-kva.example.", "bücher.example."),
    ]
    assert said["zones"][0]["servers_from_ns_set"] is True
    assert said["servers"][0]["addresses"] == ["192.0.2.1", "[2001:db8::1]:5353"]
    assert said["servers"][0]["queries_per_second"] > 0
    assert said["servers"][1]["host"] == "ns2.example.net."
    reachable = next(check for check in said["checks"] if check["name"] == "reachable")
    assert reachable == {
        "name": "reachable", "cadence_seconds": 60.0, "zones_by_cadence": [], "queries_per_second": 0.067,
        "settings": {},
    }  # fmt: skip
    assert (said["zones_total"], said["lists"]) == (2, [])
    assert said["receivers"] == [{"name": "hook", "type": "webhook"}]
    assert said["routes"][0]["severity"] == ["critical"]
    assert len(said["warnings"]) == 1


def test_what_the_service_will_change_is_said(tmp_path: Path) -> None:
    text = GOOD.replace('primary = "ns1"\n', 'primary = "ns1"\ncanary = { key = "xfr", max_lag = "2m" }\n')
    shown = run(tmp_path, text).stdout
    assert "will change" in shown
    assert "(_soawatch-canary.bücher.example.) TXT" in shown
    first, second = json.loads(run(tmp_path, text, "--json").stdout)["zones"]
    assert (first["canary"], second["canary"]) == (None, {
        "name": "_soawatch-canary.xn--bcher-kva.example.", "server": "ns1", "key": "xfr", "ttl": 60,
        "max_lag_seconds": 120.0,
    })  # fmt: skip


def test_every_mistake_is_on_stderr_and_the_status_is_78(tmp_path: Path) -> None:
    bad = 'zonnes = 1\n[servers.ns1]\naddresses = ["x"]\n'
    result = run(tmp_path, bad)
    assert result.exit_code == 78
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 3
    assert any('config.toml:1: zonnes: unknown key (did you mean "zones"?)' in line for line in lines)
    as_json = run(tmp_path, bad, "--json")
    assert as_json.exit_code == 78
    assert [mistake["line"] for mistake in json.loads(as_json.stdout)["mistakes"]] == [None, 1, 3]
    assert len(as_json.stderr.splitlines()) == 3


def test_only_some_of_many_zones_are_shown(tmp_path: Path) -> None:
    text = "".join(f'[[zones]]\nname = "z{n}.example"\n' for n in range(SHOWN + 7))
    assert "and 7 more (--all shows them)" in run(tmp_path, text).stdout
    everything = run(tmp_path, text, "--all").stdout
    assert f"z{SHOWN + 6}.example." in everything
    assert "more (--all" not in everything


def test_very_many_zones_from_lists_are_counted_not_written_out(tmp_path: Path) -> None:
    (tmp_path / "many.txt").write_text("".join(f"z{n}.example\n" for n in range(30_000)))
    cadence = f"[cadence]\n{off(but=('reachable', 'soa-serial'))}"
    servers = '[servers.ns1]\naddresses = ["192.0.2.1"]\n'
    text = f'{cadence}{servers}[[lists]]\nfile = "many.txt"\nservers = "ns1"\n'
    result = run(tmp_path, text)
    words = " ".join(result.stdout.split())
    assert f"and {30_000 - SHOWN} more (--all shows them)" in words
    assert "many.txt names 30000" in words
    assert len(result.stdout.splitlines()) < 2 * SHOWN
    (warning,) = [line for line in result.stderr.splitlines() if "max_qps_per_server" in line]
    assert "the cadences need 508 queries/s at ns1, 500 of them for soa-serial; " in warning
    assert warning.endswith(
        "; the cap is 200, so sweeps take about 2.54 times their cadence (soa-serial 2m33s instead of 1m); "
        "a cap of 640 would do"
    )
    said = json.loads(run(tmp_path, text, "--json").stdout)
    assert (len(said["zones"]), said["zones_total"], said["lists"][0]["zones"]) == (MAX_ZONES_SHOWN, 30_000, 30_000)
    (low,) = said["low_caps"]
    assert (low["setting"], low["server"], low["cap"]) == ("probe.max_qps_per_server", "ns1", 200)
    assert (low["sufficient"], low["times_the_cadence"]) == (640, pytest.approx(2.54, abs=0.01))


def test_text_of_the_file_cannot_steer_the_terminal(tmp_path: Path) -> None:
    text = (
        '[[zones]]\nname = "example.com"\n[receivers."\\u001b[31mred"]\ntype = "webhook"\nurl = "https://h.example/"\n'
        '[keys."\\u001b[2J"]\nname = "k"\nsecret = "aHVudGVyMmh1bnRlcjI="\n'
    )
    for option in ([], ["--json"]):
        result = run(tmp_path, text, *option)
        assert result.exit_code == 0
        assert "\x1b" not in result.output


async def test_names_are_resolved_only_when_asked_for(tmp_path: Path) -> None:
    data = {
        ("example.com.", "NS"): ["ns1.example.net."],
        ("ns1.example.net.", "A"): ["192.0.2.7"],
    }
    async with resolving(data) as resolver:
        file = tmp_path / "config.toml"
        text = f'zones = ["example.com", "b.example"]\n[resolver]\naddresses = "{resolver.address}"\ntimeout = "1s"\n'
        file.write_text(text)
        plain = await _run(str(file))
        assert resolver.asked == []
        assert "to be found from the NS set" in plain
        checked_at = await _run("--resolve", str(file))
        assert ("example.com.", "NS") in resolver.asked
    assert "ns1.example.net (found)" in " ".join(checked_at.split())
    assert "192.0.2.7" in checked_at
    assert "b.example. none found in the NS set" in " ".join(checked_at.split())


async def _run(*arguments: str) -> str:
    return (await _ended(*arguments))[0]


async def _ended(*arguments: str) -> tuple[str, str]:
    """What it said to its user, and what is wrong."""
    import asyncio

    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "monitor", "check-config", *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, err
    return out.decode(), err.decode()


def test_on_a_terminal_there_are_tables(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(GOOD, encoding="utf-8")
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "monitor", "check-config", str(file)], stdout=theirs, stderr=subprocess.DEVNULL
    ) as process:
        os.close(theirs)
        shown = b""
        while chunk := _read(ours):
            shown += chunk
        process.wait(timeout=30)
    os.close(ours)
    assert process.returncode == 0
    assert "────" in shown.decode()
    assert "hook" in shown.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def test_the_schema_is_printed_without_a_file() -> None:
    result = CliRunner().invoke(command, ["--schema"])
    assert result.exit_code == 0
    assert json.loads(result.stdout)["title"] == "soawatch configuration"


@pytest.mark.parametrize("name", ["nowhere.toml"])
def test_a_file_that_is_not_there_is_a_bad_configuration(tmp_path: Path, name: str) -> None:
    result = CliRunner().invoke(command, [str(tmp_path / name)])
    assert result.exit_code == 78
    assert "no such file" in result.stderr


def test_what_zones_have_of_their_own_is_shown(tmp_path: Path) -> None:
    text = (
        '[[zones]]\nname = "a.example"\nservers = "192.0.2.1"\n'
        '[[zones]]\nname = "b.example"\nservers = "192.0.2.1"\n'
        'cadence = { ns-set = "1h", reachable = "off" }\nseverity = { serial-late = "critical" }\n'
    )
    words = " ".join(run(tmp_path, text).stdout.split())
    assert "reachable 1m; off for 1 " in words
    assert "ns-set 5m; 1h for 1 " in words
    assert "b.example. ns-set 1h b.example. reachable off" in words
    assert "b.example. serial-late critical" in words
    said = json.loads(run(tmp_path, text, "--json").stdout)
    usual = {"records": 3600.0}
    assert [zone["cadence_seconds"] for zone in said["zones"]] == [usual, {"ns-set": 3600.0, "reachable": 0.0, **usual}]
    assert said["zones"][1]["severity"] == {"serial-late": "critical"}
    ns_set = next(check for check in said["checks"] if check["name"] == "ns-set")
    assert ns_set["zones_by_cadence"] == [{"cadence_seconds": 3600.0, "zones": 1}]


async def test_a_cap_too_low_for_servers_that_only_a_resolver_knows_is_told_once_they_are_found(tmp_path: Path) -> None:
    data = {
        ("example.com.", "NS"): ["ns1.example.net."],
        ("ns1.example.net.", "A"): ["192.0.2.7"],
    }
    async with resolving(data) as resolver:
        file = tmp_path / "config.toml"
        file.write_text(
            'zones = ["example.com"]\n[probe]\nmax_qps_per_server = 0.01\n'
            f'[resolver]\naddresses = "{resolver.address}"\ntimeout = "1s"\n'
        )
        assert await _ended("--quiet", str(file)) == ("", "")
        out, said = await _ended("--quiet", "--resolve", str(file))
    assert out == ""
    assert said.startswith("problem: probe.max_qps_per_server: the cadences need 0.037 queries/s at ns1.example.net, ")
    assert said.endswith(
        "the cap is 0.01, so sweeps take about 3.7 times their cadence (soa-serial 3m42s instead of 1m); "
        "a cap of 0.047 would do\n"
    )
