"""Lists that are asked for by HTTP: what they come to, and how what is wrong with them is told."""

from datetime import timedelta
from pathlib import Path

import pytest

from monitor.config.load import ConfigError, load
from monitor.config.model import Config

URL = "http://127.0.0.1:8081/api/v1/servers/localhost/zones"
KEY = 'api_key_env = "KEY"'
SERVERS = '[servers.ns1]\naddresses = ["192.0.2.1"]\n'


def read(place: Path, *lines: str) -> Config:
    (place / "pdns.key").write_text("a-key-of-pdns\n")
    (place / "pdns.key").chmod(0o600)
    (place / "zones.txt").write_text("a.test\n")
    (place / "config.toml").write_text(SERVERS + "[[lists]]\n" + "\n".join(lines) + "\n")
    return load(place / "config.toml", {"KEY": "from the environment", "SPACED": "a-key "})


def told(place: Path, *lines: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(place, *lines)
    return [str(mistake).replace(f"{place}/config.toml:", "") for mistake in caught.value.mistakes]


def test_a_list_and_what_its_zones_are(tmp_path: Path) -> None:
    config = read(
        tmp_path, f'url = "{URL}/"', 'api_key_file = "pdns.key"', 'servers = "ns1"', 'max_lag = "1h"',
        'refresh = "5m"', "max_shrink = 0.5",
    )  # fmt: skip
    (one,) = config.polled_lists
    assert (one.url, one.api_key.reveal(), one.refresh) == (URL, "a-key-of-pdns", timedelta(minutes=5))
    assert (one.max_shrink, one.entry.name, one.entry.servers) == (0.5, "", ("ns1",))
    assert one.entry.max_lag == timedelta(hours=1)
    assert (list(config.zones), config.lists, config.warnings) == ([], (), ())
    assert "a-key-of-pdns" not in repr(config)


def test_what_holds_where_nothing_is_said(tmp_path: Path) -> None:
    (one,) = read(tmp_path, f'url = "{URL}"', 'api_key_env = "KEY"').polled_lists
    assert (one.refresh, one.max_shrink, one.entry.servers) == (timedelta(minutes=1), 0.2, ())


@pytest.mark.parametrize("host", ["192.0.2.1:8081", "api.example", "[2001:db8::1]"])
def test_a_key_that_goes_over_the_network_in_clear_is_a_warning(tmp_path: Path, host: str) -> None:
    lines = ['servers = ["ns1"]', f'url = "http://{host}/api/v1/servers/localhost/zones"', 'api_key_file = "pdns.key"']
    (warning,) = read(tmp_path, *lines).warnings
    assert warning.endswith("lists[0].url: the API key goes over the network unencrypted (use https)")
    assert read(tmp_path, *(line.replace("http:", "https:") for line in lines)).warnings == ()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:81", "[::1]:8081"])
def test_this_machine_is_no_network(tmp_path: Path, host: str) -> None:
    url = f'url = "http://{host}/api/v1/servers/localhost/zones"'
    assert read(tmp_path, url, 'api_key_file = "pdns.key"', 'servers = ["ns1"]').warnings == ()


def test_what_is_said_of_zones_that_are_not_known_yet_is_no_warning(tmp_path: Path) -> None:
    key, receiver = "ab" * 8, '[receivers.ops]\ntype = "webhook"\nurl = "https://hooks.example/a"\n'
    more = f'[keys.xfr]\nsecret = "{key}"\n{receiver}[[routes]]\nreceivers = ["ops"]\nzones = ["*.test"]\n'
    rule = 'transfer = [{ server = "ns1", key = "xfr", expect = "allowed" }]'
    config = read(tmp_path, f'url = "{URL}"', KEY, 'servers = ["ns1"]', rule, more)
    assert not any(
        "matches no zone" in one or "no transfer rule" in one or "no zone is on" in one for one in config.warnings
    )


MISTAKES = [
    ([f'url = "{URL}"'], "3: lists[0].api_key: missing (give one of api_key, api_key_file, api_key_env, "),
    ([f'url = "{URL}"', 'api_key_env = "SPACED"'], "5: lists[0].api_key_env: cannot be sent in a header"),
    ([f'url = "{URL}"', KEY, 'file = "zones.txt"'], "6: lists[0].file: given together with url"),
    ([f'url = "{URL}"', KEY, 'format = "csv"'], "6: lists[0].format: given together with url"),
    (['url = "ftp://a.example/zones"', KEY], "4: lists[0].url: is not a URL of http or https"),
    (['url = "http://a.example/api"', KEY], "4: lists[0].url: does not end in /zones (write for example "),
    ([f'url = "{URL}?a=b"', KEY], "4: lists[0].url: does not end in /zones"),
    (['url = "http://u:hidden@127.0.0.1/zones"', KEY], "4: lists[0].url: holds "),
    ([f'url = "{URL}?api-key=hidden"', KEY], "4: lists[0].url: holds "),
    ([f'url = "{URL}"', KEY, 'refresh = "10ms"'], "6: lists[0].refresh: "),
    ([f'url = "{URL}"', KEY, 'servers = "ns2"'], '6: lists[0].servers: no server is called "ns2"'),
    (['file = "zones.txt"', KEY], "5: lists[0].api_key_env: given without url"),
    (['file = "zones.txt"', 'refresh = "1m"'], "5: lists[0].refresh: given without url"),
    ([f'url = "{URL}"', KEY, "[[lists]]", f'url = "{URL}/"', KEY], "7: lists[1].url: another list has the same"),
]


@pytest.mark.parametrize(("lines", "mistake"), MISTAKES)
def test_what_cannot_be_meant(tmp_path: Path, lines: list[str], mistake: str) -> None:
    (one,) = told(tmp_path, *lines)
    assert one.startswith(mistake)
    assert "hidden" not in one
