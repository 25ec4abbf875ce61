"""Proxies of receivers and of the heartbeat: their own, that of [alerting], or none."""

from pathlib import Path
from typing import Any

import pytest

from monitor.config.load import ConfigError, parse
from monitor.config.model import Config

ZONE = '[[zones]]\nname = "example.com"\nservers = ["192.0.2.1"]\n'
RECEIVERS = """
[receivers.hook]
type = "webhook"
url = "https://hooks.example.com/x"
[receivers.own]
type = "slack"
url_env = "SLACK"
proxy_env = "OWN"
[receivers.direct]
type = "alertmanager"
url = "http://192.0.2.9:9093"
allow_private = true
proxy = "none"
[receivers.mail]
type = "email"
to = "a@example.com"
smtp = { host = "mail.example.com" }
[heartbeat]
url = "https://hc.example.com/x"
"""
SECRET = "SESAME"
ENV = {"SLACK": "https://hooks.slack.com/services/x", "OWN": f"http://u:{SECRET}@own.example:8080"}
DEFAULT = '[alerting]\nproxy = "http://proxy.example:3128"\n'


def read(text: str) -> Config:
    return parse(ZONE + text, Path("/etc/soawatch/c.toml"), ENV)


def proxies(config: Config) -> dict[str, str | None]:
    made: dict[str, Any] = {**config.receivers, "heartbeat": config.heartbeat}
    found = {name: getattr(one, "proxy", None) for name, one in made.items()}
    return {name: one and one.reveal() for name, one in found.items()}


def test_who_names_none_is_asked_by_that_of_all() -> None:
    of_all = "http://proxy.example:3128"
    config = read(DEFAULT + RECEIVERS)
    own = {"own": ENV["OWN"], "direct": "none", "mail": None}
    assert proxies(config) == {"hook": of_all, "heartbeat": of_all, **own}
    assert proxies(read(RECEIVERS)) == {"hook": None, "heartbeat": None, **own}
    assert SECRET not in repr(config)
    assert config.policy.proxy is not None
    assert [str(one) for one in config.warnings if "proxy" in str(one)] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            f'[alerting]\nproxy = "socks5://u:{SECRET}@p:1080"\n{RECEIVERS}',
            'alerting.proxy: is a SOCKS proxy: only such as speak HTTP can be used (write for example "http://proxy',
        ),
        ('[alerting]\nproxy = "proxy:3128"\n', "alerting.proxy: is not a URL: it begins with neither http:// nor"),
        ('[alerting]\nproxy_env = "NO"\n', 'alerting.proxy_env: the environment variable "NO" is not set'),
        (f'[heartbeat]\nproxy = "http://p/{SECRET}"\n', "heartbeat.proxy: has a path, as no proxy has"),
        (
            '[receivers.h]\ntype = "ntfy"\nurl = "https://ntfy.sh/a"\nproxy = "ftp://p"\n',
            "receivers.h.proxy: is not a URL of http or https",
        ),
        (
            f'{DEFAULT}[receivers.h]\ntype = "webhook"\nurl = "https://[2606:4700::1]/"\n',
            "receivers.h.url: names an IPv6 address, for which no proxy is asked",
        ),
        (
            '[receivers.m]\ntype = "email"\nto = "a@example.com"\nsmtp = { host = "m.example" }\nproxy = "http://p"\n',
            "receivers.m.proxy: unknown key",
        ),
    ],
)
def test_what_is_no_proxy_is_refused_where_it_stands_and_once(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    (line,) = str(caught.value).splitlines()
    assert said in line
    assert SECRET not in line


def test_a_password_that_stands_in_the_file_is_warned_of() -> None:
    config = read(f'[alerting]\nproxy = "http://u:{SECRET}@p.example"\n')
    (warning,) = (str(one) for one in config.warnings if "proxy" in str(one))
    assert "alerting.proxy: a user or password in the URL stands in the file (proxy_file, proxy_env or" in warning
    assert SECRET not in warning
