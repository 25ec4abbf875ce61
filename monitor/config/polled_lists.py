"""Reads lists of zones that are asked for by HTTP: those of the API of PowerDNS."""

from typing import Any

from alerting.urls import BadUrl, exposed, parsed
from monitor.config.addresses import loopback
from monitor.config.errors import InvalidValue, KeyPath, Problems
from monitor.config.model import PolledList, ZoneEntry, ZoneList
from monitor.config.secrets import FileContext, secret, secret_keys
from monitor.config.zones import References, entry_of

EXAMPLE = 'write for example "http://127.0.0.1:8081/api/v1/servers/localhost/zones"'

STAND_IN = "zone.example."
"""The name of a zone while the options of all are read."""


def polled_list(
    problems: Problems, section: KeyPath, table: Any, references: References, context: FileContext
) -> PolledList | None:
    """The list of a section that has a ``url``; what is wrong with it is in the problems."""
    for key in ("file", "directory", "format"):
        if getattr(table, key) is not None:
            problems.mistake((*section, key), "given together with url", "a url is always that of the API of PowerDNS")
    url = problems.parsed((*section, "url"), table.url, _url)
    ways = {way: getattr(table, way) for way in secret_keys("api_key")}
    api_key = secret(problems, section, "api_key", ways, context, required=True)
    if api_key is not None and not (api_key.reveal().isascii() and api_key.reveal() == api_key.reveal().strip()):
        key = next(way for way, value in ways.items() if value is not None)
        problems.mistake((*section, key), "cannot be sent in a header: it begins or ends with a space, or is not ASCII")
    entry: ZoneEntry = entry_of(problems, section, table, STAND_IN, references).without_name()
    if url is None or api_key is None:
        return None
    if _in_clear(url):
        problems.warn((*section, "url"), "the API key goes over the network unencrypted", "use https")
    default = ZoneList()
    refresh = default.refresh if table.refresh is None else table.refresh
    share = default.max_shrink if table.max_shrink is None else table.max_shrink
    return PolledList(url, api_key, refresh, share, entry)


def refuse_without_url(problems: Problems, section: KeyPath, table: Any) -> None:
    """Tells of keys that mean nothing where there is a file."""
    for key in (*secret_keys("api_key"), "refresh"):
        if getattr(table, key) is not None:
            problems.mistake((*section, key), "given without url", "a file is read when the configuration is")


def _url(text: str) -> str:
    """The URL of the zones of a server. Raises InvalidValue."""
    try:
        url = parsed(text)
    except BadUrl as error:
        raise InvalidValue(error.text, EXAMPLE) from None
    if found := exposed(text):
        raise InvalidValue(f"holds {found}", "give the key as api_key_file, api_key_env or api_key_credential")
    if not url.path.rstrip("/").endswith("/zones") or url.query or url.fragment:
        raise InvalidValue("does not end in /zones", EXAMPLE)
    return str(url).rstrip("/")


def _in_clear(text: str) -> bool:
    """Whether others may read along."""
    url = parsed(text)
    if url.scheme == "https" or url.host == "localhost":
        return False
    try:
        return not loopback(url.host)
    except ValueError:
        return True
