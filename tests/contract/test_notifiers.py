"""Every kind of notifier, against a real receiver of its kind: one suite for all of them."""

import logging
import pkgutil
import socket
import traceback
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

import alerting.notifiers
from alerting.model import (
    DeliveryError,
    IncidentEvent,
    Notification,
    Secret,
)
from alerting.notifier import Notifier
from alerting.notifiers import email, webhook
from alerting.render import render
from tests.support.alerts import OPENED_MESSAGE, minute
from tests.support.certificates import certified
from tests.support.hookserver import hookserver, reply, silence
from tests.support.mailserver import mailserver

PATIENCE = timedelta(seconds=20)
"""Far more than it takes, so that a loaded machine fails no test."""
LITTLE = timedelta(seconds=0.3)

PASSWORD = "hunter2-in-the-mailbox"
TOKEN = "token-of-the-bearer"
SIGNING = "whsec_" + b64encode(b"a secret of the webhook").decode()
PATH, QUERY, LOGIN = "path-of-the-hook", "query-of-the-hook", "login-of-the-hook"
SECRETS = (PASSWORD, TOKEN, SIGNING, SIGNING.removeprefix("whsec_"), PATH, QUERY, LOGIN)


@dataclass
class Rig:
    """A receiver of some kind, and how to make it misbehave."""

    notifier: Notifier
    taken: Callable[[], list[tuple[str, str]]]
    """Id and text of what it has taken, in order."""
    refuse: Callable[[int], None]
    """For good with 5, for now with 4: what the kind understands by that."""
    fall_silent: Callable[[], None]
    unplugged: Notifier
    """The same notifier, where nobody listens."""
    impatient: Notifier
    """The same notifier, with little time."""


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


@asynccontextmanager
async def hook(folder: Path) -> AsyncIterator[Rig]:
    context, trusted = certified(folder, "127.0.0.1")
    async with hookserver(context) as server:

        def url(port: int) -> Secret:
            return Secret(f"https://{LOGIN}:x@127.0.0.1:{port}/{PATH}?key={QUERY}")

        notifier = webhook.Notifier(
            url(server.port), Secret(SIGNING), Secret(TOKEN), allow_private=True, ca_file=trusted, timeout=PATIENCE
        )
        yield Rig(
            notifier,
            taken=lambda: [(r.headers["webhook-id"], r.body.decode()) for r in server.requests],
            refuse=lambda digit: setattr(server, "behave", reply(410 if digit == 5 else 503)),
            fall_silent=lambda: setattr(server, "behave", silence),
            unplugged=replace(notifier, url=url(free_port())),
            impatient=replace(notifier, timeout=LITTLE),
        )


KINDS = {"email": mail, "webhook": hook}


def test_every_kind_is_here() -> None:
    assert {module.name for module in pkgutil.iter_modules(alerting.notifiers.__path__)} == set(KINDS)


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
    ((id, text),) = rig.taken()
    assert OPENED_MESSAGE.id in id
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
    assert not caught.value.permanent


async def test_a_receiver_that_is_down_may_come_back(rig: Rig) -> None:
    with pytest.raises(DeliveryError, match="refused") as caught:
        await rig.unplugged.send(news())
    assert not caught.value.permanent


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
