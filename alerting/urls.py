"""Refuses URLs and hosts that nothing can be sent to, and finds secrets in URLs that nobody should read."""

import re
import socket
from collections.abc import Iterator
from difflib import get_close_matches
from ipaddress import IPv4Address, ip_address
from itertools import pairwise
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import idna

from alerting.blocked_addresses import IpAddress, blocked_reason
from alerting.model import Remark, Secret

if TYPE_CHECKING:
    import httpx  # it takes a quarter of a second, and most commands meet no URL

EXAMPLE = 'write for example "https://hooks.example.com/dns"'
SCHEMES = ("http", "https")
MAX_URL_LENGTH = 8000
"""Characters; servers take no longer ones (RFC 9112 section 3)."""

SECRET_PARAMETERS = frozenset(
    {"accesstoken", "apikey", "auth", "authtoken", "code", "key", "pass", "passwd", "password", "pw", "pwd", "secret"}
    | {"sig", "signature", "token"}
)
"""Parameters whose values are not for everybody, in small letters and without marks between them."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

TOKEN_FROM = 12
"""Letters and digits in a row that may be a token …"""
MIXED_FROM = 3
"""… if small letters, capitals and digits follow each other so many times …"""
WORD_TO = 24
"""… or if they are more than any word has."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,15}):/")
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


class BadUrl(ValueError):
    """Nothing can be sent there; ``text`` says why without repeating the URL, ``hint`` what may be meant."""

    def __init__(self, text: str, hint: str = EXAMPLE) -> None:
        super().__init__(text)
        self.text = text
        self.hint = hint


def parsed(text: str) -> "httpx.URL":
    """A URL of http or https with a host that can be looked up. Raises BadUrl."""
    import httpx

    if len(text) > MAX_URL_LENGTH:
        raise BadUrl(f"is longer than {MAX_URL_LENGTH} characters")
    if any(char.isspace() or not char.isprintable() for char in text):
        raise BadUrl("is not a URL: it holds a space or a control character")
    scheme = _SCHEME.match(text)
    if scheme is None:
        raise BadUrl("is not a URL: it begins with neither http:// nor https://")
    if scheme[1].lower() not in SCHEMES:
        raise BadUrl("is not a URL of http or https", _scheme_meant(scheme[1]))
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        raise BadUrl("is not a URL: the host or the port cannot be one") from None
    if not url.host:
        raise BadUrl("names no host")
    if url.port is not None and not 0 < url.port < 65536:
        raise BadUrl("names a port that is not one, from 1 to 65535")
    if wrong := host_fault(url.host):
        raise BadUrl(f"names a host that {wrong}")
    return url


def _scheme_meant(scheme: str) -> str:
    meant = get_close_matches(scheme.lower(), SCHEMES, n=1)
    return f"did you mean {meant[0]}://?" if meant else EXAMPLE


def host_fault(host: str) -> str:
    """Why neither an address nor a name can be written like this; empty where one can."""
    if address_in(host) is not None:
        return ""
    name = host.removesuffix(".")
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            return "is no internationalised name"
    if len(name) > 253:
        return "is longer than a name can be"
    labels = name.split(".")
    if not all(map(_LABEL.fullmatch, labels)):
        return "is neither a name nor an address"
    if labels[-1].isdigit():
        return "is no address"
    return ""


def address_in(host: str) -> IpAddress | None:
    """The address that a host is, in any spelling the system takes (``127.1``, ``0x7f000001``); None for a name.

    ``localhost`` and what ends in it are loopback wherever they are looked up (RFC 6761 section 6.3).
    """
    name = host.lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return IPv4Address("127.0.0.1")
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host)) if re.fullmatch(r"[0-9A-Fa-fxX.]+", host) else None
    except OSError:
        return None


def forbidden(url: "httpx.URL", *, allow_private: bool) -> str | None:
    """Why the address that stands in a URL may not be connected to; None if it may, or if a name stands there."""
    address = address_in(url.host)
    return None if address is None else blocked_reason(address, allow_private=allow_private)


def exposed(text: str) -> str:
    """What in this URL is not for everybody, as far as can be seen; empty for nothing, and for what is no URL."""
    import httpx

    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        return ""
    if url.userinfo:
        return "a user or password"
    given = list(_parameters(url))
    if any(value and re.sub(r"[_-]", "", name.lower()) in SECRET_PARAMETERS for name, value in given):
        return "a token"
    parts = [*url.path.split("/"), *(value for _, value in given)]
    pieces = (piece for part in parts for piece in re.split(r"[^A-Za-z0-9]+", part))
    found = any(map(_UUID.fullmatch, parts)) or any(map(_like_a_token, pieces))
    return "what looks like a token" if found else ""


def _parameters(url: "httpx.URL") -> Iterator[tuple[str, str]]:
    """In the query, in the fragment, and in segments of the path (RFC 3986 section 3.3)."""
    in_path = "&".join(part for segment in url.path.split("/") for part in segment.split(";")[1:])
    for text in (url.query.decode("ascii", "replace"), url.fragment, in_path):
        yield from parse_qsl(text)


def _like_a_token(piece: str) -> bool:
    kinds = ["0" if char.isdigit() else "A" if char.isupper() else "a" for char in piece]
    changes = sum(one != other for one, other in pairwise(kinds))
    return len(piece) > WORD_TO or (len(piece) >= TOKEN_FROM and changes >= MIXED_FROM)


def url_remarks(url: Secret, *, allow_private: bool) -> Iterator[Remark]:
    """Where a URL of the configuration leads, as far as can be told without looking up its name."""
    try:
        wanted = parsed(url.reveal())
    except BadUrl as error:
        yield Remark("url", error.text, error.hint)
        return
    why = forbidden(wanted, allow_private=allow_private)
    if why is not None:
        yield Remark("url", f"leads to {why}")
