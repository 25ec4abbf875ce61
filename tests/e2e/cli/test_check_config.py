"""soawatch check-config on a terminal: however narrow it is, nothing is cut off."""

import re
from pathlib import Path

import pytest

from tests.support.speaking import say
from tests.support.terminal import terminal

CONFIG = """
[servers.ns1]
addresses = ["2001:db8:1111:2222:3333:4444:5555:6666", "192.0.2.1"]
[[zones]]
name = "a-rather-long-name-of-a-zone.bücher.example"
servers = ["ns1"]
records = ["www A", "www AAAA", "@ MX"]
"""


@pytest.mark.parametrize("columns", [40, 200])
async def test_everything_is_there(tmp_path: Path, columns: int) -> None:
    path = tmp_path / "soawatch.toml"
    path.write_text(CONFIG)
    async with terminal("check-config", path, columns=columns, NO_COLOR="1") as shown:
        assert await shown.ended() == 0
        text = re.sub(r"\x1b\[[0-9;]*m", "", shown.screen)
    lines = text.replace("\r", "").splitlines()
    assert all(len(line) <= columns for line in lines if str(path) not in line)
    assert "…" not in text
    title, _, rest = text.partition("Servers")
    assert title.startswith("Zones")
    folded = "".join(line[: line.find("  ")] if "  " in line else line for line in title.replace("\r", "").splitlines())
    assert "a-rather-long-name-of-a-zone.xn--bcher-kva.example." in folded.replace(" ", "")
    assert "nobody is told of anything" in rest
    assert "primary" not in title
    assert "no mistakes" in rest


async def test_a_signer_stands_beside_its_primary(tmp_path: Path) -> None:
    path = tmp_path / "soawatch.toml"
    path.write_text(
        '[[zones]]\nname = "example.test"\nservers = ["192.0.2.1", "192.0.2.2"]\n'
        'primary = "192.0.2.1"\nsigner = "192.0.2.2"\n'
    )
    said = await say("check-config", path)
    assert said.status == 0
    assert "192.0.2.1, signer 192.0.2.2" in said.out
    said = await say("check-config", path, "--json")
    (zone,) = said.data["zones"]
    assert (zone["primary"], zone["signer"]) == ("192.0.2.1", "192.0.2.2")


async def test_settings_of_checks_are_spelled_as_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "soawatch.toml"
    path.write_text(
        '[[zones]]\nname = "example.test"\nservers = ["192.0.2.1"]\n[checks.signatures]\nexpiring = "36h"\n'
    )
    said = await say("check-config", path)
    assert "tcp_when_silent = true" in said.out
    assert "expiring = 1d12h, expiring_share = 0.25, expiring_knot = 1h" in said.out
    (settings,) = (
        one["settings"]
        for one in (await say("check-config", path, "--json")).data["checks"]
        if one["name"] == "signatures"
    )
    assert settings == {"expiring": "1d12h", "expiring_share": 0.25, "expiring_knot": "1h"}
