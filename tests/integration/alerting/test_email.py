"""Mail as it arrives, and what becomes of it when the server will not have it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from alerting.incident import IncidentEvent
from alerting.model import Secret
from alerting.notification import DeliveryError, Notification
from alerting.notifiers.email import Notifier, Smtp, build_mail, header_text
from alerting.render import render
from tests.support.alerts import OPENED_MESSAGE, minute
from tests.support.certificates import certified
from tests.support.mailserver import MailServer, mailserver

NOTE = render(OPENED_MESSAGE, None, minute(2))

PATIENCE = timedelta(seconds=20)


@pytest.fixture
async def opened() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


def notifier(server: MailServer, *to: str, **smtp: object) -> Notifier:
    settings = {"tls": "none", **smtp}
    return Notifier(to or ("dns@example.com",), Smtp("127.0.0.1", server.port, **settings), timeout=PATIENCE)  # type: ignore[arg-type]


async def failure(of: Notifier, note: Notification = NOTE) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await of.send(note)
    return caught.value


async def test_the_mail_as_it_arrives(opened: AsyncExitStack) -> None:
    server = await opened.enter_async_context(mailserver())
    settings = replace(
        notifier(server, "DNS people <dns@example.com>", "noc@example.net"),
        from_="Watch <watch@example.org>",
        reply_to="noc@example.net",
    )
    await settings.send(NOTE)
    (taken,) = server.taken
    assert (taken.sender, taken.receivers) == ("watch@example.org", ["dns@example.com", "noc@example.net"])
    assert dict(taken.mail.items()) | {"Content-Type": "", "MIME-Version": ""} == {
        "From": "Watch <watch@example.org>",
        "To": "DNS people <dns@example.com>, noc@example.net",
        "Reply-To": "noc@example.net",
        "Subject": "[FIRING critical] example.org.: ns2 is late",
        "Date": "Fri, 20 Nov 2026 10:02:00 +0000",
        "Message-ID": "<20261120T100000-3f9a2c-1-0011aabb@example.org>",
        "In-Reply-To": "<20261120T100000-3f9a2c@example.org>",
        "References": "<20261120T100000-3f9a2c@example.org>",
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "MIME-Version": "",
        "Content-Type": "",
    }
    bodies = [part.get_content_type() for part in taken.mail.walk() if not part.is_multipart()]
    assert bodies == ["text/plain", "text/html"]


async def test_a_specimen_says_so_in_a_header_too(opened: AsyncExitStack) -> None:
    server = await opened.enter_async_context(mailserver())
    await notifier(server).send(render(replace(OPENED_MESSAGE, event=IncidentEvent.TEST)))
    assert server.taken[0].mail["X-Soawatch-Test"] == "yes"
    assert server.taken[0].mail["From"] == "soawatch@example.com"


async def test_starttls_and_login(opened: AsyncExitStack, tmp_path: Path) -> None:
    context, trusted = certified(tmp_path, "127.0.0.1")
    server = await opened.enter_async_context(mailserver(tls=context, users={"soawatch": "right"}))
    settings = notifier(server, tls="starttls", username="soawatch", password=Secret("right"))
    await replace(settings, ca_file=trusted).send(NOTE)
    assert [(taken.encrypted, taken.user) for taken in server.taken] == [(True, "soawatch")]


async def test_tls_from_the_first_octet(opened: AsyncExitStack, tmp_path: Path) -> None:
    context, trusted = certified(tmp_path, "127.0.0.1")
    server = await opened.enter_async_context(mailserver(tls=context, implicit=True))
    await replace(notifier(server, tls="tls"), ca_file=trusted).send(NOTE)
    assert [taken.encrypted for taken in server.taken] == [True]


async def test_a_wrong_password_is_for_good(opened: AsyncExitStack, tmp_path: Path) -> None:
    context, trusted = certified(tmp_path, "127.0.0.1")
    server = await opened.enter_async_context(mailserver(tls=context, users={"soawatch": "right"}))
    settings = notifier(server, tls="starttls", username="soawatch", password=Secret("wrong"))
    error = await failure(replace(settings, ca_file=trusted))
    assert error.permanent
    assert "does not accept username and password (535)" in error.reason
    assert not server.taken


async def test_where_starttls_is_taken_away_nothing_is_sent_in_clear(opened: AsyncExitStack) -> None:
    server = await opened.enter_async_context(mailserver())
    error = await failure(notifier(server, tls="starttls", username="soawatch", password=Secret("right")))
    assert not error.permanent
    assert "STARTTLS" in error.reason
    assert (server.taken, server.attempts) == ([], 0)


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "tls"])
async def test_a_certificate_that_is_not_trusted(opened: AsyncExitStack, tmp_path: Path, implicit: bool) -> None:
    context, _ = certified(tmp_path, "127.0.0.1")
    server = await opened.enter_async_context(mailserver(tls=context, implicit=implicit))
    error = await failure(notifier(server, tls="tls" if implicit else "starttls"))
    assert not error.permanent
    assert "its certificate is not accepted" in error.reason
    assert server.attempts == 0


async def test_a_certificate_for_another_name(opened: AsyncExitStack, tmp_path: Path) -> None:
    context, trusted = certified(tmp_path, "mail.example.com")
    server = await opened.enter_async_context(mailserver(tls=context))
    error = await failure(replace(notifier(server, tls="starttls"), ca_file=trusted))
    assert "its certificate is not accepted (IP address mismatch" in error.reason
    assert server.attempts == 0


async def test_a_server_that_speaks_no_tls(opened: AsyncExitStack) -> None:
    server = await opened.enter_async_context(mailserver())
    error = await failure(notifier(server, tls="tls"))
    assert not error.permanent
    assert "TLS failed" in error.reason


@pytest.mark.parametrize(
    ("codes", "permanent"), [((550, 550), True), ((451, 451), False), ((550, 451), False)], ids=str
)
async def test_every_receiver_refused(opened: AsyncExitStack, codes: tuple[int, int], permanent: bool) -> None:
    server = await opened.enter_async_context(mailserver())
    server.refused = {"a@example.com": codes[0], "b@example.com": codes[1]}
    error = await failure(notifier(server, "a@example.com", "b@example.com"))
    assert error.permanent == permanent
    assert f"refuses every receiver ({codes[0]}, {codes[1]})" in error.reason


async def test_one_who_is_refused_for_good_keeps_nobody_from_hearing_and_is_named(opened: AsyncExitStack) -> None:
    server = await opened.enter_async_context(mailserver())
    server.refused = {f"gone{n}@example.com": 550 for n in range(5)}
    error = await failure(notifier(server, "here@example.com", *server.refused))
    assert [taken.receivers for taken in server.taken] == [["here@example.com"]]
    assert (error.permanent, error.done) == (True, {"here@example.com", *server.refused})
    assert error.reason == (
        f"127.0.0.1:{server.port} refuses for good: "
        "gone0@example.com (550), gone1@example.com (550), gone2@example.com (550) and 2 more"
    )


async def test_one_who_is_put_off_gets_the_mail_later_and_nobody_gets_it_twice(opened: AsyncExitStack) -> None:
    """The kind: an answer for each address (RFC 5321 section 3.3), of which some say later and some say never."""
    server = await opened.enter_async_context(mailserver())
    server.refused = {"grey@example.com": 451, "gone@example.com": 550}
    settings = notifier(server, "grey@example.com", "here@example.com", "gone@example.com")
    first = await failure(settings)
    assert (first.permanent, first.done) == (False, {"here@example.com", "gone@example.com"})
    assert first.reason.endswith("put off 1 of the receivers (451)")
    assert first.refused.endswith("refuses for good: gone@example.com (550)")
    again = replace(NOTE, done=first.done)
    second = await failure(settings, again)
    assert (second.permanent, second.done, second.refused) == (False, first.done, "")
    server.refused = {}
    await settings.send(again)
    await settings.send(replace(NOTE, done=frozenset(settings.to)))
    assert [taken.receivers for taken in server.taken] == [["here@example.com"], ["grey@example.com"]]
    assert len({taken.mail["Message-ID"] for taken in server.taken}) == 1
    assert {str(taken.mail["To"]) for taken in server.taken} == {", ".join(settings.to)}


async def test_one_who_was_put_off_and_is_then_refused_for_good(opened: AsyncExitStack) -> None:
    server = await opened.enter_async_context(mailserver())
    server.refused = {"grey@example.com": 553}
    done = frozenset({"here@example.com"})
    error = await failure(notifier(server, "grey@example.com", "here@example.com"), replace(NOTE, done=done))
    assert (error.permanent, error.done) == (True, {"grey@example.com", "here@example.com"})
    assert not server.taken


@pytest.mark.parametrize(
    ("answer", "permanent"), [("554 spam", True), ("552 too large", True), ("452 disk full", False)]
)
async def test_what_the_server_says_to_the_mail(opened: AsyncExitStack, answer: str, permanent: bool) -> None:
    server = await opened.enter_async_context(mailserver())
    server.answer = answer
    error = await failure(notifier(server))
    assert (error.permanent, error.reason) == (permanent, f"127.0.0.1:{server.port} answered {answer[:3]}")


async def test_a_sender_that_is_not_wanted(opened: AsyncExitStack) -> None:
    server = await opened.enter_async_context(mailserver())
    server.refuse_sender = 553
    error = await failure(notifier(server))
    assert (error.permanent, error.reason) == (True, f"127.0.0.1:{server.port} refuses the sender (553)")


async def test_a_server_that_falls_silent_costs_no_more_than_the_time_out(opened: AsyncExitStack) -> None:
    server = await opened.enter_async_context(mailserver())
    server.silent = True
    error = await failure(replace(notifier(server), timeout=timedelta(seconds=0.2)))
    assert (error.permanent, error.away) == (False, False), "it may be this mail"
    assert "did not finish" in error.reason


async def test_a_server_that_hangs_up(opened: AsyncExitStack) -> None:
    async def go(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.test ESMTP\r\n")
        await reader.readline()
        writer.close()

    server = await opened.enter_async_context(await asyncio.start_server(go, "127.0.0.1", 0))
    port = server.sockets[0].getsockname()[1]
    error = await failure(Notifier(("dns@example.com",), Smtp("127.0.0.1", port, "none"), timeout=PATIENCE))
    assert (error.permanent, error.reason) == (False, f"127.0.0.1:{port} closed the connection")


@pytest.mark.parametrize("greeting", ["421 too busy", "554 no service here"])
async def test_a_server_that_greets_nobody_may_do_so_later(opened: AsyncExitStack, greeting: str) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"{greeting}\r\n".encode())
        writer.close()

    server = await opened.enter_async_context(await asyncio.start_server(refuse, "127.0.0.1", 0))
    port = server.sockets[0].getsockname()[1]
    error = await failure(Notifier(("dns@example.com",), Smtp("127.0.0.1", port, "none"), timeout=PATIENCE))
    assert (error.permanent, error.reason) == (False, f"127.0.0.1:{port} answered {greeting[:3]}")
    assert error.away


async def test_a_domain_in_other_letters_is_written_as_the_dns_knows_it(opened: AsyncExitStack) -> None:
    server = await opened.enter_async_context(mailserver())
    await notifier(server, "dns@bücher.example").send(NOTE)
    assert [taken.receivers for taken in server.taken] == [["dns@xn--bcher-kva.example"]]
    assert server.taken[0].mail["From"] == "soawatch@xn--bcher-kva.example"


async def test_a_server_whose_name_is_none(opened: AsyncExitStack) -> None:
    error = await failure(Notifier(("dns@example.com",), Smtp("mail..test", tls="none"), timeout=PATIENCE))
    assert (error.permanent, error.reason.partition(":25")[0]) == (False, "mail..test")


async def test_a_farewell_that_does_not_come_costs_nothing(opened: AsyncExitStack) -> None:
    """The mail is taken; after that the server says no more."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers = {b"EHLO": b"250 mail.test", b"DATA": b"354 go on", b".\r\n": b"250 taken"}
        writer.write(b"220 mail.test ESMTP\r\n")
        body = False
        while line := await reader.readline():
            if line[:4] == b"QUIT":
                writer.close()
                return
            if not body or line == b".\r\n":
                writer.write(answers.get(line[:4], b"250 OK") + b"\r\n")
            body = line[:4] == b"DATA" or (body and line != b".\r\n")

    server = await opened.enter_async_context(await asyncio.start_server(take, "127.0.0.1", 0))
    port = server.sockets[0].getsockname()[1]
    await Notifier(("dns@example.com",), Smtp("127.0.0.1", port, "none"), timeout=PATIENCE).send(NOTE)


async def test_a_name_that_cannot_be_resolved_may_be_back_later() -> None:
    error = await failure(
        Notifier(("dns@example.com",), Smtp("mail.invalid", tls="none"), timeout=timedelta(seconds=1))
    )
    assert not error.permanent
    assert "mail.invalid:25" in error.reason


HOSTILE = ("a\r\nBcc: victim@example.com", "a\nX: y", "a\0b", "\x1b[2J", "\u202egnp.exe", "\u2028Bcc: x", "é \ud800")


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_header_can_be_slipped_in_and_the_alert_is_not_lost(hostile: str) -> None:
    note = replace(NOTE, subject=hostile, id=NOTE.id, text=f"{NOTE.text}\0")
    mail = build_mail(note, Notifier(("dns@example.com",), Smtp("mail.example.com")))
    head = mail.as_bytes().split(b"\r\n\r\n")[0]
    names = [line.split(b":")[0] for line in head.split(b"\r\n") if not line.startswith((b" ", b"\t"))]
    assert sorted(names) == sorted(name.encode() for name in mail.keys())  # noqa: SIM118  a mail has names twice
    assert b"bcc" not in [name.lower() for name in names]
    assert b"\0" not in mail.as_bytes()


def test_a_header_is_one_printable_line() -> None:
    assert header_text(" a \r\n\tb\u202ec ") == "a b c"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"to": ()}, "to names nobody"),
        ({"to": ("nobody",)}, "'nobody' is not a mail address"),
        ({"to": ("a@example.com\r\nBcc: b@example.com",)}, "is not a mail address"),
        ({"from_": "@"}, "is not a mail address"),
        ({"reply_to": "x"}, "is not a mail address"),
        ({"to": ("bücher@example.com",)}, "'bücher@example.com' is not a mail address"),
        ({"to": ("dns@exa mple.com",)}, "is not a mail address"),
        ({"to": ("@example.com",)}, "is not a mail address"),
        ({"to": ("dns@xn--a.\u2260",)}, "is not a mail address"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Notifier(**{"to": ("dns@example.com",), "smtp": Smtp("mail.example.com"), **settings})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"username": "soawatch"}, "go together"),
        ({"password": Secret("x")}, "go together"),
        ({"username": "soawatch", "password": Secret("x"), "tls": "none"}, "not sent in clear"),
    ],
)
def test_logins_that_cannot_be(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Smtp("mail.example.com", **settings)  # type: ignore[arg-type]
