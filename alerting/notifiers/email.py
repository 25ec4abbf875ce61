"""Mail, in text and HTML, over an SMTP server."""

import asyncio
import re
import socket
import ssl
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Literal

import aiosmtplib
import idna

from alerting.incident import IncidentEvent
from alerting.model import Remark, Secret
from alerting.notification import DeliveryError, Notification
from alerting.tls_trust import Trust
from alerting.urls import address_in, host_fault
from checks.common.text import format_duration

QUIT_TIMEOUT = 2.0
"""Seconds that a server may take to say goodbye."""

MAX_ADDRESSES_NAMED = 3
"""Addresses that a reason names."""

Refused = Mapping[str, tuple[int, str]]
"""Address → code and text of the server."""

MAX_ADDRESS_LENGTH = 600
"""Characters, with the name; the address itself has at most 254 octets (RFC 5321 section 4.5.3.1.3)."""

PORTS = {"starttls": 587, "tls": 465, "none": 25}

_MAILBOX = re.compile(r'(?:"?(?P<name>[^"<>]*?)"?\s*<)?(?P<local>[^\s<>@,;:"]+)@(?P<domain>[^\s<>@,;:"]+)(?(name)>)')


@dataclass(frozen=True, slots=True)
class Smtp:
    """The server that takes the mail."""

    host: str
    """Its name or address."""
    port: int | None = field(default=None, metadata={"unset": "587, 465 or 25, as `tls` is"})
    """Its port."""
    tls: Literal["starttls", "tls", "none"] = "starttls"
    """Never in clear; or `"tls"`: from the first octet, or `"none"`."""
    username: str | None = None
    """Needs a password."""
    password: Secret | None = field(default=None, repr=False)
    """Never sent in clear."""
    helo: str | None = field(default=None, metadata={"unset": "the machine's name"})
    """What the monitor calls itself; an address literal (RFC 5321 section 4.1.4) where its name has no domain."""

    def __post_init__(self) -> None:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together")
        if self.password is not None and self.tls == "none":
            raise ValueError("a password is not sent in clear: tls must be starttls or tls")

    def review(self) -> Iterator[Remark]:
        """Whether there can be a server like this."""
        if wrong := _host_remark(self.host):
            yield wrong
        if self.port is not None and not 0 < self.port < 65536:
            yield Remark("port", f"{self.port} is not a port", "a number from 1 to 65535")
        if self.helo is not None and not re.fullmatch(r"[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f.:IPv]{1,60}\]", self.helo):
            yield Remark("helo", "is neither a host name nor an address in brackets", 'for example "mon.example.net"')
        if self.username is not None and not self.username.isprintable():
            yield Remark("username", "holds a control character")


def _host_remark(host: str) -> Remark | None:
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", host):
        return Remark("host", "is a URL, not a host", "the name alone; port and tls have keys of their own")
    if re.fullmatch(r"\[.*\]", host):
        return Remark("host", "is an address in brackets", "write it without them")
    name, colon, port = host.rpartition(":")
    if colon and ":" not in name and port.isdigit():
        return Remark("host", "holds a port", f"write host and port = {port[:5]}")
    if wrong := host_fault(host):
        return Remark("host", wrong)
    address = address_in(host)
    if address is not None and (address.is_unspecified or address.is_multicast):
        return Remark("host", "is not the address of one machine")
    return None


@dataclass(frozen=True, slots=True)
class Notifier:
    """Sends each notification as one mail to everybody in ``to``.

    Where the server takes the mail for some addresses only, the mail comes again to those it refuses for now, and to
    nobody else, with the same Message-ID; that it refuses some for good is said, and no reason to send it again.
    """

    to: tuple[str, ...] = field(metadata={"example": 'to = ["dns@example.com"]'})
    """Mail addresses."""
    smtp: Smtp = field(
        metadata={
            "example": 'smtp = { host = "mail.example.com", port = 587, tls = "starttls", username = "soawatch", '
            'password_file = "smtp.pw" }'
        }
    )
    """The server that takes the mail."""
    from_: str | None = field(
        default=None,
        metadata={
            "unset": "soawatch at the domain of the first of `to`",
            "example": 'from = "soawatch@example.com"',
        },
    )
    """The sender."""
    reply_to: str | None = field(default=None, metadata={"example": 'reply_to = "noc@example.com"'})
    """Where answers go."""
    ca_file: Path | None = field(default=None, metadata={"unset": "the system's", "example": 'ca_file = "ca.pem"'})
    """Certificates to trust."""
    timeout: timedelta = timedelta(seconds=30)
    """For a whole attempt."""
    trust: Trust = field(default_factory=Trust, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "trust", Trust(self.ca_file))
        if not self.to:
            raise ValueError("to names nobody")
        for address in (*self.to, *filter(None, (self.from_, self.reply_to))):
            _mailbox(address)

    def review(self) -> Iterator[Remark]:
        for remark in self.smtp.review():
            yield replace(remark, setting=f"smtp.{remark.setting}")

    async def send(self, notification: Notification) -> None:
        mail, ready = build_mail(notification, self), asyncio.Event()
        try:
            refused = await _send_mail(self, mail, notification.done, ready)
        except aiosmtplib.SMTPRecipientsRefused as error:
            if not notification.done:
                raise _failure(self, error) from None
            refused = {each.recipient: (each.code, each.message) for each in error.recipients}
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:  # TLS and time-outs are OSErrors
            failure = _failure(self, error)
            failure.away = not ready.is_set()
            raise failure from None
        _settle(self.smtp, _recipients(mail), refused)

    def destination(self) -> Secret:
        """The same people, over whatever server."""
        return Secret(" ".join(sorted({_mailbox(address).addr_spec.lower() for address in self.to})))


HEADER_POLICY = SMTP.clone(max_line_length=998)
"""No header is folded (RFC 5322 section 2.1.1 allows that): the standard library folds some right after their name,
which readers then show with a leading blank. Bodies are quoted-printable, so none of their lines is long."""


def build_mail(notification: Notification, settings: Notifier) -> EmailMessage:
    """The mail. Its Message-ID is the same on every attempt; all mail of one incident is one thread."""
    sender = settings.from_ or f"soawatch@{_domain(settings.to[0])}"
    domain = _domain(sender)
    thread = f"<{notification.thread}@{domain}>"
    mail = EmailMessage(policy=HEADER_POLICY)
    mail["From"] = _mailbox(sender)
    mail["To"] = tuple(map(_mailbox, settings.to))
    mail["Subject"] = header_text(notification.subject)
    mail["Date"] = format_datetime(_date(notification))
    mail["Message-ID"] = f"<{notification.id}@{domain}>"
    mail["In-Reply-To"] = thread
    mail["References"] = thread
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    if settings.reply_to is not None:
        mail["Reply-To"] = _mailbox(settings.reply_to)
    if notification.event is IncidentEvent.TEST:
        mail["X-Soawatch-Test"] = "yes"
    mail.set_content(_no_nul(notification.text), cte="quoted-printable")
    mail.add_alternative(_no_nul(notification.html), subtype="html", cte="quoted-printable")
    return mail


def header_text(text: str) -> str:
    """A header's text: whatever could end the line or the string is a space, so that no header can be slipped in."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


async def _send_mail(settings: Notifier, mail: EmailMessage, done: Set[str], ready: asyncio.Event) -> Refused:
    """Sets ``ready`` once the server is ready to take mail."""
    smtp = settings.smtp
    to = [address for address in _recipients(mail) if address not in done]
    if not to:
        return {}
    client = aiosmtplib.SMTP(
        hostname=smtp.host,
        port=smtp.port or PORTS[smtp.tls],
        use_tls=smtp.tls == "tls",
        start_tls=smtp.tls == "starttls",
        local_hostname=smtp.helo or _own_name(),
        tls_context=None if smtp.tls == "none" else await settings.trust.context(),
        timeout=settings.timeout.total_seconds(),
    )
    try:
        async with asyncio.timeout(settings.timeout.total_seconds()):
            await client.connect()
            if smtp.username is not None and smtp.password is not None:
                await client.login(smtp.username, smtp.password.reveal())
            ready.set()
            refused = await _sent(client, mail, to)
        await _quit(client)
    finally:
        client.close()
    return refused


def _recipients(mail: EmailMessage) -> list[str]:
    return [address.addr_spec for address in mail["To"].addresses]


async def _sent(client: aiosmtplib.SMTP, mail: EmailMessage, to: list[str]) -> Refused:
    """As it was written: ``send_message`` would fold the headers anew. Only addresses beyond ASCII need its care."""
    (sender,) = [address.addr_spec for address in mail["From"].addresses]
    if not all(address.isascii() for address in (sender, *to)):
        refused, _ = await client.send_message(mail, recipients=to)
    else:
        refused, _ = await client.sendmail(sender, to, mail.as_bytes())
    return refused


async def _quit(client: aiosmtplib.SMTP) -> None:
    """The mail is taken: what becomes of the farewell changes nothing."""
    with suppress(aiosmtplib.SMTPException, OSError):
        async with asyncio.timeout(QUIT_TIMEOUT):
            await client.quit()


def _own_name() -> str:
    """Not the fully qualified name: that would be asked of the DNS, which may be what the mail is about."""
    name = socket.gethostname()
    return name if "." in name else "[127.0.0.1]"


def _settle(smtp: Smtp, everybody: Iterable[str], refused: Refused) -> None:
    """Some were refused, the others have their mail; DeliveryError says who is to get it yet, and who never will."""
    later = {name: code for name, (code, _) in refused.items() if code < 500}
    final = [f"{header_text(name)} ({code})" for name, (code, _) in sorted(refused.items()) if code >= 500]
    more = f" and {len(final) - MAX_ADDRESSES_NAMED} more" if len(final) > MAX_ADDRESSES_NAMED else ""
    said = f"{_place(smtp)} refuses for good: {', '.join(final[:MAX_ADDRESSES_NAMED])}{more}" if final else ""
    done = [name for name in everybody if name not in later]
    if later:
        codes = ", ".join(map(str, sorted(later.values())))
        raise DeliveryError(f"{_place(smtp)} put off {len(later)} of the receivers ({codes})", done=done, refused=said)
    if final:
        raise DeliveryError(said, permanent=True, done=done, refused=said)


def _failure(settings: Notifier, error: Exception) -> DeliveryError:
    """What went wrong, without a word of what the server said: that may hold anything."""
    place = _place(settings.smtp)
    match error:
        case aiosmtplib.SMTPRecipientsRefused():
            codes = [each.code for each in error.recipients]
            said = f"{place} refuses every receiver ({', '.join(map(str, codes))})"
            return DeliveryError(said, permanent=all(code >= 500 for code in codes))
        case aiosmtplib.SMTPResponseException():
            return DeliveryError(f"{place} {_answered(error)}", permanent=_final(error))
        case TimeoutError():
            return DeliveryError(f"{place} did not finish within {format_duration(settings.timeout)}")
        case aiosmtplib.SMTPServerDisconnected():
            return DeliveryError(f"{place} closed the connection")
        case OSError():
            return DeliveryError(f"{place} {_unreached(error)}")
    if type(error) is aiosmtplib.SMTPException:
        return DeliveryError(f"{place}: {header_text(error.message)}")
    return DeliveryError(f"{place}: {type(error).__name__}")


def _unreached(error: BaseException) -> str:
    """Why there was no conversation; aiosmtplib wraps what it met on the way."""
    cause: BaseException | None = error
    while cause is not None:
        match cause:
            case ssl.SSLCertVerificationError():
                return f"is not trusted: its certificate is not accepted ({cause.verify_message})"
            case ssl.SSLError():
                return "cannot be reached: TLS failed"
            case ConnectionRefusedError():
                return "cannot be reached: connection refused"
        cause = cause.__cause__ or cause.__context__
    return "cannot be reached"


def _answered(error: aiosmtplib.SMTPResponseException) -> str:
    match error:
        case aiosmtplib.SMTPAuthenticationError():
            return f"does not accept username and password ({error.code})"
        case aiosmtplib.SMTPSenderRefused():
            return f"refuses the sender ({error.code})"
    return f"answered {error.code}"


def _final(error: aiosmtplib.SMTPResponseException) -> bool:
    """A 5xx is for good (RFC 5321 section 4.2.1), unless it is a greeting: that is about the server, not the mail."""
    greeting = (aiosmtplib.SMTPConnectResponseError, aiosmtplib.SMTPHeloError)
    return error.code >= 500 and not isinstance(error, greeting)


def _place(smtp: Smtp) -> str:
    return f"{smtp.host}:{smtp.port or PORTS[smtp.tls]}"


def _mailbox(text: str) -> Address:
    """A mail address, with or without a name; ValueError if it is none, or one that needs SMTPUTF8 (RFC 6531)."""
    if len(text) > MAX_ADDRESS_LENGTH:
        raise ValueError(f"a mail address of more than {MAX_ADDRESS_LENGTH} characters")
    said = ValueError(f"{header_text(text)[:100]!r} is not a mail address")
    found = _MAILBOX.fullmatch(text.strip())
    if found is None or header_text(text) != text.strip():
        raise said
    try:
        domain = found["domain"]
        domain = domain if domain.isascii() else idna.encode(domain, uts46=True).decode("ascii")
        return Address(display_name=found["name"] or "", addr_spec=f"{found['local']}@{domain}")
    except ValueError:
        raise said from None


def _domain(text: str) -> str:
    return _mailbox(text).domain


def _date(notification: Notification) -> datetime:
    return notification.sent_at or notification.at


def _no_nul(text: str) -> str:
    return text.replace("\0", "")
