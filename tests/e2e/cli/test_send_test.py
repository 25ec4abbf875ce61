"""soawatch notify-test: real receivers hear a specimen, and what goes wrong is said without a secret."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.certificates import certified
from tests.support.hookserver import hookserver
from tests.support.mailbox import mailbox
from tests.support.mailserver import mailserver
from tests.support.receiver import SECRET, Receiver, receiver
from tests.support.speaking import Said, say

PASSWORD = "hunter2-is-no-password"
ZONE = '[servers.ns1]\naddresses = ["192.0.2.1"]\n[[zones]]\nname = "example.com"\nservers = ["ns1"]\n'


def configured(directory: Path, receivers: str) -> Path:
    path = directory / "soawatch.toml"
    path.write_text(ZONE + receivers)
    return path


def mail(port: int, more: str = "", smtp: str = 'tls = "none"') -> str:
    return (
        '[receivers.oncall]\ntype = "email"\nfrom = "soawatch@example.com"\nto = ["dns@example.com"]\n'
        f'smtp = {{ host = "127.0.0.1", port = {port}, {smtp} }}\n{more}'
    )


def secretless(said: Said) -> bool:
    return not any(
        secret in said.out + said.err for secret in (PASSWORD, SECRET, SECRET.removeprefix("whsec_"), "/told")
    )


async def test_mail_arrives(tmp_path: Path) -> None:
    async with mailbox() as box:
        said = await say("notify-test", "oncall", "-c", configured(tmp_path, mail(box.port)))
        assert said.status == 0
        assert said.out == "oncall took it.\n"
        assert said.err == ""
        (arrived,) = box.mails
        assert arrived["X-Soawatch-Test"] == "yes"
        assert "TEST" in arrived["Subject"].upper()
        body = arrived.get_body(("plain",))
        assert body is not None
        assert "serial-late" in body.get_content()


async def test_a_webhook_arrives(tmp_path: Path) -> None:
    async with receiver() as hook:
        said = await say("notify-test", "hook", "-c", configured(tmp_path, hook.toml()))
        assert said.status == 0
        assert said.out == "hook took it.\n"
        ((_, told),) = hook.heard
        assert told["type"] == "incident.test"
        assert secretless(said)


@pytest.mark.parametrize(
    ("settings", "path", "found"),
    [
        ('type = "alertmanager"\nurl = "{url}"', "/am/api/v2/alerts", lambda said: said[0]["annotations"]["summary"]),
        ('type = "ntfy"\nurl = "{url}"', "/", lambda said: said["title"]),
        (
            f'type = "pagerduty"\nurl = "{{url}}"\nrouting_key = "{"0" * 32}"',
            "/am",
            lambda said: said["payload"]["summary"],
        ),
        ('type = "slack"\nurl = "{url}"', "/am", lambda said: said["text"]),
        ('type = "teams"\nurl = "{url}"', "/am", lambda said: str(said)),
    ],
    ids=["alertmanager", "ntfy", "pagerduty", "slack", "teams"],
)
async def test_services_on_the_web(tmp_path: Path, settings: str, path: str, found: Callable[[Any], str]) -> None:
    async with hookserver() as server:
        text = settings.replace("{url}", f"http://127.0.0.1:{server.port}/am")
        said = await say(
            "notify-test", "r", "-c", configured(tmp_path, f"[receivers.r]\n{text}\nallow_private = true\n")
        )
        assert (said.status, said.out) == (0, "r took it.\n")
        (request,) = server.requests
        assert request.line == f"POST {path} HTTP/1.1"
        assert "ns2 is 22 min behind" in found(request.json)


async def test_a_receiver_nobody_knows(tmp_path: Path) -> None:
    path = configured(tmp_path, mail(25))
    said = await say("notify-test", "oncal", "-c", path)
    assert said.status == 2
    assert said.err == "soawatch: there is no receiver 'oncal'; the receivers are: oncall\n"
    said = await say("notify-test", "oncall", "-c", configured(tmp_path, ""))
    assert said.status == 2
    assert "none is configured" in said.err


@pytest.mark.parametrize(("status", "again"), [(503, True), (404, False), (410, False), (302, False)])
async def test_a_webhook_that_says_no(tmp_path: Path, status: int, again: bool) -> None:
    async with receiver() as hook:
        hook.status = status
        said = await say("notify-test", "hook", "-c", configured(tmp_path, hook.toml()))
        assert said.status == 1
        assert said.err.startswith("soawatch: hook did not take it: ")
        assert str(status) in said.err
        assert ("trying again may help" in said.err) is again
        assert secretless(said)


async def test_a_private_address_that_is_not_allowed(tmp_path: Path) -> None:
    async with receiver() as hook:
        text = hook.toml().replace("allow_private = true", "allow_private = false")
        said = await say("notify-test", "hook", "-c", configured(tmp_path, text))
        assert said.status == 78
        assert "allow_private" in said.err
        assert hook.heard == []


async def test_nobody_listens(tmp_path: Path) -> None:
    path = configured(tmp_path, mail(1) + Receiver(url="http://127.0.0.1:1/told").toml())
    for name in ("oncall", "hook"):
        said = await say("notify-test", name, "-c", path)
        assert said.status == 1
        assert "127.0.0.1:1" in said.err
        assert said.err.count("\n") == 1
        assert secretless(said)


async def test_a_server_that_says_nothing(tmp_path: Path) -> None:
    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silence, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        said = await say("notify-test", "oncall", "-c", configured(tmp_path, mail(port, 'timeout = "300ms"\n')))
        assert said.status == 1
        assert f"127.0.0.1:{port} did not finish within" in said.err


async def test_a_password_that_is_wrong(tmp_path: Path) -> None:
    tls, trusted = certified(tmp_path, "localhost", "127.0.0.1")
    async with mailserver(tls=tls, users={"soawatch": "another one"}) as server:
        login = f'tls = "starttls", username = "soawatch", password = "{PASSWORD}"'
        path = configured(tmp_path, mail(server.port, f'ca_file = "{trusted}"\n', login))
        said = await say("notify-test", "oncall", "-c", path)
        assert said.status == 1
        assert "does not accept username and password (535)" in said.err
        assert "trying again" not in said.err
        assert secretless(said)
        assert server.taken == []
        server.users["soawatch"] = PASSWORD
        said = await say("notify-test", "oncall", "-c", path)
        assert (said.status, said.out) == (0, "oncall took it.\n")
        assert [taken.user for taken in server.taken] == ["soawatch"]
        stranger = configured(tmp_path, mail(server.port, "", login))
        said = await say("notify-test", "oncall", "-c", stranger)
        assert said.status == 1
        assert "its certificate is not accepted" in said.err
        assert secretless(said)
