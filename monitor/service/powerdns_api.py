"""Asks the API of PowerDNS Authoritative for the zones that it has, within bounds."""

import asyncio
import ssl

from alerting.model import Secret
from alerting.tls_trust import Trust
from monitor.service.zone_list_reader import ListedZones, ListUnread, ZoneListReader

TIMEOUT = 30.0
"""Seconds for the whole answer."""

MAX_SIZE = 256 * 1024 * 1024
"""Octets of the answer: some 250 for a zone. It is read as it comes, and not kept."""

_REASONS = {
    401: "it does not accept the API key",
    403: "it does not accept the API key, or not from this address (webserver-allow-from)",
    404: "there is no such server or API",
}

PIECE = 262_144
"""Octets of the answer that are read for names at one time, beside the event loop."""

_WITHOUT_WORDS = {"ReadError": "the connection broke", "WriteError": "the connection broke"}
"""What the client has no text for."""


_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody: without any the client would read the system's certificates for http, too."""


async def listed_zones(url: str, api_key: Secret, trust: Trust) -> ListedZones:
    """The zones at ``url``, which ends in ``/zones``. Raises ListUnread.

    No redirect is followed and no proxy used: the key goes where it is meant to go, and nowhere else.
    """
    import httpx

    try:
        async with asyncio.timeout(TIMEOUT):
            return await _listed(url, api_key, await trust.context() if url.startswith("https:") else _NO_TLS)
    except (TimeoutError, httpx.TimeoutException):
        raise ListUnread(f"it has not answered in full within {TIMEOUT:g} s") from None
    except httpx.HTTPError as error:
        raise ListUnread(f"it cannot be asked: {_words(error)}") from None


async def _listed(url: str, api_key: Secret, context: ssl.SSLContext) -> ListedZones:
    import httpx

    headers = {"X-API-Key": api_key.reveal(), "Accept": "application/json", "Accept-Encoding": "identity"}
    # Without this parameter it looks for the keys of every zone, which takes long.
    parameters = {"dnssec": "false"}
    async with (
        httpx.AsyncClient(verify=context, timeout=TIMEOUT, follow_redirects=False, trust_env=False) as client,
        client.stream("GET", url, params=parameters, headers=headers) as answer,
    ):
        if answer.status_code != httpx.codes.OK:
            why = _REASONS.get(answer.status_code)
            raise ListUnread(f"it answers with status {answer.status_code}{f': {why}' if why else ''}")
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise ListUnread("it compresses its answer, though that was not asked for")
        reader, piece, size = ZoneListReader(), bytearray(), 0
        async for some in answer.aiter_raw():
            piece += some
            size += len(some)
            if size > MAX_SIZE:
                raise ListUnread(f"its answer is larger than {MAX_SIZE // 1024**2} MB")
            if len(piece) >= PIECE:
                await asyncio.to_thread(reader.feed, bytes(piece))
                piece.clear()
    await asyncio.to_thread(reader.feed, bytes(piece))
    return await asyncio.to_thread(reader.zones)


def _words(error: Exception) -> str:
    text = str(error).strip().rstrip(".")
    if text and text.isprintable():
        return f"{text[:1].lower()}{text[1:]}"
    return _WITHOUT_WORDS.get(type(error).__name__, type(error).__name__)
