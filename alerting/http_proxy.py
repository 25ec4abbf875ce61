"""The proxy by which a receiver is asked, where the configuration names one: of the environment none is taken."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from alerting import urls
from alerting.model import Remark, Secret
from alerting.urls import BadUrl, address_in, forbidden, parsed

if TYPE_CHECKING:
    import httpx

DIRECT = "none"
"""In place of a URL: no proxy, whatever holds for others."""

EXAMPLE = 'write for example "http://proxy.example.com:3128", or "none"'


def parsed_proxy(proxy: Secret | None) -> "httpx.URL | None":
    """Where a proxy is that speaks HTTP; None: it is asked without one. Raises BadUrl, which does not repeat it."""
    if proxy is None or proxy.reveal() == DIRECT:
        return None
    text = proxy.reveal()
    if text.lower().startswith("socks"):
        raise BadUrl("is a SOCKS proxy: only such as speak HTTP can be used", EXAMPLE)
    try:
        url = parsed(text)
    except BadUrl as error:
        raise BadUrl(error.text, EXAMPLE if error.hint == urls.EXAMPLE else error.hint) from None
    if url.raw_path != b"/" or url.fragment:
        raise BadUrl("has a path, as no proxy has", EXAMPLE)
    if why := forbidden(url, allow_private=True):
        raise BadUrl(f"leads to {why}", EXAMPLE)
    return url


def proxy_remarks(proxy: Secret | None, url: Secret | None = None) -> Iterator[Remark]:
    """What is wrong with the proxy, or with asking for this URL by it."""
    try:
        by = parsed_proxy(proxy)
    except BadUrl as error:
        yield Remark("proxy", error.text, error.hint)
        return
    if by is not None and url is not None and is_ipv6(url.reveal()):
        yield Remark("url", "names an IPv6 address, for which no proxy is asked", "write a name, or an IPv4 address")


def is_ipv6(text: str) -> bool:
    """Whether an IPv6 address stands in the URL; not where it is none. httpx writes it without its brackets."""
    try:
        host = parsed(text).host
    except BadUrl:
        return False
    address = address_in(host)
    return address is not None and address.version == 6
