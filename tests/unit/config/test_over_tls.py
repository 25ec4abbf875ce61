"""How servers are asked over TLS, and what cannot be meant by it."""

from pathlib import Path

import pytest

from checks.model import Expectation, TransferRule
from monitor.config.load import ConfigError, load
from monitor.probe.settings import TlsSettings
from tests.support.certificates import Authority
from tests.support.configuration import TWO, read


def test_a_server_that_is_asked_over_tls_and_rules_for_that() -> None:
    config = read(
        """[servers."ns1.example.net"]
tls = {}
[servers.ns2]
addresses = ["192.0.2.2"]
tls = { port = 8530, name = "ns2.example.net", verify = true }
[servers.ns3]
addresses = ["192.0.2.3"]
tls = { pins = ["FHkyLhvI0n70E47cJlRTamTrnYVcsYdjUGbr79CfAVI="] }
[servers.ns4]
addresses = ["192.0.2.4"]
tls = { verify = false }
[servers.ns5]
host = "ns5.example.net"
tls = {}
[servers.ns6]
addresses = ["192.0.2.6"]
[[zones]]
name = "example.com"
servers = ["ns1.example.net", "ns2", "ns3", "ns4", "ns5", "ns6"]
transfer = [
  { expect = "refused", transport = "tls" },
  { server = "ns2", expect = "allowed", transport = "tls", source = "192.0.2.200" },
  { expect = "refused" },
]
"""
    )
    assert config.tls == {
        "ns1.example.net": TlsSettings(name="ns1.example.net"),
        "ns2": TlsSettings(8530, "ns2.example.net"),
        "ns3": TlsSettings(pins=("FHkyLhvI0n70E47cJlRTamTrnYVcsYdjUGbr79CfAVI=",)),
        "ns4": TlsSettings(verify=False),
        "ns5": TlsSettings(name="ns5.example.net"),
    }
    assert config.zones.at(0).transfers == (
        TransferRule("*", Expectation.REFUSED, transport="tls"),
        TransferRule("ns2", Expectation.ALLOWED, transport="tls", source="192.0.2.200"),
        TransferRule("*", Expectation.REFUSED),
    )


def test_authorities_are_read_beside_the_file(tmp_path: Path) -> None:
    Authority(tmp_path)
    (tmp_path / "config.toml").write_text(
        '[servers."ns1.example.net"]\ntls = { ca_file = "authority.pem" }\n'
        '[[zones]]\nname = "a.example"\nservers = "ns1.example.net"\n'
    )
    assert load(tmp_path / "config.toml", {}).tls == {
        "ns1.example.net": TlsSettings(name="ns1.example.net", ca_file=tmp_path / "authority.pem")
    }


BAD_TLS = {
    'tls = { ca_file = "none.pem" }': ".tls.ca_file: cannot be read: No such file or directory",
    'tls = { ca_file = "config.toml" }': ".tls.ca_file: holds no certificates that can be used (certificates in PEM)",
    'tls = { name = "no name" }': '.tls.name: "no name": not a domain name',
    'tls = { pins = ["abc"] }': ".tls: a pin must be the base64 of 32 octets",
    'tls = { pins = ["*"] }': ".tls: a pin must be the base64 of 32 octets",
    'tls = { verify = false, name = "ns1.example.net" }': ".tls: verify = false contradicts name, ca_file and pins",
    'tls = { pins = ["FHkyLhvI0n70E47cJlRTamTrnYVcsYdjUGbr79CfAVI="], name = "ns1.example.net" }':
        ".tls: pins stand in place of name and ca_file",
    "tls = {}": ".tls: it is not said which name the certificate is for "
        '(name = "ns1.example.net", or pins, or verify = false)',
    "tls = { port = 0 }": ".tls.port: must be at least 1",
}  # fmt: skip


@pytest.mark.parametrize("line", BAD_TLS)
def test_what_cannot_be_meant_of_tls_is_told(line: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    server = f'[servers.ns1]\naddresses = ["192.0.2.1"]\n{line}\n'
    path.write_text(f'{server}[[zones]]\nname = "a.example"\nservers = "ns1"\n')
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    (told,) = str(caught.value).splitlines()
    assert told.startswith(f"{path}:3: servers.ns1{BAD_TLS[line]}"), told


RULES_TLS = {
    '{ expect = "refused", transport = "tls" }': "no server has a tls",
    '{ server = "ns1", expect = "refused", transport = "tls" }': 'it is not said how "ns1" is asked over TLS',
    '{ expect = "refused", transport = "quic" }': 'must be "tcp" or "tls"',
    '{ expect = "refused", source = "somewhere" }': '"somewhere"',
}


@pytest.mark.parametrize("rule", RULES_TLS)
def test_a_rule_that_cannot_be_asked_is_told(rule: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(f"{TWO}transfer = [{rule}]\n")
    assert RULES_TLS[rule] in str(caught.value)
