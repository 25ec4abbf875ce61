"""Asks the API of PowerDNS Authoritative for the zones that it has, within bounds."""

import asyncio
import json
from dataclasses import dataclass

from alerting.model import Secret
from checks.common.text import plural
from monitor.config.domain_names import domain_name
from monitor.config.errors import InvalidValue

TIMEOUT = 30.0
"""Seconds for the whole answer."""

MAX_SIZE = 256 * 1024 * 1024
"""Octets of the answer: some 250 for a zone."""

_REASONS = {
    401: "it does not accept the API key",
    403: "it does not accept the API key, or not from this address (webserver-allow-from)",
    404: "there is no such server or API",
}


class ListUnread(Exception):
    """There is no list; the sentence says why, without a word of the answer."""


_WITHOUT_WORDS = {"ReadError": "the connection broke", "WriteError": "the connection broke"}
"""What the client has no text for."""


@dataclass(frozen=True, slots=True)
class ListedZones:
    """The zones, absolute and in lower case, and sentences on those whose name cannot be one."""

    names: frozenset[str]
    passed_over: tuple[str, ...] = ()


async def listed_zones(url: str, api_key: Secret) -> ListedZones:
    """The zones at ``url``, which ends in ``/zones``. Raises ListUnread.

    No redirect is followed and no proxy used: the key goes where it is meant to go, and nowhere else.
    """
    import httpx

    try:
        async with asyncio.timeout(TIMEOUT):
            body = await _body(url, api_key)
    except (TimeoutError, httpx.TimeoutException):
        raise ListUnread(f"it has not answered in full within {TIMEOUT:g} s") from None
    except httpx.HTTPError as error:
        raise ListUnread(f"it cannot be asked: {_words(error)}") from None
    return await asyncio.to_thread(_names, body)


async def _body(url: str, api_key: Secret) -> bytes:
    import httpx

    headers = {"X-API-Key": api_key.reveal(), "Accept": "application/json", "Accept-Encoding": "identity"}
    # Without this parameter it looks for the keys of every zone, which takes long.
    parameters = {"dnssec": "false"}
    async with (
        httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=False, trust_env=False) as client,
        client.stream("GET", url, params=parameters, headers=headers) as answer,
    ):
        if answer.status_code != httpx.codes.OK:
            why = _REASONS.get(answer.status_code)
            raise ListUnread(f"it answers with status {answer.status_code}{f': {why}' if why else ''}")
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise ListUnread("it compresses its answer, though that was not asked for")
        body = bytearray()
        async for some in answer.aiter_raw():
            body += some
            if len(body) > MAX_SIZE:
                raise ListUnread(f"its answer is larger than {MAX_SIZE // 1024**2} MB")
    return bytes(body)


def _names(body: bytes) -> ListedZones:
    """The names in an answer: a list of objects, of which each has a ``name``."""
    try:
        rows = json.loads(body)
    except (ValueError, RecursionError):
        raise ListUnread("its answer is not JSON") from None
    if not isinstance(rows, list):
        raise ListUnread("its answer is not a list of zones")
    names, passed_over = set[str](), list[str]()
    for row in rows:
        name = row.get("name") if isinstance(row, dict) else None
        if not isinstance(name, str):
            raise ListUnread(f"its answer is not a list of zones: one of {plural(len(rows), 'element')} has no name")
        base = name.partition("..")[0]  # "example.com..inside" is a variant of the zone, in a view (PowerDNS 5)
        try:
            names.add(domain_name(base if base != name and base else name))
        except InvalidValue as error:
            passed_over.append(error.text)
    return ListedZones(frozenset(names), tuple(passed_over))


def _words(error: Exception) -> str:
    text = str(error).strip().rstrip(".")
    if text and text.isprintable():
        return f"{text[:1].lower()}{text[1:]}"
    return _WITHOUT_WORDS.get(type(error).__name__, type(error).__name__)
