"""A real SMTP server on a free port of loopback, that can be told how to misbehave."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session


@dataclass
class Taken:
    sender: str
    receivers: list[str]
    raw: bytes
    encrypted: bool
    user: str | None

    @property
    def mail(self) -> EmailMessage:
        mail = message_from_bytes(self.raw, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        return mail


@dataclass
class MailServer:
    """``refused``: receiver → code; ``answer``: what is said to the mail itself; ``silent``: says nothing at all."""

    port: int = 0
    taken: list[Taken] = field(default_factory=list)
    users: dict[str, str] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    refuse_sender: int | None = None
    answer: str = "250 OK"
    silent: bool = False
    attempts: int = 0

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.refuse_sender:
            return f"{self.refuse_sender} not you"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if code := self.refused.get(address):
            return f"{code} not this one"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.attempts += 1
        if self.silent:
            await asyncio.Event().wait()
        if self.answer.startswith("250"):
            data: Any = session.auth_data
            raw = envelope.original_content or b""
            encrypted = session.ssl is not None or bool(server.transport.get_extra_info("sslcontext"))
            self.taken.append(Taken(envelope.mail_from or "", envelope.rcpt_tos, raw, encrypted, data))
        return self.answer

    def check(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        user, password = data.login.decode(), data.password.decode()
        return AuthResult(success=self.users.get(user) == password, handled=False, auth_data=user)


@asynccontextmanager
async def mailserver(
    *, tls: ssl.SSLContext | None = None, implicit: bool = False, users: dict[str, str] | None = None
) -> AsyncIterator[MailServer]:
    """With ``tls`` it offers STARTTLS and demands it; ``implicit`` speaks TLS from the first octet."""
    taking = MailServer(users=users or {})
    loop = asyncio.get_running_loop()
    sessions: list[SMTP] = []

    def session() -> SMTP:
        made = SMTP(
            taking,
            hostname="mail.test",
            loop=loop,
            tls_context=None if implicit else tls,
            require_starttls=tls is not None and not implicit,
            authenticator=taking.check,
            auth_required=users is not None,
            auth_require_tls=not implicit,
        )
        sessions.append(made)
        return made

    server = await loop.create_server(session, "127.0.0.1", 0, ssl=tls if implicit else None)
    taking.port = server.sockets[0].getsockname()[1]
    try:
        yield taking
    finally:
        server.close()
        for each in sessions:
            if each.transport is not None:
                each.transport.close()
            if each._handler_coroutine is not None:
                each._handler_coroutine.cancel()
        await server.wait_closed()
