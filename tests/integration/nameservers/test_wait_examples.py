"""The scripts of docs/wait.md, as they stand there, on BIND, Knot DNS and NSD: Knot hears of each change last."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.lab.model import XFR, Content
from tests.support.lab.server import Server
from tests.support.lab.topology import Lab
from tests.support.lab.waiting import until
from tests.support.require import program

ROOT = Path(__file__).parents[3]
ZONE, CHILD = "acme.test.", "roll.acme.test."
NAME = f"_acme-challenge.www.{ZONE}"
PATIENCE = 40.0
NSUPDATE_HOOK = """
dns_nsupdate_add() {
    printf 'server %s\\nupdate add %s. 60 TXT "%s"\\nsend\\n' "$PRIMARY" "$1" "$2" | nsupdate -k "$KEY"
}
"""


def script(name: str) -> str:
    """What stands between two comments of that name."""
    section = (ROOT / "docs/wait.md").read_text().partition(f"<!-- {name} -->")[2].partition(f"<!-- /{name} -->")[0]
    found = re.search(r"```sh\n(.*?)```", section, re.DOTALL)
    assert found, name
    return found[1]


@dataclass(frozen=True, slots=True)
class Scene:
    lab: Lab
    primary: Server
    knot: Server
    nsd: Server
    room: Path
    env: dict[str, str]

    def start(self, text: str, *arguments: str, **env: str) -> subprocess.Popen[str]:
        path = self.room / "script"
        path.write_text(text)
        return subprocess.Popen(
            ["sh", str(path), *arguments], cwd=self.room, env={**self.env, **env}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def run(self, text: str, *arguments: str, **env: str) -> tuple[int, str]:
        process = self.start(text, *arguments, **env)
        said, _ = process.communicate(timeout=PATIENCE)
        return process.returncode, said

    def waits_for_knot(self, process: subprocess.Popen[str], there: Callable[[Server], bool], zone: str = ZONE) -> None:
        """The script goes on for as long as Knot does not have the change, and ends well once it has."""
        for server in (self.primary, self.nsd):
            until(lambda server=server: there(server), f"{server!r} has the change", seconds=PATIENCE)
        assert not there(self.knot)
        assert process.poll() is None, process.communicate()[0]
        self.knot.catch_up(zone, self.primary.serial(zone) or 0)
        said, _ = process.communicate(timeout=PATIENCE)
        assert (process.returncode, said) == (0, "")
        assert there(self.knot)


def has(name: str, rdtype: str, text: str) -> Callable[[Server], bool]:
    return lambda server: text in server.ask(name, rdtype).to_text().replace(" ", "")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    for tool in ("nsupdate", "dig"):
        program(tool, package="bind9-dnsutils")
    program("dnssec-keygen", package="bind9-utils")
    room = tmp_path_factory.mktemp("wait")
    with Lab() as lab:
        primary = lab.server("bind", "primary")
        primary.serve(Content(ZONE), dynamic=True)
        primary.serve(Content(CHILD))
        knot = lab.secondary("knot", of=primary, notify=False, name="knot")
        nsd = lab.secondary("nsd", of=primary, name="nsd")
        lab.start()
        for zone in (ZONE, CHILD):
            knot.catch_up(zone, 1)
            nsd.catch_up(zone, 1)
        servers = "".join(f'[servers.{s.name}]\naddresses = ["{s.ipv4}", "{s.ipv6}"]\n' for s in lab.servers)
        zones = "".join(
            f'[[zones]]\nname = "{zone}"\nservers = ["primary", "knot", "nsd"]\nprimary = "primary"\n'
            for zone in (ZONE, CHILD)
        )
        (room / "soawatch.toml").write_text(servers + zones)
        (room / "key").write_text(
            f'key "{XFR.wire_name}" {{ algorithm {XFR.algorithm}; secret "{XFR.secret.reveal()}"; }};\n'
        )
        shim = room / "bin" / "soawatch"
        shim.parent.mkdir()
        shim.write_text(f'#!/bin/sh\nexec {sys.executable} -m monitor "$@"\n')
        shim.chmod(0o755)
        env = {
            **os.environ, "PATH": f"{shim.parent}:{os.environ['PATH']}:/usr/sbin", "PYTHONPATH": str(ROOT),
            "SOAWATCH_CONFIG": str(room / "soawatch.toml"), "KEY": str(room / "key"),
            "PRIMARY": f"{primary.ipv4.host} {primary.ipv4.port}",
        }  # fmt: skip
        yield Scene(lab, primary, knot, nsd, room, env)


def test_the_hooks_of_certbot(scene: Scene) -> None:
    """Of a name and its wildcard there are two tokens at one name."""
    for token in ("first-token_1", "second-token-2"):
        env = {"CERTBOT_DOMAIN": "www.acme.test", "CERTBOT_VALIDATION": token}
        scene.waits_for_knot(scene.start(script("certbot-auth"), **env), has(NAME, "TXT", token))
        assert scene.run(script("certbot-auth"), **env)[0] == 0  # what all have is no reason to wait
    first = {"CERTBOT_DOMAIN": "www.acme.test", "CERTBOT_VALIDATION": "first-token_1"}
    assert scene.run(script("certbot-cleanup"), **first) == (0, "")
    assert not has(NAME, "TXT", "first-token_1")(scene.primary)
    assert has(NAME, "TXT", "second-token-2")(scene.primary)


def test_the_hook_of_lego(scene: Scene) -> None:
    scene.waits_for_knot(scene.start(script("lego"), "present", NAME, "lego-token"), has(NAME, "TXT", "lego-token"))
    assert scene.run(script("lego"), "cleanup", NAME, "lego-token") == (0, "")
    assert not has(NAME, "TXT", "lego-token")(scene.primary)
    assert scene.run(script("lego"), "timeout")[0] == 2


def test_the_hook_of_acme_sh(scene: Scene) -> None:
    (scene.room / "dnsapi").mkdir()
    (scene.room / "dnsapi" / "dns_nsupdate.sh").write_text(NSUPDATE_HOOK)
    text = script("acme.sh") + '\ndns_wait_add "$1" "$2"\n'
    process = scene.start(text, NAME.rstrip("."), "sh-token", LE_WORKING_DIR=str(scene.room))
    scene.waits_for_knot(process, has(NAME, "TXT", "sh-token"))


def update(scene: Scene, zone: str, line: str) -> None:
    text = f"server {scene.env['PRIMARY']}\nzone {zone}\nupdate add {line}\nsend\n"
    subprocess.run(["nsupdate", "-k", scene.env["KEY"]], input=text, text=True, check=True, timeout=20)


def test_a_key_roll_is_held_until_all_have_the_key_and_the_parent_its_ds(scene: Scene) -> None:
    made = subprocess.run(
        ["dnssec-keygen", "-q", "-a", "13", "-f", "KSK", "-K", str(scene.room), CHILD],
        capture_output=True, text=True, check=True, timeout=20,
    )  # fmt: skip
    file = scene.room / f"{made.stdout.strip()}.key"
    (record,) = [line for line in file.read_text().splitlines() if not line.startswith(";")]
    key = record.split("DNSKEY", 1)[1]
    made = subprocess.run(["dnssec-dsfromkey", "-2", str(file)], capture_output=True, text=True, check=True, timeout=20)
    ds = made.stdout.split(" DS ", 1)[1].strip()
    roll = scene.start(script("key-roll").replace("--interval 1m", ""), CHILD.rstrip("."), ZONE, str(file))
    scene.primary.bump(CHILD, f"@ DNSKEY {key.strip()}")
    has_key = has(CHILD, "DNSKEY", key.split(None, 3)[3].replace(" ", "")[:40])
    until(lambda: has_key(scene.nsd), "NSD has the key", seconds=PATIENCE)
    assert roll.poll() is None
    scene.knot.catch_up(CHILD, scene.primary.serial(CHILD) or 0)
    update(scene, ZONE, f"{CHILD} 60 NS ns1.{ZONE}")
    update(scene, ZONE, f"{CHILD} 60 DS {ds}")
    until(lambda: scene.nsd.serial(ZONE) == scene.primary.serial(ZONE), "NSD has the DS", seconds=PATIENCE)
    assert roll.poll() is None
    scene.knot.catch_up(ZONE, scene.primary.serial(ZONE) or 0)
    said, _ = roll.communicate(timeout=PATIENCE)
    assert roll.returncode == 0, said
    assert "DNSKEY" in said
    assert f"for {CHILD} DS" in said


def test_a_pipeline(scene: Scene) -> None:
    env = {"PRIMARY": scene.primary.ipv4.host, "PORT": str(scene.primary.ipv4.port)}
    update(scene, ZONE, f"fresh.{ZONE} 60 A 192.0.2.7")
    assert scene.run(script("ci").replace("--timeout 10m", "--timeout 1s"), ZONE, **env)[0] == 1
    process = scene.start(script("ci"), ZONE, **env)
    scene.waits_for_knot(process, has(f"fresh.{ZONE}", "A", "192.0.2.7"))
    assert '"event": "done"' in (scene.room / "wait.json").read_text().splitlines()[-1]
