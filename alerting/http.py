"""Sends a signed document to an HTTP receiver, and says what its answer means."""

import asyncio
import ipaddress
import socket
import ssl
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parsedate_to_datetime

import httpx
from standardwebhooks import Webhook

from alerting.blocked_addresses import IpAddress, blocked_reason
from alerting.http_proxy import is_ipv6, parsed_proxy
from alerting.model import Secret
from alerting.notification import DeliveryError
from alerting.tls_trust import Trust
from alerting.urls import BadUrl, forbidden, parsed

DEADLINE = 10.0
"""Seconds for one attempt, from looking up the name to the answer's headers."""

TEMPORARY_STATUSES = frozenset({408, 425, 429})
"""Refusals that say: later. So does every 5xx."""

AWAY_STATUSES = frozenset({429, 502, 503, 504})
"""Answers that say nothing of what was sent: it is too early, or there is nobody behind the proxy."""

MAX_RETRY_AFTER = 86_400.0
"""Seconds; a longer Retry-After is cut to this."""

_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody: without any the transport would make one for each connection, also for those that use none."""

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a host name as the system knows them, in the order to try them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def cached_resolver(known: dict[str, Sequence[str]], resolve: Resolve = resolve) -> Resolve:
    """A resolver that falls back on what it found the last time: the zone that is down may be the receiver's own."""

    async def found(host: str, port: int) -> Sequence[str]:
        try:
            known[host] = await resolve(host, port)
        except OSError:
            if host not in known:
                raise
        return known[host]

    return found


async def send(
    url: Secret,
    body: bytes,
    headers: Mapping[str, str],
    *,
    allow_private: bool = False,
    trust: Trust | None = None,
    sent_at: datetime | None = None,
    deadline: float = DEADLINE,
    resolve: Resolve = resolve,
    proxy: Secret | None = None,
) -> None:
    """Hands ``body`` over; DeliveryError if it was not taken. Over http nobody is trusted, and nothing read for it.

    The name is looked up once, every address is checked, and the connection goes to a checked address, so that a
    name that points elsewhere a moment later gains nothing. Redirects are not followed and proxies of the environment
    are not used. Of the answer only status and headers are read: a body that never ends costs nothing.

    By a ``proxy`` the name is looked up there and nowhere else, so that only an address that stands in the URL is
    checked. What is looked up and checked here is the proxy's own name, which may be private.
    """
    way = _way(url, proxy)
    progress = _Progress(way)
    if way.proxy is not None and (why := forbidden(way.url, allow_private=allow_private)):
        raise DeliveryError(f"{_place(way.url)} is {why}", permanent=True)
    try:
        async with asyncio.timeout(deadline):
            addresses = await _addresses(way.first, allow_private or way.proxy is not None, resolve)
            tls = await (trust or Trust()).context() if way.over_tls else _NO_TLS
            answer = await _first_that_connects(way, addresses, body, headers, tls, deadline, progress)
    except TimeoutError:
        raise DeliveryError(f"{way} did not answer within {deadline:g} s", away=not progress.connected) from None
    _check_answer(answer, way, sent_at)


def signature(secret: Secret, id: str, at: datetime, body: str) -> dict[str, str]:
    """The headers of Standard Webhooks 1.0: HMAC-SHA256 over id, time and body."""
    return {
        "webhook-id": id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret.reveal()).sign(id, at, body),
    }


def retry_after(answer: httpx.Response, sent_at: datetime | None) -> float | None:
    """Seconds until the receiver wants to be asked again (RFC 9110 section 10.2.3): a number, or a date.

    A date is measured against the receiver's own Date header where it has one, else against ``sent_at``.
    """
    said = answer.headers.get("retry-after", "").strip()
    if said.isascii() and said.isdigit():
        return min(float(said[:9]), MAX_RETRY_AFTER)
    until, since = _date(said), _date(answer.headers.get("date", "")) or sent_at
    if until is None or since is None:
        return None
    return min(max(0.0, (until - since).total_seconds()), MAX_RETRY_AFTER)


@dataclass(frozen=True, slots=True)
class _Way:
    """Where a request goes: the URL that is wanted, and the proxy by which it is asked for, if any."""

    url: httpx.URL
    proxy: httpx.URL | None

    def __str__(self) -> str:
        return _place(self.url) + (f" by the proxy {_place(self.proxy)}" if self.proxy is not None else "")

    @property
    def first(self) -> httpx.URL:
        """What is connected to."""
        return self.proxy or self.url

    @property
    def over_tls(self) -> bool:
        return "https" in (self.url.scheme, self.first.scheme)

    @property
    def has_tunnel(self) -> bool:
        """The proxy is asked to connect first."""
        return self.proxy is not None and self.url.scheme == "https"

    def transport(self, address: IpAddress, tls: ssl.SSLContext) -> httpx.AsyncHTTPTransport:
        """The transport without the client around it: a client logs every URL with its path and query."""
        proxy = None
        if self.proxy is not None:
            trusted = tls if self.proxy.scheme == "https" else None
            proxy = httpx.Proxy(self.proxy.copy_with(host=str(address)), ssl_context=trusted)
        return httpx.AsyncHTTPTransport(verify=tls, trust_env=False, proxy=proxy)

    def target(self, address: IpAddress) -> httpx.URL:
        """What the request is for: an address that was checked, or the name, which the proxy looks up."""
        host = self.url.host if self.proxy is not None else str(address)
        return self.url.copy_with(host=host, fragment=None)


class _Progress:
    """How far an attempt has come: whether the request itself is on its way."""

    def __init__(self, way: _Way) -> None:
        self._requests = 2 if way.has_tunnel else 1
        self._begun = 0

    @property
    def connected(self) -> bool:
        return self._begun >= self._requests

    def begin(self) -> None:
        """At another address."""
        self._begun = 0

    async def note(self, event: str, info: Mapping[str, object]) -> None:
        """Called by the transport, which names its steps."""
        self._begun += event.endswith("send_request_headers.started")


def _way(url: Secret, proxy: Secret | None) -> _Way:
    try:
        way = _Way(parsed(url.reveal()), None)
    except BadUrl as error:
        raise DeliveryError(f"the URL {error.text}", permanent=True) from None
    try:
        way = replace(way, proxy=parsed_proxy(proxy))
    except BadUrl as error:
        raise DeliveryError(f"the URL of the proxy {error.text}", permanent=True) from None
    if way.proxy is not None and is_ipv6(url.reveal()):
        raise DeliveryError(f"no proxy is asked for an IPv6 address ({_place(way.url)})", permanent=True)
    return way


def _place(url: httpx.URL) -> str:
    """What may be said of a URL: not its user, path or query, which hold tokens."""
    port = f":{url.port}" if url.port is not None else ""
    return f"{url.scheme}://{url.raw_host.decode('ascii')}{port}"


async def _addresses(url: httpx.URL, allow_private: bool, resolve: Resolve) -> list[IpAddress]:
    host = url.raw_host.decode("ascii")
    try:
        texts = await resolve(host, url.port or (443 if url.scheme == "https" else 80))
    except (OSError, UnicodeError):
        raise DeliveryError(f"the name of {_place(url)} cannot be resolved", away=True) from None
    found = [ipaddress.ip_address(text.partition("%")[0]) for text in texts]
    fit = [address for address in found if blocked_reason(address, allow_private=allow_private) is None]
    if fit:
        return fit
    why = blocked_reason(found[0], allow_private=allow_private) if found else None
    if why is None:
        raise DeliveryError(f"the name of {_place(url)} has no address", away=True)
    raise DeliveryError(f"{_place(url)} is {why}", permanent=True)


async def _first_that_connects(
    way: _Way,
    addresses: Sequence[IpAddress],
    body: bytes,
    headers: Mapping[str, str],
    tls: ssl.SSLContext,
    deadline: float,
    progress: _Progress,
) -> httpx.Response:
    """One attempt per address until one takes the connection; after that the answer is the answer.

    An address that swallows packets gets its share of the time, so that the next one has some.
    """
    failed, url = "no address", way.url
    patience = {"connect": deadline / len(addresses), "read": deadline, "write": deadline, "pool": deadline}
    for address in addresses:
        progress.begin()
        request = httpx.Request(
            "POST",
            way.target(address),
            headers={"Host": url.netloc.decode("ascii"), "Accept-Encoding": "identity", **_login(url), **headers},
            content=body,
            extensions={
                "sni_hostname": way.first.raw_host.decode("ascii"),
                "timeout": patience,
                "trace": progress.note,
            },
        )
        async with way.transport(address, tls) as transport:
            try:
                answer = await transport.handle_async_request(request)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failed = _reason(error)
                continue
            except httpx.ProxyError as error:
                raise _not_by_proxy(way, error) from None
            except httpx.HTTPError as error:
                raise DeliveryError(f"{way}: {_reason(error)}") from None
            await answer.aclose()
            return answer
    raise DeliveryError(f"{way} cannot be reached: {failed}", away=True)


def _not_by_proxy(way: _Way, error: httpx.ProxyError) -> DeliveryError:
    """The proxy makes no tunnel. Its status is the first word of the error; what follows are words of its own."""
    status = str(error)[:3]
    if not (status.isascii() and status.isdigit()):
        return DeliveryError(f"{way}: {_reason(error)}", away=True)
    return DeliveryError(f"{way}: the proxy answered {status}", permanent=not _passes(int(status)), away=True)


def _login(url: httpx.URL) -> dict[str, str]:
    """User and password in front of the host become Basic authentication (RFC 7617)."""
    if not url.userinfo:
        return {}
    pair = f"{url.username}:{url.password}".encode()
    return {"Authorization": f"Basic {b64encode(pair).decode('ascii')}"}


def _check_answer(answer: httpx.Response, way: _Way, sent_at: datetime | None) -> None:
    status = answer.status_code
    if 200 <= status < 300:
        return
    passing = _passes(status)
    said = f"{way} answered {status}"
    if 300 <= status < 400:
        said += ", a redirect, which is not followed"
    later = retry_after(answer, sent_at) if passing else None
    raise DeliveryError(said, permanent=not passing, retry_after=later, away=status in AWAY_STATUSES)


def _passes(status: int) -> bool:
    """Whether a refusal says: later."""
    return status in TEMPORARY_STATUSES or status >= 500


def _reason(error: Exception) -> str:
    """The kind of trouble; a certificate's is worth its sentence, which names no path."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not accepted ({cause.verify_message})"
        if isinstance(cause, ssl.SSLError):
            return "TLS failed"
        if isinstance(cause, ConnectionRefusedError):
            return "connection refused"
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo is not None else None
