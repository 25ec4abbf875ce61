"""Which URLs and hosts can be those of a receiver, and which URLs hold something that is not for everybody."""

import pytest

from alerting.urls import MAX_URL_LENGTH, BadUrl, address_in, exposed, forbidden, host_fault, parsed

LABEL = "a" * 63


@pytest.mark.parametrize(
    "text",
    [
        "https://hooks.example.com/dns",
        "http://alertmanager:9093/",
        "HTTPS://Hooks.Example.COM",
        "https://user:pass@hooks.example.com:8443/x?y=z#w",
        "https://192.0.2.1/",
        "https://[2001:db8::1]:8443/x",
        "https://bücher.example/",
        "https://xn--bcher-kva.example./",
        "http://my_service.internal/",
        "http://127.1/",
        "http://0x7f000001/",
        "https://hooks.example.com/a%20b",
        f"https://{LABEL}.{LABEL}.{LABEL}.{'a' * 61}/",
    ],
)
def test_something_can_be_sent_there(text: str) -> None:
    assert parsed(text).host


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("hooks.example.com/x", "begins with neither http:// nor https://", "https://hooks.example.com/dns"),
        ("//hooks.example.com/x", "begins with neither", "https://"),
        ("https//hooks.example.com/x", "begins with neither", "https://"),
        ("", "begins with neither", "https://"),
        ("htps://hooks.example.com/x", "not a URL of http or https", "did you mean https://?"),
        ("HTTPSS://hooks.example.com/x", "not a URL of http or https", "did you mean https://?"),
        ("file:///etc/passwd", "not a URL of http or https", "https://hooks.example.com/dns"),
        ("ftp://hooks.example.com/", "not a URL of http or https", "https://"),
        ("mailto:/dns@example.com", "not a URL of http or https", "https://"),
        ("https:/hooks.example.com/x", "names no host", "https://"),
        ("https:///x", "names no host", "https://"),
        ("https://:443/x", "names no host", "https://"),
        ("https://hooks.example.com:0/x", "a port that is not one", "https://"),
        ("https://hooks.example.com:99999/x", "a port that is not one", "https://"),
        ("https://hooks.example.com:https/x", "the host or the port cannot be one", "https://"),
        ("https://[2001:db8::g]/x", "the host or the port cannot be one", "https://"),
        ("https://hooks.example.com/a b", "a space or a control character", "https://"),
        ("https://hooks.example.com/\nx", "a space or a control character", "https://"),
        ("https://hooks..example.com/x", "neither a name nor an address", "https://"),
        ("https://-hooks.example.com/x", "neither a name nor an address", "https://"),
        ("https://hooks,example.com/x", "neither a name nor an address", "https://"),
        (f"https://{LABEL}a.example.com/x", "neither a name nor an address", "https://"),
        (f"https://{LABEL}.{LABEL}.{LABEL}.{LABEL}/x", "longer than a name can be", "https://"),
        ("https://192.0.2.300/x", "the host or the port cannot be one", "https://"),
        ("https://hooks.example.com/" + "x" * MAX_URL_LENGTH, f"longer than {MAX_URL_LENGTH} characters", "https://"),
    ],
)
def test_nothing_can_ever_be_sent_there(text: str, said: str, hint: str) -> None:
    with pytest.raises(BadUrl) as caught:
        parsed(text)
    assert said in caught.value.text
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("mail.example.com", ""),
        ("mail.example.com.", ""),
        ("localhost", ""),
        ("2001:db8::1", ""),
        ("fe80::1%eth0", ""),
        ("bücher.example", ""),
        ("", "is neither a name nor an address"),
        (".", "is neither a name nor an address"),
        ("mail example", "is neither a name nor an address"),
        ("user@mail.example.com", "is neither a name nor an address"),
        ("ü" * 64, "is no internationalised name"),
        ("10.0.0.256", "is no address"),
    ],
)
def test_hosts(host: str, said: str) -> None:
    assert host_fault(host) == said


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("localhost", "127.0.0.1"),
        ("LocalHost.", "127.0.0.1"),
        ("hooks.localhost", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("0", "0.0.0.0"),
        ("::1", "::1"),
        ("hooks.example.com", "None"),
        ("face.example", "None"),
        ("face", "None"),
        ("1.2.3.4.5", "None"),
    ],
)
def test_an_address_in_any_spelling(host: str, address: str) -> None:
    assert str(address_in(host)) == address


@pytest.mark.parametrize(
    ("url", "private", "never"),
    [
        ("http://localhost:9095/x", True, False),
        ("http://10.0.0.1/", True, False),
        ("http://[::127.0.0.1]/", True, False),
        ("http://[64:ff9b:1::10.0.0.1]/", True, False),
        ("http://0/", True, True),
        ("http://169.254.169.254/latest", True, True),
        ("http://224.0.0.1/", True, True),
        ("https://9.9.9.9/", False, False),
        ("https://hooks.example.com/", False, False),
    ],
)
def test_an_address_in_a_url_is_judged_like_one_that_is_looked_up(url: str, private: bool, never: bool) -> None:
    assert (forbidden(parsed(url), allow_private=False) is not None) is private
    assert (forbidden(parsed(url), allow_private=True) is not None) is never


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("https://user:pass@hooks.example.com/", "a user or password"),
        ("https://sometoken@hooks.example.com/", "a user or password"),
        ("https://hooks.example.com/x?token=abc", "a token"),
        ("https://hooks.example.com/x?a=b&API-Key=abc", "a token"),
        ("https://prod.example.com/workflows/x?sig=abc", "a token"),
        ("https://hooks.example.com/services/T0AB1CD2E/B0FG3HI4J/aBcD1eFgHiJ2kLmNoPqR3sTu", "what looks like a token"),
        (
            "https://chat.example.com/api/webhooks/111222333444555666/Ab-Cd_Ef1gH2iJ3kL4mN5oP6",
            "what looks like a token",
        ),
        ("https://api.example.org/bot123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11/sendMessage", "what looks like a token"),
        ("https://hooks.example.com/550e8400-e29b-41d4-a716-44e65544a000", "what looks like a token"),
        ("https://hooks.example.com/x?room=aB3dE5fG7hI9", "what looks like a token"),
        ("https://hooks.example.com/" + "abcdefgh" * 4, "what looks like a token"),
        ("https://hooks.example.com/dns", ""),
        ("https://hooks.example.com/hunter2", ""),
        ("https://hooks.example.com/dns-alerts-production-2026/primary_site_frankfurt1", ""),
        ("https://alerts.example.com/integrations/nameservers2026?severity=critical&token=", ""),
        ("https://example.com/internationalisation/v2/webhooks", ""),
        ("https://[x]/?token=abc", ""),
        ("https://webhook.site/550e8400-e29b-41d4-a716-446655440000", "what looks like a token"),
        ("https://hooks.example.com/x?id=550E8400-E29B-41D4-A716-446655440000", "what looks like a token"),
        ("https://hooks.example.com/x?pass=abc", "a token"),
        ("https://hooks.example.com/x?pw=abc", "a token"),
        ("https://hooks.example.com/x?authToken=abc", "a token"),
        ("https://hooks.example.com/x?API-Key=abc", "a token"),
        ("https://hooks.example.com/x;token=abc", "a token"),
        ("https://hooks.example.com/x#token=abcdef", "a token"),
        ("https://hooks.example.com/x;v=1#part", ""),
        ("https://hooks.example.com/2026-11-26-dns-zones", ""),
        ("HTTPS://hooks.example.com/x", ""),
    ],
)
def test_what_in_a_url_is_not_for_everybody(url: str, what: str) -> None:
    assert exposed(url) == what
