"""A receiver that is asked by a proxy: what the proxy is told, what its answers mean, and what is never said of it."""

import traceback
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from alerting.heartbeat import Heartbeat, Signal
from alerting.http import send
from alerting.model import Secret
from alerting.notification import DeliveryError
from alerting.notifiers.webhook import Notifier
from alerting.tls_trust import Trust
from tests.support.alerts import minute
from tests.support.certificates import certified
from tests.support.hookserver import HookServer, hookserver, silence
from tests.support.notifications import NOTE
from tests.support.proxy import Proxy, proxy

USER, PASSWORD, PATH = "user-of-the-proxy", "pass-of-the-proxy", "path-of-the-hook"
LOGIN = "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()


@dataclass
class Stage:
    """A receiver over TLS called hooks.test, as only the proxy knows; and the proxy."""

    hook: HookServer
    proxy: Proxy
    notifier: Notifier

    def by(self, proxy: str) -> Notifier:
        return replace(self.notifier, proxy=Secret(proxy))


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    context, trusted = certified(tmp_path, "hooks.test")
    async with hookserver(context) as hook, proxy() as there:
        there.hosts["hooks.test"] = "127.0.0.1"
        yield Stage(
            hook,
            there,
            Notifier(
                Secret(f"https://hooks.test:{hook.port}/{PATH}"),
                ca_file=trusted,
                timeout=timedelta(seconds=20),
                proxy=Secret(f"http://{USER}:{PASSWORD}@127.0.0.1:{there.port}"),
            ),
        )


async def nobody(host: str, port: int) -> Sequence[str]:
    if host == "hooks.test":
        raise AssertionError("the name is looked up by the proxy alone")
    return ["127.0.0.1"]


async def refused(notifier: Notifier) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await notifier.send(NOTE)
    said = "".join(traceback.format_exception(caught.value)) + repr(notifier) + repr(caught.value)
    assert not [secret for secret in (USER, PASSWORD, PATH) if secret in said]
    return caught.value


async def test_a_tunnel_is_asked_for_and_the_proxy_reads_nothing(stage: Stage) -> None:
    await stage.notifier.send(NOTE)
    assert stage.proxy.asked == [f"CONNECT hooks.test:{stage.hook.port} HTTP/1.1"]
    assert stage.proxy.logins == [LOGIN]
    (request,) = stage.hook.requests
    assert (request.line, request.headers["host"]) == (f"POST /{PATH} HTTP/1.1", f"hooks.test:{stage.hook.port}")
    assert "proxy-authorization" not in request.headers


async def test_the_name_is_looked_up_by_the_proxy_alone_and_that_of_the_proxy_may_be_private(stage: Stage) -> None:
    there = Secret(f"http://proxy.test:{stage.proxy.port}")
    trust = Trust(stage.notifier.ca_file)
    await send(stage.notifier.url, b"{}", {}, trust=trust, resolve=nobody, proxy=there)
    assert len(stage.hook.requests) == 1

    async def metadata(host: str, port: int) -> Sequence[str]:
        return ["169.254.169.254"]

    with pytest.raises(DeliveryError, match="link-local or metadata") as caught:
        await send(stage.notifier.url, b"{}", {}, trust=trust, resolve=metadata, proxy=there)
    assert caught.value.permanent


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254"])
async def test_an_address_in_the_url_is_checked_all_the_same(stage: Stage, host: str) -> None:
    error = await refused(replace(stage.notifier, url=Secret(f"https://{host}:{stage.hook.port}/{PATH}")))
    assert error.permanent
    assert "address" in error.reason
    assert stage.proxy.asked == []


async def test_an_ipv6_address_in_the_url_is_not_asked_for(stage: Stage) -> None:
    error = await refused(replace(stage.notifier, url=Secret(f"https://[2606:4700::1]/{PATH}")))
    assert error.permanent
    assert "no proxy is asked for an IPv6 address" in error.reason


async def test_without_tls_the_proxy_is_handed_the_request(stage: Stage) -> None:
    async with hookserver() as plain:
        url = Secret(f"http://{USER}:x@hooks.test:{plain.port}/{PATH}?a=b")
        await replace(stage.notifier, url=url).send(NOTE)
        assert stage.proxy.asked == [f"POST http://hooks.test:{plain.port}/{PATH}?a=b HTTP/1.1"]
        (request,) = plain.requests
        assert request.headers["authorization"].startswith("Basic ")


async def test_what_the_proxy_answers_is_not_what_the_receiver_says(stage: Stage) -> None:
    where = f"https://hooks.test:{stage.hook.port} by the proxy http://127.0.0.1:{stage.proxy.port}"
    for status, permanent in (("407 Password, please", True), ("403 No", True), ("502 Gone", False), ("429 x", False)):
        stage.proxy.status = status
        error = await refused(stage.notifier)
        assert (error.reason, error.permanent) == (f"{where}: the proxy answered {status[:3]}", permanent)
    stage.proxy.status = "2x0 odd"
    assert not (await refused(stage.notifier)).permanent
    assert stage.hook.requests == []


async def test_a_proxy_that_is_not_there_and_a_receiver_that_says_nothing(stage: Stage, tmp_path: Path) -> None:
    error = await refused(stage.by(f"http://{USER}:{PASSWORD}@127.0.0.1:9"))
    assert "by the proxy http://127.0.0.1:9 cannot be reached: connection refused" in error.reason
    assert not error.permanent
    other = replace(stage.notifier, ca_file=None)
    assert "certificate is not accepted" in (await refused(other)).reason
    stage.hook.behave = silence
    slow = await refused(replace(stage.notifier, timeout=timedelta(seconds=0.3)))
    assert "did not answer within 0.3 s" in slow.reason


async def test_a_proxy_over_tls_is_known_by_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    context, trusted = certified(tmp_path / "a", "hooks.test", "proxy.test")
    async with hookserver(context) as hook, proxy(context) as there:
        there.hosts["hooks.test"] = "127.0.0.1"
        url, by = Secret(f"https://hooks.test:{hook.port}/"), Secret(f"https://proxy.test:{there.port}")
        await send(url, b"{}", {}, trust=Trust(trusted), resolve=nobody, proxy=by)
        assert len(hook.requests) == 1
        strange = Secret(f"https://127.0.0.1:{there.port}")
        with pytest.raises(DeliveryError, match="certificate is not accepted"):
            await send(url, b"{}", {}, trust=Trust(trusted), resolve=nobody, proxy=strange)


@pytest.mark.parametrize(
    "text", ["socks5://127.0.0.1:9", "http://127.0.0.1:9/path", "ftp://x", "http://169.254.169.254"]
)
async def test_what_is_no_proxy_is_refused_for_good(stage: Stage, text: str) -> None:
    error = await refused(stage.by(text))
    assert error.permanent
    assert error.reason.startswith("the URL of the proxy ")


async def test_none_is_none_and_the_environment_is_not_asked(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{stage.proxy.port}")
    async with hookserver() as plain:
        direct = replace(stage.notifier, url=Secret(f"http://127.0.0.1:{plain.port}/"), allow_private=True)
        for way in (Secret("none"), None):
            await replace(direct, proxy=way).send(NOTE)
        assert len(plain.requests) == 2
    assert stage.proxy.asked == []


async def test_the_heartbeat_is_told_by_the_proxy(stage: Stage) -> None:
    settings = stage.notifier
    heart = Heartbeat(url=settings.url, ca_file=settings.ca_file, timeout=settings.timeout, proxy=settings.proxy)
    await heart.signal(Signal.FAIL, "no sweep", minute(1))
    assert stage.proxy.logins == [LOGIN]
    assert [request.line for request in stage.hook.requests] == [f"POST /{PATH}/fail HTTP/1.1"]
    assert PASSWORD not in repr(heart)
