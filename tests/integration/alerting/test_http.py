"""What a webhook receives, what its answers mean, and where nothing is ever sent."""

import asyncio
import ipaddress
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from standardwebhooks import Webhook

from alerting.blocked_addresses import blocked_reason
from alerting.http import MAX_RETRY_AFTER, Resolve, cached_resolver, retry_after, send
from alerting.model import Secret
from alerting.notification import DeliveryError
from alerting.notifiers.webhook import Notifier
from alerting.tls_trust import Trust
from tests.support.alerts import minute
from tests.support.certificates import certified
from tests.support.hookserver import (
    Behaviour,
    HookServer,
    drip,
    endless,
    gzip_bomb,
    hang_up,
    hookserver,
    nonsense,
    reply,
    silence,
)
from tests.support.notifications import NOTE

SIGNING = "whsec_" + b64encode(b"a secret of the webhook").decode()
PATIENCE = timedelta(seconds=20)
LITTLE = timedelta(seconds=0.3)


@pytest.fixture
async def server() -> AsyncIterator[HookServer]:
    async with hookserver() as opened:
        yield opened


def notifier(server: HookServer, path: str = "/hooks/dns?key=value") -> Notifier:
    url = Secret(f"http://127.0.0.1:{server.port}{path}")
    return Notifier(url, Secret(SIGNING), allow_private=True, timeout=PATIENCE)


def names(**addresses: Sequence[str]) -> Resolve:
    """A resolver for tests; every name is asked for once."""
    left = {name.replace("_", "."): found for name, found in addresses.items()}

    async def resolve(host: str, port: int) -> Sequence[str]:
        return left.pop(host)

    return resolve


async def failure(of: Notifier) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await of.send(NOTE)
    return caught.value


# --- what arrives ---


async def test_the_request_as_it_arrives(server: HookServer) -> None:
    await replace(notifier(server), token=Secret("letmein")).send(NOTE)
    (request,) = server.requests
    assert request.line == "POST /hooks/dns?key=value HTTP/1.1"
    signed = Webhook(SIGNING).sign(NOTE.id, minute(2), request.body.decode())
    assert request.headers == {
        "host": f"127.0.0.1:{server.port}",
        "accept-encoding": "identity",
        "authorization": "Bearer letmein",
        "content-type": "application/json",
        "user-agent": "soawatch",
        "content-length": str(len(request.body)),
        "webhook-id": NOTE.id,
        "webhook-timestamp": str(int(minute(2).timestamp())),
        "webhook-signature": signed,
    }
    assert request.json == {
        "type": "incident.opened",
        "timestamp": "2026-11-20T10:00:00Z",
        "title": "[FIRING critical] example.org.: ns2 is late",
        "text": "example.org.: ns2 is late\nSince 2026-11-20 10:00:00 UTC.\ndig @192.0.2.2 example.org. SOA +norecurse +nsid\nhttps://dns.example.com/incidents/20261120T100000-3f9a2c",
        "link": "https://dns.example.com/incidents/20261120T100000-3f9a2c",
        "late": False,
        "data": NOTE.data,
    }
    assert signed.startswith("v1,")


async def test_without_a_secret_there_is_no_signature_but_an_id(server: HookServer) -> None:
    await replace(notifier(server), secret=None).send(NOTE)
    headers = server.requests[0].headers
    assert headers["webhook-id"] == NOTE.id
    assert "webhook-signature" not in headers


async def test_user_and_password_in_the_url_are_basic_authentication(server: HookServer) -> None:
    url = Secret(f"http://us%40er:pa%3Ass@127.0.0.1:{server.port}/x")
    await replace(notifier(server), url=url).send(NOTE)
    assert server.requests[0].headers["authorization"] == f"Basic {b64encode(b'us@er:pa:ss').decode()}"
    assert server.requests[0].headers["host"] == f"127.0.0.1:{server.port}"


async def test_the_body_holds_nothing_that_is_not_ascii(server: HookServer) -> None:
    await notifier(server).send(replace(NOTE, data={"text": "bücher\u2028"}))
    assert json.loads(server.requests[0].body.decode("ascii"))["data"] == {"text": "bücher\u2028"}


async def test_over_tls_the_certificate_is_that_of_the_name(tmp_path: Path) -> None:
    context, trusted = certified(tmp_path, "hooks.test")
    async with hookserver(context) as server:
        url = Secret(f"https://hooks.test:{server.port}/x")
        resolve = names(hooks_test=["127.0.0.1"])
        await send(url, b"{}", {}, allow_private=True, trust=Trust(trusted), resolve=resolve)
        assert server.requests[0].headers["host"] == f"hooks.test:{server.port}"
        other = Secret(f"https://other.test:{server.port}/x")
        with pytest.raises(DeliveryError, match="its certificate is not accepted") as caught:
            await send(
                other, b"{}", {}, allow_private=True, trust=Trust(trusted), resolve=names(other_test=["127.0.0.1"])
            )
        assert not caught.value.permanent
        assert len(server.requests) == 1


async def test_an_unknown_authority_is_not_trusted(tmp_path: Path) -> None:
    context, _ = certified(tmp_path, "127.0.0.1")
    async with hookserver(context) as server:
        error = await failure(replace(notifier(server), url=Secret(f"https://127.0.0.1:{server.port}/")))
        assert "its certificate is not accepted" in error.reason
        assert server.requests == []


async def test_a_server_that_speaks_no_tls() -> None:
    async def clear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(clear, "127.0.0.1", 0) as plain:
        port = plain.sockets[0].getsockname()[1]
        error = await failure(Notifier(Secret(f"https://127.0.0.1:{port}/"), allow_private=True, timeout=PATIENCE))
    assert "TLS failed" in error.reason
    assert not error.permanent


async def test_an_ipv6_address_in_the_url() -> None:
    async with hookserver(host="::1") as server:
        await replace(notifier(server), url=Secret(f"http://[::1]:{server.port}/x")).send(NOTE)
        assert server.requests[0].headers["host"] == f"[::1]:{server.port}"


async def test_a_name_in_other_letters(server: HookServer) -> None:
    url = Secret(f"http://b\u00fccher.test:{server.port}/x")
    resolve = names(**{"xn--bcher-kva_test": ["127.0.0.1"]})
    await send(url, b"{}", {}, allow_private=True, resolve=resolve)
    assert server.requests[0].headers["host"] == f"xn--bcher-kva.test:{server.port}"


# --- what answers mean ---


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_taken(server: HookServer, status: int) -> None:
    server.behave = reply(status)
    await notifier(server).send(NOTE)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 413, 422, 301, 302, 303, 307, 308, 304])
async def test_refused_for_good(server: HookServer, status: int) -> None:
    server.behave = reply(status, f"Location: http://127.0.0.1:{server.port}/elsewhere\r\nRetry-After: 9\r\n")
    error = await failure(notifier(server))
    assert error.permanent
    assert error.retry_after is None
    assert str(status) in error.reason
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
async def test_refused_for_now(server: HookServer, status: int) -> None:
    server.behave = reply(status, "Retry-After: 17\r\n")
    error = await failure(notifier(server))
    assert not error.permanent
    assert error.retry_after == 17


async def test_a_redirect_is_not_followed(server: HookServer) -> None:
    server.behave = reply(302, f"Location: http://127.0.0.1:{server.port}/elsewhere\r\n")
    error = await failure(notifier(server))
    assert "a redirect, which is not followed" in error.reason
    assert [request.line.split()[1] for request in server.requests] == ["/hooks/dns?key=value"]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "120"}, 120),
        ({"retry-after": " 0 "}, 0),
        ({"retry-after": "99999999999999"}, MAX_RETRY_AFTER),
        ({"retry-after": "Fri, 20 Nov 2026 10:05:00 GMT"}, 180),
        ({"retry-after": "Fri, 20 Nov 2026 10:05:00 GMT", "date": "Fri, 20 Nov 2026 10:00:00 GMT"}, 300),
        ({"retry-after": "Fri, 20 Nov 2026 09:00:00 GMT"}, 0),
        ({"retry-after": "Fri, 20 Nov 2099 09:00:00 GMT"}, MAX_RETRY_AFTER),
        ({"retry-after": "Fri, 20 Nov 2026 10:05:00 -0000"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "٣"}, None),
        ({}, None),
    ],
)
def test_when_the_receiver_wants_to_be_asked_again(headers: dict[str, str], seconds: float | None) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    assert retry_after(httpx.Response(503, headers=raw), minute(2)) == seconds


def test_a_date_means_nothing_where_no_time_is_known() -> None:
    answer = httpx.Response(503, headers={"retry-after": "Fri, 20 Nov 2026 10:05:00 GMT"})
    assert retry_after(answer, None) is None


# --- answers that hurt ---


@pytest.mark.parametrize("behave", [silence, drip], ids=["never answers", "drips"])
async def test_the_whole_attempt_has_an_end(server: HookServer, behave: Behaviour) -> None:
    server.behave = behave
    error = await failure(replace(notifier(server), timeout=LITTLE))
    assert (error.permanent, error.away) == (False, False), "it may be what was sent"
    assert "did not answer within 0.3 s" in error.reason


async def test_who_takes_no_connection_in_time_takes_nothing_at_all(server: HookServer) -> None:
    url = Secret(f"https://127.0.0.1:{server.port}/")  # it waits for a request, and we for its part of the handshake
    error = await failure(replace(notifier(server), url=url, timeout=LITTLE))
    assert (error.permanent, error.away) == (False, True)
    assert "did not answer within 0.3 s" in error.reason


@pytest.mark.parametrize("behave", [endless, gzip_bomb()], ids=["endless body", "gzip bomb"])
async def test_a_good_status_is_enough(server: HookServer, behave: Behaviour) -> None:
    server.behave = behave
    await asyncio.wait_for(notifier(server).send(NOTE), 10)


@pytest.mark.parametrize("behave", [hang_up, nonsense], ids=["answer lost", "not HTTP"])
async def test_what_is_no_answer_is_tried_again_with_the_same_id(server: HookServer, behave: Behaviour) -> None:
    server.behave = behave
    error = await failure(notifier(server))
    assert not error.permanent
    server.behave = reply(204)
    await notifier(server).send(NOTE)
    assert len(server.requests) == 2
    assert len({request.headers["webhook-id"] for request in server.requests}) == 1


# --- where nothing is sent ---

LOCAL_TRANSLATION = [
    "64:ff9b:1::7f00:1",
    "64:ff9b:1:7f00:0:100::",  # 127.0.0.1 behind a prefix of 48 bits
    "64:ff9b:1:7f:0:1::",  # … of 56
    "64:ff9b:1:0:7f:0:100:0",  # … of 64
    "64:ff9b:1:abcd::127.0.0.1",
    "64:ff9b:1::9.9.9.9",
]
"""All of it is inside one network (RFC 8215), whatever it is translated to."""
PRIVATE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "0.0.0.1",
    "192.0.2.1",
    "::1",
    "fd00::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::10.0.0.1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    *LOCAL_TRANSLATION,
    "::127.0.0.1",  # IPv4-compatible
    "::10.1.2.3",
    "::9.9.9.9",
    "::ffff:0:127.0.0.1",  # IPv4-translated
    "::ffff:0:192.168.1.1",
    "::ffff:0:9.9.9.9",
    "2001:0:7f00:1::",  # Teredo, by its server
    "2001:0:909:909:0:ffff:80ff:fffe",  # … by its client, 127.0.0.1, whose bits are turned
    "2001:0:909:909:0:ffff:f6f6:f6f6",
    "2620:fe::5efe:127.0.0.1",  # ISATAP
    "2620:fe::200:5efe:10.0.0.1",
    "fec0::1",
    "100::1",
    "2001:db8::1",
    "3fff::1",
    "5f00::1",
    "4000::1",
    "fd00::5efe:9.9.9.9",
]
NEVER = [
    "169.254.169.254",
    "169.254.0.1",
    "fe80::1",
    "fd00:ec2::254",
    "100.100.100.200",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::6464:64c8",
    "64:ff9b:1::169.254.169.254",
    "64:ff9b:1:a9fe:a9:fe00::",
    "64:ff9b:1:a9:fe:a9fe::",
    "64:ff9b:1:0:a9:fea9:fe00:0",
    "64:ff9b:1::100.100.100.200",
    "2002:a9fe:a9fe::",
    "::169.254.169.254",
    "::ffff:0:169.254.169.254",
    "::ffff:0:100.100.100.200",
    "2001:0:a9fe:a9fe::",
    "2001:0:909:909:0:ffff:5601:5601",
    "2620:fe::5efe:169.254.169.254",
    "64:ff9b::e000:1",
    "0.0.0.0",
    "::",
    "224.0.0.1",
    "ff02::1",
    "::ffff:0.0.0.0",
]
PUBLIC = [
    "9.9.9.9",
    "2620:fe::fe",
    "::ffff:9.9.9.9",
    "64:ff9b::909:909",
    "2002:909:909::1",
    "2620:fe::5efe:9.9.9.9",
    "2620:fe::7f00:1",  # octets as of a loopback address that mean nothing in this place
]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_need_leave(address: str) -> None:
    assert "private" in str(blocked_reason(ipaddress.ip_address(address), allow_private=False))
    assert blocked_reason(ipaddress.ip_address(address), allow_private=True) is None


@pytest.mark.parametrize("address", NEVER)
@pytest.mark.parametrize("allow_private", [False, True])
def test_some_addresses_are_never_a_receiver(address: str, allow_private: bool) -> None:
    assert blocked_reason(ipaddress.ip_address(address), allow_private=allow_private) is not None


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_need_none(address: str) -> None:
    assert blocked_reason(ipaddress.ip_address(address), allow_private=False) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "127.1", "2130706433", "0x7f000001"])
async def test_loopback_in_any_spelling_needs_leave(server: HookServer, host: str) -> None:
    url = Secret(f"http://{host}:{server.port}/")
    error = await failure(replace(notifier(server), url=url, allow_private=False))
    assert error.permanent
    assert server.requests == []


async def test_the_name_is_looked_up_once_and_the_checked_address_is_the_one_that_is_used(server: HookServer) -> None:
    """A name that points elsewhere a moment later (DNS rebinding) gains nothing."""
    url = Secret(f"http://rebind.test:{server.port}/")
    resolve = names(rebind_test=["127.0.0.1"])
    await send(url, b"{}", {}, allow_private=True, resolve=resolve)
    assert server.requests[0].headers["host"] == f"rebind.test:{server.port}"
    with pytest.raises(KeyError):
        await resolve("rebind.test", 80)


@pytest.mark.parametrize("inside", ["64:ff9b:1::7f00:1", "64:ff9b::7f00:1", "::127.0.0.1", "::ffff:0:127.0.0.1"])
async def test_a_name_that_resolves_to_an_address_with_a_private_one_inside_gets_nothing(
    server: HookServer, inside: str
) -> None:
    """IPv6 addresses that a translator or a tunnel takes to an IPv4 one: every kind, evaluated like the one inside."""
    url = Secret(f"http://inside.test:{server.port}/x")
    with pytest.raises(DeliveryError, match="a private or loopback address") as caught:
        await send(url, b"{}", {}, resolve=names(inside_test=[inside]))
    assert caught.value.permanent
    assert server.requests == []


async def test_a_name_with_private_addresses_only_is_refused_for_good(server: HookServer) -> None:
    url = Secret(f"http://inside.test:{server.port}/x")
    with pytest.raises(DeliveryError, match="a private or loopback address") as caught:
        await send(url, b"{}", {}, resolve=names(inside_test=["127.0.0.1", "::1"]))
    assert caught.value.permanent
    assert server.requests == []


async def test_of_a_names_addresses_only_those_that_pass_are_tried(server: HookServer) -> None:
    url = Secret(f"http://mixed.test:{server.port}/x")
    found = ["169.254.169.254", "fe80::1%eth0", "127.0.0.1"]
    await send(url, b"{}", {}, allow_private=True, resolve=names(mixed_test=found))
    assert len(server.requests) == 1


async def test_the_next_address_is_tried_when_one_takes_no_connection(server: HookServer) -> None:
    url = Secret(f"http://two.test:{server.port}/x")
    await send(url, b"{}", {}, allow_private=True, resolve=names(two_test=["127.0.0.99", "127.0.0.1"]))
    assert len(server.requests) == 1


async def test_a_name_that_cannot_be_resolved_may_be_back_later() -> None:
    async def broken(host: str, port: int) -> Sequence[str]:
        raise OSError(-2, "Name or service not known")

    for resolve, said in ((broken, "cannot be resolved"), (names(hooks_test=[]), "has no address")):
        with pytest.raises(DeliveryError, match=said) as caught:
            await send(Secret("http://hooks.test/secret"), b"{}", {}, resolve=resolve)
        assert (caught.value.permanent, caught.value.away) == (False, True)
        assert "secret" not in caught.value.reason


async def test_where_the_name_was_the_last_time_is_tried_when_it_cannot_be_resolved() -> None:
    """The zone that is down may be the one that the receiver's name is in."""
    answers: list[Sequence[str] | OSError] = [
        OSError("nobody knows"),
        ["127.0.0.1"],
        OSError("nobody knows"),
        ["127.0.0.2"],
    ]

    async def shaky(host: str, port: int) -> Sequence[str]:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    resolve = cached_resolver({}, shaky)
    with pytest.raises(OSError, match="nobody knows"):
        await resolve("hooks.test", 443)
    assert [await resolve("hooks.test", 443) for _ in range(3)] == [["127.0.0.1"], ["127.0.0.1"], ["127.0.0.2"]]


async def test_what_is_remembered_is_checked_like_any_other_address(server: HookServer) -> None:
    async def broken(host: str, port: int) -> Sequence[str]:
        raise OSError(-3, "Temporary failure in name resolution")

    url = Secret(f"http://hooks.test:{server.port}/x")
    resolve = cached_resolver({"hooks.test": ["127.0.0.1"]}, broken)
    with pytest.raises(DeliveryError, match="private or loopback"):
        await send(url, b"{}", {}, resolve=resolve)
    await send(url, b"{}", {}, allow_private=True, resolve=resolve)
    assert len(server.requests) == 1


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/", "http://", "hooks.example.com", "http://[::1", ""])
async def test_what_is_no_web_address_is_refused_for_good(url: str) -> None:
    with pytest.raises(DeliveryError) as caught:
        await send(Secret(url), b"{}", {})
    assert caught.value.permanent
    assert "passwd" not in caught.value.reason


async def test_proxies_of_the_environment_are_not_used(server: HookServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    await notifier(server).send(NOTE)
    assert len(server.requests) == 1


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_????", "not base64!"])
def test_a_secret_that_cannot_be(secret: str) -> None:
    with pytest.raises(ValueError, match="openssl rand -base64 32") as caught:
        Notifier(Secret("https://hooks.example.com/"), Secret(secret))
    assert not secret or secret not in str(caught.value).replace("whsec_ and", "")
