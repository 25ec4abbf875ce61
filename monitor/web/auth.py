"""Lets in who may see it, and refuses requests that cannot be answered at all."""

import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alerting.model import Secret
from monitor.config.named_token import NamedToken
from monitor.config.tokens import LOCAL
from monitor.web.caller import Caller, host_of, without_token
from monitor.web.client_address import forwarded_client
from monitor.web.login_attempts import LoginAttempts
from monitor.web.snapshot import Settings, View, WebContext

COOKIE = "soawatch"
SESSION_LIFETIME = timedelta(days=30)
MAX_FIELDS = 10
"""Of a form."""
MAX_FORM_SIZE = 4096
"""Octets a form may have."""
MAX_BODY_SIZE = 16384
"""Octets that a request of the API may have."""
READS = ("GET", "HEAD")


@dataclass(frozen=True, slots=True)
class Taken:
    """Paths where more is taken than reads: by these methods, with so many octets at most."""

    paths: re.Pattern[str]
    methods: tuple[str, ...] = ("POST",)
    octets: int = MAX_BODY_SIZE


TAKEN = (
    Taken(re.compile(r"/login|/logout|/zones/.+/diff"), octets=MAX_FORM_SIZE),
    Taken(re.compile(r"/incidents/[^/]+/acknowledge|/silences(?:/[^/]+/end)?")),
    Taken(re.compile(r"/api/v1/zones/.+/(?:wait|diff)")),
    Taken(re.compile(r"/api/v1/incidents/[^/]+/acknowledge"), ("POST", "DELETE")),
    Taken(re.compile(r"/api/v1/silences")),
    Taken(re.compile(r"/api/v1/silences/[^/]+"), ("DELETE",)),
)
OPEN_PATHS = ("/healthz", "/readyz", "/login", "/logout", "/static/")
"""What anybody may always ask for; none of it tells anything of a zone."""

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}

Refuse = Callable[[Scope, int, Mapping[str, str]], Response]


class AuthMiddleware:
    """ASGI middleware before all routes: it writes the security headers, refuses bodies and other methods, and puts
    a View and a Caller into the state of each request that may pass. ``refuse`` makes the answer to one that may not.

    ``attempts`` slows whoever sends wrong tokens in a header; a cookie is no guess that could ever be right.
    """

    def __init__(self, app: ASGIApp, context: WebContext, refuse: Refuse, attempts: LoginAttempts) -> None:
        self.app = app
        self.context = context
        self.attempts = attempts
        self.refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        send_with_headers = _with_headers(send)
        refused = self._refused(scope)
        if refused is None:
            await self.app(scope, receive, send_with_headers)
            return
        status, headers = refused
        await self.refuse(scope, status, headers)(scope, receive, send_with_headers)

    def _refused(self, scope: Scope) -> tuple[int, dict[str, str]] | None:
        method = scope["method"]
        taken = None if method in READS else next((one for one in TAKEN if one.paths.fullmatch(scope["path"])), None)
        if method not in READS and (taken is None or method not in taken.methods):
            return 405, {"Allow": ", ".join((*READS, *(taken.methods if taken else ()))), "Connection": "close"}
        headers = Headers(scope=scope)
        if _octets(headers) > (taken.octets if taken else 0):
            return 413, {"Connection": "close"}
        tokens = self.context.tokens
        caller, wait = self._caller(scope, headers, tokens)
        sees_all = caller is not None and caller.view is View.WHOLE
        if sees_all and not tokens and not is_same_origin(headers, self.context.settings.url):
            return 421, {"Connection": "close"}
        if wait and not scope["path"].startswith(OPEN_PATHS):
            return 429, {"Retry-After": str(wait)}
        if caller is None and not scope["path"].startswith(OPEN_PATHS):
            return 401, {"WWW-Authenticate": 'Bearer realm="soawatch"'}
        caller = caller or Caller(View.PUBLIC)
        scope.setdefault("state", {}).update(view=caller.view, caller=caller)
        return None

    def _caller(self, scope: Scope, headers: Headers, tokens: Sequence[NamedToken]) -> tuple[Caller | None, int]:
        """Who sends it, and for how many seconds the token that came along is not looked at."""
        settings, now = self.context.settings, self.context.now()
        others = Caller(View.PUBLIC) if settings.public else None
        if not tokens:
            return others or without_token(headers, settings.url, LOCAL), 0
        given = bearer(headers)
        if given is None:
            known = session_of(headers, tokens, now)
            return (others if known is None else Caller.of_token(known)), 0
        client = forwarded_client(scope)
        if wait := self.attempts.wait(client, now):
            return others, wait
        if (known := token_given(given, tokens)) is not None:
            return Caller.of_token(known), 0
        self.attempts.wrong(client, given, now)
        return others, 0


def _octets(headers: Headers) -> int:
    """How long the body says it is; one that does not say counts as too long."""
    if "transfer-encoding" in headers:
        return MAX_BODY_SIZE + 1
    length = headers.get("content-length", "0")
    return int(length) if length.isascii() and length.isdigit() and len(length) < 10 else MAX_BODY_SIZE + 1


def _with_headers(send: Send) -> Callable[[Message], Awaitable[None]]:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return send_with_headers


def is_same_origin(headers: Headers, url: str | None) -> bool:
    """Whether the name in the Host header (RFC 9110 section 7.2) is one that leads here.

    A loopback port asks for no token, and every page in the operator's browser can reach it under a name of its own
    that resolves to 127.0.0.1. Such a name is refused: only addresses, localhost and the host of ``url`` are ours.
    """
    try:
        host = urlsplit(f"//{host_of(headers)}").hostname or ""
        if host == "localhost" or (url is not None and host == urlsplit(url).hostname):
            return True
        ip_address(host)
    except ValueError:
        return False
    return True


def bearer(headers: Headers) -> bytes | None:
    """What is sent as the token in a header (RFC 6750 section 2.1)."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    return given.strip().encode("latin-1", "replace") if scheme.lower() == "bearer" else None


def session_of(headers: Headers, tokens: Sequence[NamedToken], now: datetime) -> NamedToken | None:
    """Of which token a cookie of the form comes with the request."""
    cookies = (part.strip().partition("=") for part in headers.get("cookie", "").split(";"))
    values = [value for name, _, value in cookies if name == COOKIE]
    return next((one for one in tokens if any(_genuine(value, one.token, now) for value in values)), None)


def token_given(given: bytes, tokens: Sequence[NamedToken]) -> NamedToken | None:
    """Which of them it is; all are compared, so that the time does not tell which was nearly it."""
    found = [one for one in tokens if is_same_secret(given, one.token.reveal())]
    return found[0] if found else None


def is_same_secret(given: bytes, secret: str) -> bool:
    """Takes as long for a near miss as for a far one."""
    return hmac.compare_digest(given, secret.encode())


def session_token(token: Secret, until: datetime) -> str:
    """What the cookie holds: not the token, but a proof, good until then, that somebody knew it."""
    expiry = str(int(until.timestamp()))
    return (
        f"{expiry}.{hmac.new(token.reveal().encode(), f'soawatch page {expiry}'.encode(), hashlib.sha256).hexdigest()}"
    )


def _genuine(value: str, token: Secret, now: datetime) -> bool:
    expiry = value.partition(".")[0]
    if not (expiry.isascii() and expiry.isdigit() and len(expiry) <= 11 and int(expiry) > now.timestamp()):
        return False
    return is_same_secret(value.encode(), session_token(token, datetime.fromtimestamp(int(expiry), now.tzinfo)))


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form; AuthMiddleware has found it short enough."""
    body = (await request.body()).decode("utf-8", "replace")
    try:
        return {name: values[0] for name, values in parse_qs(body, max_num_fields=MAX_FIELDS).items()}
    except ValueError:
        return {}


def set_session_cookie(response: Response, settings: Settings, token: Secret, now: datetime) -> None:
    response.set_cookie(
        COOKIE,
        session_token(token, now + SESSION_LIFETIME),
        max_age=int(SESSION_LIFETIME.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=(settings.url or "").startswith("https:"),
    )
