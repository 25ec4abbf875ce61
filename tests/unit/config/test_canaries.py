"""Canaries of zones: what is changed where, and what cannot be meant."""

from datetime import timedelta
from pathlib import Path

import pytest

from checks.model import CanaryRecord
from checks.registry import CHECKS
from monitor.config.load import ConfigError, load, parse
from monitor.config.model import Config
from tests.support.configuration import HERE, read

HEAD = """
[keys.update]
secret = "c29hd2F0Y2ggbGFiOiB0cmFuc2ZlcnMgYWxsb3dlZCE="
[servers.ns1]
addresses = ["192.0.2.1"]
[servers.ns2]
addresses = ["192.0.2.2"]
"""
ZONE = f"""{HEAD}
[[zones]]
name = "example.com"
servers = ["ns1", "ns2"]
primary = "ns1"
"""
FOUND = f"""{HEAD}
[[zones]]
name = "example.com"
primary = "ns1"
"""


def with_canary(canary: str, zone: str = ZONE, more: str = "") -> Config:
    return read(f"{zone}canary = {canary}\n{more}")


def test_a_key_is_enough() -> None:
    config = with_canary('{ key = "update" }')
    assert config.zones.at(0).canary == CanaryRecord("update")
    assert not any("uses this key" in one for one in config.warnings)


def test_nothing_is_changed_unless_it_is_written() -> None:
    assert read(ZONE).zones.at(0).canary is None


def test_all_of_it_is_read() -> None:
    written = '{ key = "update", name = "_x.y.example.com.", server = "ns2", ttl = 0, max_lag = "30s" }'
    config = with_canary(written, more='cadence = { canary = "1m" }')
    assert config.zones.at(0).canary == CanaryRecord("update", "_x.y", "ns2", 0, timedelta(seconds=30))


def test_servers_that_are_found_may_be_followed() -> None:
    assert with_canary('{ key = "update", server = "ns1" }', FOUND).zones.at(0).canary == CanaryRecord(
        "update", server="ns1"
    )


MISTAKES: dict[str, tuple[str, str]] = {
    '{ name = "_x" }': ("zones[0].canary.key: missing", ""),
    '{ key = "updat" }': ('no key is called "updat"', 'did you mean "update"?'),
    '{ key = "update", name = "www" }': ('"www" may be in use', "must begin with an underscore"),
    '{ key = "update", name = "@" }': ('"@" may be in use', "must begin with an underscore"),
    '{ key = "update", name = "_x.example.net." }': ('"_x.example.net." is not in the zone example.com.', ""),
    '{ key = "update", server = "ns3.example.net" }': ('"ns3.example.net" is not among the servers', "ns1, ns2"),
    '{ key = "update", ttl = -1 }': ("zones[0].canary.ttl", ""),
    '{ key = "update", every = "5m" }': ("zones[0].canary.every: unknown key", ""),
    '{ key = "update", max_lag = "15m" }': ("may take 15m to arrive, and is changed every 15m", "a longer cadence"),
}


@pytest.mark.parametrize("canary", MISTAKES)
def test_mistakes_are_told(canary: str) -> None:
    text, hint = MISTAKES[canary]
    with pytest.raises(ConfigError) as caught:
        with_canary(canary)
    (one,) = caught.value.mistakes
    assert text in str(one)
    assert hint in str(one)
    assert one.line == 13


@pytest.mark.parametrize(
    ("zone", "canary", "more", "text"),
    [
        (ZONE.replace('primary = "ns1"\n', ""), '{ key = "update" }', "", "there is nobody to take the update"),
        (ZONE, '{ key = "update", max_lag = "5s" }', 'cadence = { canary = "20s" }', "every 20s, which is too often"),
        (ZONE, '{ key = "update" }', 'cadence = { canary = "5m" }', "may take 10m to arrive, and is changed every 5m"),
        (FOUND, '{ key = "update", server = "ns2" }', "", '"ns2" is not among the servers of the zone'),
    ],
)
def test_mistakes_with_the_zone_are_told(zone: str, canary: str, more: str, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        with_canary(canary, zone, more)


def test_off_is_off_and_told() -> None:
    config = with_canary('{ key = "update" }', more='cadence = { canary = "off" }')
    assert any("is off, although the zone has canary to check" in one for one in config.warnings)


def test_a_zone_with_nothing_but_a_canary_is_asked() -> None:
    with pytest.raises(ConfigError, match="nothing would be watched"):
        read(ZONE + only_canary())
    assert with_canary('{ key = "update" }', more=only_canary()).zones.at(0).canary == CanaryRecord("update")


def only_canary() -> str:
    off = ", ".join(f'{name} = "off"' for name in CHECKS if name != "canary")
    return f"cadence = {{ {off} }}\n"


def test_members_of_lists_and_catalogs_have_none(tmp_path: Path) -> None:
    (tmp_path / "zones.jsonl").write_text(
        '{"name": "a.example", "servers": ["ns1"], "primary": "ns1", "canary": {"key": "update"}}\n'
    )
    file = tmp_path / "config.toml"
    file.write_text(f'{HEAD}[[lists]]\nfile = "zones.jsonl"\n')
    with pytest.raises(ConfigError, match=r"zones.jsonl:1: canary: is for zones that are written in the configuration"):
        load(file, {})
    for section in ("lists]]\nfile", "catalogs]]\nzone"):
        with pytest.raises(ConfigError, match="canary: unknown key"):
            parse(f'{HEAD}[[{section} = "x"\ncanary = {{ key = "update" }}\n', HERE, {})
