"""Apprise keeps to what every notifier keeps to, as far as it lets one see; several URLs at once: it starts slowly."""

import logging
import traceback
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from alerting.incident import IncidentEvent
from alerting.model import Secret
from alerting.notification import DeliveryError, Notification
from alerting.notifiers.apprise import Notifier
from alerting.render import render
from tests.support.alerts import OPENED_MESSAGE, minute
from tests.support.certificates import certified
from tests.support.hookserver import (
    Behaviour,
    HookServer,
    drip,
    endless,
    gzip_bomb,
    hang_up,
    hookserver,
    nonsense,
    reply,
    silence,
)
from tests.support.proxy import proxy

PATIENCE = timedelta(minutes=2)
"""Far more than it takes, so that a loaded machine fails no test."""
LITTLE = timedelta(seconds=1.5)

PATH, USER, PASSWORD = "path-of-the-hook", "login-of-the-hook", "pass-of-the-hook"
SECRETS = (PATH, USER, PASSWORD)


@asynccontextmanager
async def servers(**behaviours: Behaviour) -> AsyncIterator[dict[str, HookServer]]:
    async with AsyncExitStack() as stack:
        found = {name: await stack.enter_async_context(hookserver()) for name in behaviours}
        for name, behaviour in behaviours.items():
            found[name].behave = behaviour
        yield found


def url(server: HookServer) -> str:
    return f"json://{USER}:{PASSWORD}@127.0.0.1:{server.port}/{PATH}"


def notifier(*urls: str, timeout: timedelta = PATIENCE) -> Notifier:
    return Notifier(urls=Secret("\n".join(["# where it goes", "", *urls])), timeout=timeout)


def news(kind: IncidentEvent = IncidentEvent.OPENED, text: str = "") -> Notification:
    incident = OPENED_MESSAGE.incident
    if text:
        incident = replace(incident, lines=(replace(incident.lines[0], text=text),))
    if kind is IncidentEvent.RESOLVED:
        incident = replace(incident, phase="resolved", resolved_at=minute(31))
    return render(replace(OPENED_MESSAGE, event=kind, incident=incident), "https://dns.example.com", minute(1))


async def refused(told: Notifier, message: Notification) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await told.send(message)
    said = "".join(traceback.format_exception(caught.value)) + repr(told) + str(told) + repr(caught.value)
    said += caught.value.refused + "".join(caught.value.done)
    assert not [secret for secret in SECRETS if secret in said]
    return caught.value


async def test_each_url_is_told_and_told_again_only_where_that_may_help(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    elsewhere = "Location: https://127.0.0.1:1/elsewhere\r\n"
    async with servers(
        good=reply(200), bomb=gzip_bomb(), moved=reply(301, elsewhere), gone=reply(410),
        busy=reply(429, "Retry-After: 9\r\n"), broken=reply(503), lost=hang_up, odd=nonsense,
    ) as at:  # fmt: skip
        told = notifier(*map(url, at.values()), "nosuchservice://x", url(HookServer(9)))
        hostile = "{{7*7}}\r\nBcc: victim@example.com\r\n\0\x1b[2J\u202eevil <script>alert(1)</script> {{7*7}} \ud800"
        error = await refused(told, news(text=hostile))
        assert not error.permanent
        later = "URL 3 (JSON), URL 5 (JSON): error 429, URL 6 (JSON): error 503 and 3 more did not take it"
        assert error.reason == later
        assert error.refused == ("refused for good: URL 4 (JSON): error 410, URL 9 is none that Apprise understands")
        assert {name: len(server.requests) for name, server in at.items()} == dict.fromkeys(at, 1)
        (request,) = at["good"].requests
        assert (request.json["type"], request.json["title"]) == ("failure", news(text=hostile).subject)
        assert "{{7*7}}" in request.json["title"], "nothing in it is a template"
        for name in ("moved", "busy", "broken", "lost", "odd"):
            at[name].behave = reply(204)
        over = replace(news(IncidentEvent.RESOLVED), done=error.done)
        again = await refused(told, over)
        assert again.reason == "URL 10 (JSON) did not take it"
        assert {name for name, server in at.items() if len(server.requests) == 2} == {
            "moved",
            "busy",
            "broken",
            "lost",
            "odd",
        }
        assert at["busy"].requests[1].json["type"] == "success"
    logged = "".join(record.getMessage() + repr(record.args) for record in caplog.records)
    assert not [secret for secret in SECRETS if secret in logged]


async def test_whoever_never_comes_to_an_end_is_given_up() -> None:
    """However fast the process begins: what it has not said by then counts as not taken."""
    async with servers(silence=silence, drip=drip, endless=endless) as at:
        error = await refused(notifier(*map(url, at.values()), timeout=LITTLE), news())
        assert not error.permanent
        assert error.reason.endswith("did not take it within 1.5 s, or at all")
        assert error.done == frozenset()


async def test_it_is_asked_by_the_proxy_and_trusts_whom_it_is_told_to(tmp_path: Path) -> None:
    context, trusted = certified(tmp_path, "hooks.test")
    async with hookserver(context) as hook, hookserver(context) as stranger, proxy() as there:
        there.hosts |= {"hooks.test": "127.0.0.1", "other.test": "127.0.0.1"}
        urls = (f"jsons://hooks.test:{hook.port}/{PATH}", f"jsons://other.test:{stranger.port}/{PATH}")
        by = Secret(f"http://{USER}:{PASSWORD}@127.0.0.1:{there.port}")
        error = await refused(replace(notifier(*urls), proxy=by, ca_file=trusted), news())
        assert error.reason == "URL 2 (JSON) did not take it", "its certificate is of another name"
        assert len(hook.requests) == 1
        assert stranger.requests == []
        assert sorted(set(there.asked)) == [
            f"CONNECT hooks.test:{hook.port} HTTP/1.0",
            f"CONNECT other.test:{stranger.port} HTTP/1.0",
        ]
        assert set(there.logins) == {"Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()}
