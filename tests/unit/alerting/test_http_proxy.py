"""Which proxies receivers can be asked by."""

import pytest

from alerting.heartbeat import Heartbeat
from alerting.http_proxy import is_ipv6, parsed_proxy, proxy_remarks
from alerting.model import Remark, Secret
from alerting.notifiers.webhook import Notifier
from alerting.urls import BadUrl

PROXY, HOOK = Secret("http://user:secret@proxy.example.com:3128"), Secret("https://hooks.example.com/")


@pytest.mark.parametrize(
    "text", ["http://proxy:3128", "https://u:p@proxy.example.com/", "http://10.0.0.1", "http://[fd00::1]:80"]
)
def test_one_can_be_asked(text: str) -> None:
    url = parsed_proxy(Secret(text))
    assert url is not None
    assert url.host


@pytest.mark.parametrize("proxy", [None, Secret("none")])
def test_there_is_none(proxy: Secret | None) -> None:
    assert parsed_proxy(proxy) is None
    assert list(proxy_remarks(proxy, Secret("https://[2001:db8::1]/"))) == []


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("socks5://u:secret@proxy:1080", "is a SOCKS proxy: only such as speak HTTP can be used", "proxy.example.com"),
        ("proxy:3128", "begins with neither http:// nor https://", '"http://proxy.example.com:3128", or "none"'),
        ("htp://proxy:3128", "is not a URL of http or https", "did you mean http://?"),
        ("http://proxy:3128/secret", "has a path, as no proxy has", "proxy.example.com"),
        ("http://proxy:3128?secret", "has a path", "proxy.example.com"),
        ("http://proxy:3128/#secret", "has a path", "proxy.example.com"),
        ("http://169.254.169.254:80", "leads to a link-local or metadata address", "proxy.example.com"),
        ("None", "begins with neither", '"none"'),
    ],
)
def test_none_can_be_asked(text: str, said: str, hint: str) -> None:
    with pytest.raises(BadUrl) as caught:
        parsed_proxy(Secret(text))
    assert said in caught.value.text
    assert hint in caught.value.hint
    assert "secret" not in caught.value.text + caught.value.hint
    assert list(proxy_remarks(Secret(text))) == [Remark("proxy", caught.value.text, caught.value.hint)]


def test_no_proxy_is_asked_for_an_ipv6_address() -> None:
    urls = ("https://[2001:db8::1]:8443/x", "https://192.0.2.1/", "https://hooks.example.com/", "no URL")
    assert [is_ipv6(url) for url in urls] == [True, False, False, False]
    (remark,) = proxy_remarks(PROXY, Secret(urls[0]))
    assert (remark.setting, remark.text) == ("url", "names an IPv6 address, for which no proxy is asked")


def test_receivers_and_the_heartbeat_look_at_theirs() -> None:
    wrong = Secret("socks5://proxy")
    for made in (Notifier(HOOK, proxy=wrong), Heartbeat(url=HOOK, proxy=wrong), Heartbeat(proxy=wrong)):
        (remark,) = made.review()
        assert remark.setting == "proxy"
        assert "proxy.example.com" not in repr(made)
    assert list(Notifier(HOOK, proxy=PROXY).review()) == []
