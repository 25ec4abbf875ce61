"""Credentials that only the service has, seen from a shell: nobody's mistake, and nothing is ever sent with what stands
in their place. In the service, and in ExecReload of its unit, they are read as before.
"""

import re
from pathlib import Path

import pytest

from monitor.clock import now
from monitor.pair.pair import Pair
from tests.support.speaking import say

CONFIG = """
[service]
listen = "0.0.0.0:9953"
database = "s.db"
token_credential = "page-token"
[keys.xfr]
secret_credential = "xfr-key"
[[zones]]
name = "example.com"
servers = ["192.0.2.1"]
transfer = { server = "*", key = "xfr", expect = "allowed" }
[receivers.oncall]
type = "email"
from = "soawatch@example.com"
to = ["dns@example.com"]
smtp = { host = "mail.example.com", username = "soawatch", password_credential = "smtp-password" }
[receivers.hook]
type = "webhook"
url_credential = "hook-url"
secret_credential = "hook-secret"
"""
NAMES = ("page-token", "xfr-key", "smtp-password", "hook-url", "hook-secret")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    path = tmp_path / "soawatch.toml"
    path.write_text(CONFIG)
    return path


async def test_checked_in_a_shell_they_are_noted_and_all_else_is_checked(config: Path) -> None:
    said = await say("check-config", config)
    assert said.status == 0
    for name in NAMES:
        assert f'the credential "{name}" is not looked at: only the service has it' in said.err
    assert said.err.count("note: ") == len(NAMES)
    assert "warning" not in said.err
    assert "no mistakes" in said.out
    assert "oncall" in said.out
    assert "hook" in said.out
    assert "invalid" not in said.out + said.err  # nothing of what stands in their place
    assert (await say("check-config", "--json", config)).data["notes"]


async def test_quietly_only_what_is_to_be_read_is_printed(config: Path) -> None:
    said = await say("check-config", "--quiet", config)
    assert (said.status, said.out) == (0, "")
    assert "note: " in said.err


async def test_a_mistake_beside_them_is_a_mistake(config: Path) -> None:
    config.write_text(CONFIG.replace('"smtp-password"', '"../smtp-password"') + "nonsense = 1\n")
    said = await say("check-config", config)
    assert said.status == 78
    assert "is not the name of a credential" in said.err
    assert "nonsense" in said.err


async def test_where_they_are_they_are_read(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in ExecReload: a missing one is a mistake, and so is one that is good for nothing."""
    place = tmp_path / "credentials"
    place.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(place))
    for name in NAMES[:-1]:
        (place / name).write_text(
            "https://hooks.example.com/x" if name == "hook-url" else "c2VjcmV0IHNlY3JldCBzZWNyZXQ="
        )
    said = await say("check-config", config)
    assert said.status == 78
    assert "receivers.hook.secret_credential" in said.err
    assert "no such file" in said.err
    (place / "hook-secret").write_text("c2VjcmV0IHNlY3JldCBzZWNyZXQ=")
    said = await say("check-config", config)
    assert said.status == 0
    assert "note" not in said.err


@pytest.mark.parametrize(
    "words",
    [
        ("run", "-c"),
        ("notify-test", "hook", "-c"),
    ],
    ids=lambda words: words[0],
)
async def test_what_would_use_them_is_refused_without_them(config: Path, words: tuple[str, ...]) -> None:
    said = await say(*words, config)
    assert said.status == 78
    assert "there are no credentials here" in said.err


@pytest.mark.parametrize("form", ["", "--json", "--nagios"])
async def test_a_look_needs_none_and_tries_no_transfer_with_a_key_that_is_not_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """The server would be accused of refusing what was signed with something that stands in the key's place."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    async with Pair(["pair.example."], now=now) as pair:
        await pair.in_sync()
        text = pair.write(tmp_path).read_text()
        path = tmp_path / "credentials.toml"
        path.write_text(
            re.sub(r'secret_file = ".*"', 'secret_credential = "xfr-key"', text)
            + '[receivers.hook]\ntype = "webhook"\nurl_credential = "hook-url"\n'
        )
        assert "xfr-key" in path.read_text()
        said = await say("check", "pair.example", "-c", path, *([form] if form else []))
        refused = sum(server.counts["transfer-refused"] for server in pair.servers)
        assert sum(server.counts["badly-signed"] for server in pair.servers) == 0
    assert said.status == 0, said.out
    assert "BADSIG" not in said.out
    assert 0 < refused <= 2 * len(pair.servers), "without a key only"
    if not form:
        assert "no transfer is tried with key xfr: only the service has its credential" in said.out + said.err
        said = await say("explain", "pair.example", "-c", path)
        assert said.status == 0, said.err


async def test_a_backup_needs_none(config: Path, tmp_path: Path) -> None:
    said = await say("backup", tmp_path / "copy.db", "-c", config)
    assert said.status == 1  # there is no database yet, and that is all
    assert "there is no database here" in said.err
