"""Every kind of notifier, against a receiver that speaks as its kind does: one suite for all of them."""

import logging
import pkgutil
import socket
import traceback
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import alerting.notifiers
from alerting.incident import IncidentEvent
from alerting.model import Secret
from alerting.notification import DeliveryError, Notification
from alerting.notifier import Notifier
from alerting.notifiers import alertmanager, email, ntfy, pagerduty, slack, teams, webhook
from alerting.render import render
from tests.support.alerts import OPENED_MESSAGE, minute
from tests.support.certificates import certified
from tests.support.hookserver import (
    Behaviour,
    Request,
    drip,
    endless,
    gzip_bomb,
    hang_up,
    hookserver,
    nonsense,
    reply,
    silence,
)
from tests.support.mailserver import mailserver

PATIENCE = timedelta(seconds=20)
"""Far more than it takes, so that a loaded machine fails no test."""
LITTLE = timedelta(seconds=0.3)

PASSWORD = "hunter2-in-the-mailbox"
TOKEN = "token-of-the-bearer"
SIGNING = "whsec_" + b64encode(b"a secret of the webhook").decode()
PATH, QUERY, LOGIN = "path-of-the-hook", "query-of-the-hook", "login-of-the-hook"
TOPIC, ROUTING_KEY = "topic-nobody-knows", "r0utingkey0fthep4gerdutycontract"
SECRETS = (TOPIC, ROUTING_KEY, PASSWORD, TOKEN, SIGNING, SIGNING.removeprefix("whsec_"), PATH, QUERY, LOGIN)


@dataclass
class Rig:
    """A receiver of some kind, and how to make it misbehave."""

    notifier: Notifier
    taken: Callable[[], list[tuple[str, str]]]
    """Id and text of what it has taken, in order; the id is that of the news or of the incident, or empty."""
    refuse: Callable[[int], None]
    """For good with 5, for now with 4: what the kind understands by that."""
    fall_silent: Callable[[], None]
    unplugged: Notifier
    """The same notifier, where nobody listens."""
    impatient: Notifier
    """The same notifier, with little time."""
    behave: Callable[[Behaviour], None] | None = None
    """How it answers, where it is asked over HTTP."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def mail(folder: Path) -> AsyncIterator[Rig]:
    context, trusted = certified(folder, "127.0.0.1")
    async with mailserver(tls=context, users={"soawatch": PASSWORD}) as server:
        smtp = email.Smtp("127.0.0.1", server.port, username="soawatch", password=Secret(PASSWORD))
        notifier = email.Notifier(("dns@example.com",), smtp, ca_file=trusted, timeout=PATIENCE)

        def taken() -> list[tuple[str, str]]:
            found = []
            for each in server.taken:
                body = each.mail.get_body(("plain",))
                assert body is not None
                found.append((str(each.mail["Message-ID"]), body.get_content()))
            return found

        yield Rig(
            notifier,
            taken,
            refuse=lambda digit: server.refused.update({"dns@example.com": digit * 100 + 50}),
            fall_silent=lambda: setattr(server, "silent", True),
            unplugged=replace(notifier, smtp=replace(smtp, port=free_port())),
            impatient=replace(notifier, timeout=LITTLE),
        )


Kind = Callable[[Path], AbstractAsyncContextManager[Rig]]


def over_http(make: Callable[..., Notifier], read: Callable[[Request], tuple[str, str]]) -> Kind:
    """A kind that POSTs: ``make`` gets host and port, and what all of these have; ``read`` finds id and text."""

    @asynccontextmanager
    async def kind(folder: Path) -> AsyncIterator[Rig]:
        context, trusted = certified(folder, "127.0.0.1")
        async with hookserver(context) as server:

            def notifier(port: int, timeout: timedelta = PATIENCE) -> Notifier:
                return make(f"127.0.0.1:{port}", allow_private=True, ca_file=trusted, timeout=timeout)

            def behave(behaviour: Behaviour) -> None:
                server.behave = behaviour

            yield Rig(
                notifier(server.port),
                taken=lambda: [read(request) for request in server.requests],
                refuse=lambda digit: behave(reply(410 if digit == 5 else 503)),
                fall_silent=lambda: behave(silence),
                unplugged=notifier(free_port()),
                impatient=notifier(server.port, LITTLE),
                behave=behave,
            )

    return kind


def _alert(request: Request) -> tuple[str, str]:
    (alert,) = request.json
    return alert["labels"]["incident"], alert["annotations"]["summary"]


KINDS: Mapping[str, Kind] = {
    "alertmanager": over_http(
        lambda host, **o: alertmanager.Notifier(Secret(f"https://{LOGIN}:x@{host}/{PATH}"), Secret(TOKEN), **o), _alert
    ),
    "email": mail,
    "ntfy": over_http(
        lambda host, **o: ntfy.Notifier(Secret(f"https://{LOGIN}:x@{host}/{TOPIC}"), Secret(TOKEN), **o),
        lambda request: ("", request.json["title"]),
    ),
    "pagerduty": over_http(
        lambda host, **o: pagerduty.Notifier(Secret(ROUTING_KEY), f"https://{host}/v2/enqueue", **o),
        lambda request: (request.json["dedup_key"], request.json["payload"]["summary"]),
    ),
    "slack": over_http(
        lambda host, **o: slack.Notifier(Secret(f"https://{host}/services/{PATH}"), **o),
        lambda request: ("", request.json["text"]),
    ),
    "teams": over_http(
        lambda host, **o: teams.Notifier(Secret(f"https://{host}/workflows/{PATH}?sig={QUERY}"), **o),
        lambda request: ("", request.body.decode()),
    ),
    "webhook": over_http(
        lambda host, **o: webhook.Notifier(
            Secret(f"https://{LOGIN}:x@{host}/{PATH}?key={QUERY}"), Secret(SIGNING), Secret(TOKEN), **o
        ),
        lambda request: (request.headers["webhook-id"], request.body.decode()),
    ),
}


def test_every_kind_is_here() -> None:
    elsewhere = {"apprise"}  # test_apprise.py: a process for each message, which takes long to start
    assert {module.name for module in pkgutil.iter_modules(alerting.notifiers.__path__)} == set(KINDS) | elsewhere


@pytest.fixture(params=KINDS)
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rig]:
    async with KINDS[request.param](tmp_path) as made:
        yield made


def news(kind: IncidentEvent = IncidentEvent.OPENED) -> Notification:
    incident = OPENED_MESSAGE.incident
    if kind is IncidentEvent.RESOLVED:
        incident = replace(incident, phase="resolved", resolved_at=minute(31))
    return render(replace(OPENED_MESSAGE, event=kind, incident=incident), "https://dns.example.com", minute(1))


@pytest.mark.parametrize("kind", IncidentEvent)
async def test_it_hands_over(rig: Rig, kind: IncidentEvent) -> None:
    await rig.notifier.send(news(kind))
    if kind is IncidentEvent.UNACKNOWLEDGED and isinstance(rig.notifier, pagerduty.Notifier):
        assert rig.taken() == []  # it has no such event
        return
    ((id, text),) = rig.taken()
    assert id in ("", OPENED_MESSAGE.incident.id) or OPENED_MESSAGE.id in id
    assert "ns2 is late" in text


async def test_a_second_attempt_has_the_same_id(rig: Rig) -> None:
    await rig.notifier.send(news())
    await rig.notifier.send(replace(news(), sent_at=minute(90)))
    assert len({id for id, _ in rig.taken()}) == 1


async def test_what_is_refused_for_good_is_permanent(rig: Rig) -> None:
    rig.refuse(5)
    with pytest.raises(DeliveryError) as caught:
        await rig.notifier.send(news())
    assert caught.value.permanent


async def test_what_is_refused_for_now_passes(rig: Rig) -> None:
    rig.refuse(4)
    with pytest.raises(DeliveryError) as caught:
        await rig.notifier.send(news())
    assert not caught.value.permanent


async def test_a_receiver_that_never_answers_is_given_up_soon(rig: Rig) -> None:
    rig.fall_silent()
    with pytest.raises(DeliveryError) as caught:
        await rig.impatient.send(news())
    assert (caught.value.permanent, caught.value.away) == (False, False), "somebody is there"


async def test_a_receiver_that_is_down_may_come_back(rig: Rig) -> None:
    with pytest.raises(DeliveryError, match="refused") as caught:
        await rig.unplugged.send(news())
    assert (caught.value.permanent, caught.value.away) == (False, True)


@pytest.fixture(params=[kind for kind in KINDS if kind != "email"])
async def web(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rig]:
    async with KINDS[request.param](tmp_path) as made:
        yield made


async def answered(rig: Rig, behaviour: Behaviour, notifier: Notifier | None = None) -> DeliveryError | None:
    """What the notifier makes of such an answer."""
    assert rig.behave is not None
    rig.behave(behaviour)
    try:
        await (notifier or rig.notifier).send(news())
    except DeliveryError as error:
        return error
    return None


async def test_answers_over_http(web: Rig) -> None:
    for status in (200, 202, 204):
        assert await answered(web, reply(status)) is None
    for status in (301, 308, 400, 401, 403, 404, 410, 413):
        error = await answered(web, reply(status, "Location: https://127.0.0.1:1/elsewhere\r\nRetry-After: 9\r\n"))
        assert error is not None
        assert (error.permanent, error.retry_after, error.away) == (True, None, False)
        assert f"answered {status}" in error.reason
    for status in (429, 500, 502, 503):
        error = await answered(web, reply(status, "Retry-After: 17\r\n"))
        assert error is not None
        assert (error.permanent, error.retry_after, error.away) == (False, 17, status != 500)
    assert len(web.taken()) == 15, "no redirect was followed, and nothing sent twice"


async def test_answers_over_http_that_are_none(web: Rig) -> None:
    for behaviour in (hang_up, nonsense):
        error = await answered(web, behaviour)
        assert error is not None
        assert not error.permanent
    error = await answered(web, drip, web.impatient)
    assert error is not None
    assert not error.permanent


async def test_of_an_answer_over_http_the_status_is_enough(web: Rig) -> None:
    for behaviour in (endless, gzip_bomb()):
        assert await answered(web, behaviour) is None


async def test_a_certificate_that_nobody_knows_and_a_private_address_get_nothing(web: Rig) -> None:
    notifier: Any = web.notifier
    for other in (replace(notifier, ca_file=None), replace(notifier, allow_private=False)):
        with pytest.raises(DeliveryError, match=r"certificate is not accepted|a private or loopback address"):
            await other.send(news())
    assert web.taken() == []


@pytest.mark.parametrize("trouble", ["none", "for good", "for now", "silent", "unplugged"])
async def test_it_leaks_no_secret(rig: Rig, trouble: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("mail.log", "mail.debug"):  # the receiving server's own
        caplog.set_level(logging.CRITICAL, name)
    notifier = {"unplugged": rig.unplugged, "silent": rig.impatient}.get(trouble, rig.notifier)
    if trouble == "silent":
        rig.fall_silent()
    elif trouble.startswith("for"):
        rig.refuse(5 if trouble == "for good" else 4)
    seen = [repr(notifier), str(notifier)]
    try:
        await notifier.send(news())
    except DeliveryError as error:
        seen += [str(error), repr(error), error.reason, "".join(traceback.format_exception(error))]
    seen += [record.getMessage() + repr(record.args) for record in caplog.records]
    for secret in SECRETS:
        assert not [text for text in seen if secret in text]


async def test_hostile_words_cost_neither_the_alert_nor_a_header(rig: Rig) -> None:
    hostile = "x\r\nBcc: victim@example.com\r\n\0\x1b[2J\u202eevil <script>alert(1)</script> \ud800"
    incident = replace(OPENED_MESSAGE.incident, lines=(replace(OPENED_MESSAGE.incident.lines[0], text=hostile),))
    await rig.notifier.send(render(replace(OPENED_MESSAGE, incident=incident)))
    assert len(rig.taken()) == 1
