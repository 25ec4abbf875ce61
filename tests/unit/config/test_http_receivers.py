"""Receivers of services on the web: what could never arrive is refused, with its line, and no secret is repeated."""

from pathlib import Path

import pytest

from alerting.notifiers import alertmanager, ntfy, pagerduty, slack, teams
from monitor.config.load import ConfigError, parse
from monitor.config.model import Config

ZONE = '[[zones]]\nname = "example.com"\nservers = ["192.0.2.1"]\n'
KEY = "0123456789abcdef0123456789abcdef"
SECRET = "SESAME-of-the-receiver"


def read(kind: str, settings: str, **env: str) -> Config:
    return parse(f'{ZONE}[receivers.r]\ntype = "{kind}"\n{settings}\n', Path("/etc/soawatch/c.toml"), env)


def mistake(kind: str, settings: str, **env: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(kind, settings, **env)
    (line,) = str(caught.value).splitlines()
    return line.removeprefix("/etc/soawatch/c.toml:")


def test_each_kind_is_read() -> None:
    env = {"URL": "https://hooks.example.com/dns", "TOKEN": "tk_x", "KEY": KEY}
    am = read(
        "alertmanager", 'url_env = "URL"\ntoken_env = "TOKEN"\nlabels = { team = "dns" }\nresend = "30s"', **env
    ).receivers["r"]
    assert isinstance(am, alertmanager.Notifier)
    assert (am.labels, am.resend.total_seconds()) == ({"team": "dns"}, 30)
    assert isinstance(read("ntfy", 'url_env = "URL"\ntoken_env = "TOKEN"', **env).receivers["r"], ntfy.Notifier)
    for kind, cls in (("slack", slack.Notifier), ("teams", teams.Notifier)):
        assert isinstance(read(kind, 'url_env = "URL"', **env).receivers["r"], cls)
    duty = read("pagerduty", 'routing_key_env = "KEY"', **env).receivers["r"]
    assert isinstance(duty, pagerduty.Notifier)
    assert duty.url == "https://events.pagerduty.com/v2/enqueue"
    assert KEY not in repr(duty)


@pytest.mark.parametrize(
    ("kind", "settings", "said"),
    [
        ("alertmanager", 'url = "http://127.0.0.1:9093"', "6: receivers.r.url: leads to a private or loopback address"),
        ("ntfy", 'url = "https://ntfy.sh"', "6: receivers.r.url: names no topic: letters, digits"),
        ("ntfy", 'url = "https://ntfy.sh/a/"', "6: receivers.r.url: names no topic"),
        ("ntfy", 'url = "htps://ntfy.sh/a"', "6: receivers.r.url: is not a URL of http or https"),
        ("apprise", f'urls = "tgram://x {SECRET}"', "6: receivers.r.urls: URL 1 is none of Apprise"),
        ("slack", 'url = "hooks.slack.com/x"', "6: receivers.r.url: is not a URL"),
        ("teams", 'url = "http://169.254.169.254/x"', "6: receivers.r.url: leads to a link-local or metadata address"),
        ("pagerduty", 'routing_key = "a b"', "6: receivers.r.routing_key: is no integration key"),
        (
            "pagerduty",
            f'routing_key_env = "KEY"\nurl = "https://events.example/x?token={SECRET}"',
            "7: receivers.r.url: holds a token: what is secret belongs in routing_key",
        ),
        (
            "pagerduty",
            f'routing_key_env = "KEY"\nurl = "https://u:{SECRET}@events.example/"',
            "7: receivers.r.url: holds a user or password",
        ),
        ("slack", "", "4: receivers.r.url: missing (give one of url, url_file, url_env, url_credential)"),
        ("slack", 'url_env = "URL"\nchannel = "#dns"', "7: receivers.r.channel: unknown key"),
        ("ntfy", 'url_env = "URL"\ntoken = "a\\u00e9"', "7: receivers.r.token: cannot be sent in a header"),
    ],
)
def test_what_could_never_arrive(kind: str, settings: str, said: str) -> None:
    found = mistake(kind, settings, KEY=KEY, URL="https://hooks.example.com/dns")
    assert found.startswith(said)
    assert SECRET not in found


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ('{ "a-b" = "x" }', "'a-b' cannot be a label"),
        ('{ severity = "x" }', "severity is given by the incident"),
        ('{ team = " " }', "team is empty"),
        ("{ team = 3 }", "must be text in quotes"),
        ('"team"', "must be a table"),
    ],
)
def test_labels_that_cannot_be(labels: str, said: str) -> None:
    found = mistake("alertmanager", f'url_env = "URL"\nlabels = {labels}', URL="https://am.example.com/")
    assert found.startswith("7: receivers.r.labels")
    assert said in found


def test_a_key_of_another_length_is_warned_of() -> None:
    (warning,) = read("pagerduty", 'routing_key_env = "KEY"', KEY="abc").warnings
    assert "receivers.r.routing_key_env: has 3 characters, and integration keys 32" in warning


def test_how_often_what_stands_is_posted_has_a_bound() -> None:
    found = mistake("alertmanager", 'url_env = "URL"\nresend = "10ms"', URL="https://am.example.com/")
    assert found.startswith("7: receivers.r.resend: ")


def test_a_credential_that_only_the_service_has_is_not_found_fault_with() -> None:
    text = f"""{ZONE}[receivers.duty]
type = "pagerduty"
routing_key_credential = "pagerduty"
[receivers.phone]
type = "ntfy"
url_credential = "ntfy"
token_credential = "ntfy-token"
"""
    config = parse(text, Path("/etc/soawatch/c.toml"), {}, elsewhere=True)
    assert config.warnings == ()
    assert set(config.receivers) == {"duty", "phone"}
