"""Certificates are read once for each receiver, beside the event loop, and not at all where there is no TLS."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from alerting.model import Secret
from alerting.notification import DeliveryError
from alerting.notifier import Notifier
from alerting.notifiers import email, webhook
from alerting.tls_trust import Trust
from tests.support.certificates import certified
from tests.support.hookserver import hookserver
from tests.support.mailserver import mailserver
from tests.support.notifications import NOTE


@asynccontextmanager
async def receiver(kind: str, folder: Path, ca_file: Path) -> AsyncIterator[tuple[Notifier, list[object]]]:
    """A notifier that trusts ``ca_file``, and what was taken of it, over TLS in one of its ways."""
    context, _ = certified(folder, "127.0.0.1")
    if kind == "https":
        async with hookserver(context) as hook:
            url = Secret(f"https://127.0.0.1:{hook.port}/x")
            yield webhook.Notifier(url, allow_private=True, ca_file=ca_file), hook.requests
    else:
        async with mailserver(tls=context, implicit=kind == "tls") as mail:
            smtp = email.Smtp("127.0.0.1", mail.port, tls=kind)  # type: ignore[arg-type]
            yield email.Notifier(("dns@example.com",), smtp, ca_file=ca_file), mail.taken


@pytest.mark.parametrize("kind", ["https", "starttls", "tls"])
async def test_they_are_read_once_and_the_loop_goes_on_meanwhile(kind: str, tmp_path: Path) -> None:
    """The file is a pipe: it can be read once, and whoever opens it waits until somebody writes to it."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    async with receiver(kind, tmp_path, pipe) as (notifier, taken):
        pem = (tmp_path / "ca.pem").read_bytes()
        late = threading.Event()
        rescue = threading.Timer(20, lambda: (late.set(), pipe.write_bytes(pem)))
        rescue.start()
        sending = asyncio.create_task(notifier.send(NOTE))
        await asyncio.to_thread(pipe.write_bytes, pem)
        rescue.cancel()
        await sending
        await notifier.send(NOTE)
        assert len(taken) == 2
        assert not late.is_set(), "the loop stood still"


async def test_where_there_is_no_tls_nothing_is_read(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    async with hookserver() as hook, mailserver() as mail:
        url = Secret(f"http://127.0.0.1:{hook.port}/x")
        await webhook.Notifier(url, allow_private=True, ca_file=nowhere).send(NOTE)
        smtp = email.Smtp("127.0.0.1", mail.port, tls="none")
        await email.Notifier(("dns@example.com",), smtp, ca_file=nowhere).send(NOTE)
        assert (len(hook.requests), len(mail.taken)) == (1, 1)


async def test_a_file_that_is_of_no_use_is_said_and_tried_anew(tmp_path: Path) -> None:
    trust = Trust(tmp_path / "ca.pem")
    with pytest.raises(DeliveryError, match="ca_file cannot be read: No such file") as caught:
        await trust.context()
    assert caught.value.permanent
    (tmp_path / "ca.pem").write_text("nothing of the kind")
    with pytest.raises(DeliveryError, match="ca_file holds no certificates that can be used"):
        await trust.context()
    certified(tmp_path, "127.0.0.1")
    assert await trust.context() is await trust.context()
