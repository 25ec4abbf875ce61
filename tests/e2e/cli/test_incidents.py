"""soawatch incidents and ack: what a running service answers, with whose token, and what is said where it does not."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.web.snapshot import Settings
from tests.support.speaking import say
from tests.support.told_incident import ID, OF_THE_HIDDEN, told
from tests.support.web_server import served
from tests.support.web_status import ANNA, TOKEN, VIEWER, Stage, ago

ZONE = '[servers.ns1]\naddresses = ["192.0.2.1"]\n[[zones]]\nname = "example.com"\nservers = ["ns1"]\n'
TOKENS = f"""
[tokens.anna]
token = "{ANNA.token.reveal()}"
role = "operate"
[tokens.viewer]
token = "{VIEWER.token.reveal()}"
"""


@asynccontextmanager
async def service(
    tmp_path: Path, more: str = TOKENS, *, guarded: bool = True
) -> AsyncIterator[tuple[Path, str, Stage]]:
    """One with an open incident for each of two causes, its configuration, and where it is."""
    seen = await told()
    if not guarded:
        seen = replace(seen, settings=Settings(), tokens=())
    async with served(seen) as (server, _):
        host, port = server.address
        config = tmp_path / "soawatch.toml"
        config.write_text(f'{ZONE}[service]\nlisten = "{host}:{port}"\n{more}')
        config.chmod(0o600)
        yield config, f"http://{host}:{port}", seen


async def test_what_is_open_and_that_somebody_knows_of_it(tmp_path: Path) -> None:
    async with service(tmp_path) as (config, _, seen):
        said = await say("incidents", "-c", config)
        assert (said.status, said.err) == (0, "")
        first, second = said.out.splitlines()[2:4]
        assert first.split()[:4] == [OF_THE_HIDDEN, "warning", "2026-11-20", "10:02"]
        assert second.startswith(f"  {ID}  critical  2026-11-20 10:02 UTC  example.com.: ns2 serves 2026112006")
        (of_team,) = (
            await say("incidents", "-c", config, "--json", "--label", "team=web shop", "--label", "tier")
        ).data
        assert of_team["id"] == ID
        assert (await say("incidents", "-c", config, "--label", "team=x")).out == "No incident like this is open.\n"
        done = await say("ack", ID, "-c", config, "--note", "I look at it")
        assert (done.status, done.err) == (0, "")
        assert done.out.startswith(f"{ID}: acknowledged by anna (example.com.: ns2 serves")
        assert "anna: I look at it" in (await say("incidents", "-c", config)).out
        (found,) = (await say("incidents", "-c", config, "--json", "--zone", "example.com")).data
        assert found["acknowledged"] == {"at": "2026-11-20T10:24:30Z", "by": "anna", "note": "I look at it"}
        undone = await say("ack", ID, "-c", config, "--undo")
        assert undone.out.startswith(f"{ID}: not acknowledged (")
        assert seen.status.incidents[ID].acknowledged is None


async def test_those_that_are_over_too(tmp_path: Path) -> None:
    async with service(tmp_path) as (config, _, seen):
        over = replace(seen.status.incidents[ID], phase="resolved", resolved_at=ago(minutes=1))
        seen.show(replace(seen.status, incidents={ID: over}))
        assert (await say("incidents", "-c", config)).out == "No incident is open.\n"
        assert len((await say("incidents", "-c", config, "--all", "--json")).data) == 3
        said = await say("ack", ID, "-c", config)
        assert (said.status, said.out) == (1, "")
        assert "the incident is over" in said.err
        said = await say("ack", "nothing/here", "-c", config)
        assert (said.status, "soawatch: http://127.0.0.1" in said.err) == (1, True)


async def test_the_token_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with service(tmp_path) as (_, url, seen):
        said = await say("incidents", "--url", url)
        assert said.status == 1
        assert "asks for a token: put it into SOAWATCH_TOKEN, or name the configuration with -c" in said.err
        token = VIEWER.token.reveal()
        monkeypatch.setenv("SOAWATCH_TOKEN", token)
        assert (await say("incidents", "--url", url)).status == 0
        said = await say("ack", ID, "--url", f"{url}/")
        assert (said.status, 'has the role "read"' in said.err, token in said.err) == (1, True, False)
        monkeypatch.setenv("SOAWATCH_TOKEN", "wrong")
        said = await say("incidents", "--url", url)
        assert (said.status, "does not take the token in SOAWATCH_TOKEN" in said.err) == (1, True)
        monkeypatch.setenv("SOAWATCH_TOKEN", ANNA.token.reveal())
        monkeypatch.setenv("SOAWATCH_URL", url)
        assert (await say("ack", ID)).status == 0
        assert seen.status.incidents[ID].acknowledged.by == "anna"


BERT = "[tokens.bert]\ntoken = 'berts-own-token'\nrole = 'operate'\n"
CREDENTIAL = '[tokens.anna]\ntoken_credential = "anna"\nrole = "operate"\n'
CONFIGURED = [
    ("none may act", "[tokens.viewer]\ntoken = 'viewers-own-token'\n", (), 2, 'needs role = "operate"'),
    ("several may", TOKENS + BERT, (), 2, "--as and one of anna, bert"),
    ("one is named", TOKENS + BERT, ("--as", "bert"), 1, "does not take the token of bert"),
    ("one is misspelt", TOKENS, ("--as", "ana"), 2, "no token is called 'ana' (did you mean \"anna\"?)"),
    ("a credential", CREDENTIAL, (), 1, "a credential that only the service has"),
    ("no token", "", (), 1, "asks for a token"),
    ("one of the service alone", f'token = "{TOKEN}"\n', (), 2, 'needs role = "operate"'),
    ("a note of two lines", TOKENS, ("--note", "a\nb"), 1, "note is one line"),
    ("a note that takes back", TOKENS, ("--note", "a", "--undo"), 2, "--undo takes no note"),
]


@pytest.mark.parametrize(("story", "more", "how", "status", "why"), CONFIGURED, ids=[row[0] for row in CONFIGURED])
async def test_whose_token_it_is(
    tmp_path: Path, story: str, more: str, how: tuple[str, ...], status: int, why: str
) -> None:
    async with service(tmp_path, more) as (config, _, seen):
        said = await say("ack", ID, "-c", config, *how)
    assert (said.status, said.out) == (status, "")
    assert why in said.err
    assert "own-token" not in said.err
    assert seen.status.incidents[ID].acknowledged is None


async def test_without_any_token_it_is_local(tmp_path: Path) -> None:
    async with service(tmp_path, "", guarded=False) as (config, _, _):
        assert "acknowledged by local" in (await say("ack", ID, "-c", config)).out


@pytest.mark.parametrize(
    ("how", "status", "why"),
    [
        ((), 2, "where is the service?"),
        (("--url", "127.0.0.1:1"), 2, "is no page"),
        (("--url", "http://127.0.0.1:1"), 1, "Does the service run?"),
        (("-c", "missing.toml"), 78, "missing.toml"),
    ],
)
async def test_where_there_is_no_service(how: tuple[str, ...], status: int, why: str) -> None:
    said = await say("incidents", *how)
    assert (said.status, said.out) == (status, "")
    assert why in said.err


async def test_where_it_listens(tmp_path: Path) -> None:
    """At a free port nobody knows where; and what is no soawatch says something else."""
    config = tmp_path / "soawatch.toml"
    config.write_text(f'{ZONE}[service]\nlisten = "127.0.0.1:0"\n')
    assert "say with --url where it is" in (await say("incidents", "-c", config)).err
    async with service(tmp_path, guarded=False) as (_, url, _):
        for path, why in (("/healthz", "answers 404"), ("/static", "answers 404")):
            said = await say("incidents", "--url", url + path)
            assert (said.status, why in said.err) == (1, True), json.dumps(said.err)
